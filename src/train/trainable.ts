/** What a run trains, from and to checkpoint folders: the model with score tokens, its processor and its texts. */
import { RocError } from "../errors.js";
import { loadImageProcessor } from "../image/index.js";
import type { RgbImage } from "../image/types.js";
import { loadMllm } from "../models/registry.js";
import { addScoreTokens, DEFAULT_TEMPLATES, loadTemplates, vocabularyFromConfig } from "../roc/index.js";
import type { RocTemplates, ScoreTokenOptions, ScoringParts } from "../roc/index.js";

export interface Trainable {
  readonly parts: ScoringParts;
  /** Pads, resizes and crops as the checkpoint's image processor does; its own results stay as they are. */
  readonly prepare: (image: RgbImage) => RgbImage;
}

export interface StartOptions extends ScoreTokenOptions {
  /** Default: the checkpoint's own, else those of the released code. */
  readonly templates?: RocTemplates;
  readonly device?: string;
}

/**
 * A checkpoint to start from, in float32; gets score tokens where it has none.
 * @throws RocError for a folder that is no checkpoint, or one whose score tokens contradict `options`
 */
export async function startFrom(folder: string, options: StartOptions = {}): Promise<Trainable> {
  const { templates = await loadTemplates(folder), device = "cpu" } = options;
  const { model, processor } = await loadMllm(folder, { dtype: "float32", device });
  const vocabulary = addScoreTokens(model, processor.tokenizer, options);
  const parts = { model, processor, vocabulary, templates: templates ?? DEFAULT_TEMPLATES };
  return { parts, prepare: await preparer(folder) };
}

/**
 * A checkpoint with score tokens and texts: what a run's states are.
 * @throws RocError CHECKPOINT_INVALID where the folder's checkpoint has no score tokens or texts
 */
export async function reopen(
  folder: string,
  options: { device?: string; dtype?: "float32" | "float16" | "bfloat16" } = {},
): Promise<Trainable> {
  const { model, processor } = await loadMllm(folder, { dtype: "float32", ...options });
  const vocabulary = vocabularyFromConfig(model.config);
  const templates = await loadTemplates(folder);
  if (vocabulary === undefined || templates === undefined) {
    model.dispose();
    throw new RocError("CHECKPOINT_INVALID", `${folder} has no score tokens or no texts; start a run from it instead.`);
  }
  return { parts: { model, processor, vocabulary, templates }, prepare: await preparer(folder) };
}

async function preparer(folder: string): Promise<Trainable["prepare"]> {
  const processor = await loadImageProcessor(folder);
  return (image) => processor.process(image).pixels;
}
