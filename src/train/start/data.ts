/** The pictures of a run. */
import type { LoadedDataset, Ratings, Sample } from "../../data/index.js";
import { RocError } from "../../errors.js";
import { Random } from "../../random.js";
import type { Scales } from "../loop/objective.js";

export interface RunData extends Scales {
  readonly train: readonly Sample[];
  readonly validation: readonly Sample[];
  /** What a person should know of how they were chosen, in sentences. Default: nothing. */
  readonly notes?: readonly string[];
}

/** The most pictures of each part; `mostTraining` default: all. */
export interface PartLimits {
  readonly mostTraining?: number | undefined;
  readonly mostValidation?: number | undefined;
}

/**
 * Chooses a run's pictures.
 *
 * @param seed decides which training pictures are taken where there are more than `mostTraining`
 * @throws RocError DATA_INVALID where there is nothing to train on
 */
export function runData(data: LoadedDataset, { mostValidation, mostTraining }: PartLimits, seed: number): RunData {
  const part = (split: Sample["split"]): Sample[] => data.samples.filter((sample) => sample.split === split);
  const train = mostTraining === undefined ? part("train") : seededFirst(part("train"), mostTraining, seed);
  if (train.length === 0) {
    throw new RocError("DATA_INVALID", `${data.name} has no picture to train on; check the folder of its images.`);
  }
  const { scale, attributeScales } = data;
  const validation = part("validation").slice(0, mostValidation);
  return { train, validation, scale, ...(attributeScales && { attributeScales }) };
}

function seededFirst(samples: readonly Sample[], most: number, seed: number): Sample[] {
  const random = new Random(seed, "training part");
  const keyed = samples.map((sample) => ({ sample, key: random.next() }));
  return keyed.sort((a, b) => a.key - b.key).slice(0, most).map(({ sample }) => sample); // prettier-ignore
}

/** What a run's pictures are rated for: votes where most have them, and every attribute that some picture has. */
export function ratingsOf({ train, scale, attributeScales }: RunData): Ratings {
  const voted = train.flatMap(({ votes }) => votes?.length ?? []);
  const votes = 2 * voted.length > train.length ? (voted[0] ?? 0) : 0;
  const attributes = [...new Set(train.flatMap((sample) => Object.keys(sample.attributes ?? {})))];
  return { scale, votes, attributes, ...(attributeScales && { attributeScales }) };
}
