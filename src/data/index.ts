/** Data sets: adapters of the official files, the label doctor, seeded splits and orders. No tensors, no models. */
export { attributeScale, SPLITS } from "./types.js";
export type {
  LoadedDataset,
  OnProgress,
  RatedDataset,
  Rating,
  ReaderOptions,
  Sample,
  ScoreScale,
  Split,
} from "./types.js";
export { seededPart, splitOf } from "./split.js";
export { datasetNamed } from "./by-attribute.js";
export { BatchOrder, epochOrder, type Batch, type BatchOrderOptions } from "./batches.js";
export {
  DATASET_KINDS,
  detectKind,
  readDataset,
  type DatasetKind,
  type DatasetOptions,
  type DatasetRequest,
  SCORE_COLUMNS,
  type ScoreColumn,
} from "./registry.js";
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
export { readTad66k, TAD66K_SCALE, type Tad66kOptions } from "./tad66k.js";
export { ICAA17K_SCALE, readIcaa17k, type Icaa17kDataset, type Icaa17kOptions } from "./icaa17k.js";
export { AADB_ATTRIBUTE_SCALE, AADB_ATTRIBUTES, AADB_LABELS, AADB_SCALE, aadbLabelFile, readAadb } from "./aadb.js";
export { FLICKR_AES_SCALE, readFlickrAes } from "./flickr-aes.js";
export { FLIVE_SCALE, readFlive } from "./flive.js";
export { KADID_SCALE, readKadid } from "./kadid10k.js";
export { KONIQ_SCALE, readKoniq, type KoniqOptions } from "./koniq10k.js";
export { readSpaq, SPAQ_ATTRIBUTES, SPAQ_SCALE } from "./spaq.js";
export { PARA_ATTRIBUTES, PARA_FILES, PARA_LABELS, PARA_SCALE, PARA_SCORE, readPara } from "./para.js";
export {
  AVA_CAPTIONS_FILE,
  keepOut,
  readAvaCaptions,
  type AvaCaptionsDataset,
  type AvaCaptionsOptions,
} from "./ava-captions.js";
export { DATASET_CARD, type DatasetCard } from "./card.js";
export { OFFICIAL, officialRatings, type OfficialDataset, type Ratings } from "./official.js";
export { OWN_FILE, readOwn, type OwnOptions } from "./own.js";
export * from "./doctor/index.js";
export { readStudio } from "./studio.js";
