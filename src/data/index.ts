/** Data sets: adapters of the official files, the synthetic studio, seeded splits and orders. No tensors, no models. */
export type { OnProgress, RatedDataset, Sample, ScoreScale, Split } from "./types.js";
export { Random, type SeedPart } from "./random.js";
export { seededPart } from "./split.js";
export { BatchOrder, epochOrder, type Batch, type BatchOrderOptions } from "./batches.js";
export {
  AVA_LABELS,
  AVA_SCALE,
  AVA_TEST_LIST,
  formatAvaRow,
  parseAvaRow,
  readAva,
  voteStatistics,
  type AvaDataset,
  type AvaOptions,
  type AvaRow,
} from "./ava.js";
export * from "./studio/index.js";
