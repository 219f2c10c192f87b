/**
 * Peak memory and time of a training step with and without activation checkpointing, each in its own process.
 *
 *     node dist/bench/recompute-memory.js
 */
import { spawnSync } from "node:child_process";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { createLlava } from "../src/models/llava/index.js";
import { randomSource, Recomputation } from "../src/nn/index.js";
import { fromTypedArray, randn, scope } from "../src/torch/index.js";
import { llavaConfig } from "../src/models/llava/small.js";

const SIZES = {
  ...{ imageSize: 112, patch: 14, resize: "stretch" as const, visionWidth: 192, visionLayers: 8, visionHeads: 4 },
  ...{ textWidth: 192, textLayers: 12, textHeads: 4, vocabulary: 500 },
};
const [BATCH, TEXT, STEPS] = [16, 64, 3];

/** Bytes over the resident memory before the step, and seconds per step. */
function measure(recompute: boolean): { bytes: number; seconds: number } {
  const image = SIZES.vocabulary - 1;
  const model = createLlava(llavaConfig(SIZES, SIZES.vocabulary, image, 0), randomSource({ seed: 1 }));
  for (const parameter of model.parameters().values()) parameter.requiresGrad_();
  const row = BigInt64Array.from({ length: 64 + TEXT }, (_, i) => BigInt(i < 64 ? image : i));
  const ids = fromTypedArray(
    BigInt64Array.from({ length: BATCH * row.length }, (_, i) => row[i % row.length] ?? 0n),
    [BATCH, row.length],
  );
  const before = process.memoryUsage.rss();
  let seconds = Infinity;
  for (let step = 0; step < STEPS; step++) {
    const start = performance.now();
    scope(() => {
      const tape = recompute ? new Recomputation() : undefined;
      const images = { pixelValues: randn([BATCH, 3, 112, 112]) };
      const forward = () =>
        model
          .logits(model.forward({ inputIds: ids, images }))
          .pow(2)
          .mean();
      (tape ? tape.record(forward) : forward()).backward();
      tape?.backward();
    });
    for (const parameter of model.parameters().values()) parameter.zeroGrad();
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
  }
  return { bytes: process.resourceUsage().maxRSS * 1024 - before, seconds };
}

const mode = process.argv[2];
if (mode !== undefined) console.log(JSON.stringify(measure(mode === "recompute")));
else {
  const run = (which: string): { bytes: number; seconds: number } => {
    const { stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), which], {
      encoding: "utf8",
    });
    if (stdout === "") throw new Error(stderr);
    return JSON.parse(stdout) as { bytes: number; seconds: number };
  };
  const [plain, recomputed] = [run("plain"), run("recompute")];
  const line = ({ bytes, seconds }: typeof plain): string =>
    `${(bytes / 1e6).toFixed(0)} MB, ${seconds.toFixed(2)} s a step`;
  console.log(`whole graph: ${line(plain)}\nrecomputed:  ${line(recomputed)}`);
  console.log(
    `memory ${(recomputed.bytes / plain.bytes).toFixed(2)}x, time ${(recomputed.seconds / plain.seconds).toFixed(2)}x`,
  );
}
