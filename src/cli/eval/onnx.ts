/** The options of `roc4mllm eval --onnx`. */
import { InvalidArgumentError, Option, type Command } from "commander";
import type { OnnxSettings } from "../../eval/onnx/settings.js";
import { RESIZE_MODES, type ResizeMode } from "../../image/index.js";
import { numbersOf, parseScale } from "../shared/numbers.js";

export interface OnnxFlags {
  readonly onnx?: string;
  readonly onnxSize?: [height: number, width: number];
  readonly onnxMean?: [number, number, number];
  readonly onnxStd?: [number, number, number];
  readonly onnxResize?: ResizeMode;
  readonly onnxScale?: { readonly min: number; readonly max: number };
  readonly onnxOutput?: string;
}

/** Adds the options of {@link OnnxFlags}. */
export function addOnnxOptions(command: Command): Command {
  return command
    .option("--onnx <file>", "a classical baseline (NIMA, MUSIQ, ...) exported to ONNX, instead of a checkpoint")
    .option("--onnx-size <pixels>", "side or HEIGHTxWIDTH of its pictures, where the file leaves it open", parseSize)
    .option("--onnx-mean <r,g,b>", "of its pictures, where white is 1 (default: ImageNet's)", parseTriple)
    .option("--onnx-std <r,g,b>", "of its pictures, where white is 1 (default: ImageNet's)", parseTriple)
    .addOption(
      new Option(
        "--onnx-resize <how>",
        "how a picture becomes a square, bicubic as in Pillow (default: stretch)",
      ).choices(RESIZE_MODES),
    )
    .option(
      "--onnx-scale <min,max>",
      "of its scores (default: 1 to the number of outputs; one: the data's)",
      parseScale,
    )
    .option("--onnx-output <name>", "which of its outputs, where there are several");
}

/** How pictures go into the model, as far as options say; undefined where none does. */
export function onnxSettings(flags: OnnxFlags): OnnxSettings | undefined {
  const { onnxSize, onnxMean, onnxStd, onnxResize, onnxScale, onnxOutput } = flags;
  const settings = {
    ...(onnxSize && { size: onnxSize }),
    ...(onnxMean && { mean: onnxMean }),
    ...(onnxStd && { std: onnxStd }),
    ...(onnxResize && { resize: onnxResize }),
    ...(onnxScale && { scale: onnxScale }),
    ...(onnxOutput !== undefined && { output: onnxOutput }),
  };
  return Object.keys(settings).length > 0 ? settings : undefined;
}

function parseTriple(text: string): [number, number, number] {
  return numbersOf(text, 3) as [number, number, number];
}

function parseSize(text: string): [number, number] {
  const [, height = "", width = height] = /^(\d+)(?:x(\d+))?$/.exec(text) ?? [];
  const size: [number, number] = [Number(height), Number(width)];
  if (size.every((pixels) => pixels > 0 && Number.isSafeInteger(pixels))) return size;
  throw new InvalidArgumentError("Give a number of pixels, as 224, or HEIGHTxWIDTH, as 224x448.");
}
