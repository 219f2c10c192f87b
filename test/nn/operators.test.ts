/**
 * Which operators a layer calls in 16 bits, views aside: on a GPU each is a kernel or more, and in small batches their number
 * is what a forward costs. In float16, since attention on a CPU in bfloat16 goes another way.
 *
 * Operators are looked at from their first use on, so everything but types is imported behind that.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mllm } from "../../src/models/types.js";
import { native } from "../../src/torch/native.js";

/** Names by id. */
const operators = new Map<number, string>();
let calls: string[] = [];

const plain = { ...native };
native.resolveOperator = (name, overload) => {
  const id = plain.resolveOperator(name, overload);
  operators.set(id, name.replace("aten::", ""));
  return id;
};
native.callOperator = (id, ...values) => {
  calls.push(operators.get(id) ?? "");
  return plain.callOperator(id, ...values);
};
const { fromTypedArray, inferenceMode, randn, scope } = await import("../../src/torch/index.js");
const { randomSource } = await import("../../src/nn/index.js");
const { createLlava } = await import("../../src/models/llava/index.js");
const { createQwen2Vl } = await import("../../src/models/qwen2vl/index.js");

/** Without a kernel where memory is in order. */
const VIEWS = /^(view|transpose|flatten|reshape|narrow|select|size|to|slice|unsqueeze|squeeze)$/;

interface Tower {
  readonly create: (language: number, vision: number) => Mllm;
  readonly pictures: readonly {
    readonly pixels: readonly number[];
    readonly grid?: readonly [number, number, number];
  }[];
  readonly imageId: number;
}

const TEXT = { hidden_size: 16, intermediate_size: 24, num_attention_heads: 2, vocab_size: 30 };
const source = (): ReturnType<typeof randomSource> => randomSource({ seed: 1, dtype: "float16" });

const llava: Tower = {
  create: (num_hidden_layers, vision) =>
    createLlava(
      {
        ...{ model_type: "llava", image_token_index: 29, vision_feature_layer: -2 },
        vision_feature_select_strategy: "default",
        text_config: { ...TEXT, num_hidden_layers },
        vision_config: { ...TEXT, num_hidden_layers: vision + 1, image_size: 28, patch_size: 14 },
      },
      source(),
    ),
  pictures: [{ pixels: [1, 3, 28, 28] }],
  imageId: 29,
};

const qwen2vl: Tower = {
  create: (num_hidden_layers, depth) =>
    createQwen2Vl(
      {
        ...{ ...TEXT, model_type: "qwen2_vl", num_hidden_layers, num_key_value_heads: 1, tie_word_embeddings: true },
        ...{ image_token_id: 29, video_token_id: 28, vision_start_token_id: 27, vision_end_token_id: 26 },
        rope_scaling: { type: "mrope", mrope_section: [2, 1, 1] },
        vision_config: { depth, embed_dim: 16, num_heads: 2, hidden_size: 16, patch_size: 4 },
      },
      source(),
    ),
  pictures: [{ pixels: [16, 3 * 2 * 4 * 4], grid: [1, 4, 4] }],
  imageId: 29,
};

/** How often each operator is called in a forward of one picture. */
function counted({ create, pictures, imageId }: Tower, language: number, vision: number): Map<string, number> {
  using model = create(language, vision);
  return scope(() => {
    const [{ pixels, grid } = { pixels: [] }] = pictures;
    const ids = BigInt64Array.from([1, ...new Array<number>(4).fill(imageId), 5], BigInt);
    const inputIds = fromTypedArray(ids, [1, ids.length]);
    const pixelValues = randn([...pixels]);
    calls = [];
    inferenceMode(() => model.forward({ inputIds, images: { pixelValues, ...(grid && { imageGridThw: [grid] }) } }));
    const counts = new Map<string, number>();
    for (const name of calls.filter((one) => !VIEWS.test(one))) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  });
}

/** What one more layer adds. */
function added(tower: Tower, which: "language" | "vision"): Record<string, number> {
  const less = counted(tower, 2, 2);
  const more = which === "language" ? counted(tower, 3, 2) : counted(tower, 2, 3);
  const names = [...new Set([...less.keys(), ...more.keys()])].sort();
  const counts = names.map((name) => [name, (more.get(name) ?? 0) - (less.get(name) ?? 0)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count !== 0));
}

/** Norms 4, projections 7, rotations of q and k 6, attention 1, gate 2, residuals 2. */
const DECODER = {
  ...{ add: 2, addcmul: 2, linear: 7, mul: 5, rms_norm: 2, roll: 2, scaled_dot_product_attention: 1, silu: 1 },
};

test("a decoder layer calls 22 operators", () => {
  assert.deepEqual(added(llava, "language"), DECODER);
  assert.deepEqual(added(qwen2vl, "language"), DECODER);
});

test("a layer of CLIP calls 14 operators, one of Qwen2-VL's tower 15 with q and k rotated together", () => {
  const block = { add: 2, layer_norm: 2, scaled_dot_product_attention: 1, mul: 2, sigmoid: 1 };
  assert.deepEqual(added(llava, "vision"), sorted({ ...block, linear: 6 }));
  assert.deepEqual(added(qwen2vl, "vision"), sorted({ ...block, linear: 4, mul: 3, roll: 1, addcmul: 1 }));
});

function sorted(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).sort());
}
