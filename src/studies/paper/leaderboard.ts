/** Published results on the paper's data sets, each with its source, and ours beside them. */
import { RocError } from "../../errors.js";
import { DATASETS, parseCell, type DatasetKey, type RowSystem } from "./types.js";
import { PAPER, TABLES } from "./published.js";
import type { Evaluation } from "./evaluations.js";

/** Data sets with overall scores that are published. */
export const RANKED = ["ava", "tad66k", "icaa17k", "para", "aadb"] as const satisfies readonly RankedDataset[];
/**
 * A data set with published overall scores.
 *
 * @category Studies
 */
export type RankedDataset = "ava" | "tad66k" | "icaa17k" | "para" | "aadb";

/**
 * A published result, or one of ours.
 *
 * @category Studies
 */
export interface LeaderboardEntry {
  /** The data set. */
  readonly dataset: DatasetKey;
  /** A published method, or ours by its family and strategy. */
  readonly method: string;
  /** Spearman's correlation, -1 to 1. */
  readonly srcc: number;
  /** Pearson's correlation, -1 to 1. */
  readonly plcc: number;
  /** Mean absolute error on the data set's scale, as the source has it; null where it gives none. */
  readonly mae: number | null;
  /** Publication and table; or the run folder. */
  readonly source: string;
  /** What to know before comparing. */
  readonly note?: string;
  /** Ours, with the ends of its 95% intervals. */
  readonly ours?: {
    /** The run folder. */
    readonly run: string;
    /** Lower and upper end. */
    readonly srcc: readonly [number, number];
    /** Lower and upper end. */
    readonly plcc: readonly [number, number];
  };
}

/**
 * What {@link leaderboard} ranks.
 *
 * @category Studies
 */
export interface LeaderboardSpec {
  /** Folder of our run folders, or a registry of them. Default: `runs` in the current folder, where it is there. */
  readonly runs?: string | undefined;
  /** One data set only. Default: AVA, TAD66K, ICAA17K, PARA, AADB. */
  readonly dataset?: RankedDataset | undefined;
}

/**
 * Published results and ours, the highest SRCC first.
 *
 * @category Studies
 */
export interface Leaderboard {
  /** By data set. */
  readonly rankings: Readonly<Partial<Record<RankedDataset, readonly LeaderboardEntry[]>>>;
  /** Runs of ours that are excluded, and why. */
  readonly notes: readonly string[];
}

/**
 * Published results on the data sets with their sources, and our own runs among them.
 *
 * @throws RocError FILE_NOT_FOUND, DATA_INVALID of `runs`
 *
 * @example
 * ```ts
 * import { leaderboard } from "roc4mllm";
 *
 * const { rankings } = await leaderboard({ dataset: "ava" });
 * console.log(rankings.ava?.[0]?.method); // RvTC with Qwen2-VL-2B
 * ```
 *
 * @category Studies
 */
export async function leaderboard({ runs: path, dataset }: LeaderboardSpec = {}): Promise<Leaderboard> {
  if (dataset !== undefined && !RANKED.includes(dataset)) {
    throw new RocError("USAGE", `There is no ranking of ${String(dataset)}; give one of ${RANKED.join(", ")}.`);
  }
  const { otherDataNote, usualEvaluations } = await import("./evaluations.js");
  const { runs, notes } = await usualEvaluations(path);
  const entries = [...publishedEntries(), ...ownEntries(runs)];
  const ranked = (dataset ? [dataset] : RANKED).map((name) => [name, ranking(entries, name)] as const);
  return { rankings: Object.fromEntries(ranked), notes: [...notes, ...otherDataNote(runs, false)] };
}

/** Tables of overall scores. */
const HOLISTIC = ["table1", "table2", "table3"];

const Q_REALIGN = { source: "Q-ReAlign, 2026, its own page", note: "trained on six data sets; check the split" };
const PYIQA = { source: "pyiqa, its benchmark files", note: "check the split" };
const SURVEY = { source: "a survey's table", note: "second-hand, not checked at the source" };

/** Later than the paper, or beside it: method, SRCC, PLCC on AVA. */
const LATER: readonly (readonly [string, number, number, { readonly source: string; readonly note: string }])[] = [
  ["Q-ReAlign 0.8B", 0.797, 0.794, Q_REALIGN],
  ["Q-ReAlign 4B", 0.814, 0.804, Q_REALIGN],
  ["Q-ReAlign 9B", 0.832, 0.828, Q_REALIGN],
  ["qalign", 0.822, 0.819, PYIQA],
  ["topiq_iaa", 0.791, 0.79, PYIQA],
  ["nima", 0.713, 0.717, PYIQA],
  ["laion_aes", 0.665, 0.666, PYIQA],
  ["RvTC with Qwen2-VL-2B", 0.843, 0.842, SURVEY],
  ["UNIAA with a score head", 0.84, 0.838, SURVEY],
  ["ArtiMuse", 0.827, 0.826, SURVEY],
];

