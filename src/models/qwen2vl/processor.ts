/** Pixels and text to Qwen2-VL's inputs, as the checkpoint's own files say. */
import { RocError } from "../../errors.js";
import { openFolder, type FolderLike } from "../../files/index.js";
import { loadChatTemplate, loadTokenizer, type ChatTemplate, type Tokenizer } from "../../tokenizers/index.js";
import type { Conversation } from "../common/answer.js";
import type { ImageBatch, MllmProcessor, ProcessorOptions } from "../types.js";
import { parseQwen2VlConfig, type Qwen2VlConfig } from "./config.js";
import { chatOf, END_TOKEN, IMAGE_TOKEN } from "./conversation.js";
import { Qwen2VlImages, readImageFiles, type ImageFiles } from "./images.js";

export interface Qwen2VlProcessorParts {
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
 * @throws RocError CONFIG_INVALID where the image processor's patches do not fit the vision tower; TOKENIZER_INVALID
 *   where the tokenizer lacks one of the model's tokens, or has it with another id
 */
export function createQwen2VlProcessor(parts: Qwen2VlProcessorParts): Qwen2VlProcessor {
  return new Qwen2VlProcessor(parseQwen2VlConfig(parts.config), parts);
}

/** The processor of a checkpoint folder. @param config its parsed `config.json` */
export async function loadQwen2VlProcessor(
  folder: FolderLike,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<Qwen2VlProcessor> {
  const files = openFolder(folder);
  if (options.conversation !== undefined) {
    const text = `The conversation "${options.conversation}" cannot be chosen: ${files.path} is asked as its chat template says`;
    throw new RocError("USAGE", `${text}. Leave it out.`);
  }
  const [tokenizer, imageFiles] = await Promise.all([loadTokenizer(files), readImageFiles(files, options)]);
  const chatTemplate = await loadChatTemplate(files, tokenizer);
  return createQwen2VlProcessor({ config, tokenizer, imageFiles, chatTemplate });
}

/** Prompts mark an image with `<image>` and a video with `<video>`. */
export class Qwen2VlProcessor extends Qwen2VlImages implements MllmProcessor {
  readonly endTokenId: number;
  readonly tokenizer: Tokenizer;
  readonly #conversation: Conversation;

  constructor(
    private readonly config: Qwen2VlConfig,
    private readonly parts: Qwen2VlProcessorParts,
  ) {
    super(config.vision, parts.imageFiles);
    const { tokenizer, chatTemplate } = parts;
    this.tokenizer = tokenizer;
    this.endTokenId = tokenOf(tokenizer, END_TOKEN);
    tokenOf(tokenizer, IMAGE_TOKEN, config.imageTokenId);
    this.#conversation = chatOf(tokenizer, chatTemplate);
  }

  /**
   * @param images of the text's markers in reading order: how many rows each of them becomes is in its grid
   * @throws RocError USAGE where there are more or fewer of them
   */
  prompt(text: string, images?: ImageBatch): number[] {
    const { imageTokenId, videoTokenId, vision } = this.config;
    const ids = this.#conversation.prompt(text);
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

/** The id of a token. @throws RocError TOKENIZER_INVALID where there is none, or another than config.json says */
function tokenOf(tokenizer: Tokenizer, token: string, expected?: number): number {
  const id = tokenizer.tokenToId(token);
  if (id !== undefined && id === (expected ?? id)) return id;
  const text = `${token} has the id ${String(id)}${expected === undefined ? "" : `, config.json says ${expected}`}`;
  throw new RocError("TOKENIZER_INVALID", `The tokenizer does not belong to this model: ${text}.`);
}
