/** `roc4mllm experiment`: many runs that are compared with each other, by one command that resumes after a stop. */
import { InvalidArgumentError, Command } from "commander";
import type { ArmResult, Estimate, ExperimentConfig, ExperimentEvent } from "../../studies/claims/index.js";
import type { ExperimentResults, Forecast } from "../../studies/claims/index.js";
import { RocError } from "../../errors.js";
import type { Context, Io } from "../shared/io.js";
import { number } from "../shared/numbers.js";
import { formatDuration } from "../shared/progress.js";
import { TrainProgress } from "../train/progress.js";

interface Flags {
  readonly only?: RegExp;
  readonly from?: string;
  readonly scale: number;
  readonly seeds?: number[];
  readonly dryRun?: true;
  readonly measure?: true;
  readonly json?: true;
}

const HELP = `
The file names models, pictures, strategies, conditions and seeds: every combination is a run in a folder of its own.
Stop it at any moment, even by a kill: the same command resumes, and skips what is finished. Results (JSON, Markdown and
plots) are written of all runs that are finished, whatever --only says.

Examples:
  roc4mllm experiment configs/studio/claims.yaml --dry-run
  roc4mllm experiment configs/studio/claims.yaml
  roc4mllm experiment configs/studio/claims.yaml --only 'llava/score/.*/seed-1$'
  roc4mllm experiment configs/studio/claims.yaml --from bench/results/claims    where the work folder is gone
  roc4mllm experiment configs/studio/claims.yaml --scale 0.02    a trial run, in folders of its own
  roc4mllm experiment configs/studio/claims.yaml --seeds 4,5,6   the same with other runs, in folders of their own`;

export function experimentCommand(context: Context): Command {
  const command = new Command("experiment")
    .description("train and compare all runs of an experiment; the same command resumes after a stop")
    .argument("<config>", "the experiment's file (YAML or JSON)")
    .option("--only <pattern>", "runs whose name this regular expression is found in", pattern)
    .option("--from <folder>", "earlier results of this experiment: runs that they hold are not run again")
    .option("--scale <factor>", "times as many pictures and steps", number(0.0001, 100), 1)
    .option("--seeds <list>", "seeds of the runs, as 4,5,6, instead of the file's", seedList)
    .option("--dry-run", "print the runs and what they come to, and stop; computes nothing")
    .option("--measure", "with --dry-run: how long they take here, by a few steps of each kind (minutes)")
    .option("--json", "results as one JSON object", false)
    .addHelpText("after", HELP);
  return command.action((file: string) => experiment(file, command.opts<Flags>(), context));
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError("Give a regular expression.");
  }
}

function seedList(text: string): number[] {
  const seeds = text.split(",").map(Number);
  if (/^\d{1,9}(,\d{1,9})*$/.test(text) && new Set(seeds).size === seeds.length) return seeds;
  throw new InvalidArgumentError("Give different whole numbers, as 4,5,6.");
}

async function experiment(file: string, flags: Flags, { io, signal }: Context): Promise<void> {
  const { readExperiment, runExperiment } = await import("../../studies/claims/index.js");
  const config = await readExperiment(file, flags);
  if (flags.measure && !flags.dryRun) throw new RocError("USAGE", "--measure goes with --dry-run.");
  if (flags.dryRun) return dryRun(config, flags, io);
  const progress = new TrainProgress(io, false);
  const results = await runExperiment(config, {
    only: flags.only,
    from: flags.from,
    signal,
    onProgress: teller(progress, config.out),
  });
  io.stdout.write(flags.json ? `${JSON.stringify(results)}\n` : resultsText(results));
}

async function dryRun(config: ExperimentConfig, { only, from, measure, json }: Flags, io: Io): Promise<void> {
  const { chosenRuns, estimate, forecast, KeptRuns } = await import("../../studies/claims/index.js");
  const runs = chosenRuns(config, only);
  const names = runs.map(({ name }) => name);
  const kept = from === undefined ? undefined : (await KeptRuns.read(config, from)).runs;
  // "cells" is what the output has always called them.
  const print = (plan: object, text: string): void => {
    io.stdout.write(json ? `${JSON.stringify({ cells: names, minutes: config.minutes, ...plan })}\n` : text);
  };
  if (!measure) {
    const plan = await forecast(config, runs, kept);
    return print(plan, forecastText(names, plan, config));
  }
  const progress = new TrainProgress(io, false);
  const found = await estimate(
    config,
    runs.filter(({ name }) => !kept?.has(name)),
    (name) => progress.update(`Measuring ${name}`),
  );
  print(found, planText(names, found, config));
}

