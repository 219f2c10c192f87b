/** Options that the subcommands of `library` share. */
import { Option, type Command } from "commander";
import { scaleText } from "../../metrics/beyond.js";
import { resolve } from "node:path";
import { readCalibration, type Calibration } from "../../engine/calibration-file.js";
import { RocError } from "../../errors.js";
import { SORTS, type Catalog, type Judge, type Photo, type PhotoQuery, type Sort } from "../../library/catalog.js";
import { judgeMisfit, withPhotoIntervals } from "../../library/intervals.js";
import { defaultLibrary } from "../../library/open.js";
import { defaultModel } from "../shared/default-model.js";
import { whole } from "../shared/numbers.js";
import type { Context } from "../shared/io.js";

export interface LibraryFlags {
  readonly library?: string;
  readonly json?: true;
}

/** The library's file: `--library`, else the user's own. */
export function libraryFile({ library }: LibraryFlags, { io }: Context): string {
  return library === undefined ? defaultLibrary(io.env) : resolve(library);
}

export function addLibraryOption(command: Command): Command {
  return command.option(
    "--library <file>",
    "the database (default: roc4mllm/library.db in the user's data folder, XDG_DATA_HOME or ~/.local/share)",
  );
}

export interface QueryFlags extends LibraryFlags {
  readonly judge?: string;
  readonly taste?: string;
  readonly where?: string;
  readonly sort: Sort;
  readonly reverse?: true;
  readonly limit?: number;
  readonly gone?: true;
  readonly calibration?: string;
}

/** Which photos, and in which order. */
export function addQueryOptions(command: Command): Command {
  return addLibraryOption(command)
    .option("--where <condition>", "only these: 'score > 7 and taken >= 2026-05' (see below)")
    .addOption(
      new Option(
        "--sort <by>",
        "score, taken, std, stars and added from the highest or newest, name from A; unknown values last",
      )
        .choices(SORTS)
        .default("score"),
    )
    .option("--reverse", "in the opposite order")
    .option("--limit <n>", "at most so many", whole(1))
    .option("--judge <name>", "whose scores, by name or number (default: the checkpoint of the latest scan)")
    .option(
      "--taste <name>",
      "also what a taste says (roc4mllm taste learn): score order and percentile are its own then",
    )
    .option(
      "--calibration <file>",
      "of intervals, of the judge's checkpoint: a file or folder (default: that of the checkpoint that scores by default, if any)",
    )
    .option("--gone", "also files that are not there any more");
}

/** The judge whose scores are shown: one alone, as scores of two cannot be compared. @throws RocError USAGE */
export function chosenJudge(catalog: Catalog, { judge, taste }: QueryFlags): Judge | undefined {
  if (judge === undefined && taste !== undefined) return catalog.judgeNamed(String(catalog.tasteNamed(taste).judge));
  return judge === undefined ? catalog.latestJudge() : catalog.judgeNamed(judge);
}

/**
 * The photos of a query, with intervals where a calibration holds for the judge's scores.
 *
 * @throws RocError as `readCalibration()`; USAGE where the one that was given does not hold
 */
export async function photosOf(
  catalog: Catalog,
  flags: QueryFlags,
  judge: Judge | undefined,
  { io }: Context,
): Promise<readonly Photo[]> {
  const { photos } = catalog.photos(queryOf(flags, judge));
  const calibration = judge && (await calibrationOf(flags, judge, io));
  return judge && calibration ? withPhotoIntervals(photos, judge, calibration) : photos;
}

async function calibrationOf(
  { calibration: file }: QueryFlags,
  judge: Judge,
  { env }: Context["io"],
): Promise<Calibration | undefined> {
  if (file === undefined) {
    const found = await defaultModel(env)
      .then(({ folder, name }) => readCalibration(folder ?? name))
      .catch(() => undefined);
    return found && judgeMisfit(found, judge) === undefined ? found : undefined;
  }
  const found = await readCalibration(file);
  const fault = judgeMisfit(found, judge);
  if (fault === undefined) return found;
  throw new RocError(
    "USAGE",
    `not calibrated: --calibration ${file} ${fault}. Give that of ${judge.name}, or another --judge.`,
  );
}

function queryOf(flags: QueryFlags, judge: Judge | undefined): PhotoQuery {
  const { where, sort, reverse, limit, gone, taste } = flags;
  return { judge, taste, where, sort, reverse: reverse === true, limit, gone: gone ? "with" : "without" };
}

/** One line: whose scores these are, and that there are others. */
export function judgeLine(catalog: Catalog, judge: Judge | undefined): string {
  if (!judge) return "Nothing has been scored in this library.\n";
  const others = catalog.judges().length - 1;
  const also = others === 0 ? "" : `; ${others === 1 ? "another has" : `${others} others have`} scored too (--judge)`;
  const { min, max } = judge.scale;
  const beyond = catalog.count({ judge, gone: "with", where: `score < ${min} or score > ${max}` });
  return `Scores ${scaleText(judge.scale, beyond)} by ${judge.name}${also}.\n`;
}

export const WHERE_HELP = `
--where compares fields with values by = != < <= > >= and ~ (contains, in any case), joined by and, or, not and brackets:
  score, std, percentile   of the judge; percentile 90 and above is the best tenth
  stars, taken, camera     of sidecar or file; taken <= 2026-05 takes in all of May; camera ~ canon
  width, height, name      in pixels; of the file
  folder                   = /photos/trip: in it and below
  judge                    the name of the checkpoint
  taste                    the score by --taste NAME, which it needs, and whose percentile is then that of the taste
  light, colour, ...       attributes that the judge gives; "rule of thirds" in quotes
A value that is not known is none: taken = none. It fulfils no other comparison.`;
