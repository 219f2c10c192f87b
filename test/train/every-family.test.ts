/**
 * Every family trains by every strategy, in full or by adapters: the loss falls, weights of all its parts move, a state scores as
 * the model that wrote it, and a run that goes on from a state ends with the bytes of one that was never interrupted.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { readStudio, type Sample } from "../../src/data/index.js";
import { decodeImage } from "../../src/image/index.js";
import { namesOf } from "../../src/models/families.js";
import { loadModel } from "../../src/models/registry.js";
import type { Mllm } from "../../src/models/types.js";
import { LOSS_PRESETS, readAnswers, type StrategyName } from "../../src/roc/index.js";
import { writeStudio } from "../../src/studio/index.js";
import { inferenceMode, liveTensors, scope } from "../../src/torch/index.js";
import { runTraining, startFrom, startSettings, type Trainable, type TrainOptions } from "../../src/train/index.js";
import { FORWARD_ERROR } from "../rounding.js";
import { ROWS } from "../models/rows.js";
import { maxError } from "../models/support.js";

/** Each with whether it trains adapters; every other family has it the other way round. */
const STRATEGIES: readonly (readonly [StrategyName, boolean])[] = [
  ["roc", false],
  ["coupled", true],
  ["level", true],
  ["direct", false],
];
/** mPLUG-Owl2's last layer looks at no picture's own state behind its attention, since no loss does. */
const BEHIND_PICTURES = /^model\.layers\.1\.post_attention_layernorm\.multiway\.1\./;
const WEIGHTS = LOSS_PRESETS.paper;
const SCALE = { min: 1, max: 10 };
const TEXTS = { prompts: ["<image>\nRate it."], answers: ["It is {overall}. "] };
const LORA = { rank: 2, alpha: 4, targets: "all-linear", alsoTrain: ["projector"] };
/** Every step takes all pictures, so that its loss can be compared with the last one's. */
const OPTIONS: TrainOptions = {
  ...{ seed: 5, steps: 2, batchSize: 3, accumulation: 1, learningRate: 2e-3, schedule: "constant", warmup: 0 },
  ...{ weightDecay: 0, betas: [0.9, 0.999], maxNorm: 1, flip: false, precision: "float32", every: 1, keepLast: 2 },
};

const alive = liveTensors();
let root: string;
let samples: readonly Sample[];
before(async () => {
  root = await mkdtemp(join(tmpdir(), "train-families-"));
  await writeStudio(join(root, "studio"), { count: 4, longEdge: 48, testFraction: 0 });
  ({ samples } = await readStudio(join(root, "studio"), { validationFraction: 0 }));
});
after(() => rm(root, { recursive: true }));
afterEach(() => assert.equal(liveTensors(), alive, "every tensor is freed"));

/** What a model writes and reads about the picture that none was trained on. */
async function read({ parts, prepare }: Trainable): Promise<{ text: string | null; values: (number | undefined)[] }> {
  const picture = await prepare(await decodeImage(await readFile(samples[3]?.image ?? "")));
  const [answer] = inferenceMode(() => scope(() => readAnswers(parts, parts.processor.images([picture]), {})));
  return { text: answer?.text ?? null, values: (answer?.scores ?? []).map((score) => score?.value) };
}

/** The same from a folder. */
async function readFrom(folder: string): ReturnType<typeof read> {
  const trainable = await startFrom(folder);
  try {
    return await read(trainable);
  } finally {
    trainable.parts.model.dispose();
  }
}

function numbersOf(model: Mllm): Map<string, Float32Array> {
  return new Map([...model.parameters()].map(([name, value]) => [name, value.toFloat32Array()]));
}

/** The run's losses; `at` sees what is trained, at the start and at every state. */
async function train(
  folder: string,
  base: string,
  { strategy, lora }: { readonly strategy: StrategyName; readonly lora: boolean },
  at: (step: number, trained: Trainable) => Promise<void> | void = () => undefined,
): Promise<number[]> {
  const start = { strategy, templates: TEXTS, weights: WEIGHTS };
  const losses: number[] = [];
  let trained: Trainable | undefined;
  for await (const event of runTraining({
    ...{ folder, base, weights: WEIGHTS, scale: SCALE, train: samples.slice(0, 3), validation: [] },
    options: { ...OPTIONS, ...(lora && { lora: LORA }) },
    start: async (dtype) => (trained = await startFrom(base, { ...start, dtype })),
    from: () => startSettings(base, start),
  })) {
    if (event.type === "step") losses.push(event.loss);
    if (trained && (event.type === "start" || event.type === "checkpoint")) await at(event.step, trained);
  }
  return losses;
}

[...ROWS].forEach(([name, row], index) => {
  // The toy is no family of ours; the others' whole folders are those of their siblings.
  if (["toy", "qwen2_vl, nested and tied", "llava_onevision, tied"].includes(name)) return;
  describe(name, () => {
    let base: string;
    before(async () => {
      base = await row.whole(join(root, name));
    });

    for (const [strategy, other] of STRATEGIES) {
      const lora = other !== (index % 2 === 1);
      test(`${strategy}, ${lora ? "adapters" : "in full"}: learns, is written, is read; goes on from a state`, async () => {
        const run = `${base}-${strategy}`;
        let fresh: Map<string, Float32Array> | undefined;
        let inMemory: Awaited<ReturnType<typeof read>> | undefined;
        const losses = await train(run, base, { strategy, lora }, async (step, trained) => {
          const { model } = trained.parts;
          if (step === 0) fresh = numbersOf(model);
          if (step === OPTIONS.steps) inMemory = await read(trained);
        });
        const [first = NaN, second = NaN] = losses;
        assert.ok(second < first, losses.join());

        const state = join(run, "step-00000002");
        using saved = await loadModel(state);
        const { partOf } = namesOf(saved);
        const moved = [...numbersOf(saved)].filter(([key, values]) => {
          assert.ok(values.every(Number.isFinite), key);
          return values.some((value, i) => value !== fresh?.get(key)?.[i]);
        });
        assert.deepEqual(new Set(moved.map(([key]) => partOf(key))), new Set(["vision", "projector", "language"]));
        const unseen = (key: string): boolean => row.unused.test(key) || BEHIND_PICTURES.test(key);
        const still = [...saved.parameters().keys()].filter((key) => !moved.some(([one]) => one === key));
        if (!lora) assert.deepEqual(still.filter((key) => !unseen(key)), []); // prettier-ignore

        for (const place of lora ? [state, join(state, "adapter")] : [state]) {
          const again = await readFrom(place);
          assert.equal(again.text, inMemory?.text);
          const error = maxError(again.values.map(Number), (inMemory?.values ?? []).map(Number));
          assert.ok(error < FORWARD_ERROR || again.values[0] === undefined, `${error}`);
        }
        if (strategy !== "roc" && strategy !== "coupled") return;
        const files = [
          "model.safetensors",
          "optimizer.safetensors",
          ...(lora ? ["adapter/adapter_model.safetensors"] : []),
        ];
        const bytes = () => Promise.all(files.map((file) => readFile(join(state, file))));
        const whole = await bytes();
        await writeFile(join(run, "latest"), "step-00000001\n");
        assert.deepEqual(await train(run, base, { strategy, lora }), [second]);
        (await bytes()).forEach((content, i) => assert.ok(content.equals(whole[i] as Buffer), files[i]));
      });
    }
  });
});
