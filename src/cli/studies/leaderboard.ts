/** `roc4mllm leaderboard`: published results and ours. */
import { Command, Option } from "commander";
import { leaderboard, leaderboardText, RANKED, type RankedDataset } from "../../studies/paper/leaderboard.js";
import type { Context } from "../shared/io.js";

interface Flags {
  readonly dataset?: RankedDataset;
  readonly runs?: string;
  readonly json?: true;
}

const HELP = `
Ours are marked with * and have 95% intervals. Published figures are as their sources print them; not all are of
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
    .action((flags: Flags) => printLeaderboard(flags, context));
}

async function printLeaderboard({ dataset, runs, json }: Flags, { io }: Context): Promise<void> {
  const found = await leaderboard({ dataset, runs });
  for (const note of found.notes) io.stderr.write(`note: ${note}\n`);
  io.stdout.write(json ? `${JSON.stringify(found.rankings)}\n` : leaderboardText(found));
}