/** What is published: the paper's Tables 1 to 3, and later work. */
function publishedEntries(): LeaderboardEntry[] {
  const printed = TABLES.filter(({ name }) => HOLISTIC.includes(name)).flatMap((table) => {
    const datasets = [...new Set(table.columns.map(({ dataset }) => dataset))];
    return table.rows.flatMap((row) =>
      datasets.flatMap((dataset) => {
        const value = (metric: string): number | null => {
          const k = table.columns.findIndex((column) => column.dataset === dataset && column.metric === metric);
          return k < 0 ? null : parseCell(row.cells[k] ?? "-").value;
        };
        const [srcc, plcc] = [value("srcc"), value("plcc")];
        const source = `${PAPER}, ${table.name.replace("table", "Table ")}`;
        return srcc === null || plcc === null
          ? []
          : [{ dataset, method: row.method, srcc, plcc, mae: value("mae"), source }];
      }),
    );
  });
  const later = LATER.map(([method, srcc, plcc, from]) => ({
    dataset: "ava" as const,
    method,
    srcc,
    plcc,
    mae: null,
    ...from,
  }));
  return [...printed, ...later];
}

/** Our runs on the data sets themselves; those on the studio's synthetic copies do not compare. */
function ownEntries(runs: readonly Evaluation[]): LeaderboardEntry[] {
  return runs.flatMap(({ dataset, attribute, folder, studio, system, summary }) => {
    const { srcc, plcc, mae } = summary.overall;
    if (studio || attribute !== undefined || !srcc || !plcc) return [];
    const lost = summary.count - summary.scored;
    return {
      dataset,
      method: nameOf(system),
      srcc: srcc.value,
      plcc: plcc.value,
      mae: mae?.value ?? null,
      source: `ours, ${summary.provenance.system}`,
      ...(lost > 0 && { note: `${lost} of ${summary.count} pictures without a score` }),
      ours: { run: folder, srcc: [srcc.low, srcc.high], plcc: [plcc.low, plcc.high] },
    } as const;
  });
}

function nameOf({ method, backbone, strategy, comments, system }: Partial<RowSystem>): string {
  return method ?? system ?? `${backbone}, ${strategy}${comments ? ", with comments" : ""}`;
}

/** The entries of a data set, the highest SRCC first. */
function ranking(entries: readonly LeaderboardEntry[], dataset: DatasetKey): LeaderboardEntry[] {
  return entries.filter((entry) => entry.dataset === dataset).toSorted((a, b) => b.srcc - a.srcc);
}

/**
 * The rankings for a terminal.
 *
 * @category Studies
 */
export function leaderboardText({ rankings }: Leaderboard): string {
  return RANKED.flatMap((dataset) => {
    const ranked = rankings[dataset];
    return ranked ? [rankingText(dataset, ranked)] : [];
  }).join("\n");
}

function rankingText(dataset: RankedDataset, ranked: readonly LeaderboardEntry[]): string {
  const width = Math.max(8, ...ranked.map(({ method }) => method.length + 2));
  const head = `    ${"Method".padEnd(width)}${"SRCC".padEnd(23)}${"PLCC".padEnd(23)}${"MAE".padEnd(7)}Source`;
  const rows = ranked.map((entry, i) => {
    const { method, srcc, plcc, mae, source, note, ours } = entry;
    const figures = [figure(srcc, ours?.srcc), figure(plcc, ours?.plcc)].map((text) => text.padEnd(23)).join("");
    const from = `${source}${note === undefined ? "" : ` (${note})`}`;
    return `${String(i + 1).padStart(3)} ${`${method}${ours ? " *" : ""}`.padEnd(width)}${figures}${(mae?.toFixed(3) ?? "-").padEnd(7)}${from}`;
  });
  return `${DATASETS[dataset]}\n${[head, ...rows].join("\n")}\n`;
}

function figure(value: number, interval: readonly [number, number] | undefined): string {
  return `${value.toFixed(3)}${interval ? ` [${interval.map((end) => end.toFixed(3)).join(", ")}]` : ""}`;
}
