/** Building blocks of the models; parameters are named by path. */
export { ACTIVATIONS, ACTIVATION_NAMES, type Activation, type ActivationName } from "./activations.js";
export { attention, place, SEES_ALL, spanAttention } from "./attention.js";
export type { Past, Placement, RowSpan, Visibility } from "./attention.js";
export { Decoder, type DecoderConfig, type DecoderOptions } from "./decoder.js";
export { EncoderLayer, type EncoderLayerConfig, type EncoderLayerNames } from "./encoder-layer.js";
export { KvCache } from "./kv-cache.js";
export { Linear, linearOf } from "./linear.js";
export { freshAdapter, LoraAdapter, withDropout, type LoraShape } from "./lora.js";
export { makeRoute, type Route } from "./multiway.js";
export { LayerNorm, RmsNorm } from "./norm.js";
export { fanIn, mapSource, Params, randomSource, type Init, type InitTable, type ParamSource } from "./params.js";
export { patchRows, type PatchGrid } from "./patches.js";
export { insertRows } from "./image-features.js";
export { Recomputation, segment } from "./recompute.js";
export { applyRope, inverseFrequencies, ropeTable, sectionedRopeTable, type Rope } from "./rope.js";
export { VocabularyMatrix } from "./vocabulary.js";
