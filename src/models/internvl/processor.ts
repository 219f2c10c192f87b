/** Pixels and text to InternVL's inputs, as the checkpoint's own files say. */
import { join } from "node:path";
import { RocError } from "../../errors.js";
import { atomicWriteJson, openFolder, writeFiles, type FolderLike } from "../../files/index.js";
import { loadChatTemplate, loadTokenizer, readSlowFiles } from "../../tokenizers/index.js";
import type { ChatTemplate, SlowFiles, Tokenizer } from "../../tokenizers/index.js";
import { endTokenOf, type Conversation } from "../common/answer.js";
import { PROCESSOR_FILE } from "../common/conversation.js";
import { tokenOf } from "../common/token-of.js";
import type { ImageBatch, MllmProcessor, ProcessorOptions } from "../types.js";
import { parseInternVlConfig, rowsPerTile, type InternVlConfig } from "./config.js";
import { chatOf, CONTEXT_TOKEN, END_OF_IMAGE, END_TOKEN, START_TOKEN } from "./conversation.js";
import { imageStepsOf, readImageContent } from "./image-config.js";
import { InternVlImages } from "./images.js";

export interface InternVlProcessorParts {
  /** The checkpoint's parsed `config.json`. */
  readonly config: unknown;
  readonly tokenizer: Tokenizer;
  /** Parsed content of `preprocessor_config.json`; undefined: there is none, as the original layout may have it. */
  readonly imageContent?: unknown;
  /** Tiles of a picture at most; default: as the files say. */
  readonly maxTiles?: number | undefined;
  /** Of the checkpoint; default: that of the public ones. Not used in the original layout. */
  readonly chatTemplate?: ChatTemplate | undefined;
  /** Written back: the original code asks Python for the slow class of its tokenizer, which reads these alone. */
  readonly slowFiles?: SlowFiles | undefined;
}

/**
 * A processor of its parts.
 *
 * @throws RocError CONFIG_INVALID naming the field; TOKENIZER_INVALID where the tokenizer lacks one of the model's tokens, or
 *   has it with another id
 */
export function createInternVlProcessor(parts: InternVlProcessorParts): MllmProcessor {
  return new InternVlProcessor(parseInternVlConfig(parts.config), parts);
}

/** The processor of a checkpoint folder. @param config its parsed `config.json` */
export async function loadInternVlProcessor(
  folder: FolderLike,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<MllmProcessor> {
  const files = openFolder(folder);
  if (options.conversation !== undefined) {
    const text = `The conversation "${options.conversation}" cannot be chosen: ${files.path} is asked as its own files say`;
    throw new RocError("USAGE", `${text}. Leave it out.`);
  }
  const parsed = parseInternVlConfig(config, files.file("config.json"));
  const [tokenizer, imageContent] = await Promise.all([loadTokenizer(files), readImageContent(files, parsed, options)]);
  // The original code looks at no chat template.
  const isOriginal = parsed.layout === "original";
  const chatTemplate = isOriginal ? undefined : await loadChatTemplate(files, tokenizer);
  const slowFiles = isOriginal ? await readSlowFiles(files) : undefined;
  const { maxTiles } = options;
  return new InternVlProcessor(parsed, { config, tokenizer, imageContent, chatTemplate, slowFiles, maxTiles });
}

/** What transformers' processor puts a video's frames in the place of. */
const VIDEO_MARKER = "<video>";

/** Prompts mark a picture with `<image>`, which becomes `<img>`, a token for each of its rows, and `</img>`. */
class InternVlProcessor extends InternVlImages implements MllmProcessor {
  readonly endTokenId: number;
  readonly tokenizer: Tokenizer;
  readonly #conversation: Conversation;
  /** Of a picture's start, row and end. */
  readonly #ids: readonly [start: number, context: number, end: number];

  constructor(
    private readonly config: InternVlConfig,
    private readonly parts: InternVlProcessorParts,
  ) {
    super(imageStepsOf(config, parts.imageContent, parts.maxTiles === undefined ? {} : { maxTiles: parts.maxTiles }));
    const { tokenizer, chatTemplate } = parts;
    this.tokenizer = tokenizer;
    this.endTokenId = tokenizer.tokenToId(END_TOKEN) ?? endTokenOf(tokenizer);
    const { imageTokenId: id } = config;
    // The original layout's is from the small files beside the tokenizer: see load.ts.
    const by =
      config.layout === "original" ? "added_tokens.json (or tokenizer_config.json)" : "config.json (image_token_id)";
    this.#ids = [
      tokenOf(tokenizer, START_TOKEN),
      tokenOf(tokenizer, CONTEXT_TOKEN, id === undefined ? undefined : { id, by }),
      tokenOf(tokenizer, END_OF_IMAGE),
    ];
    this.#conversation = chatOf(config, tokenizer, chatTemplate);
  }

  /**
   * @param images of the text's markers in reading order: how many rows each of them becomes is in its tiles
   * @throws RocError USAGE where there are more or fewer of them, and for a video
   */
  prompt(text: string, images?: ImageBatch): number[] {
    const [start, context, end] = this.#ids;
    if (text.includes(VIDEO_MARKER)) {
      throw new RocError("USAGE", `The prompt holds ${VIDEO_MARKER}: InternVL's videos are not read. Leave it out.`);
    }
    const ids = this.#conversation.prompt(text);
    const tiles = images?.tiles ?? new Array<number>(images?.pixelValues.size(0) ?? 0).fill(1);
    const found = ids.filter((id) => id === context).length;
    if (found !== tiles.length) {
      const remedy = "Give prompt() the images that it is about: how long it gets depends on their tiles.";
      throw new RocError("USAGE", `The prompt holds ${found} images, but ${tiles.length} are given. ${remedy}`);
    }
    const left = tiles.values();
    return ids.flatMap((id) => {
      if (id !== context) return id;
      return [start, ...new Array<number>((left.next().value ?? 0) * this.#rows).fill(context), end];
    });
  }

  answer(text: string): number[] {
    return this.#conversation.answer(text);
  }

  async save(folder: string): Promise<void> {
    const { imageContent, chatTemplate, slowFiles } = this.parts;
    await this.tokenizer.save(folder);
    if (slowFiles) await writeFiles(folder, slowFiles);
    if (imageContent !== undefined) await atomicWriteJson(join(folder, "preprocessor_config.json"), imageContent);
    if (this.config.layout === "original") return;
    const processor = { processor_class: "InternVLProcessor", image_seq_length: this.#rows };
    await atomicWriteJson(join(folder, PROCESSOR_FILE), processor);
    await chatTemplate?.save(folder);
  }

  /** Of a tile. */
  get #rows(): number {
    return rowsPerTile(this.config, this.steps.size);
  }
}
