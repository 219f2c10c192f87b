/**
 * Plain multimodal models, Q-Instruct's and AesExpert's rows: tiny random checkpoints of LLaVA 1.5, mPLUG-Owl2 and Qwen2-VL, asked and read
 * as a straightforward computation on the reference's logits says (test/fixtures/published/make-plain.py).
 */
import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import sharp from "sharp";
import { loadParts } from "../../src/engine/here.js";
import { load, type LoadOptions } from "../../src/engine/index.js";
import { readJson } from "../../src/files/index.js";
import { decodeImage } from "../../src/image/index.js";
import { openCheckpointFolder } from "../../src/models/places.js";
import { liveTensors, scope } from "../../src/torch/index.js";
import { fixture } from "../support.js";

interface Expected {
  readonly ids: readonly number[];
  readonly score: number;
  readonly written?: string;
  readonly distribution?: readonly number[];
}

let root: string;
let expected: Readonly<Record<string, Readonly<Record<string, Expected>>>>;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "plain-"));
  expected = (await readJson(fixture("published/plain/expected.json"))) as typeof expected;
});
after(() => rm(root, { recursive: true }));
afterEach(() => assert.equal(liveTensors(), 0));

/** The picture of make-plain.py, as a file. */
async function picture(side: number): Promise<string> {
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % side, Math.floor(i / 3 / side)];
    return (7 * x + 13 * y + 29 * c + 5 * ((x * y) % 17)) % 256;
  });
  const file = join(root, `${side}.png`);
  await sharp(data, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toFile(file);
  return file;
}

const FAMILIES = [
  { family: "llava", tokenizer: "plain/llama", side: 28 },
  { family: "mplug_owl2", tokenizer: "plain/llama", side: 28 },
  { family: "qwen2_vl", tokenizer: "tokenizer", side: 56 },
] as const;

for (const { family, tokenizer, side } of FAMILIES) {
  test(`plain ${family}: ids, scores, and what is written`, async () => {
    const folder = join(root, family);
    for (const part of [tokenizer, `plain/${family}`])
      await cp(fixture(`published/${part}`), folder, { recursive: true });
    const photo = await picture(side);
    const found = Object.entries(expected[family] ?? {});
    assert.ok(found.length >= 2);
    for (const [scorer, wanted] of found) {
      const options = { dtype: "float32", threads: 1, worker: false, scorer } as const;
      assert.deepEqual(await idsOf(folder, options, photo), wanted.ids, scorer);
      using model = await load(folder, options);
      const result = await model.scoreOne(photo);
      const { min, max } = result.scale;
      const near = (actual: number | undefined, value: number, bound: number): void =>
        assert.ok(Math.abs((actual ?? NaN) - value) <= bound, `${scorer}: ${actual} for ${value}`);
      near(result.score ?? undefined, wanted.score, 1e-5 * (max - min));
      wanted.distribution?.forEach((share, i) => near(result.distribution?.[i], share, 1e-5));
      if (wanted.written !== undefined) assert.equal(result.answer, wanted.written);
      assert.equal(result.scorer?.name, scorer);
    }
  });
}

/** What is read behind: the question, and what an answer begins with. */
async function idsOf(folder: string, options: LoadOptions, photo: string): Promise<number[]> {
  const image = await decodeImage(photo);
  const { parts } = await loadParts(await openCheckpointFolder(folder), options);
  const { processor, templates, strategy, model } = parts;
  const ids = scope(() => processor.prompt(templates.prompts[0] ?? "", processor.images([image])));
  strategy.dispose?.();
  model.dispose();
  const stem = strategy.scorer?.stem;
  return stem === undefined ? ids : [...ids, ...processor.answer(stem)];
}
