/** Weights on disk: safetensors files and folders of them, read strictly and written atomically. */
export { atomicWriteFile, atomicWriteJson, replaceFile } from "./atomic.js";
export { openBin, openBinFolder } from "./bin/index.js";
export type { Checkpoint, TensorInfo } from "./checkpoint.js";
export { openCheckpoint } from "./folder.js";
export { ifThere, readJson, readText } from "./json.js";
export { openSafetensors } from "./safetensors.js";
export { saveCheckpoint, saveSafetensors, type SaveOptions } from "./save.js";
export { COMPUTED_TENSORS, strictSource, type StrictOptions, type StrictSource } from "./strict.js";
export { unionCheckpoint, type UnionPart } from "./union.js";
