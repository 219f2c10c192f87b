/** A published table with our own figures beside it, and what the missing ones need. */
import type { Interval } from "../../metrics/bootstrap.js";
import type { RunSummary } from "../../eval/index.js";
import { whyUnmade } from "./table-runs.js";
import { findEvaluation, type Evaluation } from "./evaluations.js";
import {
  BACKBONES,
  DATASETS,
  parseCell,
  type Backbone,
  type DatasetKey,
  type PrintedCell,
  type PublishedTable,
  type RowSystem,
  type TableColumn,
  type TableMetric,
  type TableRow,
} from "./types.js";

/**
 * Our figure for a cell of a table.
 *
 * @category Studies
 */
export interface Ours {
  /** The figure, in the metric of its cell. */
  readonly value: number;
  /** Lower end of its 95% bootstrap interval; null for figures of comments. */
  readonly low: number | null;
  /** Upper end of its 95% bootstrap interval; null for figures of comments. */
  readonly high: number | null;
  /** Run folder. */
  readonly run: string;
  /** What a figure of comments was computed by, where that is not what the paper computed it by. */
  readonly by?: string;
}

/**
 * A cell of a published table, with ours.
 *
 * @category Studies
 */
export interface ComparedCell {
  /** As printed. */
  readonly published: PrintedCell;
  /** Our figure; null where no run has it. */
  readonly ours: Ours | null;
  /** Ours less the published; null where one is missing, or ours is of the studio. */
  readonly difference: number | null;
  /** Mark of the entry of {@link ComparedTable.needs} that says what is missing; null where nothing is. */
  readonly needs: string | null;
}

/**
 * A row of a published table, with ours.
 *
 * @category Studies
 */
export interface ComparedRow {
  /** As published. */
  readonly row: TableRow;
  /** In the columns' order. */
  readonly cells: readonly ComparedCell[];
}

/**
 * What cells without a figure of ours need.
 *
 * @category Studies
 */
export interface Need {
  /** "a", "b", ... */
  readonly mark: string;
  /** The data set and the checkpoint, in words. */
  readonly text: string;
  /** What makes the run; null where no command does. */
  readonly command: string | null;
}

/**
 * A published table with our figures.
 *
 * @category Studies
 */
export interface ComparedTable {
  /** As published. */
  readonly table: PublishedTable;
  /** Ours are of the studio's synthetic copies of the data sets, and do not compare with the published figures. */
  readonly studio: boolean;
  /** Our rows' family, where it replaces the paper's mPLUG-Owl2. */
  readonly backbone: Backbone | null;
  /** In the published order. */
  readonly rows: readonly ComparedRow[];
  /** What is missing, each thing once. */
  readonly needs: readonly Need[];
}

export interface CompareOptions {
  readonly studio?: boolean;
  /** Replaces mPLUG-Owl2 in our figures. */
  readonly backbone?: Backbone;
}

/** Puts our runs into a published table. */
export function compareTable(
  table: PublishedTable,
  runs: readonly Evaluation[],
  { studio = false, backbone }: CompareOptions = {},
): ComparedTable {
  const needs = new Needs(table.name, studio);
  const usable = runs.filter((run) => run.studio === studio);
  const rows = table.rows.map((row) => {
    const system = backbone && row.backbone === "mplug_owl2" ? { ...row, backbone } : row;
    const cells = table.columns.map((column, k) => cellOf(column, row, system, row.cells[k] ?? "-", usable, needs));
    return { row, cells };
  });
  return { table, studio, backbone: backbone ?? null, rows, needs: needs.all };
}

function cellOf(
  column: TableColumn,
  row: TableRow,
  system: RowSystem,
  printed: string,
  runs: readonly Evaluation[],
  needs: Needs,
): ComparedCell {
  const published = parseCell(printed);
  const { dataset, attribute } = column;
  const metric = column.metric ?? row.metric ?? "srcc";
  const whole = findEvaluation(runs, dataset, system);
  const apart = attribute === undefined ? undefined : findEvaluation(runs, dataset, system, attribute);
  const run = whole ?? apart;
  const beside = whole ? figureOf(whole, metric, attribute) : null;
  const ours = beside ?? (apart ? figureOf(apart, metric, undefined) : null);
  const comparable = ours !== null && !needs.studio && ours.by === undefined;
  return {
    published,
    ours,
    difference: comparable && published.value !== null ? ours.value - published.value : null,
    needs: ours !== null || published.value === null ? null : needs.markOf(system, column, run),
  };
}

