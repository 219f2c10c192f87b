/** What the layouts of LLaVA's checkpoints call a tensor. */

/** "hf": transformers' files; "original": those of the original LLaVA code. */
export type Layout = "hf" | "original";

/**
 * Prefixes of the layouts, and what the public llava-hf files say instead: the original code's; those that transformers
 * has written since, in memory since 4.52 (`model.` in front, the head outside), the same in 5 (no `vision_model.`), and
 * 5's files of models that were never read from a file. Each is replaced once, in this order.
 */
const PREFIXES: readonly (readonly [RegExp, string])[] = [
  [/^model\.vision_tower\.vision_tower\./, "vision_tower."],
  [/^model\.mm_projector\.0\./, "multi_modal_projector.linear_1."],
  [/^model\.mm_projector\.2\./, "multi_modal_projector.linear_2."],
  [/^model\.(layers|embed_tokens|norm)\./, "language_model.model.$1."],
  [/^model\.language_model\./, "language_model.model."],
  [/^model\.(multi_modal_projector|vision_tower)\./, "$1."],
  [/^lm_head\./, "language_model.lm_head."],
  [/^vision_tower\.(?!vision_model\.)/, "vision_tower.vision_model."],
];

/** The way back to the original code's names, from llava-hf's. */
const ORIGINAL: readonly (readonly [RegExp, string])[] = [
  [/^vision_tower\./, "model.vision_tower.vision_tower."],
  [/^multi_modal_projector\.linear_1\./, "model.mm_projector.0."],
  [/^multi_modal_projector\.linear_2\./, "model.mm_projector.2."],
  [/^language_model\.model\./, "model."],
  [/^language_model\.lm_head\./, "lm_head."],
];

/** What transformers 5 calls them in memory, from llava-hf's names. */
const IN_MEMORY: readonly (readonly [RegExp, string])[] = [
  [/^language_model\.model\./, "model.language_model."],
  [/^language_model\.lm_head\./, "lm_head."],
  [/^vision_tower\.vision_model\./, "model.vision_tower."],
  [/^multi_modal_projector\./, "model.multi_modal_projector."],
];

/** The llava-hf name of a tensor in any of the layouts. */
export function llavaName(name: string): string {
  return renamed(name, PREFIXES);
}

/** A layout's name of a tensor in any of the layouts. */
export function nameIn(layout: Layout, name: string): string {
  return layout === "original" ? renamed(llavaName(name), ORIGINAL) : llavaName(name);
}

/** What the library that a layout belongs to calls a tensor in memory: transformers 5, or the original code. */
export function memoryName(layout: Layout, name: string): string {
  return layout === "original" ? nameIn(layout, name) : renamed(llavaName(name), IN_MEMORY);
}

function renamed(name: string, prefixes: readonly (readonly [RegExp, string])[]): string {
  return prefixes.reduce((text, [prefix, instead]) => text.replace(prefix, instead), name);
}
