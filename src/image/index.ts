/** Image files to pixels, and pixels to what a vision tower takes. No tensors here. */
export type { RgbImage } from "./types.js";
export { decodeImage, DEFAULT_MAX_PIXELS, withImage, type DecodeOptions } from "./decode.js";
export { isBytes, nameOfBytes, pathOfName, readableName } from "./file-names.js";
export type { ImageInput } from "./read.js";
export { IMAGE_FORMATS, type ImageFormat } from "./sniff.js";
export { centerCrop, cropImage, meanColor, padToSquare, shortestEdgeSize } from "./geometry.js";
export type { Canvas, Rgb, Size, Window } from "./geometry.js";
export { resizeBicubic, type ResizeOptions } from "./resize.js";
export {
  createImageProcessor,
  loadImageProcessor,
  type ImageProcessor,
  type ImageProcessorOverride,
  type ProcessedImage,
} from "./processor.js";
export { readConfigPart, readImageConfig, RESIZE_MODES, type ConfigPart, type ResizeMode } from "./processor-config.js";
export { invalidConfig, valueFields, valueStepsOf, valueTables, type ValueSteps } from "./values.js";
