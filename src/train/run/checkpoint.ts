/**
 * Resumable states of a run. A run folder holds
 *
 *     step-00000400/   a whole checkpoint, optimizer.safetensors, trainer.json
 *     latest           the name of the newest of them
 *     best             the name of the one with the best validation, where there was one
 *
 * A state is written as `step-….tmp`, flushed and renamed; then `latest` is replaced; then older states are deleted,
 * except those to keep. A process killed anywhere in between leaves whole states: where `latest` names none of them, the
 * newest counts. Nothing is deleted because it could not be read.
 */
import { lstat, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { isRocError, messageOf, RocError, type ErrorCode } from "../../errors.js";
import {
  atomicWriteFile,
  atomicWriteJson,
  isSystemError,
  makeFolder,
  move,
  publishFolder,
  remove,
} from "../../files/index.js";
import { readJsonAs, removeEntries } from "../../files/index.js";
import { readPointer, stateNames } from "../../models/places.js";
import { isUnusableFile, SAMPLES_FILE } from "./samples.js";
import { isEventFile } from "./tensorboard.js";

const LATEST = "latest";
const BEST = "best";
const STATE = "trainer.json";
const STEP_FOLDER = /^step-\d{8}$/;
const STEP_ENTRY = /^step-\d{8}(\.tmp)?$/;
const UNFINISHED = /^step-\d{8}\.tmp$/;

const FORMAT = "roc4mllm-trainer";

const stateSchema = z.object({
  /** Optimizer steps done. */
  step: z.number().int().min(0),
  /** Optimizer steps of the whole run. */
  totalSteps: z.number().int().min(1),
  /** The position of the next batch: epoch, and batch within it. Both follow from `step`; for human readers. */
  epoch: z.number().int().min(0),
  batch: z.number().int().min(0),
  /** All randomness of a run is drawn from (seed, epoch, sample), so that the seed is the generators' whole state. */
  seed: z.number().int(),
  threads: z.number().int().min(1),
  /** What matrix products are computed in. */
  precision: z.enum(["float32", "bfloat16"]),
  /** The best validation so far (by SRCC; of equal ones by MAE, then the later one) and the state that holds its weights. */
  best: z
    .object({
      step: z.number().int(),
      srcc: z.number().nullable(),
      plcc: z.number().nullable(),
      mae: z.number().nullable(),
    })
    .nullable(),
  /** Validations since SRCC has risen. */
  stale: z.number().int().min(0).default(0),
  /** Seconds of training so far, over all processes. */
  seconds: z.number().min(0),
});

/** What `trainer.json` says. */
export type TrainerState = Readonly<z.infer<typeof stateSchema>>;
const fileSchema = z.object({ format: z.literal(FORMAT), state: stateSchema });

export interface SavedState {
  readonly folder: string;
  readonly state: TrainerState;
  /** What a person should know of how it was found. */
  readonly note?: string;
}

/** Which states to keep beside the latest. */
export interface KeepOptions {
  /** The newest states, the latest among them. Default 1. */
  readonly keepLast?: number;
  /** Default true. */
  readonly keepBest?: boolean;
}

/** Name of the folder of a step's state. */
export function stepFolder(run: string, step: number): string {
  return join(run, `step-${String(step).padStart(8, "0")}`);
}

/**
 * Writes a state and makes it the latest.
 *
 * @param write puts weights and optimizer into the folder that it is given
 * @throws RocError TRAINING where it cannot be written (a full disk); the states before it are untouched
 */
export async function saveState(
  run: string,
  state: TrainerState,
  write: (folder: string) => Promise<void>,
  keep: KeepOptions = {},
): Promise<SavedState> {
  const folder = stepFolder(run, state.step);
  const aside = `${folder}.tmp`;
  try {
    await remove(aside);
    await makeFolder(aside);
    await write(aside);
    await atomicWriteJson(join(aside, STATE), { format: FORMAT, state });
    // One of this step is there where the run went back to an older state.
    await remove(folder);
    await publishFolder(aside, folder);
    await writePointer(run, LATEST, folder);
    const { keepBest = true } = keep;
    if (keepBest && state.best) await writePointer(run, BEST, stepFolder(run, state.best.step));
  } catch (error) {
    await remove(aside).catch(() => undefined);
    const code =
      isSystemError(error) || (isRocError(error) && error.code === "FILE_UNWRITABLE") ? "FILE_UNWRITABLE" : "TRAINING";
    const message = `The state of step ${state.step} cannot be written to ${run}: ${messageOf(error)}.`;
    throw new RocError(code, `${message} Make room there and start again: the run resumes.`, { cause: error });
  }
  await removeOthers(run, state, keep);
  return { folder, state };
}

/** A folder of that name is moved aside. */
async function writePointer(run: string, name: string, folder: string): Promise<void> {
  const file = join(run, name);
  const found = await lstat(file).catch(() => undefined);
  if (found?.isDirectory() === true) await move(file, `${file}.${Date.now()}.aside`);
  await atomicWriteFile(file, `${basename(folder)}\n`);
}

/**
 * The state of a run folder to resume from, if it has one: the one that `latest` names, else the newest. What a killed
 * process had started to write is removed, nothing else.
 *
 * @throws RocError CHECKPOINT_INVALID where the state is not as this program writes it
 */
export async function openLatestState(run: string): Promise<SavedState | undefined> {
  const found = await findState(run);
  await removeEntries(run, (name) => UNFINISHED.test(name));
  return found;
}

async function findState(run: string): Promise<SavedState | undefined> {
  const names = await stateNames(run);
  const { name: named, fault } = await readPointer(run, LATEST);
  const name = names.includes(named) ? named : names.at(-1);
  if (name === undefined) {
    if (!STEP_FOLDER.test(named)) return undefined;
    const remedy = "Restore that folder, or start again with --fresh.";
    throw new RocError("CHECKPOINT_INVALID", `${join(run, LATEST)} names ${named}, which is not there. ${remedy}`);
  }
  const folder = join(run, name);
  const state = await readState(folder);
  return fault === undefined
    ? { folder, state }
    : { folder, state, note: `${fault} The newest state is taken: ${name}.` };
}

async function readState(folder: string): Promise<TrainerState> {
  return (await readingState(folder, () => readJsonAs(join(folder, STATE), fileSchema))).state;
}

/** What is wrong with files; anything else is not for a state to be restored. */
const BROKEN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...(["FILE_NOT_FOUND", "FILE_UNREADABLE", "CONFIG_INVALID", "TOKENIZER_INVALID"] as const),
  ...(["CHECKPOINT_INVALID", "CHECKPOINT_MISMATCH"] as const),
]);

