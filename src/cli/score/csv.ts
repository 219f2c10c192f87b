/** `score --csv`: one row per photo, as RFC 4180 has it, for spreadsheets. */
import type { ScoreResult } from "../../engine/index.js";
import { readableName } from "../../image/file-names.js";
import { csvText, inert, isFormula } from "../shared/csv.js";
import { isFailure } from "../shared/json.js";
import type { Ranked, RankedResult } from "./selection.js";

type Cell = string | number | undefined;

/** A path stays one that can be used: `./-a.jpg` is the same file as `-a.jpg`. */
function pathCell(file: string): string {
  const name = readableName(file);
  return inert(isFormula(name) && name !== "-" ? `./${name}` : name);
}

/** A column: its name, and what it has of a photo. */
type Column = readonly [name: string, of: (result: Ranked) => Cell];

const scored =
  (of: (result: RankedResult) => Cell) =>
  (result: Ranked): Cell =>
    isFailure(result) ? undefined : of(result);

const text = (value: string | undefined): Cell => (value === undefined ? undefined : inert(value));

/** Every name that one of the results has, in the order in which they come first. */
function namesOf(results: readonly Ranked[], of: (result: ScoreResult) => object | undefined): string[] {
  return [...new Set(results.flatMap((result) => (isFailure(result) ? [] : Object.keys(of(result) ?? {}))))];
}

function hasAny(results: readonly Ranked[], of: (result: RankedResult) => unknown): boolean {
  return results.some((result) => !isFailure(result) && of(result) !== undefined);
}

/** Further questions, by their numbers: what the model wrote, and each of its scores. */
function answerColumns(results: readonly Ranked[]): Column[] {
  const most = Math.max(0, ...results.map((result) => (isFailure(result) ? 0 : (result.answers?.length ?? 0))));
  return Array.from({ length: most }, (_, at) => at).flatMap((at): Column[] => {
    const names = namesOf(results, (result) => result.answers?.[at]?.scores);
    return [
      [`answer ${at + 1}`, scored((result) => text(result.answers?.[at]?.answer))],
      ...names.map((name): Column => [`answer ${at + 1}: ${name}`, scored((result) => result.answers?.[at]?.scores?.[name] ?? undefined)]), // prettier-ignore
    ];
  });
}

/** `low`, `high` and `level` of calibrated intervals, where there are any. */
function intervalColumns(results: readonly Ranked[]): Column[] {
  if (!hasAny(results, ({ interval }) => interval)) return [];
  return (["low", "high", "level"] as const).map((end) => [end, scored(({ interval }) => interval?.[end])]);
}

/** `NAME low` and `NAME high`, where there are any. */
function attributeIntervalColumns(results: readonly Ranked[], name: string): Column[] {
  if (!hasAny(results, ({ attributeIntervals }) => attributeIntervals?.[name])) return [];
  const ends = ["low", "high"] as const;
  return ends.map((end) => [
    inert(`${name} ${end}`),
    scored(({ attributeIntervals }) => attributeIntervals?.[name]?.[end]),
  ]);
}

function columnsOf(results: readonly Ranked[]): Column[] {
  const before: Column[] = [
    ["file", ({ file }) => pathCell(file)],
    ["score", scored(({ score }) => score)],
    ["std", scored(({ std }) => std ?? undefined)],
  ];
  const ranked: Column[] = [["percentile", scored(({ percentile }) => percentile)]];
  const liked: Column[] = [["taste", scored(({ taste }) => taste?.score)]];
  const behind: Column[] = [
    ["scale_min", scored(({ scale }) => scale.min)],
    ["scale_max", scored(({ scale }) => scale.max)],
    ["model", scored(({ model }) => text(readableName(model)))],
    ["error", (result) => (isFailure(result) ? result.error.code : undefined)],
    ["message", (result) => (isFailure(result) ? text(readableName(result.error.message)) : undefined)],
  ];
  const comment: Column[] = [["comment", scored(({ comment }) => text(comment))]];
  const damaged: Column[] = [["damaged", scored(({ damaged }) => text(damaged))]];
  const shown = [
    ...before,
    ...intervalColumns(results),
    ...(hasAny(results, ({ taste }) => taste) ? liked : []),
    ...(hasAny(results, ({ percentile }) => percentile) ? ranked : []),
    ...(hasAny(results, ({ damaged }) => damaged) ? damaged : []),
  ];
  const own = new Set([...shown, ...comment, ...behind].map(([name]) => name));
  const attributes = namesOf(results, (result) => result.attributes).flatMap((name): Column[] => [
    [own.has(name) ? `attribute ${name}` : inert(name), scored((result) => result.attributes?.[name] ?? undefined)],
    ...attributeIntervalColumns(results, name),
  ]);
  return [
    ...shown,
    ...attributes,
    ...(hasAny(results, (result) => result.comment) ? comment : []),
    ...answerColumns(results),
    ...behind,
  ];
}

/** The whole file: a head and a row per photo, in the order given; numbers in full, lines that end in CR LF. */
export function csvOf(results: readonly Ranked[]): string {
  const columns = columnsOf(results);
  const rows = results.map((result) => columns.map(([, of]) => of(result)));
  return csvText([columns.map(([name]) => name), ...rows]);
}
