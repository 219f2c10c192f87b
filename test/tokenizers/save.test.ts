import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { loadTokenizer } from "../../src/tokenizers/index.js";
import { tokenizerFolder } from "./reference.js";

const NEW = ["[SCORE]", "[IMG0]", "[IMG1]"];

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "roc-tokenizer-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

for (const name of ["llama", "qwen", "metaspace"]) {
  test(`${name}: added tokens get the next free ids and are cut out of text`, async () => {
    const tokenizer = await loadTokenizer(tokenizerFolder(name));
    const first = tokenizer.size;
    assert.deepEqual(tokenizer.addTokens(NEW), [first, first + 1, first + 2]);
    assert.equal(tokenizer.size, first + 3);
    assert.deepEqual(tokenizer.addTokens(["[IMG0]", "[IMG2]", "[IMG2]"]), [first + 1, first + 3, first + 3]);
    const ids = tokenizer.encode("x[IMG1][SCORE].", { addSpecialTokens: false });
    assert.deepEqual(
      ids.filter((id) => id >= first),
      [first + 2, first],
    );
    assert.equal(tokenizer.decode([first, first + 1]), "[SCORE][IMG0]");
    assert.equal(tokenizer.decode([first, first + 1], { skipSpecialTokens: true }), "");
  });

  // make.py records in <name>-added/cases.json what Python reads from exactly these bytes.
  test(`${name}: save writes the files that Python was given`, async () => {
    const tokenizer = await loadTokenizer(tokenizerFolder(name));
    tokenizer.addTokens(NEW);
    const committed = tokenizerFolder(`${name}-added`);
    if (process.env.UPDATE_FIXTURES) await tokenizer.save(committed);
    await withFolder(async (folder) => {
      await tokenizer.save(folder);
      const names = (await readdir(committed)).filter((file) => file !== "cases.json").sort();
      assert.deepEqual((await readdir(folder)).sort(), names);
      for (const file of names) {
        assert.equal(await readFile(join(folder, file), "utf8"), await readFile(join(committed, file), "utf8"), file);
      }
    });
  });

  test(`${name}: a saved tokenizer saves itself again without a change`, async () => {
    await withFolder(async (folder) => {
      const committed = tokenizerFolder(`${name}-added`);
      await (await loadTokenizer(committed)).save(folder);
      for (const file of await readdir(folder)) {
        assert.equal(await readFile(join(folder, file), "utf8"), await readFile(join(committed, file), "utf8"), file);
      }
    });
  });
}

test("a token of the vocabulary keeps its id and becomes special", async () => {
  const tokenizer = await loadTokenizer(tokenizerFolder("llama"));
  const [size, id] = [tokenizer.size, tokenizer.tokenToId("a")];
  assert.ok(id !== undefined);
  assert.deepEqual(tokenizer.addTokens(["a"]), [id]);
  assert.equal(tokenizer.size, size);
  assert.equal(tokenizer.decode([id], { skipSpecialTokens: true }), "");
});

test("an empty token is refused and nothing is added", async () => {
  const tokenizer = await loadTokenizer(tokenizerFolder("llama"));
  const size = tokenizer.size;
  assert.throws(
    () => tokenizer.addTokens(["x!", ""]),
    (error) => isRocError(error) && error.code === "USAGE",
  );
  assert.equal(tokenizer.size, size);
});
