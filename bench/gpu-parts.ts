/** What bench/gpu.ts measures: each part in a process of its own, ours by gpu-worker.ts, transformers' by gpu.py. */
import { CASES } from "./train-step-models.js";
import { SIZES } from "./full-size-models.js";

/** One part, as both sides are asked for it. */
export interface Part {
  readonly part: "products" | "prefill" | "decode" | "train" | "score";
  readonly model?: string;
  readonly batches?: readonly number[];
  readonly rounds: number;
  readonly device: string;
  readonly quick: boolean;
  /** In parts whose bench measures both sides in turn. */
  readonly peer?: boolean;
}

export interface Figure {
  readonly what: string;
  /** "ms ..." where less is better. */
  readonly unit: string;
  readonly value: number;
}

/** Of the models of full-size.ts, or small ones. */
export interface Inputs {
  readonly config: Record<string, unknown>;
  readonly inputIds: readonly number[];
  readonly pixelShape: (batch: number) => readonly number[];
  readonly grid?: readonly [number, number, number];
}

/** The family's `model_type` by the model's name. */
export const TYPES: Readonly<Record<string, "llava" | "qwen2_vl">> = {
  "llava-1.5-7b": "llava",
  "qwen2-vl-2b": "qwen2_vl",
};

export function inputsOf({ model = "", quick }: Part): Inputs {
  const small = CASES[TYPES[model] ?? ""];
  const size = SIZES[model];
  if (!small || !size) throw new Error(`bench: no model is called ${model}`);
  if (quick) return small;
  const [first = 0, ...others] = size.pixelShape;
  return { ...size, pixelShape: (batch) => [batch * first, ...others] };
}

interface Planned extends Pick<Part, "part" | "model" | "batches"> {
  /** Seconds that each side may take. */
  readonly seconds: number;
  /** Only on our side, or measured on both by it. */
  readonly alone?: boolean;
}

/** In the order of what is wanted most, where time is short. */
export const PLAN: readonly Planned[] = [
  { part: "products", seconds: 30 },
  { part: "prefill", model: "llava-1.5-7b", batches: [1, 8, 32], seconds: 60 },
  { part: "prefill", model: "qwen2-vl-2b", batches: [1, 8, 32], seconds: 40 },
  { part: "decode", model: "llava-1.5-7b", batches: [1, 16], seconds: 120, alone: true },
  { part: "decode", model: "qwen2-vl-2b", batches: [1, 16], seconds: 60, alone: true },
  { part: "train", model: "qwen2-vl-2b", batches: [8], seconds: 60 },
  { part: "score", seconds: 60, alone: true },
];
