/**
 * Resumable states of a run. A run folder holds
 *
 *     step-00000400/   a whole checkpoint, optimizer.safetensors, trainer.json
 *     latest           the name of the newest of them
 *
 * A state is written as `step-….tmp`, flushed and renamed; then `latest` is replaced; then older states are deleted,
 * but for those to keep. A process killed anywhere in between leaves `latest` naming a whole state.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { messageOf, RocError } from "../errors.js";
import { atomicWriteFile, atomicWriteJson, makeFolder, publishFolder, removeEntries } from "../files/index.js";
import { isEventFile } from "./tensorboard.js";

const LATEST = "latest";
const STATE = "trainer.json";
const STEP_FOLDER = /^step-\d{8}$/;
const STEP_ENTRY = /^step-\d{8}(\.tmp)?$/;

const FORMAT = "roc4mllm-trainer";

const stateSchema = z.object({
  /** Optimizer steps done. */
  step: z.number().int().min(0),
  /** Optimizer steps of the whole run. */
  totalSteps: z.number().int().min(1),
  /** Where the next batch lies: epoch, and batch within it. Both follow from `step`; kept for people. */
  epoch: z.number().int().min(0),
  batch: z.number().int().min(0),
  /** All randomness of a run is drawn from (seed, epoch, sample), so that the seed is the generators' whole state. */
  seed: z.number().int(),
  threads: z.number().int().min(1),
  /** What matrix products are computed in. */
  precision: z.enum(["float32", "bfloat16"]),
  /** The best validation so far and the state that holds its weights. */
  best: z
    .object({
      step: z.number().int(),
      srcc: z.number().nullable(),
      plcc: z.number().nullable(),
      mae: z.number().nullable(),
    })
    .nullable(),
  /** Validations since the best one. */
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
    await rm(aside, { recursive: true, force: true });
    await makeFolder(aside);
    await write(aside);
    await atomicWriteJson(join(aside, STATE), { format: FORMAT, state });
    await publishFolder(aside, folder);
    await atomicWriteFile(join(run, LATEST), `${basename(folder)}\n`);
  } catch (error) {
    await rm(aside, { recursive: true, force: true }).catch(() => undefined);
    const message = `The state of step ${state.step} cannot be written to ${run}: ${messageOf(error)}.`;
    throw new RocError("TRAINING", `${message} Make room there and start again: the run resumes.`, { cause: error });
  }
  await removeOthers(run, state, keep);
  return { folder, state };
}

/**
 * The newest state of a run folder, if it has one; whatever else a killed process left is removed.
 * @throws RocError CHECKPOINT_INVALID where the state is not as this program writes it
 */
export async function openLatestState(run: string, keep: KeepOptions = {}): Promise<SavedState | undefined> {
  const name = (await readFile(join(run, LATEST), "utf8").catch(() => "")).trim();
  if (name === "") {
    await removeEntries(run, (entry) => STEP_ENTRY.test(entry)).catch(() => undefined);
    return undefined;
  }
  if (!STEP_FOLDER.test(name)) {
    const remedy = "Write the name of one of its step folders into it, or start again with --fresh.";
    throw new RocError("CHECKPOINT_INVALID", `${join(run, LATEST)} names "${name}", which is no state. ${remedy}`);
  }
  const folder = join(run, name);
  const state = await readState(join(folder, STATE));
  await removeOthers(run, state, keep);
  return { folder, state };
}

/**
 * The folder of a finished run's best state, or where it never validated of its last one: a checkpoint.
 * @throws RocError FILE_NOT_FOUND where the run has no state; CHECKPOINT_INVALID
 */
export async function bestState(run: string): Promise<string> {
  const name = (await readFile(join(run, LATEST), "utf8").catch(() => "")).trim();
  if (!STEP_FOLDER.test(name)) throw new RocError("FILE_NOT_FOUND", `${run} holds no state of a training run.`);
  const { best } = await readState(join(run, name, STATE));
  return best ? stepFolder(run, best.step) : join(run, name);
}

async function readState(file: string): Promise<TrainerState> {
  try {
    return fileSchema.parse(JSON.parse(await readFile(file, "utf8"))).state;
  } catch (cause) {
    const remedy = "Start again with --fresh, or restore the run folder.";
    throw new RocError("CHECKPOINT_INVALID", `${file} is not a trainer state: ${messageOf(cause)}. ${remedy}`, {
      cause,
    });
  }
}

/** Deletes the states that are not to be kept, and those that a killed process had begun. */
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
  const files = new Set([LATEST, "metrics.jsonl", "config.json", "environment.json"]);
  await removeEntries(run, (name) => STEP_ENTRY.test(name) || isEventFile(name) || files.has(name));
}
