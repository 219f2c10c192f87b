/** Full-size checkpoints with random weights, written without ever being in memory. */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Init, ParamSource } from "../src/nn/index.js";
import { fromTypedArray, keep, manualSeed, randn, scope, zeros, type Tensor } from "../src/torch/index.js";

type Create = (config: unknown, source: ParamSource) => { dispose(): void };

export interface Size {
  readonly config: Record<string, unknown>;
  readonly create: () => Promise<Create>;
  /** Ids of a prompt with one picture of `pixels` on both sides. */
  readonly inputIds: readonly number[];
  readonly pixelShape: readonly number[];
  readonly grid?: readonly [number, number, number];
}

/** `count` ordinary tokens. */
function text(count: number): number[] {
  return Array.from({ length: count }, (_, i) => 1000 + i);
}

function image(id: number, rows: number): number[] {
  return new Array<number>(rows).fill(id);
}

/** The public configs (backbones.md 1.1 and 2.1); the picture is 336 x 336, as LLaVA's always is. */
export const SIZES: Readonly<Record<string, Size>> = {
  "llava-1.5-7b": {
    config: {
      architectures: ["LlavaForConditionalGeneration"],
      model_type: "llava",
      image_token_index: 32000,
      pad_token_id: 32001,
      vision_feature_layer: -2,
      vision_feature_select_strategy: "default",
      text_config: {
        model_type: "llama",
        max_position_embeddings: 4096,
        rms_norm_eps: 1e-5,
        vocab_size: 32064,
        hidden_size: 4096,
        intermediate_size: 11008,
        num_hidden_layers: 32,
        num_attention_heads: 32,
      },
      vision_config: {
        model_type: "clip_vision_model",
        hidden_size: 1024,
        intermediate_size: 4096,
        num_hidden_layers: 24,
        num_attention_heads: 16,
        image_size: 336,
        patch_size: 14,
        projection_dim: 768,
      },
      torch_dtype: "bfloat16",
    },
    create: async () => (await import("../src/models/llava/index.js")).createLlava,
    inputIds: [1, ...text(15), ...image(32000, 576), ...text(19)],
    pixelShape: [1, 3, 336, 336],
  },
  "qwen2-vl-2b": {
    config: {
      architectures: ["Qwen2VLForConditionalGeneration"],
      model_type: "qwen2_vl",
      hidden_size: 1536,
      intermediate_size: 8960,
      num_hidden_layers: 28,
      num_attention_heads: 12,
      num_key_value_heads: 2,
      hidden_act: "silu",
      rms_norm_eps: 1e-6,
      rope_theta: 1000000.0,
      rope_scaling: { type: "mrope", mrope_section: [16, 24, 24] },
      max_position_embeddings: 32768,
      use_sliding_window: false,
      tie_word_embeddings: true,
      vocab_size: 151936,
      image_token_id: 151655,
      video_token_id: 151656,
      vision_start_token_id: 151652,
      vision_end_token_id: 151653,
      vision_config: {
        depth: 32,
        embed_dim: 1280,
        num_heads: 16,
        mlp_ratio: 4,
        patch_size: 14,
        temporal_patch_size: 2,
        spatial_merge_size: 2,
        in_chans: 3,
        hidden_act: "quick_gelu",
        hidden_size: 1536,
      },
      torch_dtype: "bfloat16",
    },
    create: async () => (await import("../src/models/qwen2vl/index.js")).createQwen2Vl,
    inputIds: [...text(14), 151652, ...image(151655, 144), 151653, ...text(14)],
    pixelShape: [576, 1176],
    grid: [1, 24, 24],
  },
};

/** Ids and pixels of one prompt, the same with every call. */
export function inputTensors({ inputIds, pixelShape, grid }: Size): Map<string, Tensor> {
  manualSeed(1);
  const ids = (values: readonly number[]) => fromTypedArray(BigInt64Array.from(values, BigInt), [1, values.length]);
  const made = {
    input_ids: ids(inputIds),
    pixel_values: randn([...pixelShape]),
    ...(grid && { image_grid_thw: ids(grid) }),
  };
  return new Map(Object.entries(made));
}

/** Elements of the random block that the weights repeat. */
const BLOCK = 4 * 1024 * 1024;

/** Writes config.json and model.safetensors in bfloat16. @returns bytes of the weights */
export async function writeRandom(folder: string, { config, create }: Size): Promise<number> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "config.json"),
    JSON.stringify(config, null, 2).replace('"rope_theta": 1000000', '"rope_theta": 1000000.0'),
  );
  return writeShapes(join(folder, "model.safetensors"), shapesOf(config, await create()));
}

/** A parameter that a model asks for. */
export interface Shape {
  readonly name: string;
  readonly shape: readonly number[];
  readonly init: Init;
}

/** Writes random weights in bfloat16 as one safetensors file. @returns bytes of the weights */
export function writeShapes(path: string, shapes: readonly Shape[]): number {
  const file = openSync(path, "w");
  try {
    let offset = 0;
    const entries = shapes.map(({ name, shape }) => {
      const end = offset + 2 * shape.reduce((product, side) => product * side, 1);
      const entry = { dtype: "BF16", shape, data_offsets: [offset, end] };
      offset = end;
      return [name, entry] as const;
    });
    const json = JSON.stringify({ __metadata__: { format: "pt" }, ...Object.fromEntries(entries) });
    const header = Buffer.alloc(8 + Math.ceil(Buffer.byteLength(json) / 8) * 8, " ");
    header.writeBigUInt64LE(BigInt(header.length - 8));
    header.write(json, 8);
    writeSync(file, header);
    for (const { shape, init } of shapes) writeValues(file, shape, init);
    return offset;
  } finally {
    closeSync(file);
  }
}

/** What a model asks for; each answer is one number behind a large shape. */
function shapesOf(config: unknown, create: Create): Shape[] {
  const shapes: Shape[] = [];
  create(config, {
    take(name, shape, init) {
      shapes.push({ name, shape, init });
      return keep(scope(() => zeros([], { dtype: "bfloat16" }).expand(...shape)));
    },
  }).dispose();
  return shapes;
}

const blocks = new Map<number | "ones" | "zeros", Uint8Array>();

function blockOf(init: Init): Uint8Array {
  const key = typeof init === "string" ? init : "std" in init ? init.std : "zeros";
  const known = blocks.get(key);
  if (known) return known;
  manualSeed(0);
  const values = scope(() => {
    const block = typeof key === "string" ? zeros([BLOCK]).add(key === "ones" ? 1 : 0) : randn([BLOCK]).mul(key);
    return block.to("bfloat16").toArray();
  });
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  blocks.set(key, bytes);
  return bytes;
}

function writeValues(file: number, shape: readonly number[], init: Init): void {
  let left = 2 * shape.reduce((product, side) => product * side, 1);
  const block = blockOf(init);
  while (left > 0) left -= writeSync(file, block, 0, Math.min(left, block.length));
}
