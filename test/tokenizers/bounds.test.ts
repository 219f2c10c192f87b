/** Resource limits for untrusted templates and tokenizers: refused in bounded steps, text and time, never a crash. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { ChatTemplate, loadTokenizer, type Tokenizer } from "../../src/tokenizers/index.js";

const MESSAGES = [{ role: "user", content: "What?" }];
const DOUBLED = `{% set ns = namespace(x="ab") %}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}`;
const DOUBLED_LIST = `{% set ns = namespace(x=["ab"]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}`;
const LONG = `{% set ns = namespace(x="abcdefgh") %}{% for i in range(16) %}{% set ns.x = ns.x + ns.x %}{% endfor %}`;

const COSTLY: [string, string, RegExp][] = [
  ["an endless loop", "{% for i in range(1000000000) %}{% endfor %}", /range\(\) of 1000000000 elements/],
  ["a range backwards", "{{ range(0, -1000000000, -1) | length }}", /range\(\) of 1000000000 elements/],
  ["a range in an expression", "{{ range(10 ** 12)[0] }}", /range\(\) of/],
  ["a step of 0", "{{ range(0, 9, 0) }}", /a step that is not 0/],
  ["not numbers", "{{ range('x') }}", /needs whole numbers/],
  ["empty loops in loops", "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", /steps/],
  ["loops in loops", "{% for a in range(999) %}{% for b in range(999) %}{% for c in range(999) %}x{% endfor %}{% endfor %}{% endfor %}", /steps/], // prettier-ignore
  ["a doubled text", `${DOUBLED}{{ ns.x }}`, /characters|steps/],
  ["a doubled list", `${DOUBLED_LIST}{{ ns.x | tojson }}`, /characters|steps/],
  ["a doubled list as text", `${DOUBLED_LIST}{{ ns.x }}`, /characters|steps/],
  [
    "a list nested in itself",
    `{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}`,
    /steps|call stack/,
  ],
  ["a namespace nested in itself", "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", /nests/],
  ["a filter's replacement", `${LONG}{{ ns.x | replace("a", ns.x) }}`, /characters|steps/],
  ["a method's replacement", `${LONG}{{ ns.x.replace("", ns.x) }}`, /characters|steps/],
  ["a separator", `${LONG}{{ ns.x | join(ns.x) }}`, /characters|steps/],
  ["an indent", `${LONG}{{ (ns.x | replace("a", "\\n")) | indent(100000) }}`, /characters|steps/],
  ["an indent of JSON", `{{ range(1000) | list | tojson(indent=100000000) }}`, /characters|steps/],
  ["a macro without end", "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}", /call stack|steps|function/],
  [
    "two calls each",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    /steps/,
  ],
  ["much text", `${LONG}{% for i in range(9999) %}{{ ns.x }}{% endfor %}`, /characters|steps/],
];

for (const [label, source, message] of COSTLY) {
  test(`a chat template is refused: ${label}`, () => {
    const template = new ChatTemplate(source, {}, "chat_template.jinja", "some/chat_template.jinja");
    assert.throws(
      () => template.render(MESSAGES),
      (error) => {
        assert.ok(isRocError(error), String(error));
        assert.equal(error.code, "TOKENIZER_INVALID");
        assert.match(error.message, /^some\/chat_template\.jinja: its chat_template cannot be rendered/);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

for (const [label, source] of [
  ["parentheses", `{{ ${"(".repeat(200_000)}1${")".repeat(200_000)} }}`],
  ["too long", "x".repeat(1_000_001)],
  ["open blocks", "{% if a %}".repeat(50_000)],
] as const) {
  test(`a chat template is refused where it is read: ${label}`, () => {
    assert.throws(
      () => new ChatTemplate(source),
      (error) => isRocError(error) && error.code === "TOKENIZER_INVALID",
    );
  });
}

test("real templates stay within the limits", () => {
  const long = Array.from({ length: 400 }, (_, i) => ({
    role: i % 2 ? "assistant" : "user",
    content: "x".repeat(500),
  }));
  const source = `{% for m in messages %}{{ m.role.upper() }}: {{ m.content | trim | replace("x", "yy") }}{% for i in range(3) %}.{% endfor %}{% endfor %}{{ strftime_now("%Y") }}{{ [1, 2] | join(", ") }}{{ {"a": 1} | tojson(indent=4) }}`; // prettier-ignore
  assert.match(
    new ChatTemplate(source).render(long),
    /^USER: (yy){500}\.{3}ASSISTANT: .*\d{4}1, 2\{\n    "a": 1\n\}$/s,
  );
});

/** A tokenizer.json of three pieces, with other parts. */
async function withTokenizer<T>(parts: object, work: (tokenizer: Tokenizer) => T, side: object = {}): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "roc-bounds-"));
  const model = { type: "BPE", unk_token: "<unk>", vocab: { "<unk>": 0, a: 1, b: 2 }, merges: [] };
  try {
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify({ model, ...parts }));
    for (const [name, value] of Object.entries(side)) await writeFile(join(folder, name), JSON.stringify(value));
    return work(await loadTokenizer(folder));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const replace = (content: string, pattern: object = { String: "a" }) => ({ type: "Replace", pattern, content });
