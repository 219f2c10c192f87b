import assert from "node:assert/strict";
import { test } from "node:test";
import { loadTokenizer, TextStream, type Tokenizer } from "../../src/tokenizers/index.js";
import { readReference, tokenizerFolder } from "./reference.js";

function pieces(tokenizer: Tokenizer, ids: readonly number[], skipSpecialTokens: boolean): string[] {
  const stream = new TextStream(tokenizer, { skipSpecialTokens });
  return [...ids.map((id) => stream.push(id)), stream.end()];
}

for (const name of ["llama", "qwen", "metaspace"]) {
  test(`${name}: the stream's pieces make the full decoding, whatever the ids`, async () => {
    const tokenizer = await loadTokenizer(tokenizerFolder(name));
    const { cases, sequences } = await readReference(name);
    for (const { ids, decoded, skipped } of [...cases, ...sequences]) {
      assert.equal(pieces(tokenizer, ids, false).join(""), decoded, ids.join());
      assert.equal(pieces(tokenizer, ids, true).join(""), skipped, ids.join());
    }
  });

  test(`${name}: text does not wait for the end`, async () => {
    const tokenizer = await loadTokenizer(tokenizerFolder(name));
    const ids = tokenizer.encode("the image is good", { addSpecialTokens: false });
    const parts = pieces(tokenizer, ids, true);
    assert.equal(parts.at(-1), "");
    assert.ok(parts.filter((part) => part !== "").length >= 4, JSON.stringify(parts));
  });
}

for (const name of ["llama", "qwen"]) {
  test(`${name}: a character of several tokens comes out once and whole`, async () => {
    const tokenizer = await loadTokenizer(tokenizerFolder(name));
    const ids = tokenizer.encode("a😀b", { addSpecialTokens: false });
    assert.ok(ids.length >= 6, "the emoji is spelled in bytes");
    const parts = pieces(tokenizer, ids, true).filter((part) => part !== "");
    assert.ok(
      parts.every((part) => !/[\ufffd\p{Surrogate}]/u.test(part)),
      JSON.stringify(parts),
    );
    assert.equal(parts.join(""), "a😀b");
  });
}

test("one stream decodes several sequences, one after the other", async () => {
  const tokenizer = await loadTokenizer(tokenizerFolder("llama"));
  const stream = new TextStream(tokenizer);
  const ids = tokenizer.encode("Hello there", { addSpecialTokens: false });
  for (let round = 0; round < 2; round++) {
    assert.equal(ids.map((id) => stream.push(id)).join("") + stream.end(), "Hello there");
  }
});
