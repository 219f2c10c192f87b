/** Loading on the thread that calls: in a worker, or where a model is to stay with its caller. */
import { RocError } from "../errors.js";
import { leftAside, readGenerationConfig } from "../generation/index.js";
import type { CheckpointFolder } from "../models/places.js";
import { packWeights } from "../models/pack.js";
import { planOf } from "../models/quantize.js";
import { factsOf, unknownFamily } from "../models/families.js";
import { checkMemory, loadMllm, unreadFields, type Loaded } from "../models/registry.js";
import type { Mllm, MllmProcessor } from "../models/types.js";
import {
  DEFAULT_TEMPLATES,
  loadTemplates,
  NO_SCORER,
  refuseOptions,
  scorerStrategy,
  scorerTemplates,
  strategyOf,
  withSystem,
  type ChosenScorer,
  type RocTemplates,
  type Strategy,
  type StrategyParts,
} from "../roc/index.js";
import { ifThere } from "../files/index.js";
import type { Tensor } from "../torch/index.js";
import { openCheckpoint, refuseQuantisedConfig } from "../weights/index.js";
import { baselineOf } from "./baseline-source.js";
import type { Estimator } from "./estimator.js";
import { checkAborted } from "./failures.js";
import type { LoadOptions } from "./load.js";
import { headTensor } from "./head.js";
import { checkBase, checkpointName, digestModel } from "./identity.js";
import { MllmEstimator } from "./mllm-estimator.js";
import { scoringDtype } from "./precision.js";
import type { ModelOptions } from "./reader.js";
import { scorerOf } from "./scorer.js";

/** What `modelHere()` takes. */
export interface LoadedEstimator {
  readonly estimator: Estimator;
  readonly name: string;
  readonly options: Omit<ModelOptions, "scale">;
}

/** What computes the scores of a checkpoint. @throws RocError as `load()` */
export async function loadEstimator(folder: CheckpointFolder, options: LoadOptions): Promise<LoadedEstimator> {
  const source = await baselineOf(folder);
  // A model of another kind does not wait for every system's code.
  if (source) return (await import("./baseline.js")).loadBaselineEstimator(folder, source, options);
  if (options.head !== undefined)
    throw new RocError(
      "USAGE",
      `${folder.path} is no CLIP tower: --head (head) has nothing to stand on. Leave it out.`,
    );
  const { resize, threads, scale, batchSize, onNote } = options;
  const { parts, name, digest } = await loadParts(folder, options);
  const estimator = new MllmEstimator(parts, scale);
  return { estimator, name, options: { digest, folder: folder.home.path, resize, threads, batchSize, onNote } };
}

interface LoadedParts {
  readonly parts: StrategyParts;
  readonly name: string;
  readonly digest: string;
}

/** The parts of a multimodal model that scores. @throws RocError as `load()` */
export async function loadParts(folder: CheckpointFolder, options: LoadOptions): Promise<LoadedParts> {
  const { signal, device, dtype, quantize, visionTower, resize, onNote, pack = false } = options;
  const { weights } = folder;
  planOf({ quantize, device }, await ifThere(weights.json("config.json")));
  const { strategy: own, templates, chosen } = await readScoring(folder, options);
  checkAborted(signal, folder.path);
  const computed = await scoringDtype(folder, { dtype, device, quantize });
  await checkMemory(folder, { dtype: computed, device, quantize });
  const looked = { visionTower, signal };
  const digest = await checkBase(folder, looked)
    .then(() => digestModel(folder, looked))
    .catch((error: unknown) => {
      checkAborted(signal, folder.path);
      throw error;
    });
  const name = checkpointName(folder.name, digest);
  if (chosen?.how !== undefined) {
    const { title, name } = chosen.scorer;
    onNote?.(
      `scored as ${title}, ${chosen.how}; --scorer ${name} (scorer) says so beforehand, --scorer none that it is none`,
    );
  }
  if (chosen && folder.adapter) {
    const { folder: adapters, base } = folder.adapter;
    onNote?.(
      `${adapters.path} holds adapters on ${base.path}, and with them it is scored as ${chosen.scorer.title}: they say nothing of how`,
    );
  }
  if (computed !== undefined && computed !== dtype) {
    onNote?.(
      `scores are computed in ${computed}, which this processor is fast in; --dtype float32 (dtype) is more exact`,
    );
  }
  const { files, conversation } = chosen?.scorer ?? {};
  const loaded = await loadMllm(files ? await folder.withKeys(files) : folder, {
    device,
    dtype: computed,
    quantize,
    visionTower,
    resize,
    conversation,
  });
  const { model } = loaded;
  let strategy = own;
  try {
    checkAborted(signal, folder.path);
    noteUnread(model, onNote);
    if (strategy) checkRows(strategy, model.vocabSize, folder.path);
    strategy ??= chosen && (await strategyFor(chosen, loaded, folder));
    if (!strategy) throw new RocError("INTERNAL", `${folder.path} has no strategy.`);
    if (pack !== false) packWeights(model, pack);
  } catch (error) {
    strategy?.dispose?.();
    model.dispose();
    throw error;
  }
  const parts = { model, processor: processorFor(chosen, loaded.processor), strategy, templates };
  return { parts, name, digest };
}

