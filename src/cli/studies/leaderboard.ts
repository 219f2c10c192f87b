/** `roc4mllm leaderboard`: published results and ours. */
import { Command, Option } from "commander";
import { leaderboardText, ownEntries, publishedEntries, ranking } from "../../studies/paper/leaderboard.js";
import { DATASETS, type DatasetKey } from "../../studies/paper/types.js";
import type { Context } from "../shared/io.js";
import { findRuns, noteOthers } from "./reproduce.js";

interface Flags {
  readonly dataset?: DatasetKey;
  readonly runs?: string;
  readonly json?: true;
}

/** Data sets with overall scores that are published. */
const RANKED = ["ava", "tad66k", "icaa17k", "para", "aadb"] as const satisfies readonly DatasetKey[];

const HELP = `
Ours are marked with * and have 95% intervals. Published figures are as their sources print them; not all of them are of
the same split, so look at the source before comparing.

Examples:
  roc4mllm leaderboard --dataset ava
  roc4mllm leaderboard --runs runs/ --json | jq '.ava[0]'`;

export function leaderboardCommand(context: Context): Command {
  return new Command("leaderboard")
    .description("published results on the data sets with their sources, and ours")
    .addOption(new Option("--dataset <name>", "one data set only").choices(RANKED))
    .option("--runs <path>", "folder of run folders, or a registry of them (default: runs, where it is there)")
    .option("--json", "one JSON object: entries by data set")
    .addHelpText("after", HELP)
    .action((flags: Flags) => leaderboard(flags, context));
}

async function leaderboard({ dataset, runs: path, json }: Flags, { io }: Context): Promise<void> {
  const { runs, notes } = await findRuns(path);
  for (const note of notes) io.stderr.write(`note: ${note}\n`);
  noteOthers(runs, false, io);
  const entries = [...publishedEntries(), ...ownEntries(runs)];
  const datasets = dataset ? [dataset] : RANKED;
  if (!json) io.stdout.write(leaderboardText(entries, datasets));
  else
    io.stdout.write(
      `${JSON.stringify(Object.fromEntries(datasets.map((name) => [DATASETS[name].toLowerCase(), ranking(entries, name)])))}\n`,
    );
}
