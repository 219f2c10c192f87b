/** What the layouts of the Hugging Face checkpoints call a tensor. */

/**
 * Prefixes of the layouts that transformers has written since, and what the public llava-hf files say instead: in
 * memory since 4.52 (`model.` in front, the head outside), the same in 5 (no `vision_model.`), and 5's files of models
 * that were never read from a file. The first that fits is replaced; the rest of the name is then looked at again.
 */
const PREFIXES: readonly (readonly [RegExp, string])[] = [
  [/^model\.language_model\./, "language_model.model."],
  [/^model\.(multi_modal_projector|vision_tower)\./, "$1."],
  [/^lm_head\./, "language_model.lm_head."],
  [/^vision_tower\.(?!vision_model\.)/, "vision_tower.vision_model."],
];

/** The llava-hf name of a tensor in any of the layouts. */
export function llavaName(name: string): string {
  return PREFIXES.reduce((renamed, [prefix, instead]) => renamed.replace(prefix, instead), name);
}
