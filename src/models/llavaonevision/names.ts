/**
 * What the layouts of LLaVA-OneVision's checkpoints call a tensor. Inside, names are those of the public files, which
 * transformers 4.45 to 4.57 write; 5 leaves out `vision_model.`, and in memory `model.` is in front and the head outside.
 */
export interface Layout {
  /** Whether the vision tower's names hold `vision_model.`. */
  readonly visionModel: boolean;
  /** Whether names are those of transformers' memory. */
  readonly inMemory: boolean;
}

export const PUBLIC: Layout = { visionModel: true, inMemory: false };

export const EMBEDDING = "language_model.model.embed_tokens.weight";
export const HEAD = "language_model.lm_head.weight";
/** SigLIP's pooling of all patches, which files may carry and nobody looks at. */
export const POOLING_HEAD = /^vision_tower\.vision_model\.head\./;

/** The layout of a file's names. */
export function layoutOf(names: readonly string[]): Layout {
  return {
    visionModel: names.some((name) => /^(model\.)?vision_tower\.vision_model\./.test(name)),
    inMemory: names.some((name) => /^(model\.|lm_head\.)/.test(name)),
  };
}

/** The public name of a tensor in any of the layouts. */
export function onevisionName(name: string): string {
  return name
    .replace(/^model\.language_model\./, "language_model.model.")
    .replace(/^lm_head\./, "language_model.lm_head.")
    .replace(/^model\.(multi_modal_projector\.|vision_tower\.|image_newline)/, "$1")
    .replace(/^vision_tower\.(?!vision_model\.)/, "vision_tower.vision_model.");
}

/** A layout's name of a tensor in any of the layouts. */
export function nameIn({ visionModel, inMemory }: Layout, name: string): string {
  const own = onevisionName(name);
  const tower = visionModel ? own : own.replace(/^vision_tower\.vision_model\./, "vision_tower.");
  if (!inMemory) return tower;
  return tower
    .replace(/^language_model\.model\./, "model.language_model.")
    .replace(/^language_model\.lm_head\./, "lm_head.")
    .replace(/^(multi_modal_projector\.|vision_tower\.|image_newline)/, "model.$1");
}

/** What transformers 5 calls it in memory. */
export function memoryName(name: string): string {
  return nameIn({ visionModel: false, inMemory: true }, name);
}
