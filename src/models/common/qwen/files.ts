/** How checkpoint folders of Qwen's families become models, pictures and processors. */
import { openFolder, type FolderLike } from "../../../files/index.js";
import type { FamilyLoadOptions, ProcessorOptions } from "../../types.js";
import type { QwenConfig } from "./config.js";
import { QWEN2_WORDS } from "./conversation.js";
import { QWEN3_IMAGES } from "./image-config.js";
import { QwenImages, readImageFiles } from "./images.js";
import { loadQwen, type LoadKind } from "./load.js";
import { memoryName, publicName } from "./names.js";
import { QwenProcessor, readProcessorFiles, type ProcessorFiles, type ProcessorKind } from "./processor.js";

/** The parts of a processor. */
export type QwenProcessorParts = ProcessorFiles & {
  /** The checkpoint's parsed `config.json`. */
  readonly config: unknown;
};

/** What the families do with a folder. */
export interface QwenFiles<Model> {
  /** Tied and untied, in the public layout and in that of transformers' memory; throws as `loadQwen`. */
  readonly load: (folder: FolderLike, options?: FamilyLoadOptions) => Promise<Model>;
  /** @param config the parsed `config.json` */
  readonly loadImages: (folder: FolderLike, config: unknown, options?: ProcessorOptions) => Promise<QwenImages>;
  /** @param config the parsed `config.json` */
  readonly loadProcessor: (folder: FolderLike, config: unknown, options?: ProcessorOptions) => Promise<QwenProcessor>;
  /** A processor of its parts; throws as the class. */
  readonly createProcessor: (parts: QwenProcessorParts) => QwenProcessor;
}

/** What of a family's folders is its own. */
export interface QwenKind<Config, Model> extends LoadKind<Config, Model>, ProcessorKind {
  readonly parse: (config: unknown, file?: string, vocabSize?: number) => Config;
}

export function qwenFiles<Config extends QwenConfig, Model extends { dispose(): void }>(
  kind: QwenKind<Config, Model>,
): QwenFiles<Model> {
  const { parse } = kind;
  const createProcessor = ({ config, ...files }: QwenProcessorParts): QwenProcessor =>
    new QwenProcessor(parse(config), files, kind);
  return {
    createProcessor,
    load: (folder, options = {}) => loadQwen(folder, options, kind),
    async loadImages(folder, config, options = {}) {
      const files = openFolder(folder);
      const { vision } = parse(config, files.file("config.json"));
      return new QwenImages(vision, await readImageFiles(files, options), kind.images);
    },
    loadProcessor: async (folder, config, options) =>
      createProcessor({ config, ...(await readProcessorFiles(folder, options)) }),
  };
}

/** What Qwen2-VL's and Qwen2.5-VL's folders have in common. */
export const QWEN2_FILES = {
  matrices: { embedding: "model.embed_tokens.weight", head: "lm_head.weight" },
  rename: publicName,
  // The vision tower's frequencies; the reward head of HPSv3, which its reading has.
  computed: /^(visual\.rotary_pos_emb\.inv_freq$|rm_head\.)/,
  words: QWEN2_WORDS,
} as const;

/** What Qwen3-VL's and Qwen3.5's folders have in common: the public files have the names in transformers' memory. */
export const QWEN3_FILES = {
  matrices: { embedding: "model.language_model.embed_tokens.weight", head: "lm_head.weight" },
  rename: memoryName,
  images: QWEN3_IMAGES,
} as const;
