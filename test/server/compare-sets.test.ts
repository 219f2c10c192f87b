/** `POST /v1/compare` of a checkpoint that is shown pictures together: by its scores and asked in words, the order's effect is told. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readDataset } from "../../src/data/index.js";
import { compare } from "../../src/engine/compare.js";
import { createModel, DEMO_MODEL, load, type Model } from "../../src/engine/index.js";
import { writeStudioFormats } from "../../src/studio/index.js";
import { startFrom } from "../../src/train/start/start.js";
import { ROWS } from "../models/rows.js";
import { listening, post } from "./support.js";

const QUESTION = "Which of these photos is better?";

let folder = "";
let model: Model;
let pictures: Buffer[] = [];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "compare-sets-"));
  const base = (await ROWS.get("qwen2_vl")?.whole(folder)) ?? "";
  const { parts } = await startFrom(base, { strategy: "set" });
  model = createModel(parts, "tiny");
  const data = join(folder, "data");
  await writeStudioFormats(data, { seed: 1, count: 24, longEdge: 56, testFraction: 0.2, sets: true, formats: ["csv"] });
  const { samples } = await readDataset({ folder: data, kind: "csv" });
  pictures = await Promise.all(samples.slice(0, 4).map(({ image }) => readFile(image)));
});
after(async () => {
  model.dispose();
  await rm(folder, { recursive: true });
});

interface Compared {
  readonly by: string;
  readonly best: readonly number[];
  readonly places: { readonly orders: number; readonly favour: readonly number[] };
}

const images = (count: number): string[] => pictures.slice(0, count).map((data) => data.toString("base64"));
const named = (count: number) => pictures.slice(0, count).map((data, i) => ({ name: `input ${i + 1}`, data }));
const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

test("by its scores of the pictures together, as compare() says it", async (t) => {
  const address = await listening(t, { model });
  const { status, body } = await post(address, "/v1/compare", { images: images(3) });
  const { by, best, places } = body as unknown as Compared;
  assert.deepEqual([status, by, places.orders, places.favour.length], [200, "set", 6, 3]);
  assert.ok(Math.abs(sum(places.favour)) < 1e-9 && places.favour.some((shift) => shift !== 0), "shifts are around 0");
  const expected = await compare(model, named(3));
  assert.deepEqual([best, places], [expected.best, expected.places]);
});

test("asked: the chances of the places, of three photos in every order and of four by pairs", async (t) => {
  const address = await listening(t, { model });
  for (const [count, orders, shown] of [
    [3, 6, 3],
    [4, 12, 2],
  ] as const) {
    const path = `/v1/compare?ask=${encodeURIComponent(QUESTION)}`;
    const { status, body } = await post(address, path, { images: images(count) });
    const { by, best, places } = body as unknown as Compared;
    assert.deepEqual([status, by, places.orders, places.favour.length], [200, "question", orders, shown]);
    for (const chances of [best, places.favour]) assert.ok(Math.abs(sum(chances) - 1) < 1e-9);
    assert.ok(places.favour.some((chance) => Math.abs(chance - 1 / shown) > 1e-9), "random weights favour a place"); // prettier-ignore
    const expected = await compare(model, named(count), { ask: QUESTION });
    assert.deepEqual([best, places], [expected.best, expected.places]);
  }
});

test("a question that is none, and a model that is asked nothing, are refused before anything is scored", async (t) => {
  const address = await listening(t, { model });
  const ask = async (at: string, question: string) => post(at, `/v1/compare?ask=${encodeURIComponent(question)}`, { images: images(2) }); // prettier-ignore
  for (const wrong of ["", " ", "<image> which?", "x".repeat(1001)]) {
    const { status, body } = await ask(address, wrong);
    assert.deepEqual([status, body.error?.code], [400, "USAGE"], wrong);
  }
  const one = await load(DEMO_MODEL, { worker: false });
  t.after(() => one.dispose());
  const mute = await listening(t, { model: { ...one, score: one.score.bind(one), judge: undefined } as never });
  const { status, body } = await ask(mute, QUESTION);
  assert.deepEqual([status, body.error?.code], [400, "USAGE"]);
  assert.match(body.error?.message ?? "", /writes no answers/);
});
