/** The spec of an evaluation, checked: what the types say holds for callers from JavaScript too. */
import { z } from "zod";
import { SPLITS } from "../data/index.js";
import { RocError } from "../errors.js";
import type { EvaluationSpec } from "./spec.js";
import { TABLE_FORMATS } from "./folder.js";

const file = z.string().min(1);
const flag = z.boolean().optional();
const object = (what: string) =>
  z.custom<object>((value) => typeof value === "object" && value !== null, `give ${what}`);
const nameOr = (what: string) => z.union([file, object(what)], `give ${what}`);

/** Of the bootstrap. */
export const bootstrapFields = { resamples: z.int().min(1).optional(), seed: z.int().min(0).optional() };

const schema = z.strictObject({
  data: nameOr("the folder of a data set, how to read it, or a data set that was read"),
  split: z.enum([...SPLITS, "all"]).optional(),
  limit: z.int().min(1).optional(),
  model: nameOr("a checkpoint's folder or a loaded model").optional(),
  load: object("options of load()").optional(),
  comments: flag,
  predictions: file.optional(),
  idColumn: file.optional(),
  scoreColumn: file.optional(),
  predictionsScale: z
    .object({ min: z.number(), max: z.number() })
    .refine(({ min, max }) => min < max, { message: "min must be below max" })
    .optional(),
  onnx: file.optional(),
  onnxSettings: object("settings of an ONNX model").optional(),
  threshold: z.number().optional(),
  ...bootstrapFields,
  spiceJar: file.optional(),
  out: file.optional(),
  format: z.enum(TABLE_FORMATS).optional(),
  report: flag,
  fresh: flag,
});

/** Fields of {@link EvaluationSpec.load} that a file of predictions or an ONNX model would have to ignore. */
const COMPUTING = ["resize", "visionTower", "device", "dtype", "quantize", "pack", "batchSize"] as const;

/** @throws RocError USAGE naming the field, or fields that do not go together */
export function checkSpec(spec: EvaluationSpec): void {
  checkFields("evaluate()", schema, spec);
  const { model, load = {}, predictions, onnx, onnxSettings, idColumn, scoreColumn, predictionsScale } = spec;
  const given = Object.entries({ "--model": model, "--predictions": predictions, "--onnx": onnx });
  const named = given.flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const isLive = typeof model === "object" && !(model instanceof URL);
  const isComputing = COMPUTING.some((key) => load[key] !== undefined);
  if (isComputing && (predictions ?? onnx) !== undefined)
    throw new RocError(
      "USAGE",
      "--resize, --vision-tower, --device, --batch, --quantize, --pack and --dtype go with --model.",
    );
  if (isLive && spec.load !== undefined)
    throw new RocError("USAGE", "evaluate(): load goes with a checkpoint's folder; the model is loaded already.");
  if (named.length > 1) throw new RocError("USAGE", `${named.join(" and ")} exclude one another; give one of them.`);
  if (predictions === undefined && (idColumn ?? scoreColumn ?? predictionsScale) !== undefined)
    throw new RocError("USAGE", "--id-column, --score-column and --predictions-scale go with --predictions.");
  if (onnx === undefined && onnxSettings !== undefined)
    throw new RocError("USAGE", "--onnx-size, --onnx-mean and the like (onnxSettings) go with --onnx.");
}

/** @param what is called, for the message @throws RocError USAGE naming the first field that is wrong */
export function checkFields(what: string, fields: z.ZodType, given: unknown): void {
  const { error } = fields.safeParse(given);
  if (!error) return;
  const [issue] = error.issues;
  const field = issue?.path.map(String).join(".");
  throw new RocError("USAGE", `${what}: ${field ? `${field}: ` : ""}${issue?.message}.`);
}
