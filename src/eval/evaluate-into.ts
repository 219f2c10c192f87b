/** The steps of an evaluation: read the data, predict, summarise, and write table and summary into its folder. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { RocError } from "../errors.js";
import { atomicWriteJson, digestFile, exists } from "../files/index.js";
import { gitRevision, packageVersion } from "../version.js";
import { captionFigures } from "./caption-figures.js";
import type { EvaluateOptions, EvaluationResult, EvaluationSpec } from "./spec.js";
import { PARTIAL_FILE, SUMMARY_FILE, TABLE_FORMATS, tableFile } from "./folder.js";
import { calibratedCoverage, notCalibratedOn } from "./interval-coverage.js";
import { succeeded } from "./prediction.js";
import { writeTable } from "./predictions-file.js";
import { missingNote, selectSamples, type Selection } from "./selection.js";
import { outsideNote, predictionsOf, type Source } from "./source.js";
import { checkSpec } from "./check-spec.js";
import { summarise } from "./summary.js";
import type { Provenance, RunSummary } from "./summary-file.js";

/** Lies in what the studio wrote, whichever data set's format it has. */
const STUDIO_FILE = "studio.json";
const RESAMPLES = 2000;

/** Evaluates as `evaluate()` does, except that it writes no page. */
export async function evaluateInto(spec: EvaluationSpec, options: EvaluateOptions): Promise<EvaluationResult> {
  checkSpec(spec);
  const notes: string[] = [];
  const note = (text: string): void => {
    notes.push(text);
    options.onProgress?.({ type: "note", text });
  };
  const selection = await selectSamples(spec);
  [...selection.data.notes, ...missingNote(selection, spec)].forEach(note);
  checkAborted(options.signal);
  const source = await predictionsOf(spec, selection, { ...options, note });
  outsideNote(source, selection.data.scale).forEach(note);
  const intervals = await coverageOf(source, selection, note);
  const summary = await writeResults(source, selection, intervals, spec, options.signal);
  ignoredNotes(summary, source, spec).forEach(note);
  return { folder: source.out, summary, predictions: source.predictions, notes };
}

function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new RocError("ABORTED", "The evaluation was stopped.", { cause: signal.reason });
}

/** How the checkpoint's calibrated intervals fare. */
async function coverageOf(
  { predictions, calibration }: Source,
  selection: Selection,
  note: (text: string) => void,
): Promise<RunSummary["intervals"]> {
  if (!calibration) return undefined;
  const others = await notCalibratedOn(predictions.filter(succeeded), calibration, selection, note);
  return calibratedCoverage(others, calibration, selection.data);
}

/** Writes the table, then the summary with the digest of it; takes away what an earlier evaluation left. */
async function writeResults(
  source: Source,
  selection: Selection,
  intervals: RunSummary["intervals"],
  spec: EvaluationSpec,
  signal: AbortSignal | undefined,
): Promise<RunSummary> {
  const { predictions, out } = source;
  const { format = "csv", resamples = RESAMPLES, seed = 0, threshold, spiceJar } = spec;
  const figures = {
    ...summarise(predictions, { scale: selection.data.scale, seed, resamples, threshold }),
    ...(intervals && { intervals }),
    captions: await captionFigures(predictions, { jar: spiceJar, ...(signal && { signal }) }),
  };
  const file = tableFile(format);
  await writeTable(join(out, file), predictions);
  const table = { file, sha256: await digestFile(join(out, file)) };
  const provenance = { ...(await provenanceOf(source, selection, { seed, resamples })), predictions: table };
  const summary: RunSummary = { provenance, ...figures };
  // A table in the other format would be that of an earlier evaluation.
  for (const other of TABLE_FORMATS) if (other !== format) await rm(join(out, tableFile(other)), { force: true });
  await atomicWriteJson(join(out, SUMMARY_FILE), summary);
  await rm(join(out, PARTIAL_FILE), { force: true });
  return summary;
}

/** Where every number of the summary comes from. */
async function provenanceOf(
  { kind, system, method, onnx, torch, unmatched, columns, settings }: Source,
  { data, folder, labels, split, limit, missing }: Selection,
  { seed, resamples }: Pick<Provenance, "seed" | "resamples">,
): Promise<Provenance> {
  return {
    kind,
    system,
    ...(method && { method }),
    ...(onnx && { onnx: { ...onnx } }),
    data: data.name,
    folder,
    studio: await exists(join(folder, STUDIO_FILE)),
    split,
    ...(limit !== undefined && { limit }),
    labels,
    settings,
    missingImages: missing.length,
    ...(unmatched !== undefined && { unmatchedRows: unmatched }),
    ...(columns && { columns }),
    seed,
    resamples,
    version: packageVersion(),
    revision: await gitRevision(),
    ...(torch !== undefined && { torch }),
    node: process.version,
    date: new Date().toISOString(),
  };
}

/** Notes on what the data set holds and nothing was compared with. */
function ignoredNotes(
  { captions, scored }: RunSummary,
  { kind, predictions }: Source,
  { comments }: EvaluationSpec,
): string[] {
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
