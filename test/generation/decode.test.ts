/**
 * Steps on a cache of fixed capacity, computed and recorded, against forwards of the whole sequences: the same greedy tokens
 * and logits to 1e-4, for every family, in batches of 1, 3 and 16, padded ones among them.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { batchOf, joinImages } from "../../src/generation/batch.js";
import { generateSteps } from "../../src/generation/generate.js";
import type { Decoding } from "../../src/generation/decode.js";
import { recorderOf } from "../../src/generation/recorded.js";
import type { GeneratedSequence, GenerationOptions, Prompt } from "../../src/generation/types.js";
import { loadModel } from "../../src/models/registry.js";
import type { ImageBatch, Mllm } from "../../src/models/types.js";
import { splitImages } from "../../src/roc/index.js";
import {
  canCapture,
  cat,
  inferenceMode,
  keep,
  liveTensors,
  noGrad,
  scope,
  stack,
  type Tensor,
} from "../../src/torch/index.js";
import { ROWS, type Row } from "../models/rows.js";
import { difference, ids } from "../models/support.js";
import { FORWARD_ERROR } from "../rounding.js";
import { tapeRecorder } from "./operator-tape.js";

const alive = liveTensors();
after(() => assert.equal(liveTensors(), alive, "every tensor is freed"));

const NEW_TOKENS = 12;

interface Generated {
  readonly sequences: readonly GeneratedSequence[];
  /** `[steps, batch, vocabSize]` */
  readonly logits: Tensor;
}

function run(model: Mllm, prompts: readonly Prompt[], options: GenerationOptions, decoding?: Decoding): Generated {
  const logits: Tensor[] = [];
  const onStep: GenerationOptions["onStep"] = (step) => logits.push(keep(step.logits.clone()));
  const steps = generateSteps(model, prompts, { maxNewTokens: NEW_TOKENS, ...options, onStep }, decoding);
  try {
    for (;;) {
      const { done, value } = steps.next();
      if (done) return { sequences: value, logits: stack(logits) };
    }
  } finally {
    for (const tensor of logits) tensor.dispose();
  }
}

/** Greedy tokens by a forward of everything for every token, without a cache. */
function byWholeForwards(model: Mllm, prompts: readonly Prompt[], count: number): { ids: number[][]; logits: Tensor } {
  const rows = prompts.map((prompt) => {
    const logits: Tensor[] = [];
    const answer: number[] = [];
    for (let i = 0; i < count; i++) {
      const input = batchOf([{ ...prompt, ids: [...prompt.ids, ...answer] }], 0, "cpu");
      const last = model.logits(model.forward(input).slice(1, -1)).view(model.vocabSize);
      logits.push(last);
      answer.push(last.argmax(0).item());
    }
    return { answer, logits: stack(logits) };
  });
  return { ids: rows.map(({ answer }) => answer), logits: stack(rows.map(({ logits }) => logits), 1) }; // prettier-ignore
}

for (const name of ["llava", "mplug_owl2", "qwen2_vl", "qwen2_vl, nested and tied"]) {
  describe(name, () => suite(ROWS.get(name) as Row));
}

