/** Pixels and text to LLaVA's inputs, as the checkpoint's own files say. */
import { join } from "node:path";
import { RocError } from "../../errors.js";
import type { ImageProcessor } from "../../image/index.js";
import { loadTokenizer, type Tokenizer } from "../../tokenizers/index.js";
import { atomicWriteJson } from "../../weights/index.js";
import { loadSquareProcessor, SquareImages } from "../square-images.js";
import type { ImageBatch, ImageInputs, MllmProcessor, ProcessorOptions } from "../types.js";
import { parseLlavaConfig, rowsPerImage, type LlavaConfig } from "./config.js";

const IMAGE_TOKEN = "<image>";

/** The conversation of the llava-hf checkpoints: `USER: <image>\n{question} ASSISTANT: {answer}`. */
const CUE = "ASSISTANT:";

export interface LlavaProcessorParts {
  /** The checkpoint's parsed `config.json`. */
  readonly config: unknown;
  readonly tokenizer: Tokenizer;
  readonly imageProcessor: ImageProcessor;
}

/**
 * A processor of its parts.
 *
 * @throws RocError CONFIG_INVALID where the image processor's pictures do not fit the vision tower; TOKENIZER_INVALID
 *   where the tokenizer lacks an end token or `<image>` with the id of the config
 */
export function createLlavaProcessor({ config, tokenizer, imageProcessor }: LlavaProcessorParts): MllmProcessor {
  return new LlavaProcessor(parseLlavaConfig(config), tokenizer, imageProcessor);
}

/** The processor of a checkpoint folder. @param config its parsed `config.json` */
export async function loadLlavaProcessor(
  folder: string,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<MllmProcessor> {
  const [tokenizer, imageProcessor] = await Promise.all([loadTokenizer(folder), loadSquareProcessor(folder, options)]);
  return createLlavaProcessor({ config, tokenizer, imageProcessor });
}

/** The picture side of a checkpoint folder. @param config its parsed `config.json` */
export async function loadLlavaImages(
  folder: string,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<ImageInputs> {
  return new SquareImages(await loadSquareProcessor(folder, options), parseLlavaConfig(config).vision.imageSize);
}

class LlavaProcessor extends SquareImages implements MllmProcessor {
  readonly endTokenId: number;

  constructor(
    private readonly config: LlavaConfig,
    readonly tokenizer: Tokenizer,
    imageProcessor: ImageProcessor,
  ) {
    super(imageProcessor, config.vision.imageSize);
    const id = tokenizer.tokenToId(IMAGE_TOKEN);
    if (id !== config.imageTokenId) {
      const text = `${IMAGE_TOKEN} has the id ${String(id)}, config.json's image_token_index is ${config.imageTokenId}`;
      throw new RocError("TOKENIZER_INVALID", `The tokenizer does not belong to this model: ${text}.`);
    }
    if (tokenizer.eosTokenId === undefined) {
      throw new RocError("TOKENIZER_INVALID", "The tokenizer names no end token: set eos_token in tokenizer_config.json.");
    }
    this.endTokenId = tokenizer.eosTokenId;
  }

  prompt(text: string, images?: ImageBatch): number[] {
    const rows = rowsPerImage(this.config);
    const ids = this.tokenizer.encode(`USER: ${text} ${CUE}`);
    const [found, given] = [ids.filter((id) => id === this.config.imageTokenId).length, images?.pixelValues.size(0)];
    if (given !== undefined && found !== given) {
      throw new RocError("USAGE", `The prompt holds ${found} times ${IMAGE_TOKEN}, but ${given} images are given.`);
    }
    return ids.flatMap((id) => (id === this.config.imageTokenId ? new Array<number>(rows).fill(id) : id));
  }

  /** Tokenised behind the cue, so that the ids are those of the whole conversation. */
  answer(text: string): number[] {
    const encode = (part: string): number[] => this.tokenizer.encode(part, { addSpecialTokens: false });
    const cue = encode(CUE);
    const ids = encode(`${CUE} ${text}`);
    if (cue.some((id, index) => ids[index] !== id)) {
      throw new RocError("TOKENIZER_INVALID", `The tokenizer merges "${CUE}" with the answer "${text}" behind it.`);
    }
    return ids.slice(cue.length);
  }

  async save(folder: string): Promise<void> {
    await this.tokenizer.save(folder);
    await atomicWriteJson(join(folder, "preprocessor_config.json"), this.processor.config);
    await atomicWriteJson(join(folder, "processor_config.json"), {
      processor_class: "LlavaProcessor",
      image_token: IMAGE_TOKEN,
      patch_size: this.config.vision.patchSize,
      vision_feature_select_strategy: this.config.withClassToken ? "full" : "default",
      // CLIP's class token: transformers counts it in and, with "default", out again.
      num_additional_image_tokens: 1,
    });
  }
}
