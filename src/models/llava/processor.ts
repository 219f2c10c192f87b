/** Pixels and text to LLaVA's inputs, as the checkpoint's own files say. */
import { join } from "node:path";
import { RocError } from "../../errors.js";
import { createImageProcessor, type ImageProcessor } from "../../image/index.js";
import { loadChatTemplate, loadTokenizer, type ChatTemplate, type Tokenizer } from "../../tokenizers/index.js";
import { atomicWriteJson, ifThere, openFolder, type FolderLike, type OpenFolder } from "../../files/index.js";
import { endTokenOf, templated, type Conversation } from "../common/answer.js";
import { conversationOf, PROCESSOR_FILE } from "../common/conversation.js";
import { loadSquareProcessor, SquareImages } from "../common/square-images.js";
import type { ImageBatch, ImageInputs, MllmProcessor, ProcessorOptions } from "../types.js";
import { parseLlavaConfig, rowsPerImage, type LlavaConfig } from "./config.js";
import { IMAGE_TOKEN, ORIGINAL_CONVERSATIONS, plain, vicuna, type OriginalConversation } from "./conversation.js";
import { isOriginal } from "./original.js";
import { towerFolder, withVisionConfig } from "./tower.js";

export interface LlavaProcessorParts {
  /** The checkpoint's parsed `config.json`. */
  readonly config: unknown;
  readonly tokenizer: Tokenizer;
  readonly imageProcessor: ImageProcessor;
  /** Of the checkpoint; default: `USER: <image>\n{question} ASSISTANT:`. Not used in the original layout. */
  readonly chatTemplate?: ChatTemplate | undefined;
  /** In the original layout only; default "llava_v1". */
  readonly conversation?: OriginalConversation | undefined;
}

/**
 * A processor of its parts.
 *
 * @throws RocError CONFIG_INVALID where the image processor's pictures do not fit the vision tower; TOKENIZER_INVALID
 *   where the tokenizer lacks an end token or `<image>` with the id of the config
 */
export function createLlavaProcessor(parts: LlavaProcessorParts): MllmProcessor {
  return new LlavaProcessor(parseLlavaConfig(parts.config), parts);
}

/**
 * The processor of a checkpoint folder.
 *
 * @param config its parsed `config.json`
 * @throws RocError USAGE for a conversation that is not known
 */
export async function loadLlavaProcessor(
  folder: FolderLike,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<MllmProcessor> {
  const files = openFolder(folder);
  const known = await withVisionConfig(files.path, config, options.visionTower);
  const tokenizer = await loadTokenizer(files);
  const imageProcessor = await llavaImageProcessor(files, known, options);
  const parts = { config: known, tokenizer, imageProcessor };
  if (isOriginal(known)) {
    const conversation = await conversationOf(files, ORIGINAL_CONVERSATIONS, options.conversation);
    return createLlavaProcessor({ ...parts, conversation });
  }
  if (options.conversation !== undefined) {
    const text = `The conversation "${options.conversation}" cannot be chosen: ${files.path} is asked as its chat template says`;
    throw new RocError("USAGE", `${text}. Leave it out.`);
  }
  return createLlavaProcessor({ ...parts, chatTemplate: await loadChatTemplate(files, tokenizer) });
}

/** The picture side of a checkpoint folder. @param config its parsed `config.json` */
export async function loadLlavaImages(
  folder: FolderLike,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<ImageInputs> {
  const processor = await llavaImageProcessor(openFolder(folder), config, options);
  // The vision tower of the original layout is elsewhere: its size counts when it is loaded.
  const imageSize = isOriginal(config) ? processor.width : parseLlavaConfig(config).vision.imageSize;
  return new SquareImages(processor, imageSize);
}

/**
 * The image processor of a checkpoint folder; in the original layout, else that of the vision tower's folder, else CLIP's
 * of the tower's size, and pictures are padded to a square where config.json says so (`image_aspect_ratio`).
 */
async function llavaImageProcessor(
  folder: OpenFolder,
  config: unknown,
  options: ProcessorOptions,
): Promise<ImageProcessor> {
  if (!isOriginal(config)) return loadSquareProcessor(folder, options);
  const resize = options.resize ?? (config["image_aspect_ratio"] === "pad" ? "pad" : undefined);
  const load = (place: FolderLike): Promise<ImageProcessor | undefined> =>
    ifThere(loadSquareProcessor(place, { resize }));
  const tower = async (): Promise<string> => towerFolder(folder.path, config, options.visionTower);
  const found = (await load(folder)) ?? (await ifThere(tower().then(load)));
  if (found) return found;
  const { vision } = parseLlavaConfig(await withVisionConfig(folder.path, config, options.visionTower));
  const { imageSize: side } = vision;
  const clip = { image_processor_type: "CLIPImageProcessor", size: { shortest_edge: side } };
  return createImageProcessor({ ...clip, crop_size: { height: side, width: side } }, { ...(resize && { resize }) });
}

class LlavaProcessor extends SquareImages implements MllmProcessor {
  readonly endTokenId: number;
  readonly tokenizer: Tokenizer;
  readonly #conversation: Conversation;

  constructor(
    private readonly config: LlavaConfig,
    private readonly parts: LlavaProcessorParts,
  ) {
    super(parts.imageProcessor, config.vision.imageSize);
    const { tokenizer, chatTemplate, conversation = "llava_v1" } = parts;
    this.tokenizer = tokenizer;
    this.endTokenId = endTokenOf(tokenizer);
    if (config.layout === "original") this.#conversation = vicuna(tokenizer, conversation);
    else this.#conversation = chatTemplate ? templated(tokenizer, chatTemplate) : plain(tokenizer);
    const id = tokenizer.tokenToId(IMAGE_TOKEN);
    if (config.layout === "hf" && id !== config.imageTokenId) {
      const text = `${IMAGE_TOKEN} has the id ${String(id)}, config.json's image_token_index is ${config.imageTokenId}`;
      throw new RocError("TOKENIZER_INVALID", `The tokenizer does not belong to this model: ${text}.`);
    }
  }

  prompt(text: string, images?: ImageBatch): number[] {
    const { imageTokenId } = this.config;
    const ids = this.#conversation.prompt(text);
    const [found, given] = [ids.filter((id) => id === imageTokenId).length, images?.pixelValues.size(0)];
    if (given !== undefined && found !== given) {
      throw new RocError("USAGE", `The prompt holds ${found} times ${IMAGE_TOKEN}, but ${given} images are given.`);
    }
    const rows = new Array<number>(rowsPerImage(this.config)).fill(imageTokenId);
    return ids.flatMap((id) => (id === imageTokenId ? rows : id));
  }

  answer(text: string): number[] {
    return this.#conversation.answer(text);
  }

  async save(folder: string): Promise<void> {
    await this.tokenizer.save(folder);
    await atomicWriteJson(join(folder, "preprocessor_config.json"), this.processor.config);
    await atomicWriteJson(join(folder, PROCESSOR_FILE), this.#processorConfig());
    await this.parts.chatTemplate?.save(folder);
  }

  #processorConfig(): object {
    if (this.config.layout === "original") return { conversation: this.parts.conversation ?? "llava_v1" };
    return {
      processor_class: "LlavaProcessor",
      image_token: IMAGE_TOKEN,
      patch_size: this.config.vision.patchSize,
      vision_feature_select_strategy: this.config.withClassToken ? "full" : "default",
      // CLIP's class token: transformers counts it in and, with "default", out again.
      num_additional_image_tokens: 1,
    };
  }
}
