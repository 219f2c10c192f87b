/** `roc4mllm compare`: whether one system is better than another on the same pictures. */
import { Command } from "commander";
import { compareRuns, type RunComparison } from "../../eval/compare-runs.js";
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
    .action(async (a: string, b: string, { json, ...options }: Flags) => {
      const { mismatches, ...result } = await compareRuns(a, b, options);
      if (mismatches.length > 0)
        io.stderr.write(`note: ${a} and ${b} are not of the same data: ${mismatches.join("; ")}\n`);
      io.stdout.write(json ? `${JSON.stringify({ a, b, ...result })}\n` : text(a, b, result));
    });
}

function text(a: string, b: string, { count, leftOut, differences }: Omit<RunComparison, "mismatches">): string {
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
