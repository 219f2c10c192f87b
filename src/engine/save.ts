/** Checkpoint folders that {@link load} reads. */
import { saveMllm } from "../models/save.js";
import { saveTemplates, type StrategyParts } from "../roc/index.js";

/**
 * Writes a folder that {@link load} reads, and Python's transformers too: weights and config, tokenizer and processor, and
 * `roc_templates.json` with the texts and the strategy.
 *
 * @param folder made where it is missing; each file is written at once, so that a stopped process leaves none in part
 * @throws RocError FILE_UNWRITABLE; CONFIG_INVALID where the templates are none
 *
 * @example
 * ```ts
 * import { DEFAULT_TEMPLATES, DEMO_MODEL, load, loadMllm, loadTemplates, saveCheckpoint } from "roc4mllm";
 *
 * const { model, processor } = await loadMllm(DEMO_MODEL);
 * const templates = (await loadTemplates(DEMO_MODEL)) ?? DEFAULT_TEMPLATES;
 * await saveCheckpoint("my-copy", { model, processor, templates });
 * model.dispose();
 *
 * using copy = await load("my-copy");
 * console.log(copy.scale.max); // 10
 * ```
 *
 * @category Checkpoints and models
 */
export async function saveCheckpoint(folder: string, parts: Omit<StrategyParts, "strategy">): Promise<void> {
  await saveMllm(parts.model, folder);
  await parts.processor.save(folder);
  await saveTemplates(folder, parts.templates);
}
