import assert from "node:assert/strict";
import { test } from "node:test";
import { loadTokenizer } from "../../src/tokenizers/index.js";
import { readReference, tokenizerFolder } from "./reference.js";

// The *-added and trained folders were written by our code; their ids are what Python reads there.
const FOLDERS = ["llama", "qwen", "metaspace", "llama-added", "qwen-added", "metaspace-added", "trained"];

for (const name of FOLDERS) {
  test(`${name}: ids and text are exactly those of Python`, async () => {
    const tokenizer = await loadTokenizer(tokenizerFolder(name));
    const reference = await readReference(name);
    for (const { text, ids, plain, decoded, skipped } of reference.cases) {
      const label = JSON.stringify(text);
      assert.deepEqual(tokenizer.encode(text), ids, `encode ${label}`);
      assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: false }), plain, `encode plainly ${label}`);
      assert.equal(tokenizer.decode(ids), decoded, `decode ${label}`);
      assert.equal(tokenizer.decode(ids, { skipSpecialTokens: true }), skipped, `decode and skip ${label}`);
    }
    for (const { ids, decoded, skipped } of reference.sequences) {
      assert.equal(tokenizer.decode(ids), decoded, `decode ${ids.join()}`);
      assert.equal(tokenizer.decode(ids, { skipSpecialTokens: true }), skipped, `decode and skip ${ids.join()}`);
    }
  });

  test(`${name}: size and special tokens are exactly those of Python`, async () => {
    const tokenizer = await loadTokenizer(tokenizerFolder(name));
    const { size, bos, eos, pad, added } = await readReference(name);
    assert.equal(tokenizer.size, size);
    assert.deepEqual(
      [tokenizer.bosTokenId ?? null, tokenizer.eosTokenId ?? null, tokenizer.padTokenId ?? null],
      [bos, eos, pad],
    );
    for (const [id, token] of Object.entries(added)) {
      assert.equal(tokenizer.idToToken(Number(id)), token);
      assert.equal(tokenizer.tokenToId(token), Number(id));
    }
    assert.equal(tokenizer.idToToken(size), undefined);
    assert.equal(tokenizer.tokenToId("no such token"), undefined);
  });
}