/** What of the checkpoint's files is not looked at. */
function noteUnread(model: Mllm, onNote: LoadOptions["onNote"]): void {
  const unread = unreadFields(model.config);
  if (unread !== undefined) {
    onNote?.(
      `config.json has fields that this program does not look at (${unread}): if its layout is newer, they may matter`,
    );
  }
  const aside = leftAside(model);
  if (aside.length > 0) {
    onNote?.(`generation_config.json: ${aside.join(", ")} not looked at: where this model writes, it writes greedily`);
  }
}

/** By the checkpoint's own score tokens and texts, or as a published scorer. */
interface Scoring {
  readonly strategy?: Strategy;
  readonly templates: RocTemplates;
  readonly chosen?: ChosenScorer;
}

/** Looks at the config before gigabytes of weights are read. */
export async function readScoring(folder: CheckpointFolder, options: LoadOptions): Promise<Scoring> {
  const { home } = folder;
  const file = home.file("config.json");
  const parsed = await home.json("config.json");
  refuseQuantisedConfig(parsed, file);
  const config = configOf(parsed, file);
  const type = config["model_type"];
  if (typeof type === "string" && factsOf(type) === undefined) throw unknownFamily(file, type);
  const templates = await loadTemplates(home);
  const { scorer = NO_SCORER } = options;
  const strategy = scorer === NO_SCORER ? strategyOf(config, templates) : undefined;
  if (strategy) {
    refuseOptions(options, folder.path);
    return { strategy, templates: templates ?? DEFAULT_TEMPLATES };
  }
  const chosen = await scorerOf(folder, config, options);
  return { chosen, templates: scorerTemplates(chosen) };
}

/** The strategy of a published scorer, with what of the weights it has beside the model. */
async function strategyFor(chosen: ChosenScorer, loaded: Loaded, folder: CheckpointFolder): Promise<Strategy> {
  const generation = await readGenerationConfig(folder.home);
  if (chosen.scorer.reading.kind !== "reward")
    return scorerStrategy(chosen, { ...loaded, generation, tensor: noTensor });
  using checkpoint = await openCheckpoint(folder.weights);
  const { device } = loaded.model;
  const asked = { folder, scorer: chosen.scorer, to: { dtype: "float32", device } } as const;
  const tensor = (name: string): Tensor => headTensor(checkpoint, name, asked);
  return scorerStrategy(chosen, { ...loaded, generation, tensor });
}

function noTensor(name: string): Tensor {
  throw new RocError("INTERNAL", `Nobody reads ${name}.`);
}

/** @throws RocError USAGE for a family whose prompts take no system text, where the scorer needs one */
function processorFor(chosen: ChosenScorer | undefined, processor: MllmProcessor): MllmProcessor {
  const system = chosen?.info.system;
  return system === undefined ? processor : withSystem(processor, system);
}

/**
 * What else a config must hold is for the model's family to say.
 *
 * @throws RocError CONFIG_INVALID
 */
function configOf(parsed: unknown, file: string): Record<string, unknown> {
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  const remedy = "Copy it again from where the checkpoint comes from.";
  throw new RocError(
    "CONFIG_INVALID",
    `${file} is no model's config: it holds no object of keys and values. ${remedy}`,
  );
}

function checkRows({ vocabulary }: Strategy, rows: number, folder: string): void {
  if (!vocabulary) return;
  const last = Math.max(vocabulary.positionId, ...vocabulary.scoreIds);
  if (last < rows) return;
  const message = `${folder}: config.json places a score token at id ${last}, but the weights have ${rows} rows`;
  throw new RocError("CHECKPOINT_MISMATCH", `${message}. Take config.json and weights from the same checkpoint.`);
}
