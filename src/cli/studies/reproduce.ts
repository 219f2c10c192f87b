/** `roc4mllm reproduce`: a table of the paper with our figures beside it. */
import { join } from "node:path";
import { Command, Option } from "commander";
import { DEMO_MODEL } from "../../engine/demo.js";
import { RocError } from "../../errors.js";
import { compareTable } from "../../studies/paper/filled-table.js";
import { TABLES } from "../../studies/paper/published.js";
import { csvTable, jsonTable, latexTable, textTable } from "../../studies/paper/render.js";
import { readRuns, RUNS_FILE, type FoundRuns } from "../../studies/paper/evaluations.js";
import { BACKBONES, type Backbone } from "../../studies/paper/types.js";
import type { Context } from "../shared/io.js";
import { number, whole } from "../shared/numbers.js";
import { makeFolder } from "../../files/index.js";

interface Flags {
  readonly runs?: string;
  readonly studio?: true;
  readonly backbone?: Backbone;
  readonly json?: true;
  readonly csv?: true;
  readonly latex?: true;
  readonly run?: true;
  readonly work: string;
  readonly data: string;
  readonly base: readonly string[];
  readonly pictures: number;
  readonly epochs: number;
  readonly seed: number;
}

/** Looked for where --runs is not given. */
const RUNS_FOLDER = "runs";

const HELP = `
Ours come from folders that roc4mllm eval wrote: --runs names a folder of them, which say of themselves on what data set,
with which strategy and by which family they were made, or a registry of them (${RUNS_FILE}; also looked for in that folder):

  {"runs": [{"dataset": "ava", "backbone": "mplug_owl2", "strategy": "roc", "folder": "ava-roc"},
            {"dataset": "ava", "method": "NIMA", "folder": "ava-nima"},
            {"dataset": "ava", "backbone": "llava", "strategy": "roc", "studio": true, "folder": "studio-roc"}]}

A cell that no run fills says what it needs, with the command that makes it. --run makes what it can: it trains by the
table's recipe (configs/), evaluates, and prints the table; stopped anywhere, the same command goes on. With --studio it
writes small synthetic copies of the data sets and starts from the demo weights, a LLaVA that stands in for mPLUG-Owl2: a rehearsal of
the whole path, whose figures say nothing about the published ones.

Examples:
  roc4mllm reproduce table6 --runs runs/
  roc4mllm reproduce table6 --studio --run
  roc4mllm reproduce table1 --run --data /datasets
  roc4mllm reproduce table4 --latex > table4.tex`;

export function reproduceCommand(context: Context): Command {
  const names = TABLES.map(({ name }) => name);
  return new Command("reproduce")
    .description("Tables 1 to 6 of the paper, with our figures beside the published ones")
    .argument("<table>", `${names[0]} to ${names.at(-1)}`)
    .option(
      "--runs <path>",
      `folder of run folders, or a registry of them (default: ${RUNS_FOLDER}, where it is there)`,
    )
    .option("--studio", "ours on the studio's synthetic copies of the data sets")
    .addOption(
      new Option("--backbone <name>", "ours by this family in place of mPLUG-Owl2").choices(Object.keys(BACKBONES)),
    )
    .addOption(new Option("--json", "one JSON object").conflicts(["csv", "latex"]))
    .addOption(new Option("--csv", "a line a cell").conflicts("latex"))
    .option("--latex", "a table for LaTeX with booktabs")
    .option("--run", "train and evaluate what no run fills")
    .option("--work <folder>", "of --run: where everything goes", "runs/reproduce")
    .option(
      "--data <folder>",
      "of --run: folder of the data sets AVA, TAD66K, ICAA17K, AADB, PARA, AVA-Captions",
      "data",
    )
    .option(
      "--base <folder>",
      "of --run --studio: small checkpoint of a family to start from; may be repeated",
      several,
      [],
    )
    .option("--pictures <n>", "of --run --studio: pictures of a synthetic copy", whole(50), 400)
    .option("--epochs <n>", "of --run --studio: on a synthetic copy", number(0.01), 4)
    .option("--seed <n>", "of --run --studio: of pictures and training", whole(0), 0)
    .addHelpText("after", HELP)
    .action((name: string, flags: Flags) => reproduce(name, flags, context));
}

function several(text: string, all: readonly string[]): readonly string[] {
  return [...all, text];
}

/** Trains and evaluates what the table lacks. @returns the folder of the runs */
async function make(table: (typeof TABLES)[number], flags: Flags, context: Context): Promise<string> {
  const { studio, pictures, epochs, seed } = flags;
  const work = studio ? join(flags.work, "studio") : flags.work;
  const runs = join(work, "runs");
  await makeFolder(runs);
  const { basesByFamily, makeRuns } = await import("./reproduce-run.js");
  const bases = await basesByFamily([DEMO_MODEL, ...flags.base]);
  const backbone = flags.backbone ?? (studio && "llava");
  const options = { work, pictures, epochs, seed, bases, backbone, data: studio ? undefined : flags.data };
  const notes = await makeRuns(table, (await readRuns(runs)).runs, options, context);
  for (const note of notes) context.io.stderr.write(`note: ${note}\n`);
  return runs;
}

async function reproduce(name: string, flags: Flags, context: Context): Promise<void> {
  const { io } = context;
  const table = TABLES.find((one) => one.name === name);
  if (!table)
    throw new RocError("USAGE", `There is no ${name}; give one of ${TABLES.map((one) => one.name).join(", ")}.`);
  const { runs, notes } = await findRuns(flags.run ? await make(table, flags, context) : flags.runs);
  for (const note of notes) io.stderr.write(`note: ${note}\n`);
  const { studio, run } = flags;
  noteOthers(runs, studio === true, io);
  const backbone = flags.backbone ?? (studio && run ? "llava" : undefined);
  const compared = compareTable(table, runs, { ...(studio && { studio }), ...(backbone && { backbone }) });
  if (flags.json) io.stdout.write(`${JSON.stringify(jsonTable(compared))}\n`);
  else io.stdout.write(flags.csv ? csvTable(compared) : flags.latex ? latexTable(compared) : textTable(compared));
}

/** Notes the runs that are left out for their data. */
export function noteOthers(runs: FoundRuns["runs"], studio: boolean, io: Context["io"]): void {
  const others = runs.filter((one) => one.studio !== studio).length;
  if (others === 0) return;
  const what = studio
    ? "the data sets themselves; leave --studio away for these"
    : "the studio's synthetic copies of the data sets";
  io.stderr.write(`note: ${others} of ${runs.length} runs are left out, being on ${what}\n`);
}

/** The named runs; else those of the usual folder, if there is one. */
export async function findRuns(path: string | undefined): Promise<FoundRuns> {
  if (path !== undefined) return readRuns(path);
  return readRuns(RUNS_FOLDER).catch((error: unknown) => {
    if (error instanceof RocError && error.code === "FILE_NOT_FOUND") return { runs: [], notes: [] };
    throw error;
  });
}
