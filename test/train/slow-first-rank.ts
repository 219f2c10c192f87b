/** One rank of the group in slow-first.test.ts: its first process validates and saves for longer than the time-out. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sample } from "../../src/data/index.js";
import type { Mllm } from "../../src/models/types.js";
import { fromTypedArray, getNumThreads, flagIsOn, tensor } from "../../src/torch/index.js";
import { inGroup, train, type Objective, type TrainOptions } from "../../src/train/index.js";
import { PixelCache } from "../../src/train/data/pixels.js";

const OPTIONS: TrainOptions = {
  ...{ seed: 3, steps: 2, batchSize: 1, accumulation: 1, learningRate: 0.05, schedule: "constant", warmup: 0 },
  ...{ weightDecay: 0, betas: [0.9, 0.999], maxNorm: 100, flip: false, precision: "float32", every: 1 },
};
const [image = "", run = "", milliseconds = "", sharded = ""] = process.argv.slice(2);
const timeout = Number(milliseconds);
const samples: Sample[] = [1, 2, 3, 4].map((score) => ({ id: String(score), image, score, split: "train" }));
const weight = tensor([0.5]);
let [validations, saves] = [0, 0];

/** Nothing else runs in this process meanwhile. */
function block(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * timeout);
}

const objective: Objective = {
  loss: (pictures) => {
    const scores = fromTypedArray(
      Float32Array.from(pictures, ({ sample }) => sample.score),
      [pictures.length],
    );
    const error = scores.sub(weight).pow(2).mean();
    return { loss: error, terms: { error } };
  },
  predict: (images) => {
    if (validations++ === 0) block();
    return images.map((_, i) => i);
  },
};

try {
  await inGroup(
    async (group) => {
      const model = { device: "cpu", parameters: () => new Map([["weight", weight]]) } as unknown as Mllm;
      const pixels = new PixelCache({ prepare: ({ stored }) => stored });
      const save = async (): Promise<void> => {
        saves += 1;
        await sleep(2 * timeout);
      };
      const before = getNumThreads();
      const task = {
        ...{ model, objective, train: samples, validation: samples, pixels, save },
        run: join(run, "run"),
      };
      const options = { ...OPTIONS, shardOptimizer: sharded === "sharded" };
      for await (const _ of train({ ...task, ...(group && { group }) }, options)) continue;
      const kept = [flagIsOn("deterministic"), flagIsOn("keepFreedMemory"), getNumThreads() !== before];
      const did = group?.rank === 0 ? validations > 0 && saves === 2 : validations + saves === 0;
      if (kept.includes(true) || !did) throw new Error(`${kept.join()}; ${validations} validations, ${saves} saves`);
    },
    { timeout },
  );
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
}
