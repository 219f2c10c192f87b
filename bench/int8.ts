/**
 * 8 bits beside float32 and bfloat16: load, prefill and peak memory of one checkpoint of bfloat16 with random weights, in turn and
 * in one run. How far scores move: bench:drift.
 *
 *   npm run bench:int8 [-- --full-size llava-1.5-7b|qwen2-vl-2b] [--rounds 5] [--threads 1] [--folder DIR] [--out FILE.json]
 *
 * Without --full-size a LLaVA of 31 million parameters at 336 pixels. llava-1.5-7b takes 14.1 GB on disk, and is not measured in
 * float32, which needs 28 GB of memory. A checkpoint that DIR holds already is taken as it is.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { RocError } from "../src/errors.js";
import type { LoadOptions } from "../src/models/types.js";
import { torchVersion } from "../src/torch/index.js";
import { int8Kernels } from "../src/torch/int8.js";
import { saveSafetensors } from "../src/weights/index.js";
import { inputTensors, SIZES, writeRandom, type Size } from "./full-size-models.js";
import { median, Peer } from "./peer.js";
import { writeResult } from "./results.js";

const WORKER = fileURLToPath(new URL("full-size-worker.js", import.meta.url));

/** How a checkpoint is loaded, by name. */
const WAYS: Readonly<Record<string, LoadOptions>> = {
  float32: { dtype: "float32" },
  bfloat16: { dtype: "bfloat16" },
  "int8, the rest bfloat16": { quantize: "int8", dtype: "bfloat16" },
  "int8, the rest float32": { quantize: "int8", dtype: "float32" },
};

/** A LLaVA of these widths and layers, for pictures of so many pixels a side. */
export function smallLlava(text: number, vision: number, layers: number, image: number): Size {
  const rows = (image / 14) ** 2;
  const tower = { model_type: "clip_vision_model", hidden_size: vision, intermediate_size: 4 * vision };
  const config = {
    architectures: ["LlavaForConditionalGeneration"],
    ...{ model_type: "llava", image_token_index: 999, vision_feature_layer: -2 },
    vision_feature_select_strategy: "default",
    text_config: {
      ...{ model_type: "llama", hidden_size: text, intermediate_size: 8 * Math.round((text * 8) / 24) },
      ...{ num_hidden_layers: layers, num_attention_heads: text / 64, vocab_size: 1000 },
    },
    vision_config: {
      ...{ ...tower, num_hidden_layers: layers, num_attention_heads: vision / 64, image_size: image, patch_size: 14 },
    },
    torch_dtype: "bfloat16",
  };
  return {
    config,
    create: async () => (await import("../src/models/llava/index.js")).createLlava,
    inputIds: [
      1,
      ...new Array<number>(15).fill(5),
      ...new Array<number>(rows).fill(999),
      ...new Array<number>(19).fill(7),
    ],
    pixelShape: [1, 3, image, image],
  };
}

const MODELS: Readonly<Record<string, Size>> = {
  small: smallLlava(512, 384, 6, 336),
  /** For trying the bench. */
  tiny: smallLlava(64, 64, 2, 56),
  ...SIZES,
};

/** Needs more memory than most machines have. */
const TOO_LARGE = new Set(["llava-1.5-7b float32"]);

interface Measured {
  readonly seconds: number;
  readonly cpuSeconds?: number;
  readonly peak: number;
  readonly logits?: readonly number[];
}

/** One way of loading: medians over the rounds. */
export interface Int8Row {
  readonly way: string;
  readonly loadSeconds: number;
  readonly prefillSeconds: number;
  /** Of all threads of the process: what a busy machine disturbs less. */
  readonly prefillCpuSeconds: number;
  /** Most memory of the process, bytes; pages of mapped files among it. */
  readonly peakBytes: number;
  /** Medians of the rounds' ratios of processor seconds: time here over time in bfloat16, below 1 is faster. */
  readonly overBfloat16: number;
  /** Largest difference of the last token's first logits from bfloat16's, over the largest of these. */
  readonly logitDrift: number;
}

export interface Int8Bench {
  readonly model: string;
  readonly torch: string;
  readonly cpu: string | undefined;
  /** The kernels of this processor. */
  readonly kernels: readonly string[];
  readonly threads: number;
  readonly rounds: number;
  readonly checkpointBytes: number | null;
  readonly rows: readonly Int8Row[];
}

export interface Int8BenchOptions {
  /** "small" (default), "tiny", "llava-1.5-7b" or "qwen2-vl-2b". */
  readonly model?: string | undefined;
  readonly rounds?: number | undefined;
  readonly threads?: number | undefined;
  /** Folder of the checkpoint, written where it holds none; default: a temporary one. */
  readonly folder?: string | undefined;
}

