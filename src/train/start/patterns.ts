/** What a run says of a model's parameters by name: completed and checked before any weights are read. */
import { z } from "zod";
import { ifThere } from "../../files/index.js";
import { factsOf } from "../../models/families.js";
import { openCheckpointFolder, type CheckpointLike } from "../../models/places.js";
import { loadModel } from "../../models/registry.js";
import { usesScoreTokens } from "../../roc/index.js";
import { checkPatterns } from "../optim/groups.js";
import { LANGUAGE_TARGETS, type TrainOptions } from "../options.js";
import type { StartOptions } from "./start.js";

/** Options whose adapters' targets are what the family of a `model_type` says, where they are "language". */
export function withLoraTargets(options: TrainOptions, modelType: unknown): TrainOptions {
  const { lora } = options;
  const targets = factsOf(modelType)?.loraTargets;
  if (lora?.targets !== LANGUAGE_TARGETS || targets === undefined) return options;
  return { ...options, lora: { ...lora, targets } };
}

/**
 * A run's options with the targets of its adapters filled in by the checkpoint's family. Patterns and targets are held
 * against the names in the headers of the checkpoint's files.
 *
 * @throws RocError USAGE naming a pattern or target that fits nothing, its key and names that there are; as `loadModel`
 */
export async function checkedOptions(
  folder: CheckpointLike,
  { visionTower, strategy, templates }: StartOptions,
  given: TrainOptions,
): Promise<TrainOptions> {
  const checkpoint = await openCheckpointFolder(folder);
  const config = await ifThere(checkpoint.weights.json("config.json"));
  const { data } = z.looseObject({ model_type: z.unknown() }).safeParse(config);
  const options = withLoraTargets(given, data?.model_type);
  const { lora, freeze = [], groups = [] } = options;
  if (!lora && freeze.length + groups.length === 0) return options;
  using outline = await loadModel(checkpoint, { visionTower, outline: true });
  checkPatterns(outline, options, usesScoreTokens(strategy ?? templates?.strategy ?? "roc"));
  return options;
}
