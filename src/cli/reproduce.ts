/** `roc4mllm reproduce`: a table of the paper with our figures beside it. */
import { Command, Option } from "commander";
import { RocError } from "../errors.js";
import { compareTable } from "../eval/reproduce/compare.js";
import { TABLES } from "../eval/reproduce/published.js";
import { csvTable, jsonTable, latexTable, textTable } from "../eval/reproduce/render.js";
import { readRuns, RUNS_FILE, type FoundRuns } from "../eval/reproduce/runs.js";
import { BACKBONES, type Backbone } from "../eval/reproduce/types.js";
import type { Context } from "./io.js";

interface Flags {
  readonly runs?: string;
  readonly studio?: true;
  readonly backbone?: Backbone;
  readonly json?: true;
  readonly csv?: true;
  readonly latex?: true;
}

/** Looked for where --runs is not given. */
const RUNS_FOLDER = "runs";

const HELP = `
Ours come from folders that roc4mllm eval wrote: --runs names a folder of them, which say of themselves on what data set,
with which strategy and by which family they were made, or a registry of them (${RUNS_FILE}; also looked for in that folder):

  {"runs": [{"dataset": "ava", "backbone": "mplug_owl2", "strategy": "roc", "folder": "ava-roc"},
            {"dataset": "ava", "method": "NIMA", "folder": "ava-nima"},
            {"dataset": "ava", "backbone": "llava", "strategy": "roc", "studio": true, "folder": "studio-roc"}]}

A cell that no run fills says what it needs, with the command that makes it.

Examples:
  roc4mllm reproduce table6 --runs runs/
  roc4mllm reproduce table6 --studio --backbone llava
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
    .option("--studio", "ours on the studio's twins of the data sets")
    .addOption(
      new Option("--backbone <name>", "ours by this family in place of mPLUG-Owl2").choices(Object.keys(BACKBONES)),
    )
    .addOption(new Option("--json", "one JSON object").conflicts(["csv", "latex"]))
    .addOption(new Option("--csv", "a line a cell").conflicts("latex"))
    .option("--latex", "a table for LaTeX with booktabs")
    .addHelpText("after", HELP)
    .action((name: string, flags: Flags) => reproduce(name, flags, context));
}

async function reproduce(name: string, flags: Flags, { io }: Context): Promise<void> {
  const table = TABLES.find((one) => one.name === name);
  if (!table)
    throw new RocError("USAGE", `There is no ${name}; give one of ${TABLES.map((one) => one.name).join(", ")}.`);
  const { runs, notes } = await findRuns(flags.runs);
  for (const note of notes) io.stderr.write(`note: ${note}\n`);
  const { studio, backbone } = flags;
  const compared = compareTable(table, runs, { ...(studio && { studio }), ...(backbone && { backbone }) });
  if (flags.json) io.stdout.write(`${JSON.stringify(jsonTable(compared))}\n`);
  else io.stdout.write(flags.csv ? csvTable(compared) : flags.latex ? latexTable(compared) : textTable(compared));
}

/** The named runs; else those of the usual folder, if there is one. */
export async function findRuns(path: string | undefined): Promise<FoundRuns> {
  if (path !== undefined) return readRuns(path);
  return readRuns(RUNS_FOLDER).catch((error: unknown) => {
    if (error instanceof RocError && error.code === "FILE_NOT_FOUND") return { runs: [], notes: [] };
    throw error;
  });
}
