/** The picture's side of an exported model: which steps lead to its pixels, and how their bytes become values. */
import { RocError } from "../errors.js";
import type { OnnxSettings } from "../eval/onnx/settings.js";
import { meanColor, type Size } from "../image/geometry.js";
import { outputSize, parseImageConfig } from "../image/processor-config.js";
import { valueTables } from "../image/index.js";
import type { PlainSteps } from "../image/plain-squares.js";
import type { SquareSteps } from "../models/common/prepare-squares.js";
import type { Graph, Value } from "./graph.js";

export interface PictureForm {
  readonly width: number;
  readonly height: number;
  readonly steps: PlainSteps;
  /** How `eval --onnx` has to make these pixels of a picture. */
  readonly reader: Pick<OnnxSettings, "resize" | "resizeTo">;
  /** The value of each byte in each channel, `[3, 256]`. */
  readonly tables: Float32Array;
  readonly mean: readonly [number, number, number];
}

/** @throws RocError USAGE for steps that are not exported */
export function pictureForm(steps: unknown): PictureForm {
  const { config, override } = steps as SquareSteps;
  const file = "preprocessor_config.json";
  const parsed = parseImageConfig(config, override.resize, file);
  const { square, resize, crop, mean } = parsed;
  if (square === "stretch" || !resize || (override.passes ?? "across") !== "across") {
    const what = resize ? "resizes pictures twice" : "does not resize pictures";
    throw new RocError("USAGE", `${file} ${what}, which export onnx cannot do.`);
  }
  const { width, height } = outputSize(parsed, file);
  const plain: PlainSteps = { pad: square === "pad" ? meanColor(mean) : null, resize, crop: crop ?? null };
  return {
    width,
    height,
    steps: plain,
    reader: readerOf(plain, { width, height }),
    tables: valueTables(parsed),
    mean,
  };
}

/** As `eval --onnx` says it: the mode alone where that leads to the model's size, else what is cut out of too. */
function readerOf({ pad, resize }: PlainSteps, { width, height }: Size): PictureForm["reader"] {
  const to = "shortestEdge" in resize ? resize.shortestEdge : ([resize.height, resize.width] as const);
  const [tall, wide] = typeof to === "number" ? [to, to] : to;
  const mode = pad ? "pad" : typeof to === "number" ? "crop" : "stretch";
  return { resize: mode, ...((tall !== height || wide !== width) && { resizeTo: to }) };
}

/** Bytes `[1, height, width, 3]` to the values that the vision tower takes, `[height, width, 3]`: looked up, and so exact. */
export function pixelValues(graph: Graph, pixels: Value, { width, height, tables }: PictureForm): Value {
  const bytes = graph.node("Cast", [graph.reshape(pixels, [height, width, 3])], { to: 6 });
  const channels = graph.constant("int32", [1, 1, 3], new Uint8Array(Int32Array.of(0, 256, 512).buffer));
  return graph.node("Gather", [graph.floats([tables.length], tables), graph.node("Add", [bytes, channels])], {
    axis: 0,
  });
}
