/** The picture side of Qwen3.5's checkpoints, and their processor. */
import { openFolder, type FolderLike } from "../../files/index.js";
import { QWEN3_IMAGES } from "../common/qwen/image-config.js";
import { QwenImages, readImageFiles } from "../common/qwen/images.js";
import { QwenProcessor, readProcessorFiles, type ProcessorFiles } from "../common/qwen/processor.js";
import type { ProcessorOptions } from "../types.js";
import { parseQwen35Config } from "./config.js";

/**
 * Without a system turn, and with an empty thought: an answer is scored where it is given at once, whichever way a checkpoint's
 * template takes where it is not asked (the smaller ones do not think, the larger ones do).
 */
const WORDS = { lead: "<think>\n\n</think>\n\n", variables: { enable_thinking: false } };

/** A processor of a parsed `config.json` and files; throws as the class. */
export function createQwen35Processor({ config, ...files }: ProcessorFiles & { config: unknown }): QwenProcessor {
  return new QwenProcessor(parseQwen35Config(config), files, { images: QWEN3_IMAGES, words: WORDS });
}

/** The processor of a checkpoint folder. @param config its parsed `config.json` */
export async function loadQwen35Processor(
  folder: FolderLike,
  config: unknown,
  options?: ProcessorOptions,
): Promise<QwenProcessor> {
  return createQwen35Processor({ config, ...(await readProcessorFiles(folder, options)) });
}

/** The picture side of a checkpoint folder. @param config its parsed `config.json` */
export async function loadQwen35Images(
  folder: FolderLike,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<QwenImages> {
  const files = openFolder(folder);
  const { vision } = parseQwen35Config(config, files.file("config.json"));
  return new QwenImages(vision, await readImageFiles(files, options), QWEN3_IMAGES);
}
