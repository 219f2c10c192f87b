/** What a run teaches and validates as the score is what the trained checkpoint gives as the score. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEMO_MODEL } from "roc4mllm";
import type { Sample } from "../../src/data/index.js";
import { createModel } from "../../src/engine/index.js";
import { Random } from "../../src/random.js";
import { LOSS_PRESETS } from "../../src/roc/index.js";
import { reopen, strategyObjective } from "../../src/train/index.js";
import { ROOT } from "../support.js";
import { decodeImage } from "../../src/image/index.js";

const PHOTO = `${ROOT}examples/photos/portrait-good.jpg`;

for (const answer of ["Its light is {light}, its rate {overall}. ", "Its rate is {quality}, its light {light}. "]) {
  test(`the score of "${answer}"`, async () => {
    const { parts: demo, prepare } = await reopen(DEMO_MODEL);
    const parts = { ...demo, templates: { ...demo.templates, answers: [answer], ratingScale: undefined } };
    const { scale } = parts.strategy;
    const objective = strategyObjective(parts, { scale }, LOSS_PRESETS.paper);
    using model = createModel(parts, "demo");
    const image = await prepare(await decodeImage(PHOTO));
    const { score, attributes } = await model.scoreOne(PHOTO);
    assert.deepEqual(Object.keys(attributes ?? {}), ["light"]);
    assert.notEqual(score, attributes?.["light"]);
    // Both bring the same reading to the scale, in another order of three operations on doubles.
    const [predicted = NaN] = objective.predict([image]);
    assert.ok(Math.abs(predicted - score) <= 4 * Number.EPSILON * Math.abs(score), `${predicted} and ${score}`);
    const sample: Sample = { id: "a", image: PHOTO, score: 5, split: "train", attributes: { light: 3 } };
    assert.equal(objective.counts?.([{ sample, image, random: new Random(1, "test") }]).score, 2);
  });
}
