/** What InternVL's tests share. */
import { join } from "node:path";
import { atomicWriteJson, readJson } from "../../../src/files/index.js";
import { loadInternVl, type InternVlModel } from "../../../src/models/internvl/index.js";
import type { MllmInput } from "../../../src/models/types.js";
import { cat, keep, scope, type Tensor } from "../../../src/torch/index.js";
import { openCheckpoint, openSafetensors, saveCheckpoint, type Checkpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";

/** The public files' form; and tied, with the 6B tower's norms, a last norm and a Qwen3. */
export const CHECKPOINTS = ["hf", "norms"] as const;
export type CheckpointName = (typeof CHECKPOINTS)[number];

export function folderOf(name: CheckpointName): string {
  return fixture(`internvl/${name}`);
}

export function loadTiny(name: CheckpointName): Promise<InternVlModel> {
  return loadInternVl(folderOf(name));
}

/** What transformers or the original code computed (test/fixtures/internvl/make.py). */
export function openExpected(name: CheckpointName | "original"): Promise<Checkpoint> {
  return openSafetensors(fixture(`internvl/${name}.safetensors`));
}

/** The input `name` of the fixture; its tensors belong to the caller's scope. */
export function inputOf(expected: Checkpoint, name: string): MllmInput & { readonly attentionMask: Tensor } {
  const given = { inputIds: expected.tensor(`${name}.ids`), attentionMask: expected.tensor(`${name}.mask`) };
  const pixels = `${name}.pixel_values`;
  return expected.has(pixels) ? { ...given, images: { pixelValues: expected.tensor(pixels) } } : given;
}

/** The original code's name of a tensor, by the sheet's table. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^vision_tower\.embeddings\.cls_token/, "vision_model.embeddings.class_embedding"],
  [/^vision_tower\.embeddings\.position_embeddings/, "vision_model.embeddings.position_embedding"],
  [/^vision_tower\.embeddings\.patch_embeddings\.projection/, "vision_model.embeddings.patch_embedding"],
  [/^vision_tower\.encoder\.layer\./, "vision_model.encoder.layers."],
  [/\.attention\.projection_layer\./, ".attn.proj."],
  [/\.attention\.([qk]_norm)\./, ".attn.$1."],
  [/\.layernorm_before\./, ".norm1."],
  [/\.layernorm_after\./, ".norm2."],
  [/\.lambda_([12])$/, ".ls$1"],
  [/^multi_modal_projector\.layer_norm\./, "mlp1.0."],
  [/^multi_modal_projector\.linear_1\./, "mlp1.1."],
  [/^multi_modal_projector\.linear_2\./, "mlp1.3."],
];

/**
 * Writes the original code's checkpoint of the same numbers, without a last norm.
 *
 * @param more of config.json
 */
export async function writeOriginal(folder: string, name: CheckpointName, more: object = {}): Promise<string> {
  using checkpoint = await openCheckpoint(folderOf(name));
  const tensors = scope(() => {
    const all = checkpoint.names().filter((key) => !key.startsWith("vision_tower.layernorm."));
    const renamed = (key: string): string => NAMES.reduce((text, [from, to]) => text.replace(from, to), key);
    const fused = all.flatMap((key): [string, Tensor][] => {
      if (!/^vision_tower\..*\.[qkv]_proj\./.test(key)) return [[renamed(key), checkpoint.tensor(key)]];
      if (!key.includes("q_proj")) return [];
      const parts = ["q", "k", "v"].map((part) => checkpoint.tensor(key.replace("q_proj", `${part}_proj`)));
      return [[renamed(key).replace("attention.q_proj", "attn.qkv"), cat(parts)]];
    });
    return new Map(fused.map(([key, tensor]) => [key, keep(tensor.clone())]));
  });
  await saveCheckpoint(folder, tensors);
  for (const tensor of tensors.values()) tensor.dispose();
  await atomicWriteJson(join(folder, "config.json"), { ...(await originalConfig(name)), ...more });
  await atomicWriteJson(join(folder, "added_tokens.json"), { "<IMG_CONTEXT>": 94 });
  return folder;
}

/** `config.json` as the original code has it. */
export async function originalConfig(name: CheckpointName): Promise<Record<string, unknown>> {
  const config = (await readJson(join(folderOf(name), "config.json"))) as Record<string, Record<string, unknown>>;
  const { vision_config: vision = {}, text_config: text } = config;
  return {
    architectures: ["InternVLChatModel"],
    model_type: "internvl_chat",
    ...{ downsample_ratio: 0.5, force_image_size: 16, select_layer: -1, ps_version: "v2", template: "internvl2_5" },
    ...{ dynamic_image_size: true, use_thumbnail: true, min_dynamic_patch: 1, max_dynamic_patch: 12 },
    llm_config: { architectures: ["Qwen2ForCausalLM"], ...text },
    vision_config: {
      architectures: ["InternVisionModel"],
      ...vision,
      ...{ model_type: "intern_vit_6b", image_size: 16, patch_size: 4 },
      ...{ qkv_bias: vision["attention_bias"], qk_normalization: vision["use_qk_norm"] ?? false },
      norm_type: vision["norm_type"] ?? "layer_norm",
    },
    torch_dtype: "float32",
  };
}
