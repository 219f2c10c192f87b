/** `roc4mllm compare`: whether one system is better than another on the same pictures. */
import { isDeepStrictEqual } from "node:util";
import { Command } from "commander";
import { readEvaluation, versus, type RunSummary, type Versus } from "../../eval/index.js";
import type { Settings } from "../../files/index.js";
import type { Context } from "../shared/io.js";
import { whole } from "../shared/numbers.js";

interface Flags {
  readonly score?: string;
  readonly resamples: number;
  readonly seed: number;
  readonly json?: true;
}

const HELP = `
A and B are folders that roc4mllm eval wrote, of the same data set and part. Both are given the same resampled pictures each time; p is
two-sided. Differences are A less B: above 0 is better for SRCC, PLCC and KRCC, below 0 for MAE and RMSE.

Example:
  roc4mllm compare runs/roc runs/level`;

export function compareCommand({ io }: Context): Command {
  return new Command("compare")
    .description("two evaluations on the same pictures, by a paired bootstrap")
    .argument("<a>", "folder of an evaluation")
    .argument("<b>", "folder of another one")
    .option("--score <name>", "an attribute (default: the overall score)")
    .option("--resamples <n>", "of the bootstrap", whole(1), 2000)
    .option("--seed <n>", "of the bootstrap", whole(0), 0)
    .option("--json", "one JSON object")
    .addHelpText("after", HELP)
    .action(async (a: string, b: string, { score, resamples, seed, json }: Flags) => {
      const [first, second] = [await readEvaluation(a), await readEvaluation(b)];
      const other = first.summary && second.summary ? differencesOf(first.summary, second.summary) : [];
      if (other.length > 0) io.stderr.write(`note: ${a} and ${b} are not of the same data: ${other.join("; ")}\n`);
      const result = versus(first.predictions, second.predictions, { resamples, seed }, score);
      io.stdout.write(json ? `${JSON.stringify({ a, b, ...result })}\n` : text(a, b, result));
    });
}

/** What two evaluations should have alike, where their summaries say it. */
function differencesOf(a: RunSummary, b: RunSummary): string[] {
  const of = ({ provenance: { data, split, limit, labels }, scale }: RunSummary): Settings => {
    return { data, scale, split, limit: limit ?? null, labels };
  };
  const [first, second] = [of(a), of(b)];
  const names = Object.keys(first).filter((name) => !isDeepStrictEqual(first[name], second[name]));
  return names.map((name) => `${name} ${JSON.stringify(first[name])} and ${JSON.stringify(second[name])}`);
}

function text(a: string, b: string, { count, leftOut, differences }: Versus): string {
  const sign = (value: number): string => {
    const size = Math.abs(value).toFixed(4);
    return `${Number(size) === 0 ? " " : value < 0 ? "-" : "+"}${size}`;
  };
  const rows = Object.entries(differences).map(([name, found]) => {
    const figures =
      found &&
      `${`${sign(found.value)}  [${sign(found.low)}, ${sign(found.high)}]`.padEnd(28)}  p = ${found.p.toFixed(4)}`;
    return `${name.toUpperCase().padEnd(6)}${figures ?? "not defined"}\n`;
  });
  const lost = leftOut > 0 ? `, ${leftOut} left out that one of them has no score for` : "";
  return `${a} less ${b}, ${count} pictures${lost}\n${rows.join("")}`;
}
