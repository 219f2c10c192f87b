/** Classical systems through load(): in a worker, from folders and files, and what means nothing to them. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createBaseline, saveBaseline } from "../../src/baselines/registry.js";
import { digestCheckpoint, load } from "../../src/engine/index.js";
import { describeCheckpoint } from "../../src/engine/describe.js";
import { isRocError, type RocError } from "../../src/errors.js";
import { randomSource } from "../../src/nn/index.js";
import { ROOT } from "../support.js";

const PHOTO = `${ROOT}examples/photos/portrait-good.jpg`;
const base = mkdtempSync(join(tmpdir(), "engine-baseline-"));
const folder = join(base, "nima");

before(async () => {
  const attributes = [{ name: "light", scale: { min: -1, max: 1 } }];
  const model = createBaseline(
    "nima",
    { tiny: true, scale: { min: 1, max: 10 }, bins: 10, attributes },
    randomSource({ seed: 4 }),
  );
  await saveBaseline(model, folder);
  model.dispose();
  copyFileSync(join(folder, "model.safetensors"), join(base, "alone.safetensors"));
});

after(() => rmSync(base, { recursive: true }));

async function errorOf(work: Promise<unknown>): Promise<RocError> {
  const error = await work.then(() => undefined).catch((thrown: unknown) => thrown);
  assert.ok(isRocError(error), String(error));
  return error;
}

test("a worker scores as the calling thread does, with distribution, deviation, attributes and features", async () => {
  using there = await load(folder);
  using here = await load(folder, { worker: false });
  const [one, two] = [
    await there.scoreOne(PHOTO, { embedding: true }),
    await here.scoreOne(PHOTO, { embedding: true }),
  ];
  assert.deepEqual(one, two);
  assert.deepEqual(there.settings, here.settings);
  const { distribution, score, std, attributes = {}, answer, embedding } = one;
  assert.ok(distribution && std !== null);
  const mean = distribution.reduce((sum, share, i) => sum + share * (i + 1), 0);
  assert.equal(score, mean);
  assert.deepEqual(Object.keys(attributes), ["light"]);
  assert.equal(answer, "");
  assert.equal(embedding?.length, 16);
  assert.deepEqual(there.method?.system, { name: "nima", title: "NIMA", variant: "vgg16" });
});

test("scores are put on the scale that is asked for, attributes from their own", async () => {
  using plain = await load(folder, { worker: false });
  using percent = await load(folder, { worker: false, scale: { min: 0, max: 100 } });
  const [one, two] = [await plain.scoreOne(PHOTO), await percent.scoreOne(PHOTO)];
  assert.ok(Math.abs((one.score - 1) / 9 - two.score / 100) < 1e-12);
  assert.ok(Math.abs(((one.attributes?.["light"] ?? NaN) - 1) / 9 - (two.attributes?.["light"] ?? NaN) / 100) < 1e-12);
});

test("what means nothing to a system that writes no text is refused by name", async () => {
  const scorer = await errorOf(load(folder, { worker: false, scorer: "q-align" }));
  assert.match(scorer.message, /--scorer \(scorer\) means nothing to NIMA/);
  const packed = await errorOf(load(folder, { worker: false, pack: true }));
  assert.match(packed.message, /--pack on/);
  using model = await load(folder, { worker: false });
  const asked = await errorOf(model.scoreOne(PHOTO, { questions: [{ prompt: "What is this?" }] }));
  assert.equal(asked.code, "USAGE");
  assert.match(asked.message, /questions \(--ask\): NIMA gives scores and writes no text/);
  assert.match((await errorOf(model.scoreOne(PHOTO, { comments: true }))).message, /comments \(--comments\)/);
});

test("a file of our own without its config says what is missing; beside its config it is the folder's", async () => {
  const file = join(base, "alone.safetensors");
  const error = await errorOf(load(file, { worker: false }));
  assert.equal(error.code, "CHECKPOINT_MISMATCH");
  assert.match(error.message, /tried: .*NIMA.*The nearest is NIMA \(vgg16\); unexpected: attributes\.0/);
  assert.equal(await digestCheckpoint(file), createHash("sha256").update(readFileSync(file)).digest("hex"));
  using model = await load(join(folder, "model.safetensors"), { worker: false });
  assert.equal(model.digest, await digestCheckpoint(folder));
});

test("what a folder holds is described", async () => {
  const { family, architecture, problems, system } = await describeCheckpoint(folder);
  assert.deepEqual({ family, architecture, problems }, { family: "nima", architecture: "NIMA vgg16", problems: [] });
  assert.deepEqual(system?.outputs.map(({ name, values }) => [name, values?.length]), [["score", 10], ["light", undefined]]); // prettier-ignore
  const { problems: found } = await describeCheckpoint(join(base, "alone.safetensors"));
  assert.match(found.join(), /classical system/);
});
