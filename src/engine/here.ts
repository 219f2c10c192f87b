/** Loading on the thread that calls: in a worker, or where a model is to stay with its caller. */
import { RocError } from "../errors.js";
import { factsOf } from "../models/families.js";
import type { CheckpointFolder } from "../models/places.js";
import { packWeights } from "../models/pack.js";
import { planOf } from "../models/quantize.js";
import { loadMllm } from "../models/registry.js";
import {
  DEFAULT_TEMPLATES,
  LEVEL_TEMPLATES,
  loadTemplates,
  strategyOf,
  type RocTemplates,
  type Strategy,
  type StrategyParts,
} from "../roc/index.js";
import { ifThere, type OpenFolder } from "../files/index.js";
import { refuseQuantisedConfig } from "../weights/index.js";
import { checkAborted } from "./failures.js";
import type { LoadOptions } from "./load.js";
import { checkBase, checkpointName, digestModel } from "./identity.js";
import { scoringDtype } from "./precision.js";
import type { ModelOptions } from "./reader.js";

/** What `createModel()` takes. */
export interface LoadedParts {
  readonly parts: StrategyParts;
  readonly name: string;
  readonly options: ModelOptions;
}

/** The parts of a checkpoint that scores. @throws RocError as `load()` */
export async function loadParts(folder: CheckpointFolder, options: LoadOptions): Promise<LoadedParts> {
  const {
    signal,
    device,
    dtype,
    quantize,
    visionTower,
    resize,
    threads,
    scale,
    batchSize,
    onNote,
    pack = false,
  } = options;
  const { home, weights } = folder;
  planOf({ quantize, device }, await ifThere(weights.json("config.json")));
  const { strategy, templates, conversation } = await readStrategy(home);
  checkAborted(signal, folder.path);
  const looked = { visionTower, signal };
  const digest = await checkBase(folder, looked)
    .then(() => digestModel(folder, looked))
    .catch((error: unknown) => {
      checkAborted(signal, folder.path);
      throw error;
    });
  const name = checkpointName(home.path, digest);
  const chosen = await scoringDtype(folder, { dtype, device, quantize });
  if (chosen !== undefined && chosen !== dtype) {
    onNote?.(
      `scores are computed in ${chosen}, which this processor is fast in; --dtype float32 (dtype) is more exact`,
    );
  }
  const { model, processor } = await loadMllm(folder, {
    device,
    dtype: chosen,
    quantize,
    visionTower,
    resize,
    conversation,
  });
  try {
    checkAborted(signal, folder.path);
    checkRows(strategy, model.vocabSize, folder.path);
    if (pack !== false) packWeights(model, pack);
  } catch (error) {
    model.dispose();
    throw error;
  }
  const parts = { model, processor, strategy, templates };
  return { parts, name, options: { digest, folder: home.path, resize, threads, scale, batchSize, onNote } };
}

interface Scoring {
  readonly strategy: Strategy;
  readonly templates: RocTemplates;
  /** Where the processor would else take another one. */
  readonly conversation?: string | undefined;
}

/** Looks at the config before gigabytes of weights are read. */
async function readStrategy(folder: OpenFolder): Promise<Scoring> {
  const file = folder.file("config.json");
  const parsed = await folder.json("config.json");
  refuseQuantisedConfig(parsed, file);
  const config = configOf(parsed, file);
  const templates = await loadTemplates(folder);
  const strategy = strategyOf(config, templates);
  if (strategy) return { strategy, templates: templates ?? DEFAULT_TEMPLATES };
  const conversation = factsOf(config["model_type"])?.levelConversation;
  const levels = conversation === undefined ? undefined : strategyOf(config, LEVEL_TEMPLATES);
  if (levels) return { strategy: levels, templates: templates ?? LEVEL_TEMPLATES, conversation };
  const remedy = "Train it first (roc4mllm train), or give the folder of a trained checkpoint.";
  throw new RocError("CONFIG_INVALID", `${folder.path} has no score tokens: config.json names no score_id. ${remedy}`);
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
