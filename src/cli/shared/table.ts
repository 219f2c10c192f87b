/** The table that a person reads: one row per photo with its score, the spread and a bar. */
import pc from "picocolors";
import type { ScoreFailure, ScoreResult } from "../../engine/index.js";
import { withoutFile } from "../../errors.js";
import type { Io, Output } from "./io.js";
import { isFailure } from "./json.js";
import { padEnd, printable, textWidth, truncateMiddle, wrapped } from "./width.js";

const BAR_WIDTH = 20;
const NARROW_BAR_WIDTH = 10;
const NARROW_TERMINAL = 64;
const MIN_NAME_WIDTH = 12;
/** Before the lines below a row. */
const INDENT = "  ";
/** "  100.0 ± 12.34  " between the name and the bar. */
const NUMBER_WIDTH = 18;
/** "[100.0, 100.0]  " before the bar. */
const INTERVAL_WIDTH = 16;
/** "  100%" behind the bar. */
const PERCENTILE_WIDTH = 6;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;

type Scale = ScoreResult["scale"];
type Colors = ReturnType<typeof pc.createColors>;

/** Whether to write colours: on a terminal, unless NO_COLOR asks for none or FORCE_COLOR for them anyway. */
export function wantsColors(output: Output, env: Io["env"]): boolean {
  if (env["NO_COLOR"]) return false;
  if (env["FORCE_COLOR"]) return env["FORCE_COLOR"] !== "0";
  return output.isTTY === true && env["TERM"] !== "dumb";
}

/** Where a value is on the scale, 0 to 1. */
function position(value: number, { min, max }: Scale): number {
  return Math.min(1, Math.max(0, (value - min) / (max - min)));
}

/** A bar's three parts: up to the score, on to one standard deviation above it, and the rest of the scale. */
export function barParts(score: number, std: number, scale: Scale, columns: number): [string, string, string] {
  const eighths = Math.round(position(score, scale) * columns * 8);
  const filled = "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
  const reach = Math.max(filled.length, Math.round(position(score + std, scale) * columns));
  return [filled, "░".repeat(reach - filled.length), "·".repeat(columns - reach)];
}

/** A number of the scale: two decimals, one where the scale is long (0 to 100), three where it is short (0 to 1). */
export function formatValue(value: number, { min, max }: Scale): string {
  const length = max - min;
  return value.toFixed(length > 20 ? 1 : length > 1 ? 2 : 3);
}

/** "[2.81, 5.10]", or nothing. */
function intervalText(interval: ScoreResult["interval"], scale: Scale): string {
  return interval ? `[${formatValue(interval.low, scale)}, ${formatValue(interval.high, scale)}]` : "";
}

export interface TableOptions {
  /** Every file of the table: they set the width of the first column. */
  readonly files: readonly string[];
  /** Width of the terminal in columns; undefined: as wide as the longest name wants (a file, a pipe). */
  readonly columns: number | undefined;
  readonly colors: boolean;
  /** Whether results have a percentile. */
  readonly percentile?: boolean;
  /** Whether results have calibrated intervals. */
  readonly intervals?: boolean;
}

/** A result, perhaps with its place among others, and with what a taste says. */
type Row = ScoreResult & { readonly percentile?: number; readonly taste?: { readonly score: number } };

/** Renders rows one at a time, so that each can be printed as soon as it is known. */
export class ScoreTable {
  readonly #columns: number | undefined;
  readonly #nameWidth: number;
  readonly #barWidth: number;
  readonly #colors: Colors;
  readonly #intervals: boolean;

  constructor({ files, columns, colors, percentile = false, intervals = false }: TableOptions) {
    this.#intervals = intervals;
    this.#columns = columns;
    this.#colors = pc.createColors(colors);
    this.#barWidth = columns !== undefined && columns < NARROW_TERMINAL ? NARROW_BAR_WIDTH : BAR_WIDTH;
    const longest = files.reduce((most, file) => Math.max(most, textWidth(printable(file))), MIN_NAME_WIDTH);
    const extra = (percentile ? PERCENTILE_WIDTH : 0) + (intervals ? INTERVAL_WIDTH : 0);
    const room = columns === undefined ? longest : columns - this.#barWidth - NUMBER_WIDTH - extra;
    this.#nameWidth = Math.max(MIN_NAME_WIDTH, Math.min(longest, room));
  }

