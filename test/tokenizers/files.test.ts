import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isRocError, type ErrorCode } from "../../src/errors.js";
import { loadTokenizer, type Tokenizer } from "../../src/tokenizers/index.js";
import { tokenizerFolder } from "./reference.js";

type Json = Record<string, unknown>;

/** Loads a copy of a fixture in which `edit` changed one JSON file (or replaced its text, or made it). */
async function loadEdited(name: string, file: string, edit: (json: Json) => unknown): Promise<Tokenizer> {
  const folder = await mkdtemp(join(tmpdir(), "roc-tokenizer-"));
  try {
    await cp(tokenizerFolder(name), folder, { recursive: true });
    const path = join(folder, file);
    const before = await readFile(path, "utf8").catch(() => "{}");
    const after = edit(JSON.parse(before) as Json);
    await writeFile(path, typeof after === "string" ? after : JSON.stringify(after));
    return await loadTokenizer(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function assertFails(loading: Promise<Tokenizer>, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(loading, (error) => {
    assert.ok(isRocError(error), String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

const part = (json: Json, key: string): Json => json[key] as Json;
const BROKEN: [string, string, (json: Json) => unknown, RegExp][] = [
  ["no JSON", "tokenizer.json", () => "{ no", /tokenizer\.json is not JSON/],
  ["no model", "tokenizer.json", ({ model: _, ...rest }) => rest, /tokenizer\.json: field model/],
  [
    "another model",
    "tokenizer.json",
    (j) => ({ ...j, model: { ...part(j, "model"), type: "Unigram" } }),
    /field model\.type/,
  ],
  [
    "bad id",
    "tokenizer.json",
    (j) => ({ ...j, model: { ...part(j, "model"), vocab: { a: "0" } } }),
    /field model\.vocab/,
  ],
  [
    "bad merge",
    "tokenizer.json",
    (j) => ({ ...j, model: { ...part(j, "model"), merges: ["abc"] } }),
    /field model\.merges/,
  ],
  [
    "hole",
    "tokenizer.json",
    (j) => ({ ...j, model: { ...part(j, "model"), vocab: { a: 0, b: 2 } } }),
    /model\.vocab: ids must be 0 to 1/,
  ],
  ["normalizer", "tokenizer.json", (j) => ({ ...j, normalizer: { type: "Odd" } }), /tokenizer\.json.*Odd/],
  ["decoder", "tokenizer.json", (j) => ({ ...j, decoder: { type: "Odd" } }), /decoder\.type "Odd"/],
  ["decoder field", "tokenizer.json", (j) => ({ ...j, decoder: { type: "Replace" } }), /decoder\.Replace\.pattern/],
  [
    "post-processor",
    "tokenizer.json",
    (j) => ({ ...j, post_processor: { type: "Odd" } }),
    /post_processor\.type "Odd"/,
  ],
  [
    "flag",
    "tokenizer_config.json",
    (j) => ({ ...j, added_tokens_decoder: { 1: { content: 5 } } }),
    /added_tokens_decoder\.1\.content/,
  ],
  ["named token", "tokenizer_config.json", (j) => ({ ...j, eos_token: 7 }), /tokenizer_config\.json: field eos_token/],
  ["added tokens", "added_tokens.json", () => ({ "<x>": "y" }), /added_tokens\.json: field <x>/],
];

for (const [label, file, edit, message] of BROKEN) {
  test(`a broken folder is refused by file and field: ${label}`, () =>
    assertFails(loadEdited("llama", file, edit), "TOKENIZER_INVALID", message));
}

test("a folder without tokenizer.json is refused with the remedy", () =>
  assertFails(
    loadTokenizer(join(tmpdir(), "no-such-folder")),
    "FILE_NOT_FOUND",
    /tokenizer\.json does not exist, nor a tokenizer\.model beside it; save/,
  ));

test("an added token behind a gap is refused: Python would renumber it", async () => {
  const edit = (json: Json): Json => {
    const tokens = json["added_tokens"] as Json[];
    return { ...json, added_tokens: [...tokens, { ...tokens[0], id: 500, content: "<gap>" }] };
  };
  await assertFails(
    loadEdited("llama", "tokenizer.json", edit),
    "TOKENIZER_INVALID",
    /"<gap>" declares id 500, .* 401/,
  );
});

test("ids of bos, eos and pad come from the model's files where the tokenizer's files have no such key", async () => {
  const without = ({ bos_token: _b, eos_token: _e, ...rest }: Json): Json => rest;
  const folder = await mkdtemp(join(tmpdir(), "roc-tokenizer-"));
  try {
    const config = JSON.parse(await readFile(join(tokenizerFolder("llama"), "tokenizer_config.json"), "utf8")) as Json;
    await cp(join(tokenizerFolder("llama"), "tokenizer.json"), join(folder, "tokenizer.json"));
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify(without(config)));
    await writeFile(join(folder, "config.json"), JSON.stringify({ bos_token_id: 5, eos_token_id: 6, pad_token_id: 7 }));
    await writeFile(join(folder, "generation_config.json"), JSON.stringify({ eos_token_id: [9, 8] }));
    const tokenizer = await loadTokenizer(folder);
    // <pad> is named in tokenizer_config.json and takes effect; generation_config.json precedes config.json.
    assert.deepEqual([tokenizer.bosTokenId, tokenizer.eosTokenId, tokenizer.padTokenId], [5, 9, 400]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a pad token of -1 in config.json, as in LLaMA's first files, means none", async () => {
  const folder = await mkdtemp(join(tmpdir(), "roc-tokenizer-"));
  try {
    await cp(join(tokenizerFolder("llama"), "tokenizer.json"), join(folder, "tokenizer.json"));
    await writeFile(join(folder, "config.json"), JSON.stringify({ eos_token_id: 6, pad_token_id: -1 }));
    const { eosTokenId, padTokenId } = await loadTokenizer(folder);
    assert.deepEqual([eosTokenId, padTokenId], [6, undefined]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("special tokens that only special_tokens_map.json and added_tokens.json name are special", async () => {
  const edit = (json: Json): Json => ({ tokenizer_class: json["tokenizer_class"] });
  const tokenizer = await loadEdited("llama", "tokenizer_config.json", edit);
  assert.deepEqual([tokenizer.bosTokenId, tokenizer.eosTokenId, tokenizer.padTokenId], [1, 2, 400]);
});
