/** The experiment's base models: small, of both families, pre-trained on comments, started from by every strategy. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { Random } from "../../src/random.js";
import { type Sample } from "../../src/data/index.js";
import { saveCheckpoint } from "../../src/engine/index.js";
import { createBase } from "../../src/studies/claims/base.js";
import { factorObjective } from "../../src/studies/claims/factor-objective.js";
import { probe } from "../../src/studies/claims/probe.js";
import { captionObjective } from "../../src/studies/claims/caption-objective.js";
import type { BackboneConfig } from "../../src/studies/claims/config.js";
import { LEVELS } from "../../src/roc/index.js";
import { PAPER_STRATEGIES } from "../../src/roc/strategy-names.js";
import { commentIn } from "../../src/roc/strategies/direct.js";
import { liveTensors, noGrad, scope } from "../../src/torch/index.js";
import { PixelCache, startFrom, type Trainable } from "../../src/train/index.js";

const SIZES = {
  patch: 14,
  visionWidth: 16,
  visionLayers: 1,
  visionHeads: 2,
  textWidth: 32,
  textLayers: 1,
  textHeads: 2,
};
const BACKBONES: Readonly<Record<string, BackboneConfig>> = {
  llava: { family: "llava", imageSize: 28, ...SIZES, vocabulary: 500 },
  "qwen2-vl": { family: "qwen2_vl", imageSize: 56, ...SIZES, vocabulary: 500 },
};
const TEMPLATES = { prompts: ["<image>\nPlease rate it."], answers: ["The rate of the image is {overall}. {comment}"] };
const TEXTS = ["Please rate it.", "The rate of the image is", "The light is good. A fine picture."];
const IMAGE = { width: 64, height: 40, data: new Uint8Array(64 * 40 * 3).fill(100) };
const SAMPLE: Sample = {
  id: "1",
  image: "",
  score: 6,
  comments: ["The light is good. {A} fine picture."],
  split: "train",
};

/** A picture of one shade. */
const plain = (shade: number, width: number) => ({
  width,
  height: 40,
  data: new Uint8Array(width * 40 * 3).fill(shade),
});

let folder: string;
before(async () => (folder = await mkdtemp(join(tmpdir(), "experiment-base-"))));
after(() => rm(folder, { recursive: true }));
afterEach(() => assert.equal(liveTensors(), 0));

function make(name: string, seed = 1): Promise<Trainable> {
  const backbone = BACKBONES[name] as BackboneConfig;
  return createBase(join(folder, `${name}-tokenizer`), backbone, seed, { templates: TEMPLATES, texts: TEXTS });
}

