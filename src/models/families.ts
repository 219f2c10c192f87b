/** What the families' checkpoints are known by, before libtorch is loaded; the families themselves: registry.ts. */
import { z } from "zod";
import { RocError } from "../errors.js";
import { ifThere } from "../files/index.js";
import { internVlFacts } from "./internvl/facts.js";
import { llavaFacts } from "./llava/facts.js";
import { llavaOnevisionFacts } from "./llavaonevision/facts.js";
import { mplugOwl2Facts } from "./mplugowl2/facts.js";
import { openCheckpointFolder, type CheckpointLike } from "./places.js";
import { qwen25vlFacts } from "./qwen2_5vl/facts.js";
import { qwen2vlFacts } from "./qwen2vl/facts.js";
import { qwen3vlFacts } from "./qwen3vl/facts.js";
import type { FamilyFacts, Mllm, ParameterNames, SeparateTower } from "./types.js";

const BUILT_IN: readonly FamilyFacts[] = [
  llavaFacts,
  mplugOwl2Facts,
  qwen2vlFacts,
  qwen25vlFacts,
  qwen3vlFacts,
  internVlFacts,
  llavaOnevisionFacts,
];
const FACTS = new Map<string, FamilyFacts>();
for (const facts of BUILT_IN) addFacts(facts);

/**
 * Makes a family's facts known.
 *
 * @returns what takes them away again
 * @throws RocError USAGE where one of its `model_type`s is another family's
 */
export function addFacts(facts: FamilyFacts): () => void {
  const taken = facts.modelTypes.find((type) => FACTS.has(type));
  if (taken !== undefined) throw new RocError("USAGE", `There is a family of model_type "${taken}" already.`);
  for (const type of facts.modelTypes) FACTS.set(type, facts);
  return () => {
    for (const type of facts.modelTypes) FACTS.delete(type);
  };
}

/**
 * The `model_type`s of `config.json` that `loadMllm` knows.
 *
 * @example
 * ```ts
 * import { families } from "roc4mllm";
 *
 * console.log(families().includes("llava")); // true
 * ```
 *
 * @category Checkpoints and models
 */
export function families(): string[] {
  return [...FACTS.keys()];
}

/** The facts of a `model_type`, or of a model by its `family`; undefined where there are none. */
export function factsOf(modelType: unknown): FamilyFacts | undefined {
  return typeof modelType === "string" ? FACTS.get(modelType) : undefined;
}

/** Whether a model of a `model_type` may be in a worker: a family that was registered is known to this thread alone. */
export function mayBeInWorker(modelType: unknown): boolean {
  const facts = factsOf(modelType);
  return facts === undefined || (BUILT_IN.includes(facts) && facts.prepareBy !== undefined);
}

/** Of a model that was made outside of any family. */
const NAMELESS: ParameterNames = { partOf: () => "language", isVocabulary: () => false };

/** What the family of a model says of its parameters' names. */
export function namesOf({ family }: Pick<Mllm, "family">): ParameterNames {
  return factsOf(family) ?? NAMELESS;
}

/** Names of files that some family loads beside a folder's weights. */
export function besideWeights(): string[] {
  return [...new Set([...FACTS.values()].flatMap(({ besideWeights: names = [] }) => names))];
}

/**
 * The vision tower of a checkpoint that keeps it elsewhere (the original LLaVA); undefined for one that holds its own, and
 * for a folder that is no checkpoint of a known family.
 *
 * @param given its folder, where a caller named it
 * @throws RocError FILE_UNREADABLE, CONFIG_INVALID
 */
export async function towerOf(folder: CheckpointLike, given?: string): Promise<SeparateTower | undefined> {
  const { weights } = await openCheckpointFolder(folder);
  const { data } = z.looseObject({ model_type: z.string() }).safeParse(await ifThere(weights.json("config.json")));
  return factsOf(data?.model_type)?.tower?.(weights, given);
}