/** @throws RocError USAGE for a model that there is not */
export async function benchInt8(options: Int8BenchOptions = {}): Promise<Int8Bench> {
  const { model = "small", rounds = 5, threads = 1 } = options;
  const size = MODELS[model];
  if (!size)
    throw new RocError("USAGE", `--full-size: there is no ${model}; known are ${Object.keys(MODELS).join(", ")}.`);
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "roc-int8-"));
  try {
    const isThere = existsSync(join(folder, "model.safetensors"));
    const checkpointBytes = isThere ? null : await writeRandom(folder, size);
    const inputs = join(folder, "inputs.safetensors");
    const tensors = inputTensors(size);
    await saveSafetensors(inputs, tensors);
    for (const tensor of tensors.values()) tensor.dispose();
    const ways = Object.keys(WAYS).filter((way) => !TOO_LARGE.has(`${model} ${way}`));
    const found = await measure(ways, [folder, inputs, String(threads)], rounds);
    const facts = { model, torch: torchVersion(), cpu: cpus()[0]?.model, kernels: int8Kernels() };
    return { ...facts, threads, rounds, checkpointBytes, rows: ways.map((way) => rowOf(way, found)) };
  } finally {
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

interface Round {
  readonly load: Measured;
  readonly prefill: Measured;
}

type Found = ReadonlyMap<string, Round[]>;

/** Every way once a round, in a process of its own: there may not be memory for all of them at a time. */
async function measure(ways: readonly string[], args: readonly string[], rounds: number): Promise<Found> {
  const found = new Map<string, Round[]>(ways.map((way) => [way, []]));
  for (let round = 0; round < rounds; round++) {
    for (const way of ways) {
      const peer = new Peer(WORKER, [...args, JSON.stringify(WAYS[way])], process.execPath);
      try {
        const load = await peer.ask<Measured>("load");
        // The first one pages the weights in.
        await peer.ask<Measured>("prefill");
        const all = [await peer.ask<Measured>("prefill"), await peer.ask<Measured>("prefill")] as const;
        const prefill = all[0].seconds < all[1].seconds ? all[0] : all[1];
        found.get(way)?.push({ load, prefill: { ...prefill, peak: all[1].peak } });
      } finally {
        await peer.close();
      }
    }
    process.stderr.write(`bench: round ${round + 1} of ${rounds} done\n`);
  }
  return found;
}

function rowOf(way: string, found: Found): Int8Row {
  const [rounds, base] = [found.get(way) ?? [], found.get("bfloat16") ?? []];
  const cpu = ({ prefill }: Round): number => prefill.cpuSeconds ?? NaN;
  const [own, expected] = [rounds[0]?.prefill.logits ?? [], base[0]?.prefill.logits ?? []];
  const off = own.map((logit, i) => Math.abs(logit - (expected[i] ?? NaN)));
  return {
    way,
    loadSeconds: median(rounds.map(({ load }) => load.seconds)),
    prefillSeconds: median(rounds.map(({ prefill }) => prefill.seconds)),
    prefillCpuSeconds: median(rounds.map(cpu)),
    peakBytes: median(rounds.map(({ prefill }) => prefill.peak)),
    overBfloat16: median(rounds.map((round, i) => cpu(round) / cpu(base[i] ?? round))),
    logitDrift: Math.max(...off) / Math.max(...expected.map(Math.abs)),
  };
}

export function int8Table({ model, cpu, threads, rows, kernels }: Int8Bench): string {
  const lines = rows.map(({ way, loadSeconds, prefillCpuSeconds, peakBytes, overBfloat16, logitDrift }) =>
    [
      way.padEnd(24),
      loadSeconds.toFixed(2).padStart(7),
      (1000 * prefillCpuSeconds).toFixed(0).padStart(10),
      overBfloat16.toFixed(2).padStart(10),
      (peakBytes / 1e9).toFixed(2).padStart(8),
      logitDrift.toFixed(4).padStart(8),
    ].join(" "),
  );
  const head = `${"".padEnd(24)}  load s prefill ms  /bfloat16  peak GB    drift`;
  return `${model} on ${cpu ?? "a processor"}, ${threads} threads, kernels ${kernels[0] ?? "none"}\n${head}\n${lines.join("\n")}\n`;
}

if (process.argv[1]?.endsWith("int8.js") === true) {
  const { values } = parseArgs({
    options: {
      "full-size": { type: "string" },
      rounds: { type: "string", default: "5" },
      threads: { type: "string", default: "1" },
      folder: { type: "string" },
      out: { type: "string" },
    },
  });
  const { rounds, threads, folder, out } = values;
  const found = await benchInt8({
    model: values["full-size"],
    rounds: Number(rounds),
    threads: Number(threads),
    folder,
  });
  process.stdout.write(int8Table(found));
  writeResult(found, out);
}
