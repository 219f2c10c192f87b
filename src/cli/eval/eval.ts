/** `roc4mllm eval`: the figures of a model, or of another system's predictions, on a data set. */
import { Command, Option } from "commander";
import { PARSER } from "../../captions/scene-graph.js";
import { SPLITS, type ScoreScale, type Split } from "../../data/index.js";
import type { LoadOptions, Model } from "../../engine/index.js";
import { ERROR_CODES } from "../../errors.js";
import { evaluate } from "../../eval/evaluate.js";
import { PARTIAL_FILE, REPORT_FILE, TABLE_FORMATS, type TableFormat } from "../../eval/folder.js";
import type { EvaluationSpec } from "../../eval/spec.js";
import { addDataOptions, dataRequest, type DataFlags } from "../shared/data-options.js";
import { modelOption, modelOrDefault } from "../shared/default-model.js";
import type { Context } from "../shared/io.js";
import { failureExitCode } from "../shared/json.js";
import {
  addIntervalOptions,
  addModelOptions,
  intervalFlags,
  loadFlags,
  loadNamed,
  type IntervalFlags,
  type ModelFlags,
} from "../shared/model-options.js";
import { number, parseScale, whole } from "../shared/numbers.js";
import { evaluationProgress } from "./evaluation-progress.js";
import { addOnnxOptions, onnxSettings, type OnnxFlags } from "./onnx.js";
import { summaryText } from "./summary-text.js";

interface Flags extends DataFlags, OnnxFlags, ModelFlags, IntervalFlags {
  readonly model?: string;
  readonly data: string;
  readonly split: Split | "all";
  readonly out?: string;
  readonly format: TableFormat;
  readonly predictions?: string;
  readonly idColumn?: string;
  readonly scoreColumn?: string;
  readonly predictionsScale?: ScoreScale;
  readonly comments?: true;
  readonly spiceJar?: string;
  readonly limit?: number;
  readonly threshold?: number;
  readonly resamples: number;
  readonly seed: number;
  readonly report?: true;
  readonly fresh?: true;
  readonly json?: true;
}

const HELP = `
Writes DIR/predictions.csv (or .parquet), one row per picture with the full distribution, DIR/summary.json and with --report
DIR/${REPORT_FILE}. While it runs, DIR/${PARTIAL_FILE} grows by a line per picture: stop it at any moment, and the
same command resumes. What another checkpoint, data set, folder of pictures, dtype, predictions file or the like has left
or finished in DIR is neither resumed nor replaced, unless --fresh is given. A picture that is not there, and a picture or
an answer that cannot be read, is counted and reported; the exit code is then ${ERROR_CODES.FILE_UNREADABLE}, or ${ERROR_CODES.SCORE_NOT_FINITE} where the model gave NaN or
infinite numbers. --predictions needs no pictures.

A predictions file has a row per picture: a column with its id, path or file name and one with the score; where there are any,
predicted_NAME for attributes, std, distribution ([0.1, ...] of evenly spaced ratings; a score column is not needed then)
and comment. What has no row (MISSING), no score (NO_SCORE) or none that is a number (ANSWER_UNCLEAR) is counted.

Intervals are percentile bootstrap intervals at 95%. Comments are compared by CIDEr, CIDEr-D and, without --spice-jar, by
${PARSER}, which is not the official SPICE.

Examples:
  roc4mllm eval --data TAD66K/ --model my-checkpoint/ --out runs/tad --report
  roc4mllm eval --data AVA/ --predictions other-system.csv --out runs/other
  roc4mllm eval --data AVA/ --onnx nima.onnx --out runs/nima`;

export function evalCommand(context: Context): Command {
  const command = new Command("eval")
    .description("SRCC, PLCC and the rest of a model on a data set, with intervals")
    .requiredOption("--data <folder>", "folder of a data set's official files, or of your own CSV or JSON Lines file")
    .addOption(modelOption(context.io))
    .option("--predictions <file>", "another system's predictions (CSV, JSON Lines, Parquet) instead of a model's")
    .addOption(new Option("--split <name>", "part of the data set").choices([...SPLITS, "all"]).default("test"))
    .option(
      "--id-column <name>",
      "of --predictions, that names the picture (default: id, image, filename and the like)",
    )
    .option("--score-column <name>", "of --predictions (default: predicted_score, prediction, score, mos and the like)")
    .option("--predictions-scale <min,max>", "of --predictions' scores (default: the data's)", parseScale)
    .option("--out <folder>", "folder of the results (default: eval-MODEL-DATA here, or eval beside --predictions)")
    .addOption(new Option("--format <name>", "of the predictions").choices(TABLE_FORMATS).default("csv"))
    .option("--limit <n>", "only the first n pictures", whole(1))
    .option("--threshold <score>", "binary accuracy: from it on is good (default: the middle of the scale)", number())
    .option("--comments", "have comments written, and compare them with the data set's")
    .option("--spice-jar <file>", "the official SPICE program, which needs Java")
    .option("--resamples <n>", "of the bootstrap", whole(1), 2000)
    .option("--seed <n>", "of the bootstrap", whole(0), 0)
    .option("--report", `write the page ${REPORT_FILE} too`)
    .option("--fresh", "throw away what an evaluation left in the folder, interrupted or finished")
    .option("--json", "print the summary as one JSON object");
  addDataOptions(addOnnxOptions(addIntervalOptions(addModelOptions(command)))).addHelpText("after", HELP);
  return command.action((flags: Flags) => runEval(flags, context));
}

async function runEval(flags: Flags, context: Context): Promise<void> {
  const { io, signal, setExitCode } = context;
  const isOthers = flags.predictions !== undefined || flags.onnx !== undefined;
  const spec = specOf(isOthers ? flags : { ...flags, model: await modelOrDefault(flags.model, io.env) });
  const progress = evaluationProgress(io);
  const open = (name: string | URL, load: LoadOptions): Promise<Model> => loadNamed(String(name), load, context);
  const { folder, summary } = await evaluate(spec, { signal, open, onProgress: progress.onProgress }).finally(() =>
    progress.stop(),
  );
  io.stdout.write(flags.json ? `${JSON.stringify(summary)}\n` : summaryText(summary, summary.provenance.data));
  io.stderr.write(`Wrote ${folder}\n`);
  if (summary.scored < summary.count) setExitCode(failureExitCode(Object.keys(summary.failures)));
}

function specOf(flags: Flags): EvaluationSpec {
  const { split, limit, model, comments, predictions, idColumn, scoreColumn, predictionsScale, onnx } = flags;
  const { threshold, resamples, seed, spiceJar, out, format, report, fresh } = flags;
  const load = { ...loadFlags(flags), ...intervalFlags(flags) };
  return {
    ...{ data: dataRequest(flags.data, flags), split, limit },
    ...{ model, load, comments },
    ...{ predictions, idColumn, scoreColumn, predictionsScale, onnx, onnxSettings: onnxSettings(flags) },
    ...{ threshold, resamples, seed, spiceJar, out, format, report, fresh },
  };
}
