/** `roc4mllm eval`: the figures of a model, or of another system's predictions, on a data set. */
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Command, Option } from "commander";
import { atomicWriteJson, digestFile, exists } from "../../files/index.js";
import { SPLITS, type LoadedDataset, type Sample, type Split } from "../../data/index.js";
import { ERROR_CODES, RocError } from "../../errors.js";
import { captionFigures } from "../../eval/caption-figures.js";
import { PARSER } from "../../captions/scene-graph.js";
import { ratedOf, SCORE, summarise, writeTable } from "../../eval/index.js";
import type { Prediction, Provenance, RunSummary } from "../../eval/index.js";
import { gitRevision } from "../../train/run/revision.js";
import { addDataOptions, readData, type DataFlags } from "../shared/data-options.js";
import { fromCheckpoint, fromFile, noteOutside, PARTIAL, type FileFlags, type Source, type Wanted } from "./source.js";
import { addOnnxOptions, fromOnnx, type OnnxFlags } from "./onnx.js";
import { number, parseScale, whole } from "../shared/numbers.js";
import { summaryText } from "./text.js";
import type { Context } from "../shared/io.js";
import { failureExitCode } from "../shared/json.js";
import { addModelOptions, type ModelFlags } from "../shared/model-options.js";
import { packageVersion } from "../shared/program.js";
import { REPORT_FILE, writeReport } from "./report.js";
import { DEMO_MODEL } from "../../engine/demo.js";

/** Lies in what the studio wrote, whichever data set's format it has. */
const STUDIO_FILE = "studio.json";

interface Flags extends DataFlags, OnnxFlags, FileFlags, ModelFlags {
  readonly model?: string;
  readonly data: string;
  readonly split: Split | "all";
  readonly out?: string;
  readonly format: "csv" | "parquet";
  readonly predictions?: string;
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
Writes DIR/predictions.csv (or .parquet), one row a picture with the full distribution, DIR/summary.json and with --report
DIR/${REPORT_FILE}. While it runs, DIR/${PARTIAL} grows by a line a picture: stop it at any moment, and the
same command goes on. What another checkpoint, data set, folder of pictures, dtype, predictions file or the like has left
or finished in DIR is neither gone on with nor replaced, unless --fresh is given. A picture that is not there, and a picture or an answer that cannot be read, is counted and reported;
the exit code is then ${ERROR_CODES.FILE_UNREADABLE}, or ${ERROR_CODES.SCORE_NOT_FINITE} where the model gave NaN or infinite numbers. --predictions needs
no pictures.

A predictions file has a row a picture: a column with its id, path or file name and one with the score; where there are any,
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
    .option("-m, --model <folder>", "checkpoint folder (default: the demo weights)")
    .option("--predictions <file>", "another system's predictions (CSV, JSON Lines, Parquet) instead of a model's")
    .addOption(new Option("--split <name>", "part of the data set").choices([...SPLITS, "all"]).default("test"))
    .option(
      "--id-column <name>",
      "of --predictions, that names the picture (default: id, image, filename and the like)",
    )
    .option("--score-column <name>", "of --predictions (default: predicted_score, prediction, score, mos and the like)")
    .option("--predictions-scale <min,max>", "of --predictions' scores (default: the data's)", parseScale)
    .option("--out <folder>", "folder of the results (default: eval-MODEL-DATA here, or eval beside --predictions)")
    .addOption(new Option("--format <name>", "of the predictions").choices(["csv", "parquet"]).default("csv"))
    .option("--limit <n>", "only the first n pictures", whole(1))
    .option("--threshold <score>", "binary accuracy: from it on is good (default: the middle of the scale)", number())
    .option("--comments", "have comments written, and compare them with the data set's")
    .option("--spice-jar <file>", "the official SPICE program, which needs Java")
    .option("--resamples <n>", "of the bootstrap", whole(1), 2000)
    .option("--seed <n>", "of the bootstrap", whole(0), 0)
    .option("--report", `write the page ${REPORT_FILE} too`)
    .option("--fresh", "throw away what an evaluation left in the folder, interrupted or finished")
    .option("--json", "print the summary as one JSON object");
  addDataOptions(addOnnxOptions(addModelOptions(command))).addHelpText("after", HELP);
  return command.action(() => evaluate(command.opts(), context));
}

