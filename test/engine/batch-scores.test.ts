/** Scores of batches against those of single pictures, for every family and every strategy. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import sharp from "sharp";
import { createModel } from "../../src/engine/model.js";
import type { Outcome } from "../../src/engine/types.js";
import { loadMllm } from "../../src/models/registry.js";
import type { Mllm, MllmProcessor } from "../../src/models/types.js";
import {
  addScoreTokens,
  createStrategy,
  STRATEGY_NAMES,
  type RocTemplates,
  type ScoreVocabulary,
  type StrategyName,
} from "../../src/roc/index.js";
import { liveTensors, manualSeed, randn, scope } from "../../src/torch/index.js";
import { ROWS } from "../models/rows.js";
import { registerToy } from "../models/toy/family.js";
import { picture } from "../image/support.js";

const SCALE = { min: 1, max: 10 };
/** Of a score on 1 to 10 in float32: as the documentation says. */
const DRIFT = 1e-5;
const ANSWERS: RocTemplates["answers"] = ["The rate is {overall}.", "It is {overall}, its light {light}."];
/** Shapes that repeat, and shapes that do not. */
const SIZES = [[64, 64], [80, 48], [64, 64], [48, 80], [80, 48], [70, 66], [64, 64], [96, 64], [64, 64], [80, 48]] as const; // prettier-ignore

const forget = registerToy();
let root = "";
let inputs: { name: string; data: Buffer }[] = [];
before(async () => {
  root = await mkdtemp(join(tmpdir(), "batch-scores-"));
  inputs = await Promise.all(
    SIZES.map(async ([width, height], i) => {
      const { data } = picture(width, height);
      const raw = { width, height, channels: 3 } as const;
      // Each a little different, those of one size too.
      const bytes = data.map((value) => (value * (3 + i)) % 256);
      return { name: `${i}`, data: await sharp(bytes, { raw }).png().toBuffer() };
    }),
  );
});
after(async () => {
  forget();
  await rm(root, { recursive: true });
  assert.equal(liveTensors(), 0);
});

/**
 * The families by which every strategy is tried: how a strategy reads its answer from the rows does not depend on the family, whose
 * batches and caches one that reads and one that writes show.
 */
const ALL_STRATEGIES = new Set(["llava", "qwen2_vl"]);
const TWO: readonly StrategyName[] = ["roc", "direct"];

for (const [name, row] of ROWS) {
  describe(name, () => {
    let parts: { model: Mllm; processor: MllmProcessor; vocabulary: ScoreVocabulary };
    before(async () => {
      const { model, processor } = await loadMllm(await row.whole(join(root, name.replaceAll(/\W+/g, "-"))), {
        dtype: "float32",
      });
      parts = { model, processor, vocabulary: addScoreTokens(model, processor.tokenizer) };
      spread(model, parts.vocabulary.scoreIds);
    });
    after(() => parts.model.dispose());

    for (const strategy of ALL_STRATEGIES.has(name) ? STRATEGY_NAMES : TWO) {
      test(`${strategy}: a batch scores as its pictures do one by one`, async (t) => {
        const { model, processor, vocabulary } = parts;
        let worst = 0;
        // Writing digits takes a forward a token.
        for (const answer of strategy === "direct" ? ANSWERS.slice(1) : ANSWERS) {
          const templates = { prompts: ["<image>\nRate it."], answers: [answer], strategy, scale: SCALE };
          const scored = { processor, templates, strategy: createStrategy(strategy, { vocabulary, scale: SCALE }) };
          const counted = { forwards: 0 };
          const run = (batchSize: number): Promise<Outcome[]> => {
            counted.forwards = 0;
            const scoring = createModel({ ...scored, model: counting(model, counted) }, "m", { batchSize, threads: 1 });
            return collect(scoring.score(inputs));
          };
          const single = await run(1);
          const forwards = counted.forwards;
          // Today's digits, to the last bit; how a batch is cut and padded; of every strategy, how each is read from its rows.
          if (strategy === "roc") assert.deepEqual(await run(1), single);
          for (const size of strategy === "roc" ? [3, 16] : [3]) {
            const drift = compare(await run(size), single);
            worst = Math.max(worst, drift);
            assert.ok(drift <= DRIFT, `batches of ${size}: ${drift}`);
          }
          if (strategy === "roc") assert.ok(counted.forwards < forwards, "batches take fewer forwards");
        }
        t.diagnostic(`at most ${worst.toExponential(1)} apart`);
      });
    }
  });
}

/** Equal rows give equal probabilities; apart, they see the picture, with logits as far apart as a trained model's. */
function spread(model: Mllm, scoreIds: readonly number[]): void {
  const parameters = model.parameters();
  const head = [...parameters].find(([key]) => key.endsWith("lm_head.weight")) ?? [...parameters].find(([key]) => key.endsWith("embed_tokens.weight")); // prettier-ignore
  assert.ok(head);
  manualSeed(4);
  scope(() => {
    for (const id of scoreIds)
      head[1].select(0, id).copy_(randn([model.hiddenSize]).mul(2 / Math.sqrt(model.hiddenSize)));
  });
}

/** The model with its forwards counted; freeing it is left to the test. */
function counting(model: Mllm, counted: { forwards: number }): Mllm {
  return new Proxy(model, {
    get(target, key) {
      if (key === "forward") counted.forwards += 1;
      if (key === "dispose") return () => undefined;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

async function collect(outcomes: AsyncIterable<Outcome>): Promise<Outcome[]> {
  const found: Outcome[] = [];
  for await (const outcome of outcomes) found.push(outcome);
  return found;
}

/** The largest difference of a score; failures have to be the same. */
function compare(batched: readonly Outcome[], single: readonly Outcome[]): number {
  assert.equal(batched.length, single.length);
  const differences = batched.map((outcome, i) => {
    const alone = single[i] as Outcome;
    if ("error" in outcome || "error" in alone) {
      assert.deepEqual(outcome, alone);
      return 0;
    }
    assert.equal(outcome.file, alone.file);
    const own = Object.entries(alone.attributes ?? {});
    return Math.max(
      Math.abs(outcome.score - alone.score),
      Math.abs((outcome.std ?? 0) - (alone.std ?? 0)),
      ...own.map(([key, value]) => Math.abs((outcome.attributes?.[key] ?? NaN) - (value ?? NaN))),
    );
  });
  return Math.max(...differences);
}
