/** In which precision a model scores where nobody says it: by the processor and the checkpoint, never by a stopwatch. */
import { isRocError } from "../errors.js";
import { factsOf } from "../models/families.js";
import type { CheckpointFolder } from "../models/places.js";
import { planOf } from "../models/quantize.js";
import { multipliesBfloat16, type DType } from "../torch/index.js";
import { openCheckpoint } from "../weights/index.js";
import { totalsOf } from "./totals.js";
import type { LoadOptions } from "./load.js";

/**
 * A dtype, or "auto": on a GPU the files' own. On a CPU bfloat16, where the processor has instructions for it (Linux says
 * avx512_bf16, amx_bf16 or bf16), the files hold 16 bits, the model has 100 million parameters or more and its family's scores
 * were measured to move little; else float32. Of what is not in 8 bits, with `quantize: "int8"`: bfloat16 on every CPU.
 *
 * @category Scoring
 */
export type ScoringDtype = DType | "auto";

/** Smaller models take a fraction of a second in float32, too. */
const LEAST_PARAMETERS = 100e6;

/**
 * By how much the families' scores move in bfloat16 on average, over the spread of the scores; the largest of what bench:drift
 * measured (bench/results/drift.json).
 */
export const MEASURED_DRIFT: Readonly<Record<string, number>> = {
  llava: 0.021,
  mplug_owl2: 0.059,
  qwen2_vl: 0.018,
  qwen2_5_vl: 0.021,
  qwen3_5: 0.11,
  qwen3_vl: 0.012,
  internvl: 0.012,
  llava_onevision: 0.036,
};

/** The same for linear maps in 8 bits, whatever the rest is in. */
export const MEASURED_INT8_DRIFT: Readonly<Record<string, number>> = {
  llava: 0.044,
  mplug_owl2: 0.132,
  qwen2_vl: 0.028,
  qwen2_5_vl: 0.036,
  qwen3_5: 0.107,
  qwen3_vl: 0.017,
  internvl: 0.027,
  llava_onevision: 0.048,
};

/** What scores may move by on average, over their spread: raters differ by far more. */
export const MOST_DRIFT = 0.1;

/** What {@link ScoringDtype} "auto" goes by. */
export interface PrecisionFacts {
  /** `model_type` of the checkpoint. */
  readonly family: unknown;
  /** Of the files. */
  readonly parameters: number;
  /** Elements by dtype, of the files. */
  readonly dtypes: Readonly<Record<string, number>>;
}

/** Whether a CPU with instructions for bfloat16 scores in it. */
export function isForBfloat16({ family, parameters, dtypes }: PrecisionFacts): boolean {
  const [stored] = Object.entries(dtypes).sort(([, a], [, b]) => b - a)[0] ?? [];
  const is16Bit = stored === "bfloat16" || stored === "float16";
  return is16Bit && parameters >= LEAST_PARAMETERS && (measured(MEASURED_DRIFT, family) ?? Infinity) <= MOST_DRIFT;
}

/**
 * By how much a model's scores lie beside those of its checkpoint in float32 on average, over their spread: 0 in float32;
 * undefined where that is not measured.
 *
 * @param settings of {@link Model.settings}
 */
export function driftOf({ family, dtype, quantization }: Readonly<Record<string, unknown>>): number | undefined {
  if (quantization !== undefined) return quantization === "int8" ? measured(MEASURED_INT8_DRIFT, family) : undefined;
  if (dtype === "float32") return 0;
  return dtype === "bfloat16" ? measured(MEASURED_DRIFT, family) : undefined;
}

/** A family's figure, by any of its `model_type`s. */
function measured(figures: Readonly<Record<string, number>>, family: unknown): number | undefined {
  const name = factsOf(family)?.modelTypes[0];
  return name !== undefined && Object.hasOwn(figures, name) ? figures[name] : undefined;
}

/** The dtype to load a checkpoint's weights in; undefined: the loader's own choice. */
export async function scoringDtype(
  folder: CheckpointFolder,
  { dtype = "auto", device = "cpu", quantize }: Pick<LoadOptions, "dtype" | "device" | "quantize">,
): Promise<DType | undefined> {
  if (dtype !== "auto") return dtype;
  if (device !== "cpu" || !multipliesBfloat16()) return undefined;
  try {
    const config = (await folder.weights.json("config.json")) as { model_type?: unknown };
    // What is not in 8 bits is small beside it: the loader's choice is one for all processors.
    if (planOf({ quantize, device }, config) !== undefined) return undefined;
    const { model_type: family } = config;
    using checkpoint = await openCheckpoint(folder.weights);
    return isForBfloat16({ family, ...totalsOf(checkpoint) }) ? "bfloat16" : undefined;
  } catch (error) {
    // The loader tells it.
    if (isRocError(error)) return undefined;
    throw error;
  }
}
