/** The picture side of Qwen3-VL's checkpoints, and their processor. */
import { openFolder, type FolderLike } from "../../files/index.js";
import { QWEN3_IMAGES } from "../common/qwen/image-config.js";
import { QwenImages, readImageFiles } from "../common/qwen/images.js";
import { QwenProcessor, readProcessorFiles, type ProcessorFiles } from "../common/qwen/processor.js";
import type { ProcessorOptions } from "../types.js";
import { parseQwen3VlConfig } from "./config.js";

/** Without a system turn. */
const WORDS = {};

/** A processor of a parsed `config.json` and files; throws as the class. */
export function createQwen3VlProcessor({ config, ...files }: ProcessorFiles & { config: unknown }): QwenProcessor {
  return new QwenProcessor(parseQwen3VlConfig(config), files, { images: QWEN3_IMAGES, words: WORDS });
}

/** The processor of a checkpoint folder. @param config its parsed `config.json` */
export async function loadQwen3VlProcessor(
  folder: FolderLike,
  config: unknown,
  options?: ProcessorOptions,
): Promise<QwenProcessor> {
  return createQwen3VlProcessor({ config, ...(await readProcessorFiles(folder, options)) });
}

/** The picture side of a checkpoint folder. @param config its parsed `config.json` */
export async function loadQwen3VlImages(
  folder: FolderLike,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<QwenImages> {
  const files = openFolder(folder);
  const { vision } = parseQwen3VlConfig(config, files.file("config.json"));
  return new QwenImages(vision, await readImageFiles(files, options), QWEN3_IMAGES);
}
