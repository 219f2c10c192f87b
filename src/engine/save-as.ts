/** Whole checkpoints written to a folder of their own: complete or not at all. */
import { writeFolder } from "../files/index.js";
import type { CheckpointFolder } from "../models/places.js";
import type { Loaded } from "../models/registry.js";
import { saveMllm } from "../models/save.js";
import { headNames, loadTemplates, saveTemplates, SCORER_KEY, strategyOf, type PublishedScorer } from "../roc/index.js";
import type { Tensor } from "../torch/index.js";
import { openCheckpoint } from "../weights/index.js";
import { headTensor } from "./head.js";
import { scorerToKeep } from "./scorer.js";

/**
 * Writes a checkpoint that was loaded of `source` aside and gives it its name at the end. How its scores are read goes with it:
 * the texts, or which published scorer it is, which its new folder's name no longer says, and that scorer's head.
 *
 * @throws RocError USAGE where the folder is filled; IN_USE; FILE_UNWRITABLE; CHECKPOINT_MISMATCH where the scorer's head is missing
 */
export async function saveAs(out: string, { model, processor }: Loaded, source: CheckpointFolder): Promise<void> {
  const templates = await loadTemplates(source.home);
  const scorer = strategyOf(model.config, templates) ? undefined : await scorerToKeep(source);
  if (scorer) model.config[SCORER_KEY] = scorer.name;
  await writeFolder(out, async (aside) => {
    await saveWith(model, aside, scorer, source);
    await processor.save(aside);
    if (templates) await saveTemplates(aside, templates);
  });
}

/** The model with the scorer's head, where it has one. */
async function saveWith(
  model: Loaded["model"],
  folder: string,
  scorer: PublishedScorer | undefined,
  source: CheckpointFolder,
): Promise<void> {
  const names = scorer ? headNames(scorer) : [];
  if (!scorer || names.length === 0) return saveMllm(model, folder);
  using checkpoint = await openCheckpoint(source.weights);
  const head = new Map<string, Tensor>();
  try {
    for (const name of names) head.set(name, headTensor(checkpoint, name, { folder: source, scorer }));
    await saveMllm(model, folder, { beside: head });
  } finally {
    for (const tensor of head.values()) tensor.dispose();
  }
}
