/** The families as rows of test/models/every-family.test.ts: a tiny checkpoint each, and pictures for it. */
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { atomicWriteJson, readJson } from "../../src/files/index.js";
import { saveMllm } from "../../src/models/save.js";
import { createInternVl } from "../../src/models/internvl/index.js";
import { createLlava } from "../../src/models/llava/index.js";
import { createLlavaOnevision } from "../../src/models/llavaonevision/index.js";
import { createMplugOwl2, IMAGE_ID } from "../../src/models/mplugowl2/index.js";
import { createQwen25Vl } from "../../src/models/qwen2_5vl/index.js";
import { createQwen2Vl } from "../../src/models/qwen2vl/index.js";
import { createQwen35 } from "../../src/models/qwen35/index.js";
import { createQwen3Vl } from "../../src/models/qwen3vl/index.js";
import type { ImageBatch, Mllm } from "../../src/models/types.js";
import { randomSource, type ParamSource } from "../../src/nn/index.js";
import { loadTokenizer } from "../../src/tokenizers/index.js";
import { manualSeed, randn, scope } from "../../src/torch/index.js";
import { fixture } from "../support.js";
import { originalConfig, writeOriginal } from "./internvl/support.js";
import { createToy } from "./toy/family.js";
import { PATCH, SIDE, writeToy } from "./toy/folder.js";

type Config = Record<string, unknown>;

export interface Row {
  readonly family: string;
  /** A folder with weights and config.json, made in `folder` where it is not a fixture. */
  readonly weights: (folder: string) => Promise<string>;
  readonly create: (config: unknown, source: ParamSource) => Mllm;
  /** A folder with all files, its tokenizer's vocabulary in the model. */
  readonly whole: (folder: string) => Promise<string>;
  /** The placeholder of one row of a picture, and how many rows a picture has. */
  readonly imageId: number;
  readonly rows: number;
  /** Fresh pixels of some pictures, which belong to the caller's scope. */
  readonly images: (count: number) => ImageBatch;
  /** Parameters that take no part in any loss. */
  readonly unused: RegExp;
}

/** `[count, 3, side, side]`, the same with every call. */
function square(side: number): (count: number) => ImageBatch {
  return (count) => {
    manualSeed(11);
    return { pixelValues: scope(() => randn([count, 3, side, side])) };
  };
}

const NONE = /^$/;

/** A whole folder of a fixture's config with another vocabulary, and the tokenizer's files of another. */
async function whole(
  folder: string,
  from: { readonly config: Config; readonly tokenizer: string; readonly files?: Readonly<Record<string, object>> },
  create: Row["create"],
): Promise<string> {
  await cp(fixture(from.tokenizer), folder, { recursive: true });
  for (const [name, content] of Object.entries(from.files ?? {})) await atomicWriteJson(join(folder, name), content);
  using model = create(from.config, randomSource({ seed: 1 }));
  await saveMllm(model, folder);
  return folder;
}

async function configOf(folder: string): Promise<Config> {
  return (await readJson(join(fixture(folder), "config.json"))) as Config;
}

const CLIP = {
  image_processor_type: "CLIPImageProcessor",
  size: { shortest_edge: 28 },
  crop_size: { height: 28, width: 28 },
};

const llava: Row = {
  family: "llava",
  weights: () => Promise.resolve(fixture("llava/tiny")),
  create: createLlava,
  async whole(folder) {
    const { image_token_index, vocab_size } = (await readJson(fixture("llava/processor.json"))) as Config;
    const tiny = await configOf("llava/tiny");
    const config = { ...tiny, image_token_index, text_config: { ...(tiny["text_config"] as object), vocab_size } };
    const files = { "preprocessor_config.json": CLIP };
    return whole(folder, { config, tokenizer: "tokenizers/llama", files }, createLlava);
  },
  ...{ imageId: 90, rows: 16, images: square(28) },
  // The tower is looked at below its last layer.
  unused: /^vision_tower\.vision_model\.(post_layernorm|encoder\.layers\.\d)\./,
};

const mplugOwl2: Row = {
  family: "mplug_owl2",
  weights: () => Promise.resolve(fixture("mplugowl2/tiny")),
  create: createMplugOwl2,
  async whole(folder) {
    const config = { ...(await configOf("mplugowl2/tiny")), vocab_size: 400 };
    const tokenizer = "sentencepiece/llama";
    return whole(folder, { config, tokenizer, files: { "preprocessor_config.json": CLIP } }, createMplugOwl2);
  },
  ...{ imageId: IMAGE_ID, rows: 4, images: square(28) },
  unused: /\.[qk]_pos_embed$/,
};

