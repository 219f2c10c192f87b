/** A scan by a made-up judge, whose score is a picture's mean brightness: bench/library.ts kills it. Arguments: library, folder. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Model, ScoreFailure, ScoreInputs, ScoreOptions, ScoreResult } from "../src/engine/index.js";
import { decodeImage } from "../src/image/index.js";
import { scan } from "../src/library/scan/scan.js";

const [library = "", folder = ""] = process.argv.slice(2);
const scale = { min: 0, max: 255 };

async function* score(
  inputs: ScoreInputs,
  { onPicture }: ScoreOptions = {},
): AsyncGenerator<ScoreResult | ScoreFailure> {
  for await (const input of inputs as AsyncIterable<string>) {
    const picture = await decodeImage(input);
    await onPicture?.(input, { stored: picture, orientation: 1 });
    const mean = picture.data.reduce((sum, value) => sum + value, 0) / picture.data.length;
    const embedding = Float32Array.from({ length: 256 }, (_, i) => mean + i);
    yield { file: input, score: mean, scale, std: 1, distribution: [0.5, 0.5], answer: "", model: "stub", embedding };
  }
}

const nothing = (): void => undefined;
const model: Model = { name: "stub", digest: "0".repeat(64), settings: {}, scale, score, scoreOne: () => Promise.reject(new Error("not asked for")), dispose: nothing, [Symbol.dispose]: nothing }; // prettier-ignore

const folders = (await readdir(folder)).sort((a, b) => Number(a) - Number(b));
const began = performance.now();
const files: string[] = [];
for (const name of folders) files.push(...(await readdir(join(folder, name))).map((file) => join(folder, name, file)));
const summary = await scan({ library, files, folders: [folder], model });
console.log(JSON.stringify({ ...summary, seconds: (performance.now() - began) / 1000 }));
