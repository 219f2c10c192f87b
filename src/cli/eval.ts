/** `roc4mllm eval`: the figures of a model, or of another system's predictions, on a data set. */
import { createHash } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Command, Option } from "commander";
import { SPLITS, type LoadedDataset, type Sample, type Split } from "../data/index.js";
import { ERROR_CODES, RocError } from "../errors.js";
import { predict, readSystem, summarise, writeTable, type Prediction } from "../eval/runner/index.js";
import { atomicWriteJson } from "../weights/index.js";
import { addDataOptions, readData, type DataFlags } from "./data-options.js";
import { summaryText } from "./eval-text.js";
import type { Context } from "./io.js";
import { createProgress } from "./progress.js";
import { DEMO_MODEL } from "./score.js";
import { number, whole } from "./train-options.js";

interface Flags extends DataFlags {
  readonly model: string;
  readonly data: string;
  readonly split: Split | "all";
  readonly out?: string;
  readonly predictions?: string;
  readonly limit?: number;
  readonly threshold?: number;
  readonly resamples: number;
  readonly seed: number;
  readonly fresh?: true;
  readonly json?: true;
}

const HELP = `
Writes DIR/predictions.csv (or .parquet), one row a picture with the full distribution, and DIR/summary.json. While it runs,
DIR/predictions.partial.jsonl grows by a line a picture: stop it at any moment, and the same command goes on. A picture or
an answer that cannot be read is counted and reported; the exit code is then ${ERROR_CODES.FILE_UNREADABLE}.

Intervals are percentile bootstrap intervals at 95%.

Examples:
  roc4mllm eval --data TAD66K/ --model my-checkpoint/ --out runs/tad
  roc4mllm eval --data AVA/ --predictions other-system.csv --out runs/other`;

export function evalCommand(context: Context): Command {
  const command = new Command("eval")
    .description("SRCC, PLCC and the rest of a model on a data set, with intervals")
    .requiredOption("--data <folder>", "folder of a data set's official files, or of your own CSV or JSON Lines file")
    .addOption(new Option("-m, --model <folder>", "checkpoint folder").default(DEMO_MODEL, "the demo weights"))
    .option("--predictions <file>", "another system's predictions (CSV, JSON Lines, Parquet) instead of a model's")
    .addOption(new Option("--split <name>", "part of the data set").choices([...SPLITS, "all"]).default("test"))
    .option("--out <folder>", "folder of the results (default: eval-MODEL-DATA in the current folder)")
    .addOption(new Option("--format <name>", "of the predictions").choices(["csv", "parquet"]).default("csv"))
    .option("--limit <n>", "only the first n pictures", whole(1))
    .option(
      "--threshold <score>",
      "binary accuracy: above it is good (default: the middle of the scale)",
      number(-Infinity),
    )
    .option("--resamples <n>", "of the bootstrap", whole(1), 2000)
    .option("--seed <n>", "of the bootstrap", whole(0), 0)
    .option("--fresh", "throw away what an interrupted evaluation left")
    .option("--json", "print the summary as one JSON object");
  addDataOptions(command).addHelpText("after", HELP);
  return command.action(() => evaluate(command.opts(), context));
}

type AllFlags = Flags & { readonly format: "csv" | "parquet" };

async function evaluate(flags: AllFlags, context: Context): Promise<void> {
  const { io, setExitCode } = context;
  const data = await readData(flags.data, flags);
  const samples = samplesOf(data, flags);
  if (data.missing.length > 0) io.stderr.write(`note: ${data.missing.length} rated pictures have no image file\n`);
  for (const note of data.notes) io.stderr.write(`note: ${note}\n`);
  const source = await (flags.predictions === undefined
    ? fromModel(flags, data, samples, context)
    : fromFile(flags.predictions, samples, flags));
  const options = { scale: data.scale, seed: flags.seed, resamples: flags.resamples, threshold: flags.threshold };
  const summary = summarise(source.predictions, options);
  const report = { provenance: provenanceOf(source, data, samples, flags), ...summary };
  await writeTable(join(source.out, `predictions.${flags.format}`), source.predictions);
  await atomicWriteJson(join(source.out, "summary.json"), report);
  await rm(join(source.out, PARTIAL), { force: true });
  io.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : summaryText(summary, data));
  io.stderr.write(`Wrote ${source.out}\n`);
  if (summary.scored < summary.count) setExitCode(ERROR_CODES.FILE_UNREADABLE);
}

