/** The demo's parts before training. */
import { smallModels } from "../../models/registry.js";
import { randomSource } from "../../nn/index.js";
import { addScoreTokens, rocStrategy, type LossWeights } from "../../roc/index.js";
import { loadTokenizer, trainTokenizer } from "../../tokenizers/index.js";
import type { Trainable } from "../../train/start/start.js";
import { DEMO_FAMILY, DEMO_TEMPLATES, tokenizerTexts, type DemoModel } from "./sizes.js";
import { writeFiles } from "../../files/index.js";

/**
 * The untrained demo model with its tokenizer, processor and score tokens.
 *
 * @param folder gets the tokenizer's files
 */
export async function createDemo(
  folder: string,
  seed: number,
  sizes: DemoModel,
  weights: LossWeights,
): Promise<Trainable> {
  const templates = DEMO_TEMPLATES;
  const files = trainTokenizer(tokenizerTexts(templates), { vocabSize: sizes.vocabulary });
  await writeFiles(folder, { ...files });
  const tokenizer = await loadTokenizer(folder);
  const { model, processor } = smallModels(DEMO_FAMILY).create(sizes, tokenizer, randomSource({ seed }));
  const vocabulary = addScoreTokens(model, tokenizer, { weights });
  const parts = { model, processor, strategy: rocStrategy(vocabulary), templates };
  return { parts, prepare: (picture) => processor.pixels(picture) };
}
