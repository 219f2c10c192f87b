/** Broken files of every kind but tokenizers: a value or one of our errors. More: `npm run fuzz -- READER --seed N --count N`. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { BIN_READER, FILE_READERS, SAFETENSORS_READER } from "./files.js";
import { fuzz, mutantOf } from "./run.js";
import { fixture } from "../support.js";

/** Inputs; those that build models or copy folders take longer. */
const COUNTS: Readonly<Record<string, number>> = {
  "config.json": 200,
  "preprocessor_config.json": 200,
  image: 150,
  heic: 100,
  xmp: 300,
};
const COUNT = 500;
/** What the readers may have taken of memory that is not given back; ten thousand inputs of some kilobytes. */
const MOST_BYTES = 3e9;

for (const reader of FILE_READERS) {
  const count = COUNTS[reader.name] ?? COUNT;
  test(`${reader.name}: ${count} broken inputs are read or refused`, { timeout: 600_000 }, async () => {
    let [read, refused] = [0, 0];
    for await (const { accepted } of fuzz(reader, 1, count)) {
      if (accepted) read++;
      else refused++;
    }
    assert.ok(read > 0 && refused > 0, `${read} read, ${refused} refused`);
    assert.ok(process.memoryUsage().rss < MOST_BYTES);
  });
}

test("a broken Parquet file ends no process by an error that nobody waits for", async () => {
  const reader = FILE_READERS.find(({ name }) => name === "predictions");
  assert.ok(reader);
  for (const index of [1588, 3660]) {
    await assert.rejects(async () => reader.read(mutantOf(reader, 11, index)), { code: "DATA_INVALID" });
    // The test runner counts an unhandled rejection that comes by then.
    await new Promise((passed) => setTimeout(passed, 20));
  }
});

/** Why we refuse what Python reads. */
const STRICTER: readonly RegExp[] = [
  // Neither says anything of a tensor: a file that has it was not written by a safetensors writer, or is damaged.
  /has the unknown field|__metadata__ is not an object of texts/,
  // Bytes behind the zip's end, or a 64-bit record that is not where it is said to be: appended to, or damaged.
  /zip directory is missing|64-bit zip directory is damaged/,
  // One storage as two types: Python takes the first.
  /has two types or lengths/,
  // Python does not look at it.
  /byte order is not little-endian/,
];

/** As make-files.py makes it. */
function digestOf(value: unknown): string {
  const parts = Object.entries(value as Record<string, unknown[]>).map(([name, rest]) => [name, ...rest]);
  parts.sort(([a], [b]) => Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b))));
  const text = JSON.stringify(parts).replace(/[\u007f-\uffff]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`); // prettier-ignore
  return createHash("sha256").update(text).digest("hex");
}

const { made, ...reference } = JSON.parse(readFileSync(fixture("fuzz/files.json"), "utf8")) as {
  made: { seed: number };
  safetensors: Record<string, string | null>;
  bin: Record<string, string | null>;
};

for (const [name, reader] of [
  ["safetensors", SAFETENSORS_READER],
  ["bin", BIN_READER],
] as const) {
  test(`${name}: broken files that are read hold what Python reads (test/fixtures/fuzz/make-files.py)`, async () => {
    let same = 0;
    for (const [index, digest] of Object.entries(reference[name])) {
      try {
        const value = await reader.read(mutantOf(reader, made.seed, Number(index)));
        if (digest === null) continue;
        assert.equal(digestOf(value), digest, `input ${index}`);
        same++;
      } catch (error) {
        assert.ok(isRocError(error), String(error));
        const isStricter = digest !== null && STRICTER.some((reason) => reason.test(error.message));
        assert.ok(isStricter, `input ${index}, which Python reads: ${error.message}`);
      }
    }
    assert.ok(same > 80, `${same} are read by both`);
  });
}
