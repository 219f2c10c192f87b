/** Building blocks of the models; parameters are named by path. */
export { ACTIVATIONS, ACTIVATION_NAMES, type ActivationName } from "./activations.js";
export { attention, SEES_ALL } from "./attention.js";
export type { RowSpan } from "./attention.js";
export { BatchNorm } from "./batch-norm.js";
export { Conv2d, maxPoolSame, padSame } from "./conv.js";
export { Decoder, type DecoderConfig, type Mixer } from "./decoder.js";
export { EncoderLayer, type EncoderLayerConfig, type EncoderLayerNames } from "./encoder-layer.js";
export { KvCache, type CacheOptions } from "./kv-cache.js";
export { disposeParameters, Linear, linearOf, type LinearForm } from "./linear.js";
export { freshAdapter, LoraAdapter, withDropout, type LoraShape } from "./lora.js";
export { makeRoute, type Route } from "./multiway.js";
export { LayerNorm, RmsNorm } from "./norm.js";
export { fanIn, mapSource, Params, randomSource, type Init, type InitTable, type ParamSource } from "./params.js";
export { patchRows, type PatchGrid } from "./patches.js";
export { insertRows, positionsOf } from "./image-features.js";
export { Recomputation, segment } from "./recompute.js";
export { interleavedRopeTable, inverseFrequencies, ropeTable, sectionedRopeTable, type Rope } from "./rope.js";
