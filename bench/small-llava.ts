/** The checkpoint of bench/score and bench/start: a LLaVA of 31 million parameters at 336 pixels with random weights. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { saveCheckpoint } from "../src/engine/index.js";
import { writeFiles } from "../src/files/index.js";
import { smallModels } from "../src/models/registry.js";
import type { SmallSizes } from "../src/models/types.js";
import { randomSource } from "../src/nn/index.js";
import { addScoreTokens, LOSS_PRESETS, type RocTemplates } from "../src/roc/index.js";
import { manualSeed, noGrad, randn, scope } from "../src/torch/index.js";
import { loadTokenizer, trainTokenizer } from "../src/tokenizers/index.js";

/** The released code's texts. */
const TEMPLATES: RocTemplates = {
  prompts: ["<image>\nCould you evaluate the aesthetics of this image?"],
  answers: ["The aesthetic rate of the image is {overall}. "],
};

/** The prompt as the processor writes it, and the answer's text before and behind T_p. */
export const TEXTS = {
  prompt: `USER: ${TEMPLATES.prompts[0]} ASSISTANT:`,
  answer: "The aesthetic rate of the image is [SCORE]. ",
} as const;

const IMAGE_SIZE = 336;
const SIZES: SmallSizes = { imageSize: IMAGE_SIZE, patch: 14, visionWidth: 256, visionLayers: 6, visionHeads: 4, textWidth: 512, textLayers: 8, textHeads: 8 }; // prettier-ignore

/** For trying a bench. */
export const TINY_LLAVA: SmallSizes = { imageSize: 56, patch: 14, visionWidth: 32, visionLayers: 2, visionHeads: 2, textWidth: 32, textLayers: 2, textHeads: 2 }; // prettier-ignore

/** As llava-hf's: the shortest edge to the model's size, the middle of it. */
function pixelsConfig(side: number): object {
  const common = { do_resize: true, resample: 3, do_rescale: true, do_normalize: true, do_convert_rgb: true };
  const square = { height: side, width: side };
  return {
    image_processor_type: "CLIPImageProcessor",
    ...{ ...common, do_center_crop: true, size: { shortest_edge: side }, crop_size: square },
  };
}

/** Standard deviation of the score tokens' rows: large, so that scores of different pictures are different. */
const DRAWN = 0.1;

/** Writes the checkpoint. @returns its parameters */
export async function writeSmallLlava(
  folder: string,
  sizes: SmallSizes = SIZES,
  templates: RocTemplates = TEMPLATES,
): Promise<number> {
  const { prompts, answers } = templates;
  const texts = [...prompts.map((prompt) => `USER: ${prompt} ASSISTANT:`), ...answers.flatMap((answer) => ` ${answer}`.split(/\{\w+\}/))]; // prettier-ignore
  await writeFiles(folder, { ...trainTokenizer([...texts, ...texts], { vocabSize: 600 }) });
  const tokenizer = await loadTokenizer(folder);
  const { model, processor } = smallModels("llava").create(sizes, tokenizer, randomSource({ seed: 1 }));
  try {
    const { scoreIds } = addScoreTokens(model, tokenizer, { weights: LOSS_PRESETS.paper });
    const head = [...model.parameters()].find(([name]) => name.endsWith("lm_head.weight"))?.[1];
    if (!head) throw new Error("the model has no lm_head.weight");
    const [first = 0] = scoreIds;
    manualSeed(2);
    noGrad(() =>
      scope(() => {
        head.narrow(0, first, scoreIds.length).copy_(randn([scoreIds.length, head.size(1)]).mul(DRAWN));
      }),
    );
    await saveCheckpoint(folder, { model, processor, templates });
    writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify(pixelsConfig(sizes.imageSize), null, 2));
    return [...model.parameters().values()].reduce((sum, { numel }) => sum + numel, 0);
  } finally {
    model.dispose();
  }
}
