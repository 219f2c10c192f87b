/** The small files that the commands of README.md and docs/ are run on: pictures, data sets and checkpoints by their names there. */
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { saveCheckpoint } from "../../src/engine/index.js";
import { createMplugOwl2 } from "../../src/models/mplugowl2/index.js";
import { saveMllm } from "../../src/models/save.js";
import { randomSource } from "../../src/nn/index.js";
import { createBase } from "../../src/studies/claims/base.js";
import { writeStudioFormats } from "../../src/studio/index.js";
import { loadTokenizer, trainTokenizer } from "../../src/tokenizers/index.js";
import { scope } from "../../src/torch/index.js";
import { openSafetensors, saveSafetensors } from "../../src/weights/index.js";
import { readJson } from "../../src/files/index.js";
import { fixture, ROOT } from "../support.js";

/** Pictures of my-photos/, which is a data set on the page about data. */
const NAMES = ["harbour", "market", "bridge", "garden", "street", "tower"];
const SMALL = {
  ...({ family: "llava", imageSize: 28, patch: 14, visionWidth: 16, visionLayers: 1, visionHeads: 2 } as const),
  ...{ textWidth: 32, textLayers: 1, textHeads: 2, vocabulary: 600 },
};

async function writePhotos(folder: string): Promise<void> {
  const from = join(ROOT, "examples/photos");
  const photos = (await readdir(from)).filter((name) => name.endsWith(".jpg")).sort();
  const copy = async (to: string, at: number): Promise<void> =>
    cp(join(from, photos[at] ?? ""), join(folder, to), { recursive: true });
  for (const [at, name] of NAMES.entries()) await copy(`my-photos/images/${name}.jpg`, at);
  for (const [at, to] of ["holiday/day-1/beach.jpg", "a.jpg", "b.jpg", "photo.jpg"].entries()) await copy(to, at);
  await cp(from, join(folder, "examples/photos"), { recursive: true });
}

/** A LLaVA without score tokens, as the public one. */
async function writeLlava(folder: string): Promise<void> {
  const templates = { prompts: ["<image>\nRate it."], answers: ["{overall}"] };
  const texts = ["The photo has points: light, composition, colour.", "The aesthetic rate of the image is"];
  const { parts } = await createBase(folder, SMALL, 1, { templates, texts });
  await saveCheckpoint(folder, parts);
  parts.model.dispose();
}

/** Vocabulary of test/fixtures/inspect/make.py. */
const SCORES = {
  ...{ score_id: 80, num_tokens: 6, img_token_num: 6, output_first_id: 81, output_last_id: 86 },
  ...{ min_score: 1, max_score: 10, l1_weight: 1, ce_weight: 10, emd_weight: 0.5 },
};

/** A checkpoint with the inputs of `inspect forward` and, cut out of them, those of `inspect generate`. */
async function writeTiny(folder: string): Promise<void> {
  const tiny = join(folder, "tiny-llava");
  await cp(fixture("llava/tiny"), tiny, { recursive: true });
  const config = join(tiny, "config.json");
  await writeFile(config, JSON.stringify({ ...((await readJson(config)) as object), ...SCORES }));
  await cp(fixture("inspect/inputs.safetensors"), join(folder, "in.safetensors"));
  using inputs = await openSafetensors(fixture("inspect/inputs.safetensors"));
  using input_ids = scope(() => inputs.tensor("input_ids").narrow(0, 0, 1).narrow(1, 0, 19).contiguous());
  using pixel_values = scope(() => inputs.tensor("pixel_values").narrow(0, 0, 1).contiguous());
  await saveSafetensors(join(folder, "prompt.safetensors"), new Map(Object.entries({ input_ids, pixel_values })));
}

/** An mPLUG-Owl2 in OneAlign's form: without score tokens, scored by level words. */
async function writeOwl(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const words = ["excellent", "good", "fair", "poor", "bad"].map((word) => `The quality of the image is ${word} .`);
  const files = trainTokenizer([...words, ...words, "USER: How would you rate ASSISTANT:"], { vocabSize: 380 });
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), String(content));
  const tokenizer = await loadTokenizer(folder);
  const config = Object.entries((await readJson(fixture("mplugowl2/tiny/config.json"))) as Record<string, unknown>);
  const plain = config.filter(([key]) => /^[be]os_token_id$/.test(key) || !/score|_id$|weight$/.test(key));
  const random = randomSource({ seed: 3 });
  using model = createMplugOwl2({ ...Object.fromEntries(plain), vocab_size: tokenizer.size, image_aspect_ratio: "pad" }, random); // prettier-ignore
  await saveMllm(model, folder);
  await cp(fixture("mplugowl2/tiny/preprocessor_config.json"), join(folder, "preprocessor_config.json")).catch(
    () => {},
  );
  await tokenizer.save(folder);
}

/** Data sets in the layout of the official ones; `data/` and `datasets/` hold them as the tables' recipes want them. */
async function writeData(folder: string): Promise<void> {
  const formats = ["ava", "tad66k"] as const;
  await writeStudioFormats(join(folder, "sets"), { formats, seed: 1, count: 24, longEdge: 48, testFraction: 0.3 });
  for (const [name, kind] of Object.entries({ AVA: "ava", TAD66K: "tad66k" }))
    for (const to of [name, `data/${name}`, `datasets/${name}`]) await cp(join(folder, "sets", kind), join(folder, to), { recursive: true }); // prettier-ignore
  const test = await readFile(join(folder, "AVA/aesthetics_image_lists/generic_test.jpgl"), "utf8");
  const rows = test.trim().split("\n").map((id, at) => `${id},${3 + ((at * 7) % 40) / 10}`); // prettier-ignore
  await writeFile(join(folder, "other-system.csv"), ["image,score", ...rows, ""].join("\n"));
}

/** Makes everything in a folder. */
export async function writeInputs(folder: string): Promise<void> {
  await writePhotos(folder);
  await writeData(folder);
  for (const name of ["my-llava", "llava-hf/llava-1.5-7b-hf"]) await writeLlava(join(folder, name));
  for (const name of ["q-future/one-align", "MAGAer13/mplug-owl2-llama2-7b"]) await writeOwl(join(folder, name));
  await cp(join(ROOT, "models/demo"), join(folder, "my-checkpoint"), { recursive: true });
  await writeTiny(folder);
  await cp(fixture("onnx/distribution.onnx"), join(folder, "nima.onnx"));
  await cp(join(ROOT, "configs"), join(folder, "configs"), { recursive: true });
}