/** Of patches of 4 pixels: a grid of 4 x 6, merged by fours. */
function patches(count: number): ImageBatch {
  manualSeed(11);
  const pixelValues = scope(() => randn([count * 24, 3 * 2 * 4 * 4]));
  return { pixelValues, imageGridThw: new Array<readonly [number, number, number]>(count).fill([1, 4, 6]) };
}

const qwen2vl: Row = {
  family: "qwen2_vl",
  weights: () => Promise.resolve(fixture("qwen2vl/untied")),
  create: createQwen2Vl,
  async whole(folder) {
    const config = {
      ...(await configOf("qwen2vl/untied")),
      ...{ vocab_size: 400, image_token_id: 395, video_token_id: 396 },
      vision_config: { depth: 1, embed_dim: 16, num_heads: 2, hidden_size: 24 },
    };
    return whole(folder, { config, tokenizer: "qwen2vl/tokenizer" }, createQwen2Vl);
  },
  ...{ imageId: 94, rows: 6, images: patches },
  unused: NONE,
};

/** Nested as transformers 5 writes it, and tied. */
const nested: Row = {
  ...qwen2vl,
  weights: () => Promise.resolve(fixture("qwen2vl/tied")),
};

/** Of a fixture with a nested config, with patches of the usual size. */
async function wholeQwen3(folder: string, from: string, create: Row["create"]): Promise<string> {
  const tiny = await configOf(from);
  const [text, vision] = [tiny["text_config"], tiny["vision_config"]] as [Config, Config];
  const config = {
    ...{ ...tiny, image_token_id: 395, video_token_id: 396 },
    text_config: { ...text, vocab_size: 400 },
    vision_config: { ...vision, patch_size: 14 },
  };
  return whole(folder, { config, tokenizer: "qwen2vl/tokenizer" }, create);
}

const qwen3vl: Row = {
  family: "qwen3_vl",
  weights: () => Promise.resolve(fixture("qwen3vl/tied")),
  create: createQwen3Vl,
  whole: (folder) => wholeQwen3(folder, "qwen3vl/untied", createQwen3Vl),
  ...{ imageId: 94, rows: 6, images: patches },
  unused: NONE,
};

/** Each picture of one tile: rows.ts counts rows of a picture. */
function tiles(count: number): ImageBatch {
  return { ...square(16)(count), tiles: new Array<number>(count).fill(1) };
}

/** Its system text alone has some 200 tokens of the tiny vocabulary. */
const INTERNVL_TEXT = { vocab_size: 400, max_position_embeddings: 512 };

const internvl: Row = {
  family: "internvl",
  weights: () => Promise.resolve(fixture("internvl/hf")),
  create: createInternVl,
  async whole(folder) {
    const tiny = await configOf("internvl/hf");
    const [text, vision] = [tiny["text_config"], tiny["vision_config"]] as [Config, Config];
    const config = {
      // With a head of its own, so that texts about its pictures can be made to differ.
      ...{ ...tiny, tie_word_embeddings: false },
      ...{ image_token_id: 398, text_config: { ...text, ...INTERNVL_TEXT } },
      vision_config: { ...vision, image_size: [28, 28], patch_size: [7, 7] },
    };
    const steps = await readJson(join(fixture("internvl/tokenizer"), "preprocessor_config.json"));
    // Few tiles: a picture's sequence is as long as they are many.
    const files = { "preprocessor_config.json": { ...(steps as Config), max_patches: 3 } };
    return whole(folder, { config, tokenizer: "internvl/tokenizer", files }, createInternVl);
  },
  ...{ imageId: 94, rows: 4, images: tiles },
  unused: NONE,
};

/** As the original code has it: q, k and v of the tower in one map, and the tokenizer in its slow class's files. */
const internvlChat: Row = {
  ...internvl,
  weights: (folder) => writeOriginal(folder, "hf", { img_context_token_id: 94 }),
  async whole(folder) {
    const { vision_config: vision, llm_config: text, ...top } = await originalConfig("hf");
    const config = {
      ...{
        ...top,
        img_context_token_id: 398,
        force_image_size: 28,
        max_dynamic_patch: 3,
        llm_config: { ...(text as Config), ...INTERNVL_TEXT },
      },
      vision_config: { ...(vision as Config), image_size: 28, patch_size: 7 },
    };
    return whole(folder, { config, tokenizer: "internvl/slow" }, createInternVl);
  },
};

