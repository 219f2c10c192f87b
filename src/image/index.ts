/** Image files to pixels, and pixels to what a vision tower takes. No tensors here. */
export type { RgbImage, StoredImage } from "./types.js";
export { decodeImage, loadSharp, withStoredImage, type DecodeOptions } from "./decode.js";
export { nameOfBytes, pathOfName, readableName } from "./file-names.js";
export type { ImageInput } from "./read.js";
export { centerCrop, cropImage, shortestEdgeSize } from "./geometry.js";
export type { Size } from "./geometry.js";
export { resizeBilinear } from "./bilinear.js";
export { PIXEL_FILTERS, resizeAs, type PixelFilter } from "./resize-as.js";
export { resizeAsync, resizeBicubic, uprightSize } from "./resize.js";
export { createImageProcessor, loadImageProcessor, type ImageProcessor } from "./processor.js";
export { readConfigPart, readImageConfig, RESIZE_MODES, type ResizeMode } from "./processor-config.js";
export { invalidConfig, valueFields, valueStepsOf, valueTables } from "./values.js";
export { writePatches, writeValues, type ValueSteps } from "./values.js";
