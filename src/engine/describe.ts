/** What a checkpoint folder holds and what it lacks, without computing anything. */
import { stat } from "node:fs/promises";
import { baselineSource, type BaselineSource } from "../baselines/source.js";
import { isRocError, RocError } from "../errors.js";
import { openAdapter } from "../models/peft.js";
import { CheckpointFolder, openCheckpointFolder } from "../models/places.js";
import { quantizedFrom, type QuantizedFrom } from "../models/quantize.js";
import { loadImages, loadMllm, loadModel } from "../models/registry.js";
import { loadTemplates, vocabularyFromConfig, type RocTemplates, type Scale } from "../roc/index.js";
import { loadTokenizer } from "../tokenizers/index.js";
import { findNonFinite, type DType, type NonFiniteTensors } from "../torch/index.js";
import { FLOAT_DTYPES } from "../torch/dtype.js";
import { OpenFolder } from "../files/index.js";
import { isWeightsFile, openCheckpoint, type Checkpoint } from "../weights/index.js";
import { baselineOf } from "./baseline-source.js";
import type { DescribedSystem } from "./describe-baseline.js";
import { checkBase } from "./identity.js";
import { damageText, EMPTY_TOTALS, tensorsOf, totalsOf } from "./totals.js";

export interface CheckpointDescription {
  readonly folder: string;
  /** Where it is made of adapters: their folder and that of their base, whose weights the counts below are of. */
  readonly adapter: { readonly folder: string; readonly base: string } | undefined;
  /** `model_type` of config.json; undefined where it has none. */
  readonly family: string | undefined;
  readonly architecture: string | undefined;
  readonly tensors: number;
  /** How its weights were quantised here, and from what; undefined: they were not. */
  readonly quantization: QuantizedFrom | undefined;
  /** Elements of all tensors. */
  readonly parameters: number;
  readonly bytes: number;
  /** Elements by dtype. */
  readonly dtypes: Readonly<Record<string, number>>;
  readonly files: readonly string[];
  readonly scoreTokens: { positionId: number; firstId: number; lastId: number; n: number; scale: Scale } | undefined;
  readonly templates: RocTemplates | undefined;
  /** Of a classical system: which it is, and what it predicts. */
  readonly system?: DescribedSystem | undefined;
  /** Tensors with values that are NaN or infinite; undefined where there are none, or nobody looked. */
  readonly nonFinite: NonFiniteTensors | undefined;
  /** Why it cannot be used, in the words of the loader; empty where it can. */
  readonly problems: readonly string[];
}

export interface DescribeOptions {
  /** Whether to read the weights and look for values that are not finite; else they are mapped only. Default true. */
  readonly values?: boolean | undefined;
  /** Folder of the base model, for folders of adapters; default: what their adapter_config.json names. */
  readonly base?: string | undefined;
}

/**
 * Looks at a folder, or at a file of a classical system's weights.
 *
 * @throws RocError FILE_NOT_FOUND where there is no such folder; whatever else is wrong is in `problems`
 */
export async function describeCheckpoint(
  folder: string,
  { values = true, base }: DescribeOptions = {},
): Promise<CheckpointDescription> {
  const found = await stat(folder).catch(() => undefined);
  const file = found?.isFile() && isWeightsFile(folder) ? await baselineSource(folder) : undefined;
  if (file) return describeSystem(file, values);
  if (!found?.isDirectory()) throw new RocError("FILE_NOT_FOUND", `There is no folder ${folder}. Check the path.`);
  const problems: string[] = [];
  const attempt = async <T>(work: () => Promise<T> | T): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!isRocError(error)) throw error;
      if (!problems.includes(error.message)) problems.push(error.message);
      return undefined;
    }
  };
  const checkpoint =
    (await attempt(() => openCheckpointFolder(folder, base))) ?? new CheckpointFolder(folder, new OpenFolder(folder));
  const system = await attempt(() => baselineOf(checkpoint));
  if (system) return describeSystem(system, values);
  const { home, adapter } = checkpoint;
  const config = object(await attempt(() => checkpoint.config()));
  const weights = await attempt(() => weightsOf(() => openCheckpoint(checkpoint.weights), values));
  const adapters = adapter && (await attempt(() => weightsOf(() => openAdapter(adapter.folder), values)));
  const vocabulary = await attempt(() => vocabularyFromConfig(config));
  const templates = await attempt(() => loadTemplates(home));
  const options = { dtype: weights?.main };
  const alone: (() => Promise<unknown>)[] = [
    () => checkWeights(checkpoint, options),
    () => loadTokenizer(home),
    () => loadImages(checkpoint),
  ];
  await attempt(() => checkBase(checkpoint));
  if (config["model_type"] !== undefined) for (const part of alone) await attempt<unknown>(part);
  // Each may be right, and yet not fit the others.
  if (problems.length === 0) await attempt(async () => (await loadMllm(checkpoint, options)).model.dispose());
  for (const part of [weights, adapters]) if (part?.damage !== undefined) problems.push(part.damage);
  const { model_type, architectures } = config;
  return {
    folder,
    adapter: adapter && { folder: adapter.folder.path, base: adapter.base.path },
    family: typeof model_type === "string" ? model_type : undefined,
    architecture: Array.isArray(architectures) ? String(architectures[0]) : undefined,
    quantization: quantizedFrom(config),
    ...(weights?.totals ?? EMPTY_TOTALS),
    scoreTokens: vocabulary && {
      positionId: vocabulary.positionId,
      firstId: vocabulary.scoreIds[0] as number,
      lastId: vocabulary.scoreIds.at(-1) as number,
      n: vocabulary.scoreIds.length,
      scale: vocabulary.scale,
    },
    templates,
    nonFinite: weights?.nonFinite ?? adapters?.nonFinite,
    problems,
  };
}

async function describeSystem(source: BaselineSource, values: boolean): Promise<CheckpointDescription> {
  return (await import("./describe-baseline.js")).describeBaseline(source, values);
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** In the file's own dtype they are mapped: whatever does not fit throws. */
async function checkWeights(folder: CheckpointFolder, options: { dtype: DType | undefined }) {
  if (options.dtype) (await loadModel(folder, options)).dispose();
}

async function weightsOf(open: () => Promise<Checkpoint>, values: boolean) {
  using checkpoint = await open();
  const totals = totalsOf(checkpoint);
  const nonFinite = values ? findNonFinite(tensorsOf(checkpoint)) : undefined;
  const floats = Object.entries(totals.dtypes).filter(([dtype]) => FLOAT_DTYPES.includes(dtype as DType));
  const [main = "float32"] = floats.sort(([, a], [, b]) => b - a)[0] ?? [];
  return { totals, main: main as DType, nonFinite, damage: nonFinite && damageText(checkpoint, nonFinite) };
}
