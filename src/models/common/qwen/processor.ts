/** Pixels and text to the inputs of Qwen's models, as the checkpoint's own files say. */
import { RocError } from "../../../errors.js";
import { openFolder, type FolderLike } from "../../../files/index.js";
import { loadChatTemplate, loadTokenizer, type ChatTemplate, type Tokenizer } from "../../../tokenizers/index.js";
import type { Conversation } from "../answer.js";
import { tokenOf } from "../token-of.js";
import type { ImageBatch, MllmProcessor, ProcessorOptions, PromptOptions } from "../../types.js";
import type { PatchSizes, VisualTokens } from "./config.js";
import { chatOf, END_TOKEN, IMAGE_TOKEN, type ChatWords } from "./conversation.js";
import type { ImageKind } from "./image-config.js";
import { QwenImages, readImageFiles, type ImageFiles } from "./images.js";

/** What of a checkpoint's `config.json` its processor needs. */
export interface ProcessorConfig extends VisualTokens {
  readonly vision: PatchSizes;
}

/** The files of a checkpoint's processor. */
export interface ProcessorFiles {
  readonly tokenizer: Tokenizer;
  readonly imageFiles: ImageFiles;
  /** Of the checkpoint; default: that of the public ones. */
  readonly chatTemplate?: ChatTemplate | undefined;
}

/** What differs from family to family. */
export interface ProcessorKind {
  readonly images?: ImageKind;
  /** Of the conversation where the checkpoint has no template. */
  readonly words: ChatWords;
}

/** The files of a checkpoint folder. @throws RocError USAGE where a conversation or a resize mode is asked for */
export async function readProcessorFiles(folder: FolderLike, options: ProcessorOptions = {}): Promise<ProcessorFiles> {
  const files = openFolder(folder);
  if (options.conversation !== undefined) {
    const text = `The conversation "${options.conversation}" cannot be chosen: ${files.path} is asked as its chat template says`;
    throw new RocError("USAGE", `${text}. Leave it out.`);
  }
  const [tokenizer, imageFiles] = await Promise.all([loadTokenizer(files), readImageFiles(files, options)]);
  return { tokenizer, imageFiles, chatTemplate: await loadChatTemplate(files, tokenizer) };
}

/** Prompts mark an image with `<image>` and a video with `<video>`. */
export class QwenProcessor extends QwenImages implements MllmProcessor {
  readonly endTokenId: number;
  readonly tokenizer: Tokenizer;
  readonly #conversation: Conversation;

  /**
   * @throws RocError CONFIG_INVALID where the image processor's patches do not fit the vision tower; TOKENIZER_INVALID where
   *   the tokenizer lacks one of the model's tokens, or has it with another id
   */
  constructor(
    private readonly config: ProcessorConfig,
    private readonly parts: ProcessorFiles,
    { images, words }: ProcessorKind,
  ) {
    super(config.vision, parts.imageFiles, images);
    const { tokenizer, chatTemplate } = parts;
    this.tokenizer = tokenizer;
    this.endTokenId = tokenOf(tokenizer, END_TOKEN);
    const by = "config.json (image_token_id; where it is left out, its default)";
    tokenOf(tokenizer, IMAGE_TOKEN, { id: config.imageTokenId, by });
    this.#conversation = chatOf(tokenizer, chatTemplate, words);
  }

  /**
   * @param images of the text's markers in reading order: how many rows each of them becomes is in its grid
   * @throws RocError USAGE where there are more or fewer of them, or a video in a family that takes none
   */
  prompt(text: string, images?: ImageBatch, options?: PromptOptions): number[] {
    const { imageTokenId, videoTokenId, vision } = this.config;
    const ids = this.#conversation.prompt(text, options);
    if (ids.includes(videoTokenId)) this.videoSteps();
    const isVisual = (id: number): boolean => id === imageTokenId || id === videoTokenId;
    const [found, grids] = [ids.filter(isVisual).length, images?.imageGridThw ?? []];
    if (found !== grids.length) {
      const remedy = "Give prompt() the images that it is about: how long it gets depends on their sizes.";
      throw new RocError("USAGE", `The prompt holds ${found} images, but ${grids.length} are given. ${remedy}`);
    }
    const left = grids.values();
    return ids.flatMap((id) => {
      if (!isVisual(id)) return id;
      const [t, h, w] = left.next().value ?? [0, 0, 0];
      return new Array<number>((t * h * w) / vision.merge ** 2).fill(id);
    });
  }

  answer(text: string): number[] {
    return this.#conversation.answer(text);
  }

  async save(folder: string): Promise<void> {
    await this.tokenizer.save(folder);
    await this.saveFiles(folder);
    await this.parts.chatTemplate?.save(folder);
  }
}