/**
 * Reads from a state to resume from it: an error of any of its files says what is to be done about the run, instead of the
 * file's own remedy.
 *
 * @throws RocError CHECKPOINT_INVALID; whatever else `read` throws
 */
export async function readingState<T>(folder: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!isRocError(cause) || !BROKEN.has(cause.code)) throw cause;
    // What follows it is the file's remedy.
    const reason = cause.message.split(/\. (?=[A-Z])/)[0]?.replace(/\.$/, "");
    const remedy = `Restore it, delete ${folder} to resume from an older state, or start again with --fresh.`;
    throw new RocError("CHECKPOINT_INVALID", `${folder} is no whole state: ${reason}. ${remedy}`, { cause });
  }
}

/** Deletes the states that are not to be retained. */
async function removeOthers(
  run: string,
  state: TrainerState,
  { keepLast = 1, keepBest = true }: KeepOptions,
): Promise<void> {
  const latest = basename(stepFolder(run, state.step));
  const whole = (await readdir(run)).filter((name) => STEP_FOLDER.test(name) && name <= latest).sort();
  const kept = new Set([latest, ...whole.slice(-keepLast)]);
  if (keepBest && state.best) kept.add(basename(stepFolder(run, state.best.step)));
  await removeEntries(run, (name) => STEP_ENTRY.test(name) && !kept.has(name));
}

/** Removes everything that a run has left in its folder, and nothing else. */
export async function clearRun(run: string): Promise<void> {
  const files = new Set([LATEST, BEST, "metrics.jsonl", "config.json", "environment.json", SAMPLES_FILE]);
  await removeEntries(
    run,
    (name) => STEP_ENTRY.test(name) || isEventFile(name) || isUnusableFile(name) || files.has(name),
  );
}
