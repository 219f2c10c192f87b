/** Pixels and text to LLaVA-OneVision's inputs, as the checkpoint's own files say. */
import { join } from "node:path";
import { RocError } from "../../errors.js";
import { atomicWriteJson, openFolder, type FolderLike } from "../../files/index.js";
import { loadChatTemplate, loadTokenizer, type ChatTemplate, type Tokenizer } from "../../tokenizers/index.js";
import { endTokenOf, type Conversation } from "../common/answer.js";
import { PROCESSOR_FILE } from "../common/conversation.js";
import type { ImageBatch, MllmProcessor, ProcessorOptions } from "../types.js";
import { rowsOf } from "./anyres.js";
import { parseLlavaOnevisionConfig, type LlavaOnevisionConfig } from "./config.js";
import { chatOf, END_TOKEN, IMAGE_TOKEN, refuseVideos, VIDEO_TOKEN } from "./conversation.js";
import { LlavaOnevisionImages, readImageFiles, type ImageFiles } from "./images.js";
import { plansOf } from "./plans.js";

export interface LlavaOnevisionProcessorParts {
  /** The checkpoint's parsed `config.json`. */
  readonly config: unknown;
  readonly tokenizer: Tokenizer;
  readonly imageFiles: ImageFiles;
  /** Of the checkpoint; default: that of the public ones. */
  readonly chatTemplate?: ChatTemplate | undefined;
}

/**
 * A processor of its parts.
 *
 * @throws RocError CONFIG_INVALID where the image processor's tiles do not fit the vision tower; TOKENIZER_INVALID where the
 *   tokenizer lacks `<image>` with the id of the config, or an end token
 */
export function createLlavaOnevisionProcessor(parts: LlavaOnevisionProcessorParts): LlavaOnevisionProcessor {
  return new LlavaOnevisionProcessor(parseLlavaOnevisionConfig(parts.config), parts);
}

/** The processor of a checkpoint folder. @param config its parsed `config.json` */
export async function loadLlavaOnevisionProcessor(
  folder: FolderLike,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<LlavaOnevisionProcessor> {
  const files = openFolder(folder);
  if (options.conversation !== undefined) {
    const text = `The conversation "${options.conversation}" cannot be chosen: ${files.path} is asked as its chat template says`;
    throw new RocError("USAGE", `${text}. Leave it out.`);
  }
  const [tokenizer, imageFiles] = await Promise.all([loadTokenizer(files), readImageFiles(files, options)]);
  const chatTemplate = await loadChatTemplate(files, tokenizer);
  return createLlavaOnevisionProcessor({ config, tokenizer, imageFiles, chatTemplate });
}

/** Prompts mark a picture with `<image>`. */
export class LlavaOnevisionProcessor extends LlavaOnevisionImages implements MllmProcessor {
  readonly endTokenId: number;
  readonly tokenizer: Tokenizer;
  readonly #conversation: Conversation;

  constructor(
    private readonly config: LlavaOnevisionConfig,
    private readonly parts: LlavaOnevisionProcessorParts,
  ) {
    super(config.rules, parts.imageFiles);
    const { tokenizer, chatTemplate } = parts;
    this.tokenizer = tokenizer;
    this.endTokenId = tokenizer.tokenToId(END_TOKEN) ?? endTokenOf(tokenizer);
    this.#conversation = chatOf(tokenizer, chatTemplate);
    const id = tokenizer.tokenToId(IMAGE_TOKEN);
    if (id === config.imageTokenId) return;
    const text = `${IMAGE_TOKEN} has the id ${String(id)}, config.json's image_token_index is ${config.imageTokenId}`;
    throw new RocError("TOKENIZER_INVALID", `The tokenizer does not belong to this model: ${text}.`);
  }

  /**
   * @param images of the text's markers in reading order: how many rows each of them becomes is in its size and tiles
   * @throws RocError USAGE where there are more or fewer of them, and for a video
   */
  prompt(text: string, images?: ImageBatch): number[] {
    const { imageTokenId, videoTokenId, rules } = this.config;
    const ids = this.#conversation.prompt(text);
    refuseVideos(ids, videoTokenId);
    const plans = images ? plansOf(images, rules) : [];
    const found = ids.filter((id) => id === imageTokenId).length;
    if (found !== plans.length) {
      const remedy = "Give prompt() the images that it is about: how long it gets depends on their sizes.";
      throw new RocError("USAGE", `The prompt holds ${found} images, but ${plans.length} are given. ${remedy}`);
    }
    const left = plans.values();
    return ids.flatMap((id) => {
      if (id !== imageTokenId) return id;
      return new Array<number>(rowsOf(left.next().value, rules)).fill(id);
    });
  }

  answer(text: string): number[] {
    return this.#conversation.answer(text);
  }

  async save(folder: string): Promise<void> {
    await this.tokenizer.save(folder);
    await this.saveFiles(folder);
    await atomicWriteJson(join(folder, PROCESSOR_FILE), {
      processor_class: "LlavaOnevisionProcessor",
      image_token: IMAGE_TOKEN,
      video_token: VIDEO_TOKEN,
      num_image_tokens: this.rules.patches ** 2,
      vision_feature_select_strategy: "full",
      vision_aspect_ratio: `anyres_max_${this.rules.most}`,
    });
    await this.parts.chatTemplate?.save(folder);
  }
}
