/** `writeReport()`: what `roc4mllm report` does, as a function. */
import { join } from "node:path";
import type { Model } from "../engine/index.js";
import { REPORT_FILE } from "../eval/folder.js";
import { atomicWriteFile } from "../files/index.js";

/**
 * What {@link writeReport} writes.
 *
 * @category Evaluation
 */
export interface WriteReportOptions {
  /** The page. Default: `report.html` in the folder. */
  readonly out?: string | undefined;
  /** Folder of a training run whose curves are drawn. Default: the folder itself, where it has them. */
  readonly training?: string | undefined;
  /** Shows so many of the pictures with the largest errors with what moved their score; needs {@link model}. Default: none. */
  readonly explain?: number | undefined;
  /** The model that was evaluated, for {@link explain}. */
  readonly model?: Model | undefined;
  /** Called with the number of pictures that are explained. */
  readonly onProgress?: ((done: number) => void) | undefined;
  /** Ends it with RocError ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A page that was written.
 *
 * @category Evaluation
 */
export interface WrittenPage {
  /** Its path. */
  readonly file: string;
  /** Its size in bytes. */
  readonly bytes: number;
}

/**
 * Writes the page of an evaluation: charts, pictures and figures in one HTML file, which needs no network and runs no
 * script. Pictures in it are small copies of the originals.
 *
 * @param folder that `evaluate()` wrote
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_UNWRITABLE; DATA_INVALID naming the file; ABORTED; USAGE where pictures are to
 *   be explained by another model than the one that was evaluated
 *
 * @category Evaluation
 */
export async function writeReport(folder: string, options: WriteReportOptions = {}): Promise<WrittenPage> {
  const { out: file = join(folder, REPORT_FILE), training, signal, explain: count, model, onProgress } = options;
  const [{ reportPage }, { readRunFolder }] = await Promise.all([import("./page.js"), import("./run-folder.js")]);
  const run = await readRunFolder(folder, training);
  const explained = count === undefined ? undefined : { count, model, onProgress };
  const page = Buffer.from(await reportPage(run, { signal, explained }));
  await atomicWriteFile(file, page);
  return { file, bytes: page.length };
}
