/** `roc4mllm reproduce`: a table of the paper with our figures beside it. */
import { Command, Option } from "commander";
import { RUNS_FILE, RUNS_FOLDER } from "../../studies/paper/evaluations.js";
import { TABLES } from "../../studies/paper/published.js";
import { formatTable } from "../../studies/paper/render.js";
import { reproduce } from "../../studies/paper/reproduce.js";
import type { PlannedRun, ReproductionProgress } from "../../studies/paper/spec.js";
import { BACKBONES, type Backbone } from "../../studies/paper/types.js";
import { findModel, modelAtHand } from "../shared/find-model.js";
import type { Context, Io } from "../shared/io.js";
import { number, whole } from "../shared/numbers.js";
import { formatDuration } from "../shared/progress.js";
import { TrainProgress } from "../train/progress.js";

interface Flags {
  readonly runs?: string;
  readonly studio?: true;
  readonly backbone?: Backbone;
  readonly only?: readonly string[];
  readonly weights?: string;
  readonly device?: string;
  readonly json?: true;
  readonly csv?: true;
  readonly latex?: true;
  readonly run?: true;
  readonly dryRun?: true;
  readonly work: string;
  readonly data?: string;
  readonly base: readonly string[];
  readonly pictures: number;
  readonly epochs: number;
  readonly seed: number;
}

const HELP = `
Ours come from folders that roc4mllm eval wrote: --runs names a folder of them, which say of themselves on what data set,
with which strategy and by which family they were made, or a registry of them (${RUNS_FILE}; also looked for in that folder):

  {"runs": [{"dataset": "ava", "backbone": "mplug_owl2", "strategy": "roc", "folder": "ava-roc"},
            {"dataset": "ava", "method": "NIMA", "folder": "ava-nima"},
            {"dataset": "ava", "backbone": "llava", "strategy": "roc", "studio": true, "folder": "studio-roc"}]}

A cell that no run fills says what it needs, with the command that makes it. --run makes what it can: it trains by the
table's recipe (configs/), evaluates, and prints the table; after a stop, the same command resumes. With --studio it
writes small synthetic copies of the data sets and starts from the demo weights, a LLaVA instead of mPLUG-Owl2, and takes the
classical systems (NIMA, MUSIQ, ...) in tiny sizes: a rehearsal of the whole path, whose figures say nothing about the published
ones. A run takes about 40 seconds on one core: Table 1 has eleven, Table 4, with a run an attribute where a system predicts one
score, 42. On the data sets themselves a classical system begins with a classifier's weights, files in --weights whose names its
recipe says (pretrained); --dry-run says what each run comes to and what it lacks; a row whose file, or whose data set, is not there is left out, with a note.

Examples:
  roc4mllm reproduce table6 --runs runs/
  roc4mllm reproduce table6 --studio --run
  roc4mllm reproduce table1 --run --data /datasets --dry-run
  roc4mllm reproduce table1 --run --data /datasets
  roc4mllm reproduce table3 --run --data /datasets --only NIMA MUSIQ --weights /weights
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
      new Option("--backbone <name>", "ours by this family instead of mPLUG-Owl2").choices(Object.keys(BACKBONES)),
    )
    .option("--only <method...>", "rows of these methods only, as the table calls them: NIMA MUSIQ")
    .addOption(new Option("--json", "one JSON object").conflicts(["csv", "latex"]))
    .addOption(new Option("--csv", "one line per cell").conflicts("latex"))
    .option("--latex", "a table for LaTeX with booktabs")
    .option("--run", "train and evaluate what no run fills")
    .addOption(
      new Option("--dry-run", "of --run: print what each run comes to and what it lacks, and make none").conflicts([
        "csv",
        "latex",
      ]),
    )
    .option("--work <folder>", "of --run: where everything goes", "runs/reproduce")
    .option(
      "--data <folder>",
      "of --run: folder of the data sets AVA, TAD66K, ICAA17K, AADB, PARA, AVA-Captions (default: data)",
    )
    .option(
      "--weights <folder>",
      "of --run: folder of the classifiers' weights that classical systems begin with (default: weights)",
    )
    .option("--device <name>", "of --run: where classical systems are computed (default: as their recipes say)")
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
    .action((table: string, flags: Flags) => printTable(table, flags, context));
}

function several(text: string, all: readonly string[]): readonly string[] {
  return [...all, text];
}

async function printTable(table: string, flags: Flags, context: Context): Promise<void> {
  const { json, csv, latex, ...spec } = flags;
  const { io, signal } = context;
  const compared = await reproduce(
    { table, ...spec },
    {
      signal,
      resolveModel: (model, visionTower) => findModel(model, { visionTower }, context),
      modelAtHand: (model, visionTower) => modelAtHand(model, { visionTower }, context),
      onProgress: teller(io),
    },
  );
  if (compared.plan) return void io.stdout.write(json ? `${JSON.stringify({ table, runs: compared.plan })}\n` : plannedText(compared.plan)); // prettier-ignore
  io.stdout.write(formatTable(compared.table, json ? "json" : csv ? "csv" : latex ? "latex" : "text"));
}

/** A line a run, and below it what it alone lacks, or should be known of it; what several share stands once, at the end. */
export function plannedText(plan: readonly PlannedRun[]): string {
  const number = (value: number | null): string => value?.toLocaleString("en-US") ?? "?";
  const rows = plan.map(({ name, state, pictures, steps, parameters }) => [
    ...[name, state, `${number(pictures)} pictures`, `${number(steps)} steps`],
    `${number(parameters)} weights trained`,
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const runsWith = new Map<string, number>();
  for (const note of plan.flatMap(({ notes }) => [...new Set(notes)]))
    runsWith.set(note, (runsWith.get(note) ?? 0) + 1);
  const lines = plan.flatMap(({ notes }, i) => [
    (rows[i] ?? []).map((text, column) => text.padEnd(widths[column] ?? 0)).join("  "),
    ...notes.filter((note) => runsWith.get(note) === 1).map((note) => `  ${note}`),
  ]);
  const shared = [...runsWith].filter(([, count]) => count > 1).map(([note, count]) => `${count} runs: ${note}`);
  return [...lines, ...shared, ""].join("\n");
}

/** Shows what happens on standard error: each run as `train` and `eval` show it. */
function teller(io: Io): (progress: ReproductionProgress) => void {
  const quiet = { stdout: io.stderr, stderr: io.stderr };
  let shown = new TrainProgress(quiet, false);
  return (progress) => {
    switch (progress.type) {
      case "note":
        return shown.line(`note: ${progress.text}`);
      case "begin":
        // With a chart of its own losses at the end.
        shown = new TrainProgress(quiet, false);
        return shown.line(`reproduce: ${progress.job}`);
      case "progress":
        return tellRun(progress.event, shown);
      case "done":
        return shown.line(`${progress.job}: done in ${formatDuration(progress.seconds)}; ${progress.left} left`);
    }
  };
}

function tellRun(event: Extract<ReproductionProgress, { type: "progress" }>["event"], shown: TrainProgress): void {
  if (event.type === "compose") shown.update(`pictures composed ${event.done}/${event.total}`);
  else if (event.type === "scored") shown.update(`scored ${event.done}/${event.total}`);
  else if (event.type === "note") shown.line(`note: ${event.text}`);
  else if (event.type !== "columns") shown.event(event);
}
