/** What `roc4mllm eval` wrote into a folder, read together: the table has to be the one that the summary is of. */
import { join } from "node:path";
import { RocError } from "../errors.js";
import { digestFile, exists, ifThere } from "../files/index.js";
import { TABLE_FORMATS, tableFile } from "./folder.js";
import { readTable } from "./predictions-file.js";
import type { Prediction } from "./prediction.js";
import { readSummary, type RunSummary } from "./summary-file.js";

export interface Evaluation {
  /** Undefined where there is a table alone. */
  readonly summary: RunSummary | undefined;
  readonly predictions: readonly Prediction[];
}

/**
 * Reads an evaluation.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; DATA_INVALID naming the file, also where the table is of another
 *   evaluation than the summary (one was stopped while it wrote, or the table was changed)
 */
export async function readEvaluation(folder: string): Promise<Evaluation> {
  const summary = await ifThere(readSummary(folder));
  const { file, sha256 } = summary?.provenance.predictions ?? {};
  for (const name of file === undefined ? TABLE_FORMATS.map(tableFile) : [file]) {
    const table = join(folder, name);
    if (!(await exists(table))) continue;
    if (sha256 !== undefined && (await digestFile(table)) !== sha256) {
      const why = `${table} is not the table that summary.json was computed from`;
      throw new RocError(
        "DATA_INVALID",
        `${why}: an evaluation was stopped, or it was changed. Run roc4mllm eval again.`,
      );
    }
    return { summary, predictions: await readTable(table) };
  }
  const remedy = "Give a folder that roc4mllm eval wrote, or run it again.";
  throw new RocError("FILE_NOT_FOUND", `${folder} has no predictions.csv or .parquet. ${remedy}`);
}
