/** `roc4mllm calibrate`: intervals that hold, for a checkpoint, from pictures with ratings. */
import { Command, InvalidArgumentError, Option } from "commander";
import { SPLITS, type Split } from "../../data/index.js";
import { parseNumber } from "../../data/numbers.js";
import type { LoadOptions, Model } from "../../engine/index.js";
import { calibrate, type CalibrationResult, type CalibrationSpec } from "../../eval/calibrate.js";
import { CONFORMAL_METHODS, shareText, type Calibrated, type ConformalMethod } from "../../metrics/conformal.js";
import { addDataOptions, dataRequest, type DataFlags } from "../shared/data-options.js";
import { modelOption, modelOrDefault } from "../shared/default-model.js";
import type { Context } from "../shared/io.js";
import { addModelOptions, loadFlags, loadNamed, type ModelFlags } from "../shared/model-options.js";
import { whole } from "../shared/numbers.js";
import { padEnd, printable } from "../shared/width.js";
import { evaluationProgress } from "./evaluation-progress.js";
import { intervalLines, onScale } from "./interval-text.js";

interface Flags extends DataFlags, ModelFlags {
  readonly model?: string;
  readonly data: string;
  readonly split: Split | "all";
  readonly level: readonly number[];
  readonly method: ConformalMethod | "auto";
  readonly limit?: number;
  readonly seed: number;
  readonly out?: string;
  readonly fresh?: true;
  readonly json?: true;
}

const HELP = `
The pictures have to be like those that will be scored, and none that the checkpoint was trained on (such are left out): the intervals
hold the stated share of the ratings of such pictures, and less elsewhere. "roc4mllm eval" of the calibrated checkpoint says how much
less on another data set or part; pictures of the calibration are left out of that. An interval of 90% needs 9 pictures, of 99% 99;
its coverage is exact to about 2 points with 1,000.

The calibration is kept as calibration.json in the checkpoint's folder (of a single file of weights beside it), or in --out. Results of
the checkpoint have intervals from then on, as long as dtype, prompt, resizing and the like are those of the calibration. It takes the
place of an earlier calibration in that file: a note says of which. To keep that one, name another --out.

A stopped command resumes: scores are kept beside the file until it is written.

Examples:
  roc4mllm calibrate --model my-checkpoint/ --data TAD66K/ --split train
  roc4mllm eval --model my-checkpoint/ --data TAD66K/ --split test
  roc4mllm calibrate --model my-checkpoint/ --data my-ratings.csv --split all --level 0.9,0.5
  roc4mllm calibrate --model q-future/one-align --data KonIQ/ --out one-align.calibration.json`;

/** The command. */
export function calibrateCommand(context: Context): Command {
  const command = new Command("calibrate")
    .description("intervals that hold: from rated pictures, kept with the checkpoint")
    .requiredOption("--data <folder>", "folder of a data set's official files, or of your own CSV or JSON Lines file")
    .addOption(modelOption(context.io))
    .addOption(new Option("--split <name>", "part of the data set").choices([...SPLITS, "all"]).default("validation"))
    .addOption(
      new Option("--level <shares>", "of the ratings that intervals hold; several with commas, results show the first")
        .argParser(parseLevels)
        .default([0.9], "0.9"),
    )
    .addOption(
      new Option(
        "--method <name>",
        "of the intervals' widths (default: auto, the narrowest on a fifth of the pictures)",
      )
        .choices(["auto", ...CONFORMAL_METHODS])
        .default("auto"),
    )
    .option("--limit <n>", "only the first n pictures", whole(1))
    .option("--seed <n>", "of the draw of the fifth that chooses", whole(0), 0)
    .option("--out <file>", "the calibration (default: calibration.json in the checkpoint's folder)")
    .option("--fresh", "throw away what a stopped command left")
    .option("--json", "print {file, calibration, figures, expected} as one JSON object");
  return addDataOptions(addModelOptions(command))
    .addHelpText("after", HELP)
    .action((flags: Flags) => runCalibrate(flags, context));
}

/** `0.9`, or `0.9,0.5`. @throws InvalidArgumentError */
function parseLevels(text: string): number[] {
  const levels = text.split(",").map((part) => parseNumber(part) ?? NaN);
  if (levels.every((level) => level > 0 && level < 1)) return levels;
  throw new InvalidArgumentError("Give shares between 0 and 1, as 0.9 or 0.9,0.5.");
}

async function runCalibrate(flags: Flags, context: Context): Promise<void> {
  const { io, signal } = context;
  const spec = specOf(flags, await modelOrDefault(flags.model, io.env));
  const progress = evaluationProgress(io);
  const open = (name: string | URL, load: LoadOptions): Promise<Model> => loadNamed(String(name), load, context);
  const options = { signal, open, onProgress: progress.onProgress };
  const { file, calibration, figures, expected } = await calibrate(spec, options).finally(() => progress.stop());
  if (flags.json) io.stdout.write(`${JSON.stringify({ file, calibration, figures, expected })}\n`);
  else io.stdout.write(resultText({ calibration, figures, expected }));
  io.stderr.write(`Wrote ${file}\n`);
}

function specOf(flags: Flags, model: string): CalibrationSpec {
  const { split, limit, level: levels, method, seed, out, fresh } = flags;
  const made = { model, load: loadFlags(flags), levels, method, seed, out, fresh };
  return { data: dataRequest(flags.data, flags), split, limit, ...made };
}

/** What was calibrated, and how it fares on the same pictures. */
function resultText({
  calibration,
  figures,
  expected,
}: Pick<CalibrationResult, "calibration" | "figures" | "expected">): string {
  const { data, scores, checkpoint } = calibration;
  const width = Math.max(12, ...Object.keys(scores).map((name) => printable(name).length + 2));
  const rows = Object.entries(scores).flatMap(([name, levels]) =>
    levels.map((one, i) => `${padEnd(printable(name), width)}${methodText(one)}${foldText(figures[name]?.[i])}`),
  );
  const main = (scores["score"] ?? []).flatMap(({ level, count }, i) => {
    const [low, high] = (expected[i] ?? []).map((share) => share.toFixed(3));
    const found = figures["score"]?.[i];
    return [
      "",
      `${shareText(level)} of score: with ${count} pictures, new ones like these are covered by ${low} to ${high}, in 95 of 100 calibrations`,
      ...(found ? intervalLines(found) : []),
    ];
  });
  const head = `${checkpoint.name} on ${data.name}, ${data.split}: ${data.count} pictures`;
  return `${[head, "", ...rows, ...main].join("\n")}\n`;
}

function methodText({ level, method, count, chosenBy }: Calibrated): string {
  const by = chosenBy > 0 ? `, chosen by ${chosenBy} others` : "";
  return `${shareText(level)}  ${method}, ${count} pictures${by}`;
}

/** By folds of the same pictures. */
function foldText(found: CalibrationResult["figures"][string][number] | undefined): string {
  if (!found?.coverage || !found.width) return "";
  return `; by folds ${found.coverage.value.toFixed(3)} covered, ${found.width.value.toFixed(2)} wide${onScale(found)}`;
}