/** A figure of a run; null where the run has none. */
function figureOf({ summary, folder }: Evaluation, metric: TableMetric, attribute: string | undefined): Ours | null {
  if (metric === "cider" || metric === "spice") return captionFigure(summary, folder, metric);
  const figures = attribute === undefined ? summary.overall : summary.attributes[attribute];
  const interval: Interval | null = figures?.[metric] ?? null;
  return interval && { value: interval.value, low: interval.low, high: interval.high, run: folder };
}

function captionFigure({ captions }: RunSummary, run: string, metric: "cider" | "spice"): Ours | null {
  // What the reference caption code calls CIDEr is CIDEr-D.
  const value = metric === "cider" ? captions?.ciderD : captions?.spice.value;
  if (!captions || value === null || value === undefined) return null;
  const own = metric === "spice" && !captions.spice.parser.includes("official");
  return { value, low: null, high: null, run, ...(own && { by: captions.spice.parser }) };
}

/** What is missing, each thing once. */
class Needs {
  readonly #byText = new Map<string, Need>();

  constructor(
    readonly table: string,
    readonly studio: boolean,
  ) {}

  get all(): readonly Need[] {
    return [...this.#byText.values()];
  }

  markOf(system: RowSystem, column: TableColumn, run: Evaluation | undefined): string {
    const { text, command } = run ? lackOf(run, column) : this.#needOf(system, column.dataset);
    const known = this.#byText.get(text);
    if (known) return known.mark;
    const mark = markAt(this.#byText.size);
    this.#byText.set(text, { mark, text, command });
    return mark;
  }

  #needOf(row: RowSystem, dataset: DatasetKey): Omit<Need, "mark"> {
    const { backbone, strategy, comments, start, system, method } = row;
    const data = `${DATASETS[dataset]}${this.studio ? " (the studio's synthetic copy)" : ""}`;
    const from = `roc4mllm eval --data ${this.studio ? `STUDIO/${dataset}` : DATASETS[dataset]}/`;
    const why = whyUnmade(row, this.studio);
    const because = why === undefined ? "" : `: ${method} ${why}`;
    if (!backbone || !strategy) {
      const file = `${data}, and the method's ONNX file or its predictions (--predictions METHOD.csv)`;
      if (system !== undefined && why === undefined) {
        const command = `roc4mllm reproduce ${this.table} --run --only ${JSON.stringify(method)} ${this.studio ? "--studio" : "--data DATA"}`;
        return { text: `${file}, or ${method} trained there`, command };
      }
      return { text: `${file}${because}`, command: `${from} --onnx METHOD.onnx --out RUNS/${dataset}-METHOD` };
    }
    const [suffix, flag, written] = comments ? [" with comments", " --comments", "-comments"] : ["", "", ""];
    const [begun, end] = start === undefined ? ["", written] : [`, begun as ${method}`, `${written}-${start}`];
    return {
      text: `${data}, and a checkpoint of ${BACKBONES[backbone]} trained there by the strategy "${strategy}"${suffix}${begun}${because}`,
      command: `${from} --model CHECKPOINT${flag} --out RUNS/${dataset}-${backbone}-${strategy}${end}`,
    };
  }
}

function lackOf({ folder }: Evaluation, { attribute, label }: TableColumn): Omit<Need, "mark"> {
  const what = attribute === undefined ? "figure" : `${label} (${attribute})`;
  return { text: `another run: ${folder} has no ${what}, as no answer held one or all were alike`, command: null };
}

/** a to z, then aa, ab, ... */
function markAt(index: number): string {
  const letter = String.fromCharCode(97 + (index % 26));
  return index < 26 ? letter : `${markAt(Math.floor(index / 26) - 1)}${letter}`;
}