const PARTIAL = "predictions.partial.jsonl";

interface Source {
  readonly out: string;
  /** What was evaluated: a checkpoint with its digest, or a file. */
  readonly system: string;
  readonly predictions: readonly Prediction[];
  readonly unmatched?: number;
}

async function fromModel(
  flags: AllFlags,
  data: LoadedDataset,
  samples: readonly Sample[],
  { io, engine, signal }: Context,
): Promise<Source> {
  const { load } = await engine();
  using model = await load(flags.model);
  const out = flags.out ?? `eval-${model.name}-${data.name}`.replace(/[^\w.@-]+/g, "_");
  await mkdir(out, { recursive: true });
  if (flags.fresh) await rm(join(out, PARTIAL), { force: true });
  const settings = { system: model.name, data: digestOf(samples), split: flags.split };
  await checkSettings(join(out, "settings.json"), join(out, PARTIAL), settings);
  const progress = createProgress(io.stderr, "scored", samples.length);
  try {
    const onProgress = (done: number): void => progress.update(done);
    const predictions = await predict(model, data, samples, { partial: join(out, PARTIAL), signal, onProgress });
    return { out, system: model.name, predictions };
  } finally {
    progress.stop();
  }
}

async function fromFile(file: string, samples: readonly Sample[], flags: AllFlags): Promise<Source> {
  const out = flags.out ?? join(dirname(resolve(file)), "eval");
  await mkdir(out, { recursive: true });
  return { out, system: file, ...(await readSystem(file, samples)) };
}

/** An interrupted evaluation may only go on with what it was begun with. */
async function checkSettings(file: string, partial: string, settings: Record<string, string>): Promise<void> {
  const [before, begun] = await Promise.all([file, partial].map((path) => readFile(path, "utf8").catch(() => "")));
  if (before && begun && before !== settingsText(settings)) {
    const remedy = "Give another --out, or --fresh to throw that away.";
    throw new RocError("USAGE", `${partial} is of another model or data set. ${remedy}`);
  }
  await atomicWriteJson(file, settings);
}

/** As {@link atomicWriteJson} writes it. */
function settingsText(settings: Record<string, string>): string {
  return `${JSON.stringify(settings, null, 2)}\n`;
}

function samplesOf({ samples, name }: LoadedDataset, { split, limit }: AllFlags): Sample[] {
  const part = split === "all" ? samples : samples.filter((sample) => sample.split === split);
  if (part.length > 0) return part.slice(0, limit);
  throw new RocError(
    "DATA_INVALID",
    `${name} has no picture in the split "${split}"; try --split all, or check --images.`,
  );
}

function digestOf(samples: readonly Sample[]): string {
  const labels = samples.map(({ id, score, attributes }) => [id, score, attributes ?? null]);
  return createHash("sha256").update(JSON.stringify(labels)).digest("hex").slice(0, 16);
}

/** Where every number of the summary comes from. */
function provenanceOf(source: Source, data: LoadedDataset, samples: readonly Sample[], flags: AllFlags): object {
  return {
    system: source.system,
    data: data.name,
    folder: flags.data,
    split: flags.split,
    labels: digestOf(samples),
    missingImages: data.missing.length,
    ...(source.unmatched !== undefined && { unmatchedRows: source.unmatched }),
    seed: flags.seed,
    resamples: flags.resamples,
    node: process.version,
    date: new Date().toISOString(),
  };
}
