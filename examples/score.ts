/**
 * Scores photographs with a checkpoint, from a program.
 *
 *     node dist/examples/score.js <checkpoint folder> [photo ...]
 *
 * Without photos it takes those of examples/photos.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { load } from "roc4mllm";

const PHOTOS = fileURLToPath(new URL("../../examples/photos/", import.meta.url));

const [checkpoint, ...given] = process.argv.slice(2);
if (checkpoint === undefined) {
  console.error("usage: node dist/examples/score.js <checkpoint folder> [photo ...]");
  process.exit(2);
}
const photos = given.length > 0 ? given : (await readdir(PHOTOS)).sort().map((name) => join(PHOTOS, name));

// Ctrl-C ends the loop below with an error instead of the process, so that the model is freed.
const controller = new AbortController();
process.once("SIGINT", () => controller.abort());

using model = await load(checkpoint);
console.log(`${model.name}, scores from ${model.scale.min} to ${model.scale.max}`);
for await (const result of model.score(photos, { signal: controller.signal })) {
  if ("error" in result) console.log(`${result.file}: ${result.error.message}`);
  else console.log(`${result.score.toFixed(2)} ± ${result.std.toFixed(2)}  ${result.file}  "${result.answer.trim()}"`);
}
