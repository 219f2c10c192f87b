/** Weights on disk: safetensors files and folders of them, read strictly and written atomically. */
export { configFolder } from "./absent.js";
export { openBin, openBinFolder } from "./bin/index.js";
export type { Checkpoint } from "./checkpoint.js";
export { derivedCheckpoint, type DerivedTensor } from "./derived.js";
export { isWeightsFile, openWeightsFile } from "./file.js";
export { kerasNames } from "./keras.js";
export { openCheckpoint } from "./folder.js";
export { ownQuantization, QUANT_METHOD, refuseQuantisedConfig } from "./quantised.js";
export { checkRoom } from "./room.js";
export { openSafetensors } from "./safetensors.js";
export { saveCheckpoint, saveSafetensors } from "./save.js";
export { COMPUTED_TENSORS, outlineSource, strictSource, type StrictSource } from "./strict.js";
export { unionCheckpoint, type UnionPart } from "./union.js";
