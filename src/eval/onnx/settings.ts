/** How pictures go into an ONNX model and scores come out: by options, else by the file's metadata, else by custom. */
import { z } from "zod";
import type { ScoreScale } from "../../data/index.js";
import { RocError } from "../../errors.js";
import { RESIZE_MODES, type ResizeMode } from "../../image/index.js";

/** Key of the file's metadata with settings as JSON, for instance `{"mean": [0.5, 0.5, 0.5], "scale": {"min": 1, "max": 10}}`. */
export const METADATA_KEY = "roc4mllm";

const triple = z.tuple([z.number(), z.number(), z.number()]);
const side = z.number().int().positive();

/**
 * How pictures go into an ONNX model and scores come out. What is left out is as the file's metadata says.
 *
 * @category Evaluation
 */
// A type, whose values go where any JSON goes.
export type OnnxSettings = {
  /** Height and width of the input in pixels, from 1, where the file leaves them open. */
  readonly size?: readonly [height: number, width: number] | undefined;
  /** By channel (red, green, blue), where white is 1. Default: those of ImageNet, as torchvision takes them. */
  readonly mean?: readonly [number, number, number] | undefined;
  /** By channel, without a 0. Default: those of ImageNet. */
  readonly std?: readonly [number, number, number] | undefined;
  /** How a picture becomes a square. Default "stretch". */
  readonly resize?: ResizeMode | undefined;
  /**
   * What a picture is resized to before its middle is cut to the input's size: its shorter side, or height and width. Default: to
   * what the input takes.
   */
  readonly resizeTo?: number | readonly [height: number, width: number] | undefined;
  /** What the lowest and the highest score are. Default: 1 to the number of weights, or the data set's scale. */
  readonly scale?: ScoreScale | undefined;
  /** Name of the output that is taken, where there are several. */
  readonly output?: string | undefined;
};

const settingsSchema: z.ZodType<OnnxSettings> = z.strictObject({
  size: z.tuple([side, side]).optional(),
  mean: triple.optional(),
  std: triple.refine((values) => !values.includes(0), { message: "must not hold a 0" }).optional(),
  resize: z.enum(RESIZE_MODES).optional(),
  resizeTo: z.union([side, z.tuple([side, side])]).optional(),
  scale: z
    .object({ min: z.number(), max: z.number() })
    .refine(({ min, max }) => min < max, { message: "min must be below max" })
    .optional(),
  output: z.string().optional(),
});

/** Of ImageNet, in torchvision's order red, green, blue. */
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/**
 * Options over metadata.
 * @throws RocError DATA_INVALID naming the key of the metadata; USAGE naming the option
 */
export function mergeSettings(options: OnnxSettings, metadata: string | undefined, file: string): OnnxSettings {
  const checked = settingsSchema.safeParse(options);
  if (!checked.success) throw new RocError("USAGE", `ONNX settings: ${issueOf(checked.error)}.`);
  if (metadata === undefined) return checked.data;
  const own = settingsSchema.safeParse(jsonOf(metadata));
  if (own.success) return { ...forMode(own.data, checked.data.resize), ...checked.data };
  throw new RocError("DATA_INVALID", `${file}: metadata "${METADATA_KEY}": ${issueOf(own.error)}.`);
}

/** What the file says, but not how far it resizes where an option says in which way. */
function forMode(own: OnnxSettings, mode: ResizeMode | undefined): OnnxSettings {
  if (mode === undefined || mode === own.resize) return own;
  const { resizeTo: _, ...others } = own;
  return others;
}

function issueOf(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue?.path.join(".") || "the whole"}: ${issue?.message ?? "not as expected"}`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The form of a model's input. */
export interface InputForm {
  readonly name: string;
  /** Channels first (`[1, 3, height, width]`) or last (`[1, height, width, 3]`). */
  readonly layout: "NCHW" | "NHWC";
  readonly height: number;
  readonly width: number;
  /** Bytes go in as they are. */
  readonly type: "float32" | "uint8";
}

/** An input as the runtime describes it: open dimensions have names, or are negative. */
export interface InputDescription {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

/** @throws RocError DATA_INVALID where the model takes no picture; USAGE where the size is open and not given */
export function inputForm(inputs: readonly InputDescription[], { size }: OnnxSettings, file: string): InputForm {
  const [input] = inputs;
  const { name, type, shape } = input ?? { name: "", type: "", shape: [] };
  const layout = shape[1] === 3 ? "NCHW" : shape[3] === 3 ? "NHWC" : undefined;
  if (inputs.length !== 1 || shape.length !== 4 || !layout || (type !== "float32" && type !== "uint8")) {
    const there = inputs.map((one) => `${one.name}: ${one.type} [${one.shape.join(", ")}]`).join("; ");
    const wanted = "one input of float32 or uint8, [1, 3, height, width] or [1, height, width, 3]";
    throw new RocError("DATA_INVALID", `${file} has to take ${wanted}; it takes ${there || "none"}.`);
  }
  const open = layout === "NCHW" ? shape.slice(2) : shape.slice(1, 3);
  const [height, width] = open.map((length, axis) => {
    if (typeof length === "number" && length > 0) return length;
    if (size) return size[axis];
    throw new RocError("USAGE", `${file} leaves the size of pictures open; give --onnx-size, as 224 or 224x448.`);
  });
  return { name, layout, height: height as number, width: width as number, type };
}

/** The processor's configuration (`preprocessor_config.json`) that does what the settings say. */
export function processorConfig({ height, width, type }: InputForm, { mean, std, resizeTo }: OnnxSettings): object {
  const normalised = type === "float32";
  return {
    size: sizeOf(resizeTo ?? [height, width]),
    do_center_crop: resizeTo !== undefined,
    crop_size: { height, width },
    do_rescale: normalised,
    do_normalize: normalised,
    image_mean: mean ?? IMAGENET.mean,
    image_std: std ?? IMAGENET.std,
  };
}

function sizeOf(resizeTo: NonNullable<OnnxSettings["resizeTo"]>): object {
  return typeof resizeTo === "number" ? { shortest_edge: resizeTo } : { height: resizeTo[0], width: resizeTo[1] };
}

/** What a model said about a picture. */
export interface OnnxReading {
  readonly score: number;
  readonly std: number | null;
  readonly distribution: readonly number[] | null;
  readonly scale: ScoreScale;
}

/**
 * One number is the score. Several are weights of evenly spaced ratings, lowest first: as they are where they are shares
 * that add up to 1, else through a softmax; the score is their mean.
 */
export function readOutput(values: readonly number[], { scale }: OnnxSettings, dataScale: ScoreScale): OnnxReading {
  const [only] = values;
  if (values.length === 1 && only !== undefined) {
    return { score: only, std: null, distribution: null, scale: scale ?? dataScale };
  }
  const sum = values.reduce((total, value) => total + value, 0);
  const distribution = Math.abs(sum - 1) < 1e-3 && values.every((value) => value >= 0) ? values : softmax(values);
  const range = scale ?? { min: 1, max: values.length };
  const ratings = values.map((_, k) => range.min + (k * (range.max - range.min)) / (values.length - 1));
  const mean = (of: (rating: number) => number): number =>
    ratings.reduce((total, rating, k) => total + of(rating) * (distribution[k] ?? 0), 0) /
    distribution.reduce((total, share) => total + share, 0);
  const score = mean((rating) => rating);
  return { score, std: Math.sqrt(mean((rating) => (rating - score) ** 2)), distribution, scale: range };
}

function softmax(values: readonly number[]): number[] {
  const most = Math.max(...values);
  const weights = values.map((value) => Math.exp(value - most));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