async function evaluate(flags: Flags, context: Context): Promise<void> {
  const { io, signal, setExitCode } = context;
  checkFlags(flags);
  const data = await readData(flags.data, flags);
  const wanted = wantedOf(data, flags);
  const notes = [...data.notes, ...missingNote(wanted, flags)];
  for (const note of notes) io.stderr.write(`note: ${note}\n`);
  const source = withMissing(await sourceOf(flags, wanted, context), wanted);
  noteOutside(source, data.scale, context);
  const { seed, resamples, threshold } = flags;
  const table = `predictions.${flags.format}`;
  const figures = {
    ...summarise(source.predictions, { scale: data.scale, seed, resamples, threshold }),
    captions: await captionFigures(source.predictions, { jar: flags.spiceJar, signal }),
  };
  await writeTable(join(source.out, table), source.predictions);
  const predictions = { file: table, sha256: await digestFile(join(source.out, table)) };
  const summary: RunSummary = {
    provenance: { ...(await provenanceOf(source, wanted, flags)), predictions },
    ...figures,
  };
  // A table in the other format would be that of an earlier evaluation.
  await rm(join(source.out, flags.format === "csv" ? "predictions.parquet" : "predictions.csv"), { force: true });
  await atomicWriteJson(join(source.out, "summary.json"), summary);
  await rm(join(source.out, PARTIAL), { force: true });
  const report = join(source.out, REPORT_FILE);
  // One that is there would be of an earlier evaluation.
  if (flags.report || (await exists(report))) await writeReport(source.out, report, signal);
  io.stdout.write(flags.json ? `${JSON.stringify(summary)}\n` : summaryText(summary, data.name));
  for (const note of ignoredNotes(summary, source, flags)) io.stderr.write(`note: ${note}\n`);
  io.stderr.write(`Wrote ${source.out}\n`);
  if (summary.scored < summary.count) setExitCode(failureExitCode(Object.keys(summary.failures)));
}

function checkFlags(flags: Flags): void {
  const { model, predictions, onnx } = flags;
  const given = Object.entries({ "--model": model, "--predictions": predictions, "--onnx": onnx });
  const named = given.flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const computing = (["resize", "visionTower", "device", "dtype"] as const).filter((key) => flags[key] !== undefined);
  if (computing.length > 0 && (predictions ?? onnx) !== undefined)
    throw new RocError("USAGE", "--resize, --vision-tower, --device and --dtype go with --model.");
  if (named.length > 1) throw new RocError("USAGE", `${named.join(" and ")} exclude one another; give one of them.`);
  const { idColumn, scoreColumn, predictionsScale } = flags;
  if (predictions === undefined && (idColumn ?? scoreColumn ?? predictionsScale) !== undefined)
    throw new RocError("USAGE", "--id-column, --score-column and --predictions-scale go with --predictions.");
}

function sourceOf(flags: Flags, wanted: Wanted, context: Context): Promise<Source> {
  if (flags.predictions !== undefined) return fromFile(flags.predictions, flags, wanted, context);
  if (flags.onnx !== undefined) return fromOnnx(flags.onnx, flags, wanted, context);
  return fromCheckpoint(flags.model ?? DEMO_MODEL, flags, wanted, context);
}

