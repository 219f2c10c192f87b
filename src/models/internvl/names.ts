/** What the layouts of InternVL's checkpoints call their parts and tensors. */

/** "hf": transformers' files, model_type `internvl`; "original": those of the original code, `internvl_chat`. */
export type Layout = "hf" | "original";

/** What the parts of the vision tower and the projector are called. */
export interface PartNames {
  readonly tower: string;
  readonly classToken: string;
  readonly patches: string;
  readonly positions: string;
  /** Path of the blocks in the tower. */
  readonly blocks: string;
  readonly norm1: string;
  readonly norm2: string;
  /** Three maps, or one whose output holds q, k and v in sequence. */
  readonly qkv: readonly [q: string, k: string, v: string] | string;
  readonly qNorm: string;
  readonly kNorm: string;
  readonly out: string;
  readonly scale1: string;
  readonly scale2: string;
  /** Norm, first and second map of the projector, from the root. */
  readonly projector: readonly [string, string, string];
}

export const PARTS: Readonly<Record<Layout, PartNames>> = {
  hf: {
    tower: "vision_tower",
    classToken: "cls_token",
    patches: "patch_embeddings.projection",
    positions: "position_embeddings",
    blocks: "encoder.layer",
    norm1: "layernorm_before",
    norm2: "layernorm_after",
    qkv: ["attention.q_proj", "attention.k_proj", "attention.v_proj"],
    qNorm: "attention.q_norm",
    kNorm: "attention.k_norm",
    out: "attention.projection_layer",
    scale1: "lambda_1",
    scale2: "lambda_2",
    projector: ["layer_norm", "linear_1", "linear_2"].map((part) => `multi_modal_projector.${part}`) as never,
  },
  original: {
    tower: "vision_model",
    classToken: "class_embedding",
    patches: "patch_embedding",
    positions: "position_embedding",
    blocks: "encoder.layers",
    norm1: "norm1",
    norm2: "norm2",
    qkv: "attn.qkv",
    qNorm: "attn.q_norm",
    kNorm: "attn.k_norm",
    out: "attn.proj",
    scale1: "ls1",
    scale2: "ls2",
    projector: ["mlp1.0", "mlp1.1", "mlp1.3"],
  },
};

/** Of both layouts. */
export const EMBEDDING = "language_model.model.embed_tokens.weight";
export const HEAD = "language_model.lm_head.weight";

/** The public files' name of a tensor, which transformers 5 calls otherwise in memory. */
export function internVlName(name: string): string {
  return name
    .replace(/^model\.(vision_tower|multi_modal_projector)\./, "$1.")
    .replace(/^model\.language_model\./, "language_model.model.")
    .replace(/^lm_head\./, "language_model.lm_head.");
}

/** What the library that a layout belongs to calls a tensor in memory: transformers 5, or the original code. */
export function memoryName(layout: Layout, name: string): string {
  if (layout === "original") return internVlName(name);
  return internVlName(name)
    .replace(/^language_model\.model\./, "model.language_model.")
    .replace(/^language_model\.lm_head\./, "lm_head.")
    .replace(/^(vision_tower|multi_modal_projector)\./, "model.$1.");
}
