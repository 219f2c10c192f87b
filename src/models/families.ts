/** What the families' checkpoints are known by, before libtorch is loaded; the families themselves: registry.ts. */
import { z } from "zod";
import { beginning, RocError } from "../errors.js";
import { ifThere } from "../files/index.js";
import { internVlFacts } from "./internvl/facts.js";
import { llavaFacts } from "./llava/facts.js";
import { llavaOnevisionFacts } from "./llavaonevision/facts.js";
import { mplugOwl2Facts } from "./mplugowl2/facts.js";
import { openCheckpointFolder, type CheckpointLike } from "./places.js";
import { qwen25vlFacts } from "./qwen2_5vl/facts.js";
import { qwen2vlFacts } from "./qwen2vl/facts.js";
import { qwen35Facts } from "./qwen35/facts.js";
import { qwen3vlFacts } from "./qwen3vl/facts.js";
import type { FamilyFacts, Mllm, ParameterNames, SeparateTower } from "./types.js";

const BUILT_IN: readonly FamilyFacts[] = [
  llavaFacts,
  mplugOwl2Facts,
  qwen2vlFacts,
  qwen25vlFacts,
  qwen35Facts,
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

/** Changes of single characters that make one name of another. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swapped = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Characters of a `model_type` that are looked at; no known one is as long. */
const LONGEST_TYPE = 64;

/** The known `model_type` that another begins with, the longest of several; else the one of fewest edits. */
function nearestFamily(modelType: string): string | undefined {
  const type = modelType.slice(0, LONGEST_TYPE).toLowerCase().replaceAll("-", "_");
  const [begun] = families().filter((name) => type.startsWith(name)).sort((a, b) => b.length - a.length); // prettier-ignore
  return begun ?? families().sort((a, b) => edits(a, type) - edits(b, type))[0];
}

/** The error of a checkpoint of another family, which lists the known ones and the nearest, or says why it is not taken. */
export function unknownFamily(file: string, modelType: string): RocError {
  const why = BUILT_IN.map(({ refused }) => refused?.[modelType]).find((text) => text !== undefined);
  if (why !== undefined) {
    return new RocError("CONFIG_INVALID", `${file}: model_type "${modelType}" is not supported: ${why}.`);
  }
  const shown = beginning(modelType, LONGEST_TYPE);
  const near = nearestFamily(modelType);
  const known = `known are: ${families().join(", ")}; the nearest is ${near}`;
  const remedy = "Take a checkpoint of one of these, or a newer version of this program";
  return new RocError("CONFIG_INVALID", `${file}: model_type "${shown}" is not supported; ${known}. ${remedy}.`);
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
