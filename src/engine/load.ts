/** Checkpoint folders of scoring models: Hugging Face's layout and, beside it, the texts of `roc_templates.json`. */
import { join } from "node:path";
import { RocError } from "../errors.js";
import { loadMllm } from "../models/registry.js";
import { saveMllm } from "../models/save.js";
import {
  DEFAULT_TEMPLATES,
  loadTemplates,
  saveTemplates,
  vocabularyFromConfig,
  type ScoreVocabulary,
  type ScoringParts,
} from "../roc/index.js";
import type { Device, DType } from "../torch/index.js";
import { readJson } from "../weights/index.js";
import { identify } from "./identity.js";
import { createModel } from "./model.js";
import type { Model } from "./types.js";

export interface LoadOptions {
  /** "cpu" (default), "cuda" or "cuda:1". */
  readonly device?: Device;
  /** Of the weights; default: float32 on the CPU, the file's own on a GPU. */
  readonly dtype?: DType;
  /** Looked at between the steps of loading. */
  readonly signal?: AbortSignal;
}

/**
 * Loads a checkpoint that scores pictures.
 *
 * A checkpoint with score tokens but without `roc_templates.json` (the authors' own) gets the released code's texts.
 *
 * @throws RocError FILE_NOT_FOUND, CONFIG_INVALID, CHECKPOINT_INVALID, CHECKPOINT_MISMATCH, TOKENIZER_INVALID,
 *   NATIVE_UNAVAILABLE, or ABORTED
 */
export async function load(folder: string, options: LoadOptions = {}): Promise<Model> {
  const { signal, device, dtype } = options;
  const vocabulary = await readVocabulary(folder);
  const templates = (await loadTemplates(folder)) ?? DEFAULT_TEMPLATES;
  const name = await identify(folder);
  checkAborted(signal, folder);
  const { model, processor } = await loadMllm(folder, { ...(device && { device }), ...(dtype && { dtype }) });
  try {
    checkAborted(signal, folder);
    checkRows(vocabulary, model.vocabSize, folder);
    return createModel({ model, processor, vocabulary, templates }, name);
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** Writes a folder that {@link load} reads: weights and config, tokenizer and processor, templates. */
export async function saveCheckpoint(folder: string, parts: ScoringParts): Promise<void> {
  await saveMllm(parts.model, folder);
  await parts.processor.save(folder);
  await saveTemplates(folder, parts.templates);
}

/** Looks at the config before gigabytes of weights are read. */
async function readVocabulary(folder: string): Promise<ScoreVocabulary> {
  const config = await readJson(join(folder, "config.json"));
  // Whatever is no object has no keys; what else a config must hold is for the model's family to say.
  const vocabulary = vocabularyFromConfig({ ...(typeof config === "object" && config) });
  if (vocabulary) return vocabulary;
  const remedy = "Train it first (roc4mllm train), or give the folder of a trained checkpoint.";
  throw new RocError("CONFIG_INVALID", `${folder} has no score tokens: config.json names no score_id. ${remedy}`);
}

function checkRows({ positionId, scoreIds }: ScoreVocabulary, rows: number, folder: string): void {
  const last = Math.max(positionId, ...scoreIds);
  if (last < rows) return;
  const message = `${folder}: config.json places a score token at id ${last}, but the weights have ${rows} rows`;
  throw new RocError("CHECKPOINT_MISMATCH", `${message}. Take config.json and weights from the same checkpoint.`);
}

function checkAborted(signal: AbortSignal | undefined, folder: string): void {
  if (signal?.aborted) throw new RocError("ABORTED", `Loading ${folder} was cancelled`, { cause: signal.reason });
}