for (const name of Object.keys(BACKBONES)) {
  test(`${name}: words of level are tokens of their own, and so are digits`, async () => {
    const { parts } = await make(name);
    const { tokenizer } = parts.processor;
    const tokens = (text: string): string[] => parts.processor.answer(text).map((id) => tokenizer.idToToken(id) ?? "");
    for (const level of LEVELS) assert.ok(tokens(`It is ${level}.`).includes(`▁${level}`), level);
    assert.deepEqual(tokens("It is 7.25.").slice(-5), ["7", ".", "2", "5", "."]);
    parts.model.dispose();
  });

  test(`${name}: pre-training supervises a comment, braces and all, and nothing else`, async () => {
    const { parts, prepare } = await make(name);
    const objective = captionObjective(parts);
    const image = await prepare(IMAGE);
    const picture = () => ({ sample: SAMPLE, image, random: new Random(1) });
    const loss = scope(() => objective.loss([picture(), picture()], (body) => body()).loss.item());
    // Untrained: about as unsure as among all tokens.
    assert.ok(Math.abs(loss - Math.log(parts.model.vocabSize)) < 2, String(loss));
    assert.deepEqual(objective.predict([image]), [NaN]);
    parts.model.dispose();
  });

  test(`${name}: factors are learnt by vision tower and projector, of scenes that have them, and probed`, async () => {
    const { parts, prepare } = await make(name);
    // Bright pictures have the merit, dark ones lack it; every other one has no such factor. Shapes differ, too.
    const shades = Array.from({ length: 24 }, (_, i) => 10 * i);
    const images = shades.map((shade, i) => parts.processor.pixels(plain(shade, i % 3 === 0 ? 48 : 64)));
    const samples = shades.map((shade, i) => ({ ...SAMPLE, id: String(i), image: String(i), score: shade / 26 + 1, attributes: { Light: shade / 240 } })); // prettier-ignore
    const factors = new Map(samples.map(({ id, attributes }, i) => [id, i % 2 === 0 ? { exposure: attributes.Light } : {}] as const)); // prettier-ignore
    const objective = factorObjective(parts, factors);
    const pictures = samples.map((sample, i) => ({ sample, image: images[i] ?? IMAGE, random: new Random(1) }));
    const before = parts.processor.answer("The light is good.");
    const parameters = [...parts.model.parameters()];
    const lossOf = (own = pictures): number => scope(() => objective.loss(own, (body) => body()).loss.item());
    const first = lossOf();
    // Of pictures whose scenes lack the factor nothing is asked.
    assert.equal(lossOf(pictures.filter((_, i) => i % 2 === 1)), 0);
    for (const [, parameter] of parameters) parameter.requiresGrad_();
    for (let step = 0; step < 40; step++) {
      scope(() => {
        objective.loss(pictures, (body) => body()).loss.backward();
        noGrad(() => parameters.forEach(([, one]) => one.grad && one.copy_(one.sub(one.grad.mul(0.02)))));
      });
      for (const [, parameter] of parameters) parameter.zeroGrad();
    }
    const last = lossOf();
    assert.ok(last < first / 2, `${first} to ${last}`);
    assert.deepEqual(parts.processor.answer("The light is good."), before);
    const pixels = new PixelCache({ prepare, read: (file) => Promise.resolve(images[Number(file)] ?? IMAGE) });
    const [train, test] = [samples.filter((_, i) => i % 4 > 0), samples.filter((_, i) => i % 4 === 0)];
    const found = await probe(parts, { train, test }, pixels);
    assert.deepEqual(Object.keys(found), ["overall", "Light"]);
    for (const srcc of Object.values(found)) assert.ok(srcc > 0.9, JSON.stringify(found));
    parts.model.dispose();
  });

  test(`${name}: every strategy starts from the same weights`, async () => {
    const { parts } = await make(name);
    const base = join(folder, `${name}-base`);
    await saveCheckpoint(base, parts);
    const sums = new Set<number>();
    for (const strategy of PAPER_STRATEGIES) {
      const trainable = await startFrom(base, { strategy, n: 20, templates: TEMPLATES });
      const { model, strategy: own } = trainable.parts;
      assert.equal(own.name, strategy);
      assert.deepEqual(own.scale, { min: 1, max: 10 });
      assert.equal(own.vocabulary?.scoreIds.length, strategy === "roc" || strategy === "coupled" ? 20 : undefined);
      const kept = [...model.parameters()].filter(([key]) => !/embed_tokens|lm_head/.test(key));
      sums.add(scope(() => kept.reduce((sum, [, tensor]) => sum + tensor.sum().item(), 0)));
      model.dispose();
    }
    assert.equal(sums.size, 1);
    parts.model.dispose();
  });
}

test("the same seed gives the same model, another one another", async () => {
  const sumOf = async (seed: number): Promise<number> => {
    const { parts } = await make("llava", seed);
    const sum = scope(() => [...parts.model.parameters().values()].reduce((all, one) => all + one.sum().item(), 0));
    parts.model.dispose();
    return sum;
  };
  assert.equal(await sumOf(1), await sumOf(1));
  assert.notEqual(await sumOf(1), await sumOf(2));
});

test("a comment is found in an answer of digits", () => {
  const behind = "The rate of the image is {overall}. {comment}";
  assert.equal(commentIn("The rate of the image is 7.25. The light is good.", behind), "The light is good.");
  assert.equal(commentIn("The rate of the image is 7.25.", behind), "");
  assert.equal(commentIn("The rate of the image is fine. The light is good.", behind), undefined);
  assert.equal(commentIn("The light is good. I rate it 7.25.", "{comment} I rate it {overall}."), "The light is good.");
  assert.equal(commentIn("Rated 7, light 3: dull", "Rated {overall}, light {light}: {comment}"), "dull");
  assert.equal(commentIn("The rate of the image is 7.25.", "The rate of the image is {overall}."), undefined);
});
