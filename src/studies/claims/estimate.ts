/** How long an experiment will take, by a few measured steps of each kind of run with untrained models. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { saveCheckpoint } from "../../engine/index.js";
import type { Sample } from "../../data/index.js";
import { LOSS_PRESETS } from "../../roc/index.js";
import { setNumThreads } from "../../torch/index.js";
import { setsOf } from "../../train/data/sets.js";
import {
  PixelCache,
  reopen,
  startFrom,
  strategyObjective,
  train,
  type Objective,
  type Trainable,
} from "../../train/index.js";
import { captionObjective } from "./caption-objective.js";
import { factorObjective } from "./factor-objective.js";
import { conditionOf, readTest, recipeOf } from "./fine-tune.js";
import { armName, runsOf, type Arm, type Run } from "./runs.js";
import { isCommented, trainOptions, type ExperimentConfig, type RecipeConfig } from "./config.js";
import { composeData, readData, type ExperimentData } from "./pictures.js";
import { untrained } from "./pretrain.js";

/** Steps that are measured, behind those that warm up. */
const [WARM, MEASURED] = [2, 4];
/** Pictures that are read. */
const READ = 4;
/** Enough for a test part that is not empty. */
const PICTURES = 60;

/** Seconds of one run on one worker. */
export interface ArmEstimate {
  readonly name: string;
  readonly runs: number;
  readonly train: number;
  /** At most: an untrained model that writes digits does not know when to stop. */
  readonly read: number;
}

export interface Estimate {
  readonly arms: readonly ArmEstimate[];
  /** Pre-training, by backbone. */
  readonly bases: Readonly<Record<string, number>>;
  /** On the clock, over all workers. */
  readonly seconds: number;
}

/** Measures on this machine. The fastest step counts, and time that other work takes does not. */
export async function estimate(
  config: ExperimentConfig,
  runs: readonly Run[] = runsOf(config),
  onArm: (name: string) => void = () => undefined,
): Promise<Estimate> {
  const work = await mkdtemp(join(tmpdir(), "roc4mllm-estimate-"));
  const small = {
    ...config,
    work,
    studio: { ...config.studio, pictures: PICTURES, testFraction: 0.2, mostTest: READ },
    pretrain: { ...config.pretrain, ...(config.pretrain.pictures && { pictures: PICTURES }) },
  };
  setNumThreads(config.threads);
  try {
    await composeData(small);
    const data = await readData(small);
    const bases: Record<string, number> = {};
    for (const backbone of new Set(runs.map((run) => run.backbone))) {
      onArm(`${backbone}/base`);
      bases[backbone] = await measureBase(small, backbone, data);
    }
    const measured: ArmEstimate[] = [];
    for (const [name, own] of byArm(runs, config)) {
      onArm(name);
      const { train: tuning, read } = await measureArm(small, own[0] as Run, data, config.studio);
      measured.push({ name, runs: own.length, train: tuning, read });
    }
    const total = measured.reduce((sum, { runs, train: tuning, read }) => sum + runs * (tuning + read), 0);
    const pretraining = Object.values(bases).reduce((sum, seconds) => sum + seconds, 0);
    return { arms: measured, bases, seconds: (total + pretraining) / config.workers };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function byArm(runs: readonly Run[], config: ExperimentConfig): Map<string, Run[]> {
  const arms = new Map<string, Run[]>();
  for (const run of runs) {
    const name = armName(run, config);
    arms.set(name, [...(arms.get(name) ?? []), run]);
  }
  return arms;
}

/** Leaves the untrained checkpoint behind for the arms. */
async function measureBase(config: ExperimentConfig, backbone: string, data: ExperimentData): Promise<number> {
  const trainable = await untrained(config, backbone, data);
  const { parts } = trainable;
  await saveCheckpoint(checkpointOf(config, backbone), parts);
  const { factors, ...comments } = config.pretrain;
  const { samples, factors: known } = await data.base();
  const commenting = await secondsOfStep(config, trainable, captionObjective(parts), samples, comments);
  if (!factors) return comments.steps * commenting;
  const again = await reopen(checkpointOf(config, backbone));
  const seeing = await secondsOfStep(config, again, factorObjective(again.parts, known), samples, factors);
  return comments.steps * commenting + factors.steps * seeing;
}

/** Seconds of training and of reading. */
async function measureArm(
  config: ExperimentConfig,
  arm: Arm,
  data: ExperimentData,
  { mostTest, mostComments }: ExperimentConfig["studio"],
): Promise<Pick<ArmEstimate, "train" | "read">> {
  const { strategy, scoreTokens: n, backbone } = arm;
  const condition = conditionOf(config, arm);
  const { prompts, answers } = condition;
  const weights = LOSS_PRESETS[config.loss];
  const base = checkpointOf(config, backbone);
  const trainable = await startFrom(base, { strategy, n, weights, templates: { prompts, answers } });
  const tuned = join(config.work, "tuned");
  await saveCheckpoint(tuned, trainable.parts);
  const objective = strategyObjective(trainable.parts, data, weights);
  const samples = strategy === "set" ? setsOf(data.train) : data.train;
  const recipe = recipeOf(config, strategy, data.train);
  const step = await secondsOfStep(config, trainable, objective, samples, recipe);
  const commented = isCommented(condition) ? Math.min(mostComments, mostTest) : 0;
  const none = await secondsOfReading(config, arm, 0, { ...data, test: [] }, tuned);
  const each = async (comments: number): Promise<number> =>
    Math.max(0, (await secondsOfReading(config, arm, comments, data, tuned)) - none) / data.test.length;
  const read = none + (mostTest - commented) * (await each(0)) + (commented > 0 ? commented * (await each(READ)) : 0);
  return { train: config.train.steps * step, read };
}

function checkpointOf({ work }: ExperimentConfig, backbone: string): string {
  return join(work, "base", backbone, "checkpoint");
}

/** Frees the model. */
async function secondsOfStep(
  { work, threads }: ExperimentConfig,
  { parts, prepare }: Trainable,
  objective: Objective,
  samples: readonly Sample[],
  recipe: RecipeConfig,
): Promise<number> {
  const options = trainOptions({ ...recipe, steps: WARM + MEASURED }, 0);
  const unbroken = { ...options, every: WARM + MEASURED };
  const task = { model: parts.model, objective, train: samples, validation: [], pixels: new PixelCache({ prepare }) };
  const run = join(work, "run");
  await rm(run, { recursive: true, force: true });
  let fastest = Infinity;
  let spent = stopwatch(threads);
  try {
    for await (const event of train({ ...task, run, save: () => Promise.resolve() }, unbroken)) {
      if (event.type === "step" && event.step > WARM) fastest = Math.min(fastest, spent());
      spent = stopwatch(threads);
    }
  } finally {
    parts.model.dispose();
  }
  return fastest;
}

/** Seconds since: on the clock, or of one thread's processor where that is less (it waited for other processes). */
function stopwatch(threads: number): () => number {
  const [started, used] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(used);
    const clock = (performance.now() - started) / 1000;
    return threads === 1 ? Math.min(clock, (user + system) / 1e6) : clock;
  };
}

async function secondsOfReading(
  config: ExperimentConfig,
  arm: Arm,
  comments: number,
  data: ExperimentData,
  checkpoint: string,
): Promise<number> {
  const file = join(config.work, `${comments}-predictions.jsonl`);
  await rm(file, { force: true });
  const spent = stopwatch(config.threads);
  await readTest(conditionOf(config, arm), comments, data, checkpoint, file);
  return spent();
}
