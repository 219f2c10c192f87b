/**
 * `npm run fuzz -- READER [--seed N] [--count N] [--accepted FILE] [--inputs FILE]`: broken inputs to one reader, or to
 * `all`. `--accepted` writes those that were read as JSON Lines, for a reference to read them too; `--inputs` all of them.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { FILE_READERS } from "./files.js";
import { fuzz, type FuzzReader } from "./run.js";
import { TOKENIZER_READERS } from "./tokenizers.js";

const READERS: readonly FuzzReader[] = [...TOKENIZER_READERS, ...FILE_READERS];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "10000" },
    accepted: { type: "string" },
    inputs: { type: "string" },
  },
});
const chosen = READERS.filter(({ name }) => positionals.includes(name) || positionals.includes("all"));
if (chosen.length === 0) {
  process.stderr.write(`npm run fuzz -- READER; readers: all, ${READERS.map(({ name }) => name).join(", ")}\n`);
  process.exit(2);
}
for (const reader of chosen) {
  const [lines, all]: [string[], string[]] = [[], []];
  let index = -1;
  for await (const { input, accepted, refused } of fuzz(reader, Number(values.seed), Number(values.count))) {
    index++;
    const line = JSON.stringify({ index, input, ...accepted, refused });
    if (accepted) lines.push(line);
    if (values.inputs) all.push(line);
  }
  process.stdout.write(
    `${reader.name}: ${index + 1} inputs of seed ${values.seed}, ${lines.length} read, others refused\n`,
  );
  if (values.accepted) writeFileSync(values.accepted, lines.map((line) => `${line}\n`).join(""));
  if (values.inputs) writeFileSync(values.inputs, all.map((line) => `${line}\n`).join(""));
}
