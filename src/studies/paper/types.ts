/** A published table, and what of it can be measured again. */
import type { StrategyName } from "../../roc/strategy-names.js";

/** Data sets of the paper, by the names of their adapters in lower case. */
export const DATASETS = {
  ava: "AVA",
  tad66k: "TAD66K",
  icaa17k: "ICAA17K",
  para: "PARA",
  aadb: "AADB",
  "ava-captions": "AVA-Captions",
} as const satisfies Record<DatasetKey, string>;
/**
 * A data set of the paper.
 *
 * @category Studies
 */
export type DatasetKey = "ava" | "tad66k" | "icaa17k" | "para" | "aadb" | "ava-captions";

/** The families by which checkpoints call themselves (`model_type`), as the paper prints them. */
export const BACKBONES = { mplug_owl2: "mPLUG-Owl2", llava: "LLaVA 1.5", qwen2_vl: "Qwen2-VL" } as const satisfies Record<Backbone, string>; // prettier-ignore
/**
 * A model family of the paper.
 *
 * @category Studies
 */
export type Backbone = "mplug_owl2" | "llava" | "qwen2_vl";

/** Published fine-tunes that rows begin with, by the names of their recipes. */
export const STARTS = ["q-instruct", "aes-expert"] as const satisfies readonly TableStart[];

/**
 * A figure of the paper's tables.
 *
 * @category Studies
 */
export type TableMetric = "srcc" | "plcc" | "mae" | "cider" | "spice";

/** Signs of the paper: S, P and M, and which way is better. */
export const METRIC_SIGNS: Readonly<Record<TableMetric, string>> = {
  srcc: "S ↑",
  plcc: "P ↑",
  mae: "M ↓",
  cider: "CIDEr ↑",
  spice: "SPICE ↑",
};

/**
 * A column of a published table.
 *
 * @category Studies
 */
export interface TableColumn {
  /** The data set that it is of. */
  readonly dataset: DatasetKey;
  /** Heading over several columns. */
  readonly group: string;
  /** An attribute as the adapter calls it; absent: the overall score. */
  readonly attribute?: string;
  /** Heading of the column. */
  readonly label: string;
  /** Which figure; absent where the rows say it. */
  readonly metric?: TableMetric;
}

/**
 * What a row was measured of.
 *
 * @category Studies
 */
export interface RowSystem {
  /** As the paper calls it, without its source. */
  readonly method: string;
  /** A model of ours: its family and strategy. */
  readonly backbone?: Backbone;
  /** How its scores are written and read. */
  readonly strategy?: StrategyName;
  /** Wrote comments beside the scores. */
  readonly comments?: boolean;
  /** A classical system by its name here, as "nima" (docs/baselines.md). */
  readonly system?: string;
  /** Of a classical system: it predicts one score, and takes a model of its own for each attribute. */
  readonly single?: boolean;
  /** A published fine-tune of the family that training begins with, in place of the family's usual checkpoint. */
  readonly start?: TableStart;
  /** Why no run here makes it, where none does. */
  readonly unmade?: string;
}

/**
 * A published fine-tune that a row begins with.
 *
 * @category Studies
 */
export type TableStart = "q-instruct" | "aes-expert";

/**
 * A row of a published table.
 *
 * @category Studies
 */
export interface TableRow extends RowSystem {
  /** As printed. */
  readonly label: string;
  /** Heading over several rows. */
  readonly group?: string;
  /** Where the columns have none. */
  readonly metric?: TableMetric;
  /** As printed, in the columns' order: a number, `*` after what is in bold type, a change in brackets, "-" for none. */
  readonly cells: readonly string[];
}

/**
 * A table of the paper.
 *
 * @category Studies
 */
export interface PublishedTable {
  /** "table1" to "table6". */
  readonly name: string;
  /** As printed, shortened. */
  readonly caption: string;
  /** From left to right. */
  readonly columns: readonly TableColumn[];
  /** From top to bottom. */
  readonly rows: readonly TableRow[];
}

/**
 * A printed cell.
 *
 * @category Studies
 */
export interface PrintedCell {
  /** As printed, without the sign of bold type. */
  readonly text: string;
  /** The figure; null where none is printed. */
  readonly value: number | null;
  /** Whether it is printed in bold type. */
  readonly bold: boolean;
  /** Change against the row above that the paper compares with, as "-0.3%". */
  readonly change?: string;
}

/** @throws Error for a cell of another form: a slip in the tables of this folder */
export function parseCell(text: string): PrintedCell {
  if (text === "-") return { text, value: null, bold: false };
  const [, digits, bold, change] = /^(\d+\.\d+)(\*?)(?: \(([+-]\d+\.\d+%)\))?$/.exec(text) ?? [];
  if (digits === undefined) throw new Error(`no cell of a table: ${text}`);
  return {
    text: text.replace("*", ""),
    value: Number(digits),
    bold: bold === "*",
    ...(change !== undefined && { change }),
  };
}