const nested = (depth: number): object =>
  depth === 0 ? { type: "NFC" } : { type: "Sequence", normalizers: [nested(depth - 1)] };

const REFUSED: [string, object, RegExp][] = [
  ["growing replacements", { normalizer: { type: "Sequence", normalizers: [1, 2, 3].map(() => replace("a".repeat(100))) } }, /normalizer: its replacements make a text up to/], // prettier-ignore
  ["a growing expression", { normalizer: replace("x".repeat(20_000), { Regex: "" }) }, /normalizer: its replacements/],
  ["a growing decoder", { decoder: replace("x".repeat(20_000)) }, /decoder: its replacements/],
  ["a long metaspace", { pre_tokenizer: { type: "Metaspace", replacement: "_".repeat(20_000) } }, /pre_tokenizer: its/],
  ["deep nesting", { normalizer: nested(200) }, /normalizer: nests too deeply/],
  [
    "a negative id",
    { model: { vocab: { a: 0, b: -1 }, merges: [] } },
    /model\.vocab: must be .* a whole number from 0/,
  ],
  ["half an id", { model: { vocab: { a: 0, b: 0.5 }, merges: [] } }, /model\.vocab: must be/],
  ["a large id", { model: { vocab: { a: 0, b: 2 ** 31 }, merges: [] } }, /model\.vocab: must be/],
  ["an id that is not a number", { model: { vocab: { a: 0, b: "1" }, merges: [] } }, /model\.vocab: must be/],
  ["an id twice", { model: { vocab: { a: 0, b: 0 }, merges: [] } }, /model\.vocab: ids must be 0 to 1, each once/],
  ["a gap", { model: { vocab: { a: 0, b: 2 }, merges: [] } }, /model\.vocab: ids must be 0 to 1, each once/],
  ["a large added id", { added_tokens: [{ id: 2 ** 31, content: "x" }] }, /added_tokens\.0\.id/],
  ["a negative added id", { added_tokens: [{ id: -3, content: "x" }] }, /added_tokens\.0\.id/],
  ...["__proto__", "constructor", "toString"].map((name): [string, object, RegExp] => [
    `a special token called ${name}`,
    { post_processor: { type: "TemplateProcessing", single: [{ SpecialToken: { id: name } }], special_tokens: {} } },
    new RegExp(`post_processor\\.special_tokens\\.${name} is missing`),
  ]),
  ["a special id", { post_processor: { type: "TemplateProcessing", single: [], special_tokens: { x: { ids: [-1] } } } }, /post_processor\.special_tokens\.x\.ids\.0/], // prettier-ignore
];

