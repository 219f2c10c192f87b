/**
 * A training step of a small LLaVA and a small Qwen2-VL (forward, Eq. 6, backward, clipping, fused AdamW), here and in
 * Python's transformers with torch of the same version, alternately and in one run.
 *
 *   npm run bench:train-step [-- --batch 16] [--rounds 7] [--steps 4] [--threads 2] [--out FILE.json]
 *
 * Both start from the same weights and must show the same losses. `PYTHON` names a Python with transformers.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createLlava } from "../src/models/llava/index.js";
import { createQwen2Vl } from "../src/models/qwen2vl/index.js";
import { saveMllm } from "../src/models/save.js";
import { randomSource } from "../src/nn/index.js";
import { fromTypedArray, manualSeed, rand, randn, scope, keep, torchVersion, type Tensor } from "../src/torch/index.js";
import { saveSafetensors } from "../src/weights/index.js";
import { median, Peer } from "./peer.js";
import { giveResult } from "./results.js";
import { CASES, SUPERVISED, type TrainCase } from "./train-step-models.js";

interface Measured {
  readonly seconds: number;
  readonly peak: number;
  readonly loss: number;
}

const { values: options } = parseArgs({
  options: {
    batch: { type: "string", default: "16" },
    rounds: { type: "string", default: "7" },
    steps: { type: "string", default: "4" },
    threads: { type: "string", default: String(cpus().length) },
    out: { type: "string" },
  },
});
const batch = Number(options.batch);
const CREATE = { llava: createLlava, qwen2_vl: createQwen2Vl } as const;

/** The checkpoint that both sides start from, and the batch. */
async function prepare(
  name: keyof typeof CREATE,
  folder: string,
  { config, inputIds, pixelShape, grid }: TrainCase,
): Promise<{ parameters: number; flops: number }> {
  using model = CREATE[name](config, randomSource({ seed: 1 }));
  await saveMllm(model, folder);
  const labels = inputIds.map((id, t) => (t >= inputIds.length - SUPERVISED ? id : -100));
  const repeat = (row: readonly number[]): Tensor =>
    fromTypedArray(BigInt64Array.from(Array.from({ length: batch }, () => row).flat(), BigInt), [batch, row.length]);
  manualSeed(2);
  const tensors = scope(() => {
    const made = {
      input_ids: repeat(inputIds),
      labels: repeat(labels),
      gt_score: rand([batch]).mul(9).add(1),
      pixel_values: randn([...pixelShape(batch)]),
      ...(grid && { image_grid_thw: repeat(grid) }),
    };
    return new Map(Object.entries(made).map(([key, tensor]) => [key, keep(tensor)]));
  });
  await saveSafetensors(join(folder, "batch.safetensors"), tensors);
  for (const tensor of tensors.values()) tensor.dispose();
  const all = [...model.parameters()];
  const numel = (part: typeof all): number => part.reduce((sum, [, parameter]) => sum + parameter.numel, 0);
  const vision = numel(all.filter(([key]) => /^(vision_tower|visual)\./.test(key)));
  const language = numel(all.filter(([key]) => !/^(vision_tower|visual)\.|embed_tokens/.test(key)));
  const patches = grid ? grid[1] * grid[2] : (112 / 14) ** 2 + 1;
  // Matrix products of forward and backward, two operations per weight and row, three times; attention is excluded.
  const flops = 6 * (vision * patches + language * inputIds.length);
  return { parameters: numel(all), flops };
}

async function measure(name: keyof typeof CREATE, dtype: string, folder: string, flops: number): Promise<object> {
  const args = [folder, options.batch, options.threads, dtype];
  const worker = fileURLToPath(new URL("train-step-worker.js", import.meta.url));
  const ours = new Peer(worker, args, process.execPath);
  const python = new Peer("train-step.py", args);
  try {
    const first = [await ours.ask<Measured>("1"), await python.ask<Measured>("1")] as const;
    const rounds: { ours: Measured; python: Measured }[] = [];
    for (let round = 0; round < Number(options.rounds); round++) {
      rounds.push({ ours: await ours.ask<Measured>(options.steps), python: await python.ask<Measured>(options.steps) });
    }
    const peakFlops = await python.ask<number>("matmul");
    const rate = (side: "ours" | "python"): number =>
      (batch * Number(options.steps)) / median(rounds.map((round) => round[side].seconds));
    return {
      model: name,
      dtype,
      samplesPerSecond: { ours: rate("ours"), transformers: rate("python") },
      /** Above 1: faster than transformers; the median of ratios of neighbouring rounds. */
      speedup: median(rounds.map(({ ours: a, python: b }) => b.seconds / a.seconds)),
      peakBytes: { ours: rounds.at(-1)?.ours.peak, transformers: rounds.at(-1)?.python.peak },
      /** FLOP of matrix products a sample, what a 1024 x 1024 product reaches in this run, and the share of it. */
      flopsPerSample: flops,
      matmulPeakFlops: peakFlops,
      shareOfPeak: { ours: (rate("ours") * flops) / peakFlops, transformers: (rate("python") * flops) / peakFlops },
      firstLoss: { ours: first[0].loss, transformers: first[1].loss },
      lastLoss: { ours: rounds.at(-1)?.ours.loss, transformers: rounds.at(-1)?.python.loss },
    };
  } finally {
    await ours.close();
    await python.close();
  }
}

const results = [];
for (const name of Object.keys(CREATE) as (keyof typeof CREATE)[]) {
  const folder = mkdtempSync(join(tmpdir(), "roc-train-step-"));
  try {
    const { parameters, flops } = await prepare(name, folder, CASES[name] as TrainCase);
    for (const dtype of ["float32", "bfloat16"]) {
      const result = { parameters, ...(await measure(name, dtype, folder, flops)) };
      process.stderr.write(`bench: ${JSON.stringify(result)}\n`);
      results.push(result);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
giveResult(
  { torch: torchVersion(), cpu: cpus()[0]?.model, threads: Number(options.threads), batch, results },
  options.out,
);
