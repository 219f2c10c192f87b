/** A folder with a small toy: fresh weights, a tokenizer of its texts, an image processor. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { atomicWriteJson, makeFolder } from "../../../src/files/index.js";
import { saveMllm } from "../../../src/models/save.js";
import { randomSource } from "../../../src/nn/index.js";
import { LEVELS } from "../../../src/roc/index.js";
import { loadTokenizer, trainTokenizer } from "../../../src/tokenizers/index.js";
import { createToy } from "./family.js";

/** Sides in pixels: four patches a picture. */
export const SIDE = 16;
export const PATCH = 8;

/** Everything that a test says to it. */
const TEXTS = [
  "Sees: <image> Rate it. Says: The rate is ",
  LEVELS.join(" "),
  "0 1 2 3 4 5 6 7 8 9 . , one two exposure",
];

/** Writes the checkpoint into a folder, which is made. @param more keys of config.json */
export async function writeToy(folder: string, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await makeFolder(folder);
  const files = trainTokenizer(TEXTS, { vocabSize: 340 });
  for (const [name, content] of Object.entries(files) as [string, string][]) {
    await writeFile(join(folder, name), content);
  }
  const tokenizer = await loadTokenizer(folder);
  const config = {
    model_type: "toy",
    image_token_id: tokenizer.tokenToId("<image>"),
    ...{ image_size: SIDE, patch_size: PATCH, eye_size: 16 },
    ...{ vocab_size: tokenizer.size, hidden_size: 24, num_hidden_layers: 2, num_attention_heads: 2 },
    ...more,
  };
  using model = createToy(config, randomSource({ seed: 6 }));
  await saveMllm(model, folder);
  const square = { height: SIDE, width: SIDE };
  await atomicWriteJson(join(folder, "preprocessor_config.json"), {
    image_processor_type: "CLIPImageProcessor",
    do_center_crop: false,
    size: square,
  });
}
