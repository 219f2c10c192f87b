/** Pixels and text to mPLUG-Owl2's inputs, as the checkpoint's own files say. */
import { join } from "node:path";
import { RocError } from "../../errors.js";
import { createImageProcessor, type ImageProcessor } from "../../image/index.js";
import { loadTokenizer, type Tokenizer } from "../../tokenizers/index.js";
import { atomicWriteJson, ifThere, openFolder, type FolderLike } from "../../files/index.js";
import { answerIds, endTokenOf } from "../common/answer.js";
import { conversationOf, PROCESSOR_FILE } from "../common/conversation.js";
import { loadSquareProcessor, SquareImages } from "../common/square-images.js";
import { IMAGE_ID, type ImageBatch, type ImageInputs, type MllmProcessor, type ProcessorOptions } from "../types.js";
import { parseMplugOwl2Config, rowsPerImage, type MplugOwl2Config } from "./config.js";
import { CONVERSATIONS, CUE, framed, promptIds, type Conversation } from "./conversation.js";
import { expandImages } from "./model.js";

export interface MplugOwl2ProcessorParts {
  /** The checkpoint's parsed `config.json`. */
  readonly config: unknown;
  readonly tokenizer: Tokenizer;
  readonly imageProcessor: ImageProcessor;
  /** Default: `v1` for a checkpoint with score tokens, as the released ROC4MLLM code has it; else mPLUG-Owl2's own. */
  readonly conversation?: Conversation | undefined;
}

/**
 * A processor of its parts.
 *
 * @throws RocError CONFIG_INVALID where the image processor's pictures do not fit the vision tower; TOKENIZER_INVALID
 *   where the tokenizer lacks an end token
 */
function createMplugOwl2Processor(parts: MplugOwl2ProcessorParts): MllmProcessor {
  const config = parseMplugOwl2Config(parts.config);
  const conversation = parts.conversation ?? (config.scores ? "v1" : "mplug_owl2");
  return new MplugOwl2Processor(config, parts.tokenizer, parts.imageProcessor, conversation);
}

/**
 * The processor of a checkpoint folder. The conversation is the one asked for, else that of the folder's
 * processor_config.json, which is written with every checkpoint of ours.
 *
 * @param config its parsed `config.json`
 * @throws RocError USAGE for a conversation that is not known
 */
export async function loadMplugOwl2Processor(
  folder: FolderLike,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<MllmProcessor> {
  const files = openFolder(folder);
  const [tokenizer, imageProcessor, conversation] = await Promise.all([
    loadTokenizer(files),
    mplugOwl2ImageProcessor(files, config, options),
    conversationOf(files, CONVERSATIONS, options.conversation),
  ]);
  return createMplugOwl2Processor({ config, tokenizer, imageProcessor, conversation });
}

/** The picture side of a checkpoint folder. @param config its parsed `config.json` */
export async function loadMplugOwl2Images(
  folder: FolderLike,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<ImageInputs> {
  const { imageSize } = parseMplugOwl2Config(config).vision;
  return new SquareImages(await mplugOwl2ImageProcessor(folder, config, options), imageSize);
}

/**
 * The image processor of a checkpoint folder. A picture becomes a square as asked for; else by padding where config.json
 * says `image_aspect_ratio` "pad", as Q-Align and OneAlign do; else by stretching, as mPLUG-Owl2's own code.
 */
export async function mplugOwl2ImageProcessor(
  folder: FolderLike,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<ImageProcessor> {
  const files = openFolder(folder);
  const { pads, vision } = parseMplugOwl2Config(config, files.file("config.json"));
  const resize = options.resize ?? (pads ? "pad" : "stretch");
  const found = await ifThere(loadSquareProcessor(files, { resize }));
  return found ?? createImageProcessor(defaultImageConfig(vision.imageSize), { resize });
}

/** What the public checkpoints' preprocessor_config.json says; mean and deviation are the class's own, CLIP's. */
function defaultImageConfig(imageSize: number): Record<string, unknown> {
  return {
    image_processor_type: "CLIPImageProcessor",
    size: { shortest_edge: imageSize },
    crop_size: { height: imageSize, width: imageSize },
    resample: 3,
  };
}

class MplugOwl2Processor extends SquareImages implements MllmProcessor {
  readonly endTokenId: number;

  constructor(
    private readonly config: MplugOwl2Config,
    readonly tokenizer: Tokenizer,
    imageProcessor: ImageProcessor,
    private readonly conversation: Conversation,
  ) {
    super(imageProcessor, config.vision.imageSize);
    this.endTokenId = endTokenOf(tokenizer);
  }

  prompt(text: string, images?: ImageBatch): number[] {
    const ids = promptIds(this.tokenizer, framed(text, this.conversation));
    const [found, given] = [ids.filter((id) => id === IMAGE_ID).length, images?.pixelValues.size(0)];
    if (given !== undefined && found !== given) {
      throw new RocError("USAGE", `The prompt holds ${found} times <image>, but ${given} images are given.`);
    }
    return expandImages(ids, rowsPerImage(this.config));
  }

  answer(text: string): number[] {
    return answerIds(this.tokenizer, CUE, text);
  }

  async save(folder: string): Promise<void> {
    await this.tokenizer.save(folder);
    await atomicWriteJson(join(folder, "preprocessor_config.json"), this.processor.config);
    await atomicWriteJson(join(folder, PROCESSOR_FILE), { conversation: this.conversation });
  }
}