/** Of 5 x 3 pixels: a thumbnail of 3 x 3 patches, and a tile of which the padding is cut off and each line ends. */
function anyres(count: number): ImageBatch {
  manualSeed(11);
  const pixelValues = scope(() => randn([count * 2, 3, 14, 14]));
  const of = <T>(value: T): T[] => new Array<T>(count).fill(value);
  return { pixelValues, tiles: of(2), imageSizes: of<readonly [number, number]>([3, 5]) };
}

/** With the names of transformers 4; its features are of two layers. */
const onevision: Row = {
  family: "llava_onevision",
  weights: () => Promise.resolve(fixture("llava_onevision/untied")),
  create: createLlavaOnevision,
  async whole(folder) {
    const tiny = await configOf("llava_onevision/tied");
    const text_config = { ...(tiny["text_config"] as object), vocab_size: 400 };
    const ids = { image_token_index: 396, video_token_index: 397 };
    const config = { ...tiny, ...ids, text_config, tie_word_embeddings: false };
    const { image_grid_pinpoints } = tiny;
    const size = { height: 14, width: 14 };
    const files = { "preprocessor_config.json": { size, image_grid_pinpoints } };
    await whole(folder, { config, tokenizer: "tokenizers/qwen", files }, createLlavaOnevision);
    const tokenizer = await loadTokenizer(folder);
    tokenizer.addTokens(["<image>", "<video>"]);
    await tokenizer.save(folder);
    return folder;
  },
  ...{ imageId: 94, rows: 13, images: anyres },
  unused: /\.post_layernorm\./,
};

/** Tied, with the names of transformers 5. */
const onevisionTied: Row = {
  ...onevision,
  weights: () => Promise.resolve(fixture("llava_onevision/tied")),
};

/** Its pictures are of one window of 3 x 3 merged patches, cut off below. */
const qwen25vl: Row = {
  ...qwen2vl,
  family: "qwen2_5_vl",
  weights: () => Promise.resolve(fixture("qwen2_5vl/untied")),
  create: createQwen25Vl,
  async whole(folder) {
    const config = {
      ...(await configOf("qwen2_5vl/untied")),
      ...{ vocab_size: 400, image_token_id: 395, video_token_id: 396 },
      // Windows of 1 x 1, so that the pictures of all tests have several.
      vision_config: {
        ...{ depth: 2, hidden_size: 16, intermediate_size: 24, num_heads: 2, out_hidden_size: 24 },
        ...{ window_size: 28, fullatt_block_indexes: [1] },
      },
    };
    return whole(folder, { config, tokenizer: "qwen2vl/tokenizer" }, createQwen25Vl);
  },
};

const qwen35: Row = {
  family: "qwen3_5",
  weights: () => Promise.resolve(fixture("qwen35/tied")),
  create: createQwen35,
  whole: (folder) => wholeQwen3(folder, "qwen35/untied", createQwen35),
  ...{ imageId: 94, rows: 6, images: patches },
  unused: NONE,
};

const toy: Row = {
  family: "toy",
  async weights(folder) {
    await writeToy(folder);
    return folder;
  },
  create: createToy,
  async whole(folder) {
    await writeToy(folder);
    return folder;
  },
  ...{ imageId: 259, rows: (SIDE / PATCH) ** 2, images: square(SIDE) },
  unused: NONE,
};

/** By name: the families, and the toy, which is registered by whoever takes it. */
export const ROWS: ReadonlyMap<string, Row> = new Map([
  ["llava", llava],
  ["mplug_owl2", mplugOwl2],
  ["qwen2_vl", qwen2vl],
  ["qwen2_vl, nested and tied", nested],
  ["qwen2_5_vl", qwen25vl],
  ["qwen3_vl", qwen3vl],
  ["internvl", internvl],
  ["internvl_chat", internvlChat],
  ["llava_onevision", onevision],
  ["llava_onevision, tied", onevisionTied],
  ["qwen3_5", qwen35],
  ["toy", toy],
]);