function suite(row: Row): void {
  let model: Mllm;
  before(async () => {
    model = await loadModel(await row.weights(""));
  });
  after(() => model.dispose());

  const picture = new Array<number>(row.rows).fill(row.imageId);

  /** Of different lengths and pictures (0, 1 or 2 each); in the caller's scope. */
  function prompts(count: number): Prompt[] {
    const all = splitImages(row.images(2 * count));
    const images = (first: number, pictures: number): ImageBatch =>
      joinImages(all.slice(first, first + pictures)) as ImageBatch;
    return Array.from({ length: count }, (_, i) => {
      const words = [1, 5 + i, ...Array.from({ length: (i * 3) % 7 }, (_, w) => 20 + i + w)];
      const behind = [8, 9 + i];
      if (i % 4 === 3) return { ids: [...words, ...behind] };
      if (i % 4 === 0) return { ids: [...words, ...picture, ...behind], images: images(2 * i, 1) };
      return { ids: [...words, ...picture, 7, ...picture, ...behind], images: images(2 * i, 2) };
    });
  }

  for (const count of [1, 3, 16]) {
    test(`${count} at once: computed, recorded and refused steps equal whole forwards to 1e-4`, () =>
      noGrad(() =>
        scope(() => {
          const given = prompts(count);
          const wanted = byWholeForwards(model, given, NEW_TOKENS);
          const recorder = tapeRecorder();
          const refusing = tapeRecorder({ refuse: true });
          for (const decoding of [
            { fixed: false },
            { fixed: true },
            { fixed: true, recorder },
            { fixed: true, recorder: refusing },
          ]) {
            // prettier-ignore
            const { sequences, logits } = run(model, given, {}, decoding);
            assert.deepEqual(sequences.map((sequence) => sequence.ids), wanted.ids); // prettier-ignore
            const error = difference(logits, wanted.logits);
            assert.ok(error < FORWARD_ERROR, `${error}`);
          }
          assert.deepEqual([recorder.warmUps, recorder.captures, recorder.replays], [1, 1, NEW_TOKENS - 2]);
          assert.deepEqual([refusing.warmUps, refusing.captures, refusing.replays], [1, 1, 0]);
        }),
      ));
  }

  test("on a GPU, steps are recorded as a CUDA graph, and give the tokens of a CPU", async (t) => {
    if (!canCapture("cuda")) return t.skip("no GPU, or an addon without CUDA's headers");
    using far = await loadModel(await row.weights(""), { device: "cuda", dtype: "float32" });
    scope(() => {
      const given = prompts(3);
      const wanted = run(model, given, {}, { fixed: false });
      const recorder = recorderOf("cuda");
      for (const decoding of [undefined, { fixed: true, recorder }, { fixed: true }, { fixed: false }]) {
        const { sequences, logits } = run(far, given, {}, decoding);
        assert.deepEqual(sequences, wanted.sequences);
        assert.ok(difference(logits, wanted.logits) < 1e-4);
      }
    });
  });

  test("a full cache grows, and its steps are recorded anew", () =>
    scope(() => {
      const given = prompts(3);
      const maxNewTokens = 150;
      const wanted = run(model, given, { maxNewTokens }, { fixed: false });
      const recorder = tapeRecorder();
      const { sequences, logits } = run(model, given, { maxNewTokens }, { fixed: true, recorder, room: 20 });
      assert.deepEqual(sequences, wanted.sequences);
      assert.ok(difference(logits, wanted.logits) < FORWARD_ERROR);
      assert.equal(recorder.captures, 2);
    }));

  test("sequences that end early change nothing about the others; draws and penalties are the same", () =>
    scope(() => {
      const given = prompts(3);
      const [first] = run(model, given, {}, { fixed: false }).sequences;
      const stopIds = [first?.ids[4] as number];
      const variants: GenerationOptions[] = [
        { stopIds },
        { repetitionPenalty: 1.7, suppressIds: [3, 4], stopIds },
        { sampling: { temperature: 2, topK: 20, topP: 0.9, seed: 3 }, repetitionPenalty: 1.2 },
      ];
      for (const options of variants) {
        const wanted = run(model, given, options, { fixed: false });
        const recorded = run(model, given, options, { fixed: true, recorder: tapeRecorder() });
        assert.deepEqual(recorded.sequences, wanted.sequences);
        wanted.sequences.forEach((sequence, b) => {
          const rows = (all: Tensor): Tensor => all.select(1, b).narrow(0, 0, sequence.ids.length);
          assert.ok(difference(rows(recorded.logits), rows(wanted.logits)) < FORWARD_ERROR);
        });
      }
    }));

  test("a fixed cache takes pieces and steps, is rewound, and says when it is full", () =>
    inferenceMode(() =>
      scope(() => {
        const given = prompts(3);
        const input = batchOf(given, 0, "cpu");
        const T = input.inputIds.size(1);
        using cache = model.newCache({ capacity: T + 4 });
        using plain = model.newCache();
        const room = Math.ceil((T + 4) / 64) * 64;
        assert.equal(cache.capacity, room);
        const both = (inputIds: Tensor): void => {
          const [fixed, growing] = [cache, plain].map((one) => model.forward({ inputIds }, one));
          assert.equal(cache.length, plain.length);
          assert.ok(difference(fixed as Tensor, growing as Tensor) < FORWARD_ERROR);
        };
        const column = (i: number): Tensor => ids([20 + i], [30 + i], [40 + i]);
        for (const one of [cache, plain]) model.forward(input, one);
        for (const i of [0, 1]) both(column(i));
        both(cat([column(2), column(3)], 1));
        for (const i of [4, 5]) both(column(i));
        for (const one of [cache, plain]) one.rewind(T + 3);
        for (const i of [6, 7]) both(column(i));
        for (const one of [cache, plain]) one.rewind(T);
        for (const i of [8, 9]) both(column(i));
        while (cache.length < room) model.forward({ inputIds: column(0) }, cache);
        for (const one of [column(0), cat([column(0), column(1)], 1)]) {
          assert.throws(() => model.forward({ inputIds: one }, cache), { code: "USAGE", message: /room for \d+ positions/ }); // prettier-ignore
        }
        cache.rewind(0);
        assert.equal(cache.length, 0);
        model.forward(batchOf(given.slice(0, 1), 0, "cpu"), cache);
        model.forward({ inputIds: ids([20]) }, cache);
        for (const capacity of [0, -1, 1.5, NaN]) assert.throws(() => model.newCache({ capacity }), { code: "USAGE" });
      }),
    ));

  test("a fixed cache works outside of inference mode, and refuses to record gradients", () =>
    scope(() => {
      const input = batchOf(prompts(1), 0, "cpu");
      const wanted = noGrad(() => {
        using plain = model.newCache();
        model.forward(input, plain);
        return model.forward({ inputIds: ids([20]) }, plain);
      });
      using cache = model.newCache({ capacity: 64 });
      noGrad(() => model.forward(input, cache));
      inferenceMode(() => model.forward({ inputIds: ids([20]) }, cache));
      cache.rewind(cache.length - 1);
      const found = noGrad(() => model.forward({ inputIds: ids([20]) }, cache));
      assert.ok(difference(found, wanted) < FORWARD_ERROR);
      const weights = [...model.parameters().values()];
      for (const weight of weights) weight.requiresGrad_(true);
      try {
        assert.throws(() => model.forward({ inputIds: ids([20]) }, cache), { code: "USAGE", message: /gradients/ });
      } finally {
        for (const weight of weights) weight.requiresGrad_(false);
      }
    }));
}
