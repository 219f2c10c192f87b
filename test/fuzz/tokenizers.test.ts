/** Broken tokenizers and templates: a value or one of our errors. More: `npm run fuzz -- READER --seed N --count N`. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fuzz, mutantOf } from "./run.js";
import { JSON_READER, TEXTS, TOKENIZER_READERS } from "./tokenizers.js";
import { fixture } from "../support.js";

const COUNT = 200;

for (const reader of TOKENIZER_READERS) {
  test(`${reader.name}: ${COUNT} broken inputs are read or refused`, async () => {
    let [read, refused] = [0, 0];
    for await (const { accepted } of fuzz(reader, 1, COUNT)) {
      if (accepted) read++;
      else refused++;
    }
    assert.ok(read > 0 && refused > 0, `${read} read, ${refused} refused`);
  });
}

test("broken tokenizer.json files that are read give the ids that Python's tokenizers give (test/fixtures/fuzz/make.py)", async () => {
  const { made, cases } = JSON.parse(readFileSync(fixture("fuzz/tokenizer-json.json"), "utf8")) as {
    made: { seed: number };
    cases: Record<string, number[][] | null>;
  };
  const known = Object.entries(cases).filter(([, ids]) => ids !== null);
  assert.ok(known.length > 100);
  for (const [index, ids] of known) {
    const read = (await JSON_READER.read(mutantOf(JSON_READER, made.seed, Number(index)))) as number[][];
    TEXTS.forEach((text, i) => assert.deepEqual(read[i], ids?.[i], `input ${index}: ${JSON.stringify(text)}`));
  }
});
