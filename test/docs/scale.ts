/** What many photos cost, computed from the rates that benches have measured. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { GpuBench } from "../../bench/gpu.js";
import { ROOT } from "../support.js";
import { markdown } from "./markdown-table.js";

interface FullSize {
  readonly cpu: string;
  readonly threads: number;
  readonly roc4mllm: { readonly prefillSeconds: number };
}

function results(name: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, "bench/results", name), "utf8"));
}

interface Sizes {
  /** Weights of the language model that every token meets, and of the vision tower that every patch meets. */
  readonly language: number;
  readonly tokens: number;
  readonly vision: number;
  readonly patches: number;
}

const DECODER_7B = 32 * (4 * 4096 ** 2 + 3 * 4096 * 11008);
const CLIP_L = 24 * 12 * 1024 ** 2;
const LLAVA: Sizes = { language: DECODER_7B, tokens: 611, vision: CLIP_L, patches: 577 };
/** 65 rows a picture, and a prompt of 60; its tower sees 448 pixels. Its abstractor counts for little. */
const MPLUG: Sizes = { language: DECODER_7B, tokens: 125, vision: CLIP_L, patches: 1025 };

/** Operations of the matrix products of one picture. */
function operations({ language, tokens, vision, patches }: Sizes): number {
  return 2 * (language * tokens + vision * patches);
}

/** Seconds a picture by the largest batch that was measured. */
function prefillOnGpu({ results }: GpuBench, model: string): number {
  const { figures } = results.find(({ part, side }) => part === `prefill ${model}` && side === "ours") ?? {};
  const value = figures?.at(-1)?.value;
  if (value === undefined) throw new Error(`no prefill of ${model} was measured`);
  return value / 1000;
}

type Row = readonly [backbone: string, device: string, seconds: number, how: string];

function rows(): Row[] {
  const gpu = results("gpu-h200.json") as GpuBench;
  const card = gpu.card ?? "GPU";
  const cpu = (model: string): FullSize => results(`full-size-${model}.json`) as FullSize;
  const [llava, qwen] = [cpu("llava-1.5-7b"), cpu("qwen2-vl-2b")];
  const cores = `${llava.threads} cores, ${llava.cpu}`;
  const ratio = operations(MPLUG) / operations(LLAVA);
  const computed = `by operations: ${ratio.toFixed(2)} of LLaVA-1.5-7B`;
  const demo = gpu.results.find(({ part }) => part === "score")?.figures[0]?.value ?? NaN;
  return [
    ["LLaVA-1.5-7B", card, prefillOnGpu(gpu, "llava-1.5-7b"), "measured"],
    ["mPLUG-Owl2-7B", card, ratio * prefillOnGpu(gpu, "llava-1.5-7b"), computed],
    ["Qwen2-VL-2B", card, prefillOnGpu(gpu, "qwen2-vl-2b"), "measured, 144 rows a picture"],
    ["demo", card, 1 / demo, "measured, from disk"],
    ["LLaVA-1.5-7B", cores, llava.roc4mllm.prefillSeconds, "measured"],
    ["mPLUG-Owl2-7B", cores, ratio * llava.roc4mllm.prefillSeconds, computed],
    ["Qwen2-VL-2B", cores, qwen.roc4mllm.prefillSeconds, "measured, 144 rows a picture"],
  ];
}

/** Hours in two digits that count. */
function hours(seconds: number): string {
  const value = seconds / 3600;
  return value >= 100 ? Number(value.toPrecision(2)).toLocaleString("en-US") : String(Number(value.toPrecision(2)));
}

export function scaleTable(): string {
  const cells = rows().map(([backbone, device, seconds, how]) => [
    ...[backbone, device, String(Number((seconds * 1000).toPrecision(3)))],
    ...[hours(1e5 * seconds), hours(1e7 * seconds), how],
  ]);
  return markdown(["backbone", "device", "ms a photo", "hours: 100,000", "hours: 10 million", "known"], cells);
}
