/** `checkData()`: the function behind `roc4mllm data check`. */
import { requireSpec, RocError } from "../errors.js";
import { atomicWriteFile } from "../files/index.js";
import type { DataReport } from "./doctor/data-report.js";
import type { DatasetRequest } from "./registry.js";
import type { LoadedDataset, OnProgress } from "./types.js";

/**
 * The data set to check, and the extent of the check.
 *
 * @category Data sets
 */
export interface CheckDataSpec {
  /** Folder of a data set (or your own CSV or JSON Lines file), or how to read it. */
  readonly data: string | Omit<DatasetRequest, "nonFinite">;
  /** Decode images: finds damaged ones, and pictures of different splits that look alike. Slow. Default true. */
  readonly decode?: boolean | undefined;
  /** Maximum number of image files to open, spread evenly over the data set: a whole number from 0. Default: all. */
  readonly limit?: number | undefined;
  /** Write a page (HTML) with histograms of every label to this file. */
  readonly report?: string | undefined;
}

/**
 * How {@link checkData} runs.
 *
 * @category Data sets
 */
export interface CheckDataOptions {
  /** Ends the check with RocError ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of image files opened so far, and the total. */
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Finds errors in a data set before training: pictures that are missing, unreadable, or in several splits; labels out of
 * range or not finite; constant columns; votes that disagree with their mean; impossible standard deviations. Changes
 * nothing.
 *
 * @example
 * ```ts
 * import { checkData } from "roc4mllm";
 *
 * const { scale, problems } = await checkData({ data: "AVA/", limit: 5000 });
 * for (const { kind, findings } of problems) console.error(kind, findings.length, findings[0]?.detail);
 * console.log(scale.min, scale.max); // 1 10
 * ```
 *
 * @returns the report; `problems` is empty where nothing is wrong
 * @throws RocError USAGE; FILE_NOT_FOUND, DATA_INVALID where a label file is missing or violates its format;
 *   FILE_UNWRITABLE; ABORTED
 *
 * @category Data sets
 */
export async function checkData(spec: CheckDataSpec, options: CheckDataOptions = {}): Promise<DataReport> {
  requireSpec(spec, "checkData()");
  const { data: given, decode = true, limit, report: page } = spec;
  if (given === undefined) throw new RocError("USAGE", "checkData(): data is missing; give a folder or a data set.");
  const { signal, onProgress } = options;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0))
    throw new RocError("USAGE", `checkData(): limit is ${limit}; give a whole number from 0.`);
  const [{ readDataset }, { checkDataset, dataReportPage }, { decodeImage }] = await Promise.all([
    import("./registry.js"),
    import("./doctor/index.js"),
    import("../image/index.js"),
  ]);
  const request = typeof given === "string" ? { folder: given } : given;
  const data = await readDataset({ ...request, nonFinite: "keep" });
  const report = await checkDataset(
    { ...data, notes: [...data.notes, ...trainedNotes(data)] },
    {
      ...(decode && { decode: (file, stopped) => decodeImage(file, stopped ? { signal: stopped } : {}) }),
      ...(limit !== undefined && { limit }),
      ...(onProgress && { onProgress }),
      ...(signal && { signal }),
    },
  );
  if (page !== undefined) await atomicWriteFile(page, dataReportPage(report));
  return report;
}

/** Notes on data that is only used where an answer template names it. */
function trainedNotes({ samples, missing }: LoadedDataset): string[] {
  const all = [...samples, ...missing];
  const attributes = [...new Set(all.flatMap(({ attributes: own = {} }) => Object.keys(own)))];
  const commented = all.filter(({ comments }) => comments !== undefined).length;
  const parts = [
    ...(attributes.length > 0 ? [`attributes (${attributes.map((name) => `{${name}}`).join(", ")})`] : []),
    ...(commented > 0 ? [`comments of ${commented} pictures ({comment})`] : []),
  ];
  if (parts.length === 0) return [];
  return [`Ignored in training unless an answer template names them (see docs/data.md): ${parts.join("; ")}.`];
}