function wantedOf(data: LoadedDataset, flags: Flags): Wanted {
  const { split, limit, out, fresh = false, comments = false } = flags;
  const lost = new Set(data.missing);
  const all = (data.rated ?? [...data.samples, ...data.missing]).filter(
    (one) => split === "all" || one.split === split,
  );
  const rated = all.slice(0, limit);
  const missing = rated.filter((one) => lost.has(one));
  const present = rated.filter((one) => !lost.has(one));
  const [first] = missing;
  if (rated.length === 0) {
    throw new RocError("DATA_INVALID", `${data.name} has no picture in the split "${split}"; try --split all.`);
  }
  if (present.length === 0 && flags.predictions === undefined) {
    const all = `Of the ${rated.length} rated pictures in the split "${split}" of ${data.name} no file is there`;
    throw new RocError("DATA_INVALID", `${all}: looked for ${first?.image}. Give their folder by --images.`);
  }
  const samples = flags.predictions === undefined ? present : rated;
  const labels = digestOf(rated);
  return { data, rated, samples, missing, labels, split, limit, out, fresh, comments };
}

function missingNote({ rated, missing }: Wanted, { predictions }: Flags): string[] {
  const [first] = missing;
  if (!first) return [];
  const what = predictions === undefined ? "they count as not scored" : `they are evaluated by ${predictions}`;
  return [`${missing.length} of ${rated.length} rated pictures have no image file, as ${first.image}; ${what}`];
}

/** Rated pictures that a model could not look at are no pictures less: they have no score. */
function withMissing(source: Source, { rated, missing }: Wanted): Source {
  if (source.kind === "predictions" || missing.length === 0) return source;
  const lost = new Set(missing);
  const found = source.predictions.values();
  const predictions = rated.flatMap((sample): Prediction | Prediction[] => {
    if (!lost.has(sample)) return found.next().value ?? [];
    const error = { code: "FILE_NOT_FOUND", message: `no image file: looked for ${sample.image}` };
    return { ...ratedOf(sample), predicted: { [SCORE]: null }, std: null, distribution: null, error };
  });
  return { ...source, predictions };
}

/** What the data set holds and nothing was compared with. */
function ignoredNotes({ captions, scored }: RunSummary, { kind, predictions }: Source, { comments }: Flags): string[] {
  const predicted = new Set(predictions.flatMap((row) => Object.keys(row.predicted)));
  const rated = new Set(predictions.flatMap(({ truth }) => Object.keys(truth)));
  const others = [...rated].filter((name) => !predicted.has(name));
  const commented = predictions.filter(({ references }) => references !== undefined).length;
  const asked = "--comments has some written, where the checkpoint's answers hold one";
  const why = kind === "model" && !comments ? asked : "there is none to compare with";
  return [
    ...(others.length > 0 && scored > 0 ? [`rated, but not predicted: ${others.join(", ")}`] : []),
    ...(commented > 0 && captions === null ? [`comments of ${commented} pictures are not compared: ${why}`] : []),
  ];
}

function digestOf(samples: readonly Sample[]): string {
  const labels = samples.map(({ id, score, attributes, votes, comments, theme, split }) =>
    [id, score, attributes, votes, comments, theme, split].map((value) => value ?? null),
  );
  return createHash("sha256").update(JSON.stringify(labels)).digest("hex").slice(0, 16);
}

/** Where every number of the summary comes from. */
async function provenanceOf(
  source: Source,
  { data, labels, split, missing }: Wanted,
  flags: Flags,
): Promise<Provenance> {
  const { kind, system, method, onnx, torch, unmatched, columns, settings } = source;
  return {
    kind,
    system,
    ...(method && { method }),
    ...(onnx && { onnx: { ...onnx } }),
    data: data.name,
    folder: flags.data,
    studio: await exists(join(flags.data, STUDIO_FILE)),
    split,
    ...(flags.limit !== undefined && { limit: flags.limit }),
    labels,
    settings,
    missingImages: missing.length,
    ...(unmatched !== undefined && { unmatchedRows: unmatched }),
    ...(columns && { columns }),
    seed: flags.seed,
    resamples: flags.resamples,
    version: packageVersion(),
    revision: await gitRevision(),
    ...(torch !== undefined && { torch }),
    node: process.version,
    date: new Date().toISOString(),
  };
}
