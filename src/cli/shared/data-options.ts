/** The options that say which data set a command reads. */
import { Option, type Command } from "commander";
import {
  DATASET_KINDS,
  SCORE_COLUMNS,
  type DatasetKind,
  type DatasetRequest,
  type ScoreColumn,
} from "../../data/index.js";

export interface DataFlags {
  readonly kind?: DatasetKind;
  readonly images?: string;
  readonly ava?: string;
  readonly column?: ScoreColumn;
}

/** Adds the options of {@link DataFlags}. */
export function addDataOptions(command: Command): Command {
  return command
    .addOption(new Option("--kind <kind>", "of the data set (default: by its files)").choices(DATASET_KINDS))
    .option(
      "--images <folder>",
      "folder of the pictures, seen from the data set's (default: where it usually has them)",
    )
    .option("--ava <folder>", "ava-captions: folder of AVA's files, seen from the data set's")
    .addOption(
      new Option(
        "--column <name>",
        "the score: of icaa17k color (default) or MOS, of koniq10k MOS (default) or MOS_zscore, of aadb, para and csv an attribute",
      ).choices(SCORE_COLUMNS),
    );
}

/** The options as the library takes them. */
export function dataRequest(
  folder: string,
  { kind, images, ava, column }: DataFlags,
): Pick<DatasetRequest, "folder" | keyof DataFlags> {
  return {
    folder,
    ...(kind && { kind }),
    ...(images !== undefined && { images }),
    ...(ava !== undefined && { ava }),
    ...(column && { column }),
  };
}
