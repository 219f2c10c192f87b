/** Learning in a library's file, for the command line, the server and callers. */
import { Catalog, type Judge } from "../catalog.js";
import { openBeside } from "../open.js";
import { RocError } from "../../errors.js";
import { learnIn, type LearnedTaste } from "./learn-in.js";
import { TASTE_SOURCES, type TasteSource } from "./ratings.js";
import { forgetTaste } from "./tastes.js";

/**
 * What a taste is learned of.
 *
 * @category Photos
 */
export interface LearnTasteOptions {
  /** The library's file; default: that of the command line. */
  readonly library?: string | undefined;
  /** Which ratings; default "stars". */
  readonly from?: TasteSource | undefined;
  /** On whose vectors: a judge's number, its name or the beginning of one; default: that of the latest scan. */
  readonly judge?: string | undefined;
  /** Ends the call with RocError ABORTED; nothing is kept. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each photo whose rating was looked for. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Told why the rating of a photo is left out. */
  readonly onNote?: ((text: string) => void) | undefined;
}

/** Learns beside whoever reads or writes the library. @throws as {@link learnIn}; as `Catalog.open` and `openBeside` */
export async function learnInFile(
  file: string,
  name: string,
  { from = "stars", judge, ...reading }: Omit<LearnTasteOptions, "library"> = {},
): Promise<LearnedTaste> {
  if (!TASTE_SOURCES.includes(from))
    throw new RocError("USAGE", `from is ${String(from)}; give ${TASTE_SOURCES.join(", ")}.`);
  const chosen = await judgeIn(file, judge);
  const connection = await openBeside(file);
  try {
    return await learnIn(connection, { ...reading, name, judge: chosen, source: from });
  } finally {
    connection.close();
  }
}

/** Also brings a library of an older version up to date. */
async function judgeIn(file: string, judge: string | undefined): Promise<Judge> {
  using catalog = await Catalog.open(file);
  const found = judge === undefined ? catalog.latestJudge() : catalog.judgeNamed(judge);
  if (found) return found;
  throw new RocError("USAGE", `${file} has no scores, and a taste is learned on what they were read from. Scan first: roc4mllm library scan FOLDER.`); // prettier-ignore
}

/** @throws RocError FILE_NOT_FOUND where there is no such taste; as `openBeside` */
export async function forgetInFile(file: string, name: string): Promise<void> {
  using catalog = await Catalog.open(file);
  catalog.tasteNamed(name);
  const connection = await openBeside(file);
  try {
    forgetTaste(connection, name);
  } finally {
    connection.close();
  }
}
