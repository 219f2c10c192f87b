/**
 * Scores the photographs of examples/photos from a program.
 *
 *     node dist/examples/score.js [checkpoint folder]      (default: the demo weights)
 */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { load } from "roc4mllm";

/** A path in the repository; compiled examples lie in dist/examples/. */
const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

const folder = path("examples/photos");
const photos = (await readdir(folder)).sort().map((name) => join(folder, name));

using model = await load(process.argv[2] ?? path("models/demo"));
console.log(`${model.name}, from ${model.scale.min} to ${model.scale.max}`);
for await (const result of model.score(photos)) {
  if ("error" in result) console.log(`${basename(result.file)}: ${result.error.message}`);
  else
    console.log(
      `${basename(result.file)}: ${result.score.toFixed(2)} ± ${(result.std ?? 0).toFixed(2)}: ${result.answer}`,
    );
}
