/** The picture side of Qwen2-VL's checkpoints, and their processor. */
import { openFolder, type FolderLike } from "../../files/index.js";
import { QWEN2_WORDS } from "../common/qwen/conversation.js";
import { QwenImages, readImageFiles } from "../common/qwen/images.js";
import { QwenProcessor, readProcessorFiles, type ProcessorFiles } from "../common/qwen/processor.js";
import type { ProcessorOptions } from "../types.js";
import { parseQwen2VlConfig } from "./config.js";

/** A processor of a parsed `config.json` and files; throws as the class. */
export function createQwen2VlProcessor({ config, ...files }: ProcessorFiles & { config: unknown }): QwenProcessor {
  return new QwenProcessor(parseQwen2VlConfig(config), files, { words: QWEN2_WORDS });
}

/** The processor of a checkpoint folder. @param config its parsed `config.json` */
export async function loadQwen2VlProcessor(
  folder: FolderLike,
  config: unknown,
  options?: ProcessorOptions,
): Promise<QwenProcessor> {
  return createQwen2VlProcessor({ config, ...(await readProcessorFiles(folder, options)) });
}

/** The picture side of a checkpoint folder. @param config its parsed `config.json` */
export async function loadQwen2VlImages(
  folder: FolderLike,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<QwenImages> {
  const files = openFolder(folder);
  const { vision } = parseQwen2VlConfig(config, files.file("config.json"));
  return new QwenImages(vision, await readImageFiles(files, options));
}
