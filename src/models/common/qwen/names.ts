/**
 * What the layouts of Qwen2-VL's and Qwen2.5-VL's checkpoints call a tensor: the public files, and transformers since 4.52 in
 * memory.
 */

/** The public files' name of a tensor in either layout. */
export function publicName(name: string): string {
  return name.replace(/^model\.visual\./, "visual.").replace(/^model\.language_model\./, "model.");
}

/** What transformers calls it in memory. */
export function memoryName(name: string): string {
  return publicName(name)
    .replace(/^(visual\.)/, "model.$1")
    .replace(/^model\.(?!visual\.)/, "model.language_model.");
}
