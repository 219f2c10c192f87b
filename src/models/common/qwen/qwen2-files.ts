/** How checkpoint folders of Qwen2-VL and Qwen2.5-VL become models, pictures and processors. */
import { openFolder, type FolderLike } from "../../../files/index.js";
import type { ParamSource } from "../../../nn/index.js";
import type { FamilyLoadOptions, ProcessorOptions } from "../../types.js";
import { QWEN2_WORDS } from "./conversation.js";
import { QwenImages, readImageFiles } from "./images.js";
import { loadQwen } from "./load.js";
import { publicName } from "./names.js";
import { QwenProcessor, readProcessorFiles, type ProcessorFiles } from "./processor.js";
import type { Qwen2Config } from "./qwen2-mllm.js";

/** The parts of a processor. */
export type Qwen2ProcessorParts = ProcessorFiles & {
  /** The checkpoint's parsed `config.json`. */
  readonly config: unknown;
};

/** What both families do with a folder. */
export interface Qwen2Files<Model> {
  /** Tied and untied, in the public layout and in that of transformers' memory; throws as `loadQwen`. */
  readonly load: (folder: FolderLike, options?: FamilyLoadOptions) => Promise<Model>;
  /** @param config the parsed `config.json` */
  readonly loadImages: (folder: FolderLike, config: unknown, options?: ProcessorOptions) => Promise<QwenImages>;
  /** @param config the parsed `config.json` */
  readonly loadProcessor: (folder: FolderLike, config: unknown, options?: ProcessorOptions) => Promise<QwenProcessor>;
  /** A processor of its parts; throws as the class. */
  readonly createProcessor: (parts: Qwen2ProcessorParts) => QwenProcessor;
}

export function qwen2Files<Config extends Qwen2Config, Model extends { dispose(): void }>(
  parse: (config: unknown, file?: string, vocabSize?: number) => Config,
  make: (config: Config, source: ParamSource) => Model,
): Qwen2Files<Model> {
  const createProcessor = ({ config, ...files }: Qwen2ProcessorParts): QwenProcessor =>
    new QwenProcessor(parse(config), files, { words: QWEN2_WORDS });
  return {
    createProcessor,
    load: (folder, options = {}) =>
      loadQwen(folder, options, {
        matrices: { embedding: "model.embed_tokens.weight", head: "lm_head.weight" },
        rename: publicName,
        // The vision tower's frequencies; the reward head of HPSv3, which its reading has.
        computed: /^(visual\.rotary_pos_emb\.inv_freq$|rm_head\.)/,
        ...{ parse, make },
      }),
    async loadImages(folder, config, options = {}) {
      const files = openFolder(folder);
      const { vision } = parse(config, files.file("config.json"));
      return new QwenImages(vision, await readImageFiles(files, options));
    },
    loadProcessor: async (folder, config, options) =>
      createProcessor({ config, ...(await readProcessorFiles(folder, options)) }),
  };
}