function forecastText(
  names: readonly string[],
  { bases, arms, secondsLeft }: Forecast,
  { minutes, workers }: ExperimentConfig,
): string {
  const kinds = [...bases, ...arms];
  const width = Math.max(...kinds.map(({ name }) => name.length));
  const lines = kinds.map(({ name, runs, steps, batchSize, finished, seconds }) => {
    const done = seconds === null ? "" : `; ${finished} finished, ${formatDuration(seconds)} each`;
    return `${name.padEnd(width)}  ${runs} times ${steps} steps of ${batchSize} pictures${done}`;
  });
  const left = kinds.reduce((sum, { runs, finished }) => sum + runs - finished, 0);
  const time =
    secondsLeft === null
      ? "How long they take here is not known until one of each kind is finished; --dry-run --measure tries a few steps of each (minutes)."
      : `About ${formatDuration(secondsLeft)} to go with ${workers} processes, by those that are finished.`;
  const budget = `${left} runs are left; none is started after ${formatDuration(minutes * 60)} in all.`;
  return [...names, "", ...lines, "", budget, time].map((line) => `${line}\n`).join("");
}

function planText(names: readonly string[], found: Estimate, { minutes, workers }: ExperimentConfig): string {
  const width = Math.max(...found.arms.map(({ name }) => name.length));
  const bases = Object.entries(found.bases).map(([name, seconds]) => `${`${name}/base`.padEnd(width)}  ${formatDuration(seconds)}`); // prettier-ignore
  const arms = found.arms.map(
    ({ name, runs, train, read }) =>
      `${name.padEnd(width)}  ${runs} times ${formatDuration(train)} of training and up to ${formatDuration(read)} of reading`,
  );
  const total = `About ${formatDuration(found.seconds)} with ${workers} processes, if nothing else runs here; the budget is ${formatDuration(minutes * 60)}.`;
  const over =
    found.seconds > minutes * 60 ? ["That is over it: what is left then is not started. Lower train.steps."] : [];
  return [...names, "", ...bases, ...arms, "", total, ...over].map((line) => `${line}\n`).join("");
}

/** Shows the progress: a line for every finished run, the steps of the others as they pass. */
function teller(progress: TrainProgress, out: string): (event: ExperimentEvent) => void {
  return (event) => {
    switch (event.type) {
      case "compose":
        return progress.update(`Composing pictures ${event.done}/${event.total}`);
      case "plan":
        return progress.line(`${event.jobs} runs, ${event.finished} of them finished before`);
      case "begin":
        return undefined;
      case "progress": {
        const { job, event: step } = event;
        if (step.type !== "step") return undefined;
        const speed = `${step.imagesPerSecond.toFixed(0)} images/s`;
        return progress.update(`${job}  step ${step.step}/${step.totalSteps}  loss ${step.loss.toFixed(3)}  ${speed}`);
      }
      case "done": {
        const left =
          event.left === 0 ? "the last one" : `${event.left} left, about ${formatDuration(event.secondsLeft)}`;
        return progress.line(`${event.job}: done in ${formatDuration(event.seconds)}; ${left}`);
      }
      case "results": {
        const { folder, lacking } = event;
        const instead = ` instead: ${out} holds ${lacking} runs that are not done here, and stays. --from ${out} takes them`; // prettier-ignore
        return progress.line(`Wrote ${folder}${lacking > 0 ? instead : ""}`);
      }
      case "budget":
        return progress.line(
          `The time budget is spent: ${event.left} runs are not started. Raise "minutes" to continue.`,
        );
    }
  };
}

function resultsText({ arms, claims, missing }: ExperimentResults): string {
  const width = Math.max(8, ...arms.map(({ name }) => name.length));
  const row = (arm: ArmResult): string => {
    const figure = (name: "srcc" | "plcc" | "mae" | "ciderD"): string => arm.figures[name]?.value.toFixed(4) ?? "";
    const failed = arm.failed.reduce((sum, count) => sum + count, 0);
    const attributes = arm.attributes?.srcc?.value.toFixed(4) ?? "";
    const figures = [figure("srcc"), figure("plcc"), figure("mae"), attributes, figure("ciderD"), String(failed)];
    return [arm.name.padEnd(width), ...figures.map((text) => text.padStart(10))].join(" ");
  };
  const head = ["runs".padEnd(width), ...["SRCC", "PLCC", "MAE", "attributes", "CIDEr-D", "unclear"].map((text) => text.padStart(10))].join(" "); // prettier-ignore
  const answers = claims.flatMap(({ question, text }) => ["", question, `  ${text}`]);
  const gaps = missing.length > 0 ? ["", `${missing.length} runs are not finished.`] : [];
  return [head, ...arms.map(row), ...answers, ...gaps].map((line) => `${line}\n`).join("");
}