for (const [label, parts, message] of REFUSED) {
  test(`a tokenizer.json is refused by file and field: ${label}`, async () => {
    await assert.rejects(
      withTokenizer(parts, () => undefined),
      (error) => {
        assert.ok(isRocError(error), String(error));
        assert.equal(error.code, "TOKENIZER_INVALID");
        assert.match(error.message, /tokenizer\.json: /);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test("a regular expression that backtracks forever is interrupted", async () => {
  const split = { type: "Split", pattern: { Regex: "(x+x+)+y" }, behavior: "Isolated", invert: false };
  await withTokenizer({ pre_tokenizer: split }, (tokenizer) => {
    assert.throws(
      () => tokenizer.encode("x".repeat(2000)),
      (error) => isRocError(error) && /normalizer or pre_tokenizer: takes over 5 seconds/.test(error.message),
    );
    assert.deepEqual(tokenizer.encode("ab"), [1, 2]);
  });
});

test("dollars in a replacement are literal", async () => {
  const vocab = { "<unk>": 0, a: 1, b: 2, $: 3, "&": 4 };
  const model = { type: "BPE", unk_token: "<unk>", vocab, merges: [] };
  await withTokenizer({ model, normalizer: replace("$&") }, (tokenizer) => {
    assert.deepEqual(tokenizer.encode("ab"), [3, 4, 2]);
  });
});

test("tokens may be named like JavaScript's built-in properties", async () => {
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
  const pieces = ["<unk>", ..."_cdehnoprstuOSPw", ...names.slice(0, 1)];
  const vocab = JSON.stringify(Object.fromEntries(pieces.map((piece, id) => [piece, id])));
  const model = { type: "BPE", unk_token: "<unk>", vocab: JSON.parse(vocab) as unknown, merges: [] };
  const added = JSON.parse(`{"constructor": ${pieces.length}, "__proto__x": ${pieces.length + 1}}`) as object;
  await withTokenizer(
    { model },
    (tokenizer) => {
      assert.equal(tokenizer.tokenToId("__proto__"), pieces.length - 1);
      assert.equal(tokenizer.idToToken(pieces.length - 1), "__proto__");
      assert.deepEqual(tokenizer.encode("constructor"), [pieces.length]);
      assert.equal(tokenizer.tokenToId("hasOwnProperty"), undefined);
    },
    { "added_tokens.json": added },
  );
  const special = { added_tokens: [{ id: 3, content: "__proto__", special: true }] };
  const post = { type: "TemplateProcessing", single: [{ SpecialToken: { id: "__proto__" } }, { Sequence: { id: "A" } }], special_tokens: JSON.parse('{"__proto__": {"ids": [3]}}') as unknown }; // prettier-ignore
  await withTokenizer({ ...special, post_processor: post }, (tokenizer) => {
    assert.deepEqual(tokenizer.encode("a__proto__"), [3, 1, 3]);
  });
});

test("added_tokens.json may name __proto__, and is written back with it", async () => {
  await withTokenizer(
    {},
    (tokenizer) => assert.deepEqual([tokenizer.size, tokenizer.encode("a__proto__")], [4, [1, 3]]),
    { "added_tokens.json": JSON.parse('{"__proto__": 3}') as object },
  );
});

test("a hundred thousand added tokens are found at once", async () => {
  const added_tokens = Array.from({ length: 100_000 }, (_, i) => ({ id: 3 + i, content: `<a${i}>`, special: true }));
  await withTokenizer({ added_tokens }, (tokenizer) => {
    assert.deepEqual(tokenizer.encode(`a<a99999>b<a1>${"<a".repeat(20_000)}`).slice(0, 4), [1, 100_002, 2, 4]);
  });
});

for (const [label, parts, message] of [
  [
    "a merge of no piece",
    { model: { vocab: { a: 0, b: 1, ab: 2 }, merges: ["a b", "a c"] } },
    /model\.merges\.1: "c" is not/,
  ],
  ["a merge to no piece", { model: { vocab: { a: 0, b: 1 }, merges: ["a b"] } }, /model\.merges\.0: "ab" is not/],
  ["dropout", { model: { vocab: { a: 0 }, merges: [], dropout: 0.1 } }, /model\.dropout/],
  [
    "an unknown pattern",
    { pre_tokenizer: { type: "Split", pattern: { Rx: "a" }, behavior: "Isolated", invert: false } },
    /pre_tokenizer\.pattern/,
  ],
  [
    "an unknown behaviour",
    { pre_tokenizer: { type: "Split", pattern: { String: "a" }, behavior: "a", invert: false } },
    /pre_tokenizer\.behavior/,
  ],
  [
    "a pattern of numbers",
    { normalizer: { type: "Sequence", normalizers: [replace("x", { String: 3 })] } },
    /normalizer\.0\.pattern/,
  ],
  ["nothing to prepend", { normalizer: { type: "Prepend" } }, /normalizer\.prepend/],
] as [string, object, RegExp][]) {
  test(`what Python refuses is refused: ${label}`, async () => {
    await assert.rejects(
      withTokenizer(parts, () => undefined),
      (error) => isRocError(error) && error.code === "TOKENIZER_INVALID" && message.test(error.message),
    );
  });
}
