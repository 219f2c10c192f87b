/** The small models that the experiment starts from, untrained: of like size in every family, without score tokens. */
import { smallModels } from "../../models/registry.js";
import { randomSource } from "../../nn/index.js";
import { createStrategy, LEVELS, type RocTemplates } from "../../roc/index.js";
import { loadTokenizer, trainTokenizer, type Tokenizer } from "../../tokenizers/index.js";
import type { Trainable } from "../../train/index.js";
import type { BackboneConfig } from "./config.js";
import { writeFiles } from "../../files/index.js";

/** Of every score in this experiment's texts. */
const SCALE = { min: 1, max: 10 };

/** Often enough for every level word to become one token, as it is in the tokenizers of the large models. */
const LEVEL_REPEATS = 400;

/** What a base model is made of beside its sizes. */
export interface BaseTexts {
  /** Kept with the checkpoint. */
  readonly templates: RocTemplates;
  /** Every text of the runs, except scores: the tokenizer learns its pieces from it. */
  readonly texts: readonly string[];
}

/**
 * An untrained model. Its strategy is `direct`, which needs no tokens of its own: what is fine-tuned from it chooses another.
 *
 * @param folder gets the tokenizer's files
 */
export async function createBase(
  folder: string,
  backbone: BackboneConfig,
  seed: number,
  { templates, texts }: BaseTexts,
): Promise<Trainable> {
  const tokenizer = await makeTokenizer(folder, backbone, tokenizerTexts(texts));
  const { model, processor } = smallModels(backbone.family).create(backbone, tokenizer, randomSource({ seed }));
  const strategy = createStrategy("direct", { scale: SCALE });
  const parts = { model, processor, strategy, templates: { ...templates, strategy: "direct" as const, scale: SCALE } };
  return { parts, prepare: (picture) => processor.pixels(picture) };
}

async function makeTokenizer(
  folder: string,
  { family, vocabulary }: BackboneConfig,
  texts: readonly string[],
): Promise<Tokenizer> {
  const { specialTokens } = smallModels(family);
  const files = trainTokenizer(texts, { vocabSize: vocabulary, specialTokens });
  await writeFiles(folder, { ...files });
  return loadTokenizer(folder);
}

/** Digits stay single tokens, as in LLaMA's tokenizer: each is a word of its own here. */
function tokenizerTexts(texts: readonly string[]): string[] {
  const levels = new Array<string>(LEVEL_REPEATS).fill(LEVELS.join(" "));
  return [...texts, ...levels, "0 1 2 3 4 5 6 7 8 9", "USER: ASSISTANT: user assistant system"];
}
