/** What an experiment comes to without computing anything: its runs, and how long those took that are finished. */
import { runRecord } from "./fine-tune.js";
import { armName, runsOf, type Run } from "./runs.js";
import type { ExperimentConfig } from "./config.js";
import type { KeptRuns } from "./kept-runs.js";
import { baseRecord } from "./pretrain.js";

/** Runs of a kind. */
export interface RunsForecast {
  readonly name: string;
  readonly runs: number;
  /** Optimizer steps of each. */
  readonly steps: number;
  readonly batchSize: number;
  /** Of the runs, those that are done, in the work folder or in kept results. */
  readonly finished: number;
  /** Mean seconds of the finished ones, training and reading; null where there are none. */
  readonly seconds: number | null;
}

export interface Forecast {
  readonly bases: readonly RunsForecast[];
  readonly arms: readonly RunsForecast[];
  /** On the clock, for what is left, over all workers; null where a kind of run has not been seen yet. */
  readonly secondsLeft: number | null;
}

/** Reads what is in the work folder and computes nothing. @param kept runs of earlier results, which count as finished */
export async function forecast(
  config: ExperimentConfig,
  runs: readonly Run[] = runsOf(config),
  kept?: KeptRuns["runs"],
): Promise<Forecast> {
  const open = runs.filter(({ name }) => !kept?.has(name));
  const backbones = [...new Set(open.map(({ backbone }) => backbone))];
  const bases = backbones.map(async (backbone) => {
    const record = await baseRecord(config, backbone);
    return forecastOf(`${backbone}/base`, config.pretrain, [record?.seconds]);
  });
  const names = [...new Set(runs.map((run) => armName(run, config)))];
  const arms = names.map(async (name) => {
    const own = runs.filter((run) => armName(run, config) === name);
    const records = await Promise.all(own.map(async (run) => kept?.get(run.name) ?? (await runRecord(config, run))));
    return forecastOf(name, config.train, records.map((one) => one && one.trainSeconds + one.readSeconds)); // prettier-ignore
  });
  const all = { bases: await Promise.all(bases), arms: await Promise.all(arms) };
  const left = [...all.bases, ...all.arms].map(({ runs, finished, seconds }) =>
    runs === finished ? 0 : seconds === null ? null : (runs - finished) * seconds,
  );
  const sum = left.reduce<number>((total, seconds) => total + (seconds ?? 0), 0);
  return { ...all, secondsLeft: left.includes(null) ? null : sum / config.workers };
}

function forecastOf(
  name: string,
  { steps, batchSize }: ExperimentConfig["train"],
  seconds: readonly (number | undefined)[],
): RunsForecast {
  const known = seconds.filter((one) => one !== undefined);
  const mean = known.length === 0 ? null : known.reduce((sum, one) => sum + one, 0) / known.length;
  return { name, runs: seconds.length, steps, batchSize, finished: known.length, seconds: mean };
}
