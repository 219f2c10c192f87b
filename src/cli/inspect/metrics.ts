/** `roc4mllm inspect metrics`: the agreement of predictions with ratings, a line each. */
import { Command } from "commander";
import { z } from "zod";
import { krcc, mae, plcc, rmse, srcc } from "../../metrics/scores.js";
import { ERROR_CODES } from "../../errors.js";
import { atLine, jsonLines, validated } from "./lines.js";
import type { Context } from "../shared/io.js";

const HELP = `
Reads {"pred": [...], "target": [...]} a line from standard input and prints {"srcc", "plcc", "krcc", "mae", "rmse"} a line,
null for what is not defined. It ends at the first line that is wrong, with exit code ${ERROR_CODES.USAGE}.

Example:
  echo '{"pred": [1, 2, 4], "target": [1, 3, 2]}' | roc4mllm inspect metrics`;

const pairs = z.object({ pred: z.array(z.number()), target: z.array(z.number()) });

export function inspectMetricsCommand(context: Context): Command {
  return new Command("metrics")
    .description("SRCC, PLCC, KRCC, MAE and RMSE of predictions, a line each")
    .option("--json", "accepted for symmetry: the output is always JSON Lines")
    .addHelpText("after", HELP)
    .action(async () => {
      for await (const input of jsonLines(context)) {
        const { pred, target } = validated(pairs, input);
        context.io.stdout.write(`${JSON.stringify(atLine(input.line, () => figures(pred, target)))}\n`);
      }
    });
}

function figures(pred: readonly number[], target: readonly number[]): Record<string, number | null> {
  return {
    srcc: srcc(pred, target),
    plcc: plcc(pred, target),
    krcc: krcc(pred, target),
    mae: mae(pred, target),
    rmse: rmse(pred, target),
  };
}