  /** One row with its line end; below it the scores of single aspects and the comment, where the model gives them. */
  row(result: Row | ScoreFailure): string {
    const name = padEnd(truncateMiddle(printable(result.file), this.#nameWidth), this.#nameWidth);
    if (isFailure(result)) return `${name}  ${this.#failed(result)}\n`;
    const below = [...this.#attributes(result), ...this.#comment(result), ...this.#answers(result)];
    return [`${name}  ${this.#scored(result)}`, ...below.map((line) => `${INDENT}${line}`), ""].join("\n");
  }

  /** "light 6.52, colour 4.10" in as many lines as they need. */
  #attributes({ attributes = {}, attributeIntervals = {}, scale }: ScoreResult): string[] {
    // A name and its value stay together: only the blanks after commas may end a line.
    const texts = Object.entries(attributes).map(([name, value]) => {
      const range = intervalText(attributeIntervals[name], scale);
      return `${printable(name)}\u00a0${value === null ? "-" : formatValue(value, scale)}${range && `\u00a0${range.replace(", ", "–")}`}`; // prettier-ignore
    });
    return this.#wrapped(texts.join(", ").replaceAll(" ", "\u00a0").replaceAll(",\u00a0", ", "));
  }

  #comment({ comment }: ScoreResult): string[] {
    if (comment === undefined) return [];
    const text = printable(comment.replace(/\s+/g, " ").trim());
    return text === ""
      ? [this.#colors.dim("(the model wrote no comment)")]
      : this.#wrapped(text).map(this.#colors.italic);
  }

  /** The answers to further questions: below the question what the model wrote, or its template filled in. */
  #answers({ answers = [] }: ScoreResult): string[] {
    return answers.flatMap(({ prompt, answer, scores }) => {
      const lines = (text: string): string[] => this.#wrapped(printable(text.replace(/\s+/g, " ").trim()));
      const asked = scores ? [] : lines(prompt.replace("<image>", ""));
      return [...asked.map(this.#colors.dim), ...lines(answer).map(this.#colors.italic)];
    });
  }

  #wrapped(text: string): string[] {
    if (text === "") return [];
    return this.#columns === undefined
      ? [text.replaceAll("\u00a0", " ")]
      : wrapped(text, this.#columns - INDENT.length);
  }

  #scored({ score, std, scale, damaged, percentile, interval, taste }: Row): string {
    const paint = this.#paintOf(position(score, scale));
    const [filled, spread, rest] = barParts(score, std ?? 0, scale, this.#barWidth);
    const value = this.#colors.bold(paint(formatValue(score, scale).padStart(5)));
    const deviation = this.#colors.dim(std === null ? " ".repeat(7) : `± ${formatValue(std, scale).padEnd(5)}`);
    const mark = damaged === undefined ? "" : this.#colors.red(`  damaged: ${printable(damaged)}`);
    const rank = percentile === undefined ? "" : `${Math.round(percentile)}%`.padStart(PERCENTILE_WIDTH);
    const liked = taste === undefined ? "" : `${" ".repeat(2)}${this.#colors.bold(formatValue(taste.score, scale).padStart(5))}`; // prettier-ignore
    const range = this.#intervals ? `${intervalText(interval, scale).padEnd(INTERVAL_WIDTH - 2)}  ` : "";
    return `${value} ${deviation}  ${range}${paint(filled)}${this.#colors.dim(spread + rest)}${liked}${rank}${mark}`;
  }

  #failed({ file, error }: ScoreFailure): string {
    return this.#colors.red(`failed: ${printable(withoutFile(error.message, file))} (${error.code})`);
  }

  #paintOf(relative: number): (text: string) => string {
    if (relative < 1 / 3) return this.#colors.red;
    return relative < 2 / 3 ? this.#colors.yellow : this.#colors.green;
  }
}
