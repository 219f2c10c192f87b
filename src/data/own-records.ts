/** The rows of your own CSV or JSON Lines file, checked field by field. */
import { messageOf, RocError } from "../errors.js";
import type { Rated } from "./assemble.js";
import { invalid, readLines, slashed } from "./files.js";
import { numberProblem, parseNumber } from "./numbers.js";
import { splitOf } from "./split.js";
import { readTable } from "./table.js";
import type { ReaderOptions, Split } from "./types.js";

/** A row; `split` is undefined where the file has no such column. */
export interface OwnRecord extends Omit<Rated, "split"> {
  readonly split?: Split;
}

export interface RecordOptions {
  /** The columns that are attributes; undefined: all without another meaning. */
  readonly attributes: ReadonlySet<string> | undefined;
  readonly nonFinite: NonNullable<ReaderOptions["nonFinite"]>;
  /** Receives a sentence on columns that are not read. */
  readonly notes: string[];
}

const REMEDY = "Correct it there.";
/** The remedy for a column that was perhaps not meant to be read. */
const UNMEANT = 'Correct it, or list the columns that are attributes in dataset.json as "attributes".';
const FILE_REMEDY = "Give a UTF-8 file with a header line and the columns image and score.";

/** Columns with a fixed meaning, in any order and case, and their content; docs/data.md is generated from it. */
export const COLUMNS = {
  image: ["text", "needed", "The picture's file, relative to the folder of the images; `/` or `\\` between folders"],
  score: ["number", "needed", "The mean rating, on the card's `scale`"],
  id: ["text", "the image", "Names the picture in results and predictions"],
  split: ["`train`, `validation` or `test`", "drawn: a tenth is `test`", "The part; in all rows or in none"],
  std: ["number", "unknown", "Standard deviation of the ratings"],
  votes: ["list of counts", "unknown", "Number of votes for each rating, evenly spaced over the scale, lowest first"],
  votes_1: ["number", "unknown", "Instead of `votes`: `votes_1`, `votes_2`, ..., one column per rating"],
  comment: ["text", "none", "A comment on the picture"],
  comments: ["list of texts, or a text", "none", "Several comments"],
  theme: ["text", "none", "What the picture shows; `eval` gives figures by theme"],
  set: [
    "text",
    "none",
    "Pictures of one set are compared with each other, as those of one scene; a set is in one part",
  ],
  attributes: ["object of numbers", "none", "JSON Lines: attributes by name, instead of a column each"],
} as const satisfies Record<string, readonly [type: string, absent: string, meaning: string]>;

const MEANINGS: readonly string[] = Object.keys(COLUMNS);
const VOTES_COLUMN = /^votes_(\d+)$/;

/** The score's name in answers, where attributes are used by name. */
const SCORE_PLACEHOLDER = "overall";
/** Columns of an evaluation's table, besides those of {@link COLUMNS}. */
const RESULT_COLUMN = /^(error|references|predicted_.*)$/;
/** The remedy for two columns of the same meaning. */
const RENAME = 'Rename one of them, or list the columns that are attributes in dataset.json as "attributes".';

/** The attributes of a file: their spelling, by name normalised for case and spaces. */
type AttributeNames = Map<string, string>;

type RowOptions = RecordOptions & { readonly names: AttributeNames };

/** A row's values by column: text from a CSV, anything from JSON. */
interface Values {
  /** File and line. */
  readonly where: string;
  /** By the column's name in lower case; without empty fields. */
  readonly meant: ReadonlyMap<string, unknown>;
  /** Columns without a fixed meaning, as written. */
  readonly others: ReadonlyMap<string, unknown>;
}

/** The rows of a CSV file. @throws RocError naming file, line and column */
export async function csvRecords(file: string, options: RecordOptions): Promise<OwnRecord[]> {
  const table = await readTable(file, { columns: ["image", "score"], remedy: FILE_REMEDY, notes: options.notes });
  const { columns } = table;
  const seen = new Set<string>();
  const isTwice = (name: string): boolean =>
    name !== "" && (seen.has(name.toLowerCase()) || !seen.add(name.toLowerCase()));
  const twice = columns.find(isTwice);
  if (twice !== undefined) throw invalid(`${file}, header`, `the column "${twice}" occurs twice`, REMEDY);
  const rows = table.rows.map((row) => columns.map((name, i) => [name, row.at(i)] as const));
  const isRead = readColumns(rows, options);
  const each: RowOptions = { ...options, names: new Map() };
  const records = rows.map((fields, i) =>
    recordOf(valuesOf(`${file}, line ${table.rows[i]?.line ?? 0}`, fields.filter(isRead)), each),
  );
  noteUnread(columns, options);
  checkSplits(records, (i) => `${file}, line ${table.rows[i]?.line ?? 0}`);
  return records;
}

/** The rows of a JSON Lines file: one object per line. @throws RocError naming file, line and key */
export async function jsonlRecords(file: string, options: RecordOptions): Promise<OwnRecord[]> {
  const lines = await readLines(file, "Give the path of a JSON Lines file.", options.notes);
  if (lines.length === 0) throw invalid(file, "is empty", REMEDY);
  const rows = lines.map(({ text, line }) => Object.entries(parseObject(text, `${file}, line ${line}`)));
  const isRead = readColumns(rows, options);
  const each: RowOptions = { ...options, names: new Map() };
  const records = rows.map((entries, i) =>
    recordOf(valuesOf(`${file}, line ${lines[i]?.line ?? 0}`, entries.filter(isRead)), each),
  );
  const keys = new Set<string>();
  for (const entries of rows) for (const [key] of entries) keys.add(key);
  noteUnread([...keys], options);
  checkSplits(records, (i) => `${file}, line ${lines[i]?.line ?? 0}`);
  return records;
}

type Fields = readonly (readonly [name: string, value: unknown])[];

/** pandas' name for an unnamed column or its index. */
const NAMELESS = /^(unnamed: ?\d+(_level_\d+)?|__index_level_\d+__|)$/i;
/** pandas' name for an index that became a column; an attribute may have that name too. */
const INDEX = /^(index|level_\d+|row|row_?(number|id))$/i;

/**
 * Selects the fields to read: not the row numbers that programs add to a table, unless the card names the column. A column
 * named like an index is one if every row has a different whole number.
 */
function readColumns(
  rows: readonly Fields[],
  { attributes, notes }: RecordOptions,
): (field: Fields[number]) => boolean {
  // Only the card decides.
  if (attributes) return () => true;
  const values = new Map<string, Set<string>>();
  for (const row of rows) {
    for (const [name, value] of row) {
      if (!NAMELESS.test(name) && !INDEX.test(name)) continue;
      const texts = values.get(name) ?? values.set(name, new Set()).get(name);
      if (value !== "" && value !== null) texts?.add(typeof value === "number" ? String(value) : JSON.stringify(value));
    }
  }
  const isIndex = (texts: ReadonlySet<string>): boolean =>
    texts.size === rows.length && [...texts].every((text) => /^"?\d+(\.0)?"?$/.test(text));
  const unread = [...values].filter(([name, texts]) => NAMELESS.test(name) || isIndex(texts));
  const filled = unread.filter(([, texts]) => texts.size > 0).map(([name]) => JSON.stringify(name));
  if (filled.length > 0) {
    notes.push(`Columns that are not read, being row numbers or unnamed: ${filled.join(", ")}.`);
  }
  const names = new Set(unread.map(([name]) => name));
  return ([name]) => !names.has(name);
}

function parseObject(text: string, where: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(where, `is not JSON (${messageOf(cause)})`, "Write one object per line.", cause);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw invalid(where, "is not a JSON object", 'Write lines like {"image": "a.jpg", "score": 5}.');
}

function hasMeaning(lower: string): boolean {
  return MEANINGS.includes(lower) || VOTES_COLUMN.test(lower);
}

function valuesOf(where: string, fields: Fields): Values {
  const meant = new Map<string, unknown>();
  const others = new Map<string, unknown>();
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    if (value === null || (value === "" && !VOTES_COLUMN.test(lower))) continue;
    if (hasMeaning(lower) && meant.has(lower)) throw invalidField(where, name, "occurs twice");
    if (hasMeaning(lower)) meant.set(lower, value);
    else others.set(name, value);
  }
  const nested = meant.get("attributes");
  if (typeof nested === "object" && nested !== null) {
    for (const [name, value] of Object.entries(nested)) {
      if (value === null) continue;
      if (others.has(name)) throw invalidField(where, name, 'occurs twice, once in "attributes"', RENAME);
      others.set(name, value);
    }
  }
  return { where, meant, others };
}

function recordOf(values: Values, options: RowOptions): OwnRecord {
  const { meant, where } = values;
  const image = textOf(values, "image");
  if (image === undefined) throw invalidField(where, "image", "is empty");
  const std = meant.has("std") ? numberOf(values, "std", meant.get("std"), options) : undefined;
  const votes = votesOf(values, options);
  const attributes = attributesOf(values, options);
  const comments = commentsOf(values);
  const theme = textOf(values, "theme");
  const set = textOf(values, "set");
  const split = splitIn(values);
  return {
    id: textOf(values, "id") ?? slashed(image),
    files: [image],
    score: numberOf(values, "score", meant.get("score") ?? "", options),
    ...(std !== undefined && { std }),
    ...(votes && { votes }),
    ...(attributes && { attributes }),
    ...(comments.length > 0 && { comments }),
    ...(theme !== undefined && { theme }),
    ...(set !== undefined && { set, group: set }),
    ...(split && { split }),
  };
}

function invalidField(where: string, column: string, what: string, remedy = REMEDY): RocError {
  return invalid(`${where}, column "${column}"`, what, remedy);
}

function textOf({ meant, where }: Values, column: string): string | undefined {
  const value = meant.get(column);
  if (value === undefined) return undefined;
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw invalidField(where, column, "is not a text");
}

function numberOf({ where }: Values, column: string, value: unknown, { nonFinite }: RecordOptions): number {
  const remedy = hasMeaning(column.toLowerCase()) ? REMEDY : UNMEANT;
  if (typeof value !== "string" && typeof value !== "number")
    throw invalidField(where, column, "is not a number", remedy);
  const text = String(value);
  const wrong = numberProblem(text, nonFinite);
  if (wrong !== undefined) throw invalidField(where, column, wrong, remedy);
  return parseNumber(text) ?? NaN;
}

function votesOf(values: Values, options: RecordOptions): number[] | undefined {
  const { meant, where } = values;
  const list = meant.get("votes");
  if (list !== undefined) return listOf(list, where).map((value) => numberOf(values, "votes", value, options));
  const columns = [...meant.keys()].flatMap((name) => {
    const [, rating] = VOTES_COLUMN.exec(name) ?? [];
    return rating === undefined ? [] : [Number(rating)];
  });
  if (columns.every((rating) => meant.get(`votes_${rating}`) === "")) return undefined;
  const votes = columns.map((_, i) => i + 1).map((rating) => meant.get(`votes_${rating}`));
  const gap = votes.findIndex((value) => value === undefined);
  if (gap >= 0) throw invalidField(where, `votes_${gap + 1}`, "is empty or missing, but later ones are not");
  return votes.map((value, i) => numberOf(values, `votes_${i + 1}`, value, options));
}

function listOf(value: unknown, where: string): unknown[] {
  if (Array.isArray(value)) return value;
  try {
    const parsed: unknown = typeof value === "string" ? JSON.parse(value) : undefined;
    if (Array.isArray(parsed)) return parsed;
  } catch {
    // Reported below, with the position.
  }
  throw invalidField(where, "votes", "is not a list of counts", "Write it as a JSON list, like [0, 3, 12, 5, 1].");
}

function attributesOf(values: Values, options: RowOptions): Record<string, number> | undefined {
  const attributes: Record<string, number> = {};
  for (const [name, value] of values.others) {
    if (options.attributes && !options.attributes.has(name)) continue;
    checkAttributeName(values, name, options.names);
    attributes[name] = numberOf(values, name, value, options);
  }
  return Object.keys(attributes).length > 0 ? attributes : undefined;
}

/** An attribute that can be confused with another column, or with the score itself, would silently replace it. */
function checkAttributeName({ where }: Values, name: string, names: AttributeNames): void {
  const plain = name.trim().replace(/\s+/g, " ").toLowerCase();
  const other = names.get(plain);
  if (other === name) return;
  if (other !== undefined) {
    throw invalidField(where, name, `differs from the column ${JSON.stringify(other)} only by case or spaces`, RENAME);
  }
  const remedy = 'Rename it, or list the columns that are attributes, without it, in dataset.json as "attributes".';
  if (plain === SCORE_PLACEHOLDER) {
    throw invalidField(
      where,
      name,
      `is not a valid attribute name: {${plain}} is the column "score" in answers`,
      remedy,
    );
  }
  if (hasMeaning(plain))
    throw invalidField(where, name, `is not a valid attribute name: the column "${plain}" has that name`, remedy);
  if (RESULT_COLUMN.test(plain)) {
    throw invalidField(where, name, "is not a valid attribute name: a column of evaluations has that name", remedy);
  }
  names.set(plain, name);
}

function commentsOf(values: Values): string[] {
  const list = values.meant.get("comments");
  const texts = Array.isArray(list) ? (list as unknown[]) : (textsIn(list) ?? [list]);
  return [...texts, textOf(values, "comment")].flatMap((text) => {
    if (text === undefined) return [];
    if (typeof text !== "string") throw invalidField(values.where, "comments", "is neither a text nor a list of texts");
    return text.trim() === "" ? [] : [text.trim()];
  });
}

/** A JSON list in a field of a CSV file. */
function textsIn(field: unknown): unknown[] | undefined {
  if (typeof field !== "string" || !field.trimStart().startsWith("[")) return undefined;
  try {
    const parsed: unknown = JSON.parse(field);
    return Array.isArray(parsed) ? parsed : undefined;
  } catch {
    // A comment may start with a bracket.
    return undefined;
  }
}

function splitIn(values: Values): Split | undefined {
  const word = textOf(values, "split");
  if (word === undefined) return undefined;
  const split = splitOf(word);
  if (split) return split;
  throw invalidField(values.where, "split", `"${word}" is not a split`, "Write train, validation or test.");
}

/** All rows name a split, or none does. @param positionOf file and line of a record */
function checkSplits(records: readonly OwnRecord[], positionOf: (index: number) => string): void {
  const without = records.findIndex(({ split }) => split === undefined);
  if (without < 0 || records.every(({ split }) => split === undefined)) return;
  throw invalidField(
    positionOf(without),
    "split",
    "is empty, but other rows name one",
    "Write train, validation or test.",
  );
}

function noteUnread(columns: readonly string[], { attributes, notes }: RecordOptions): void {
  const isUnread = (name: string): boolean => name !== "" && !hasMeaning(name.toLowerCase());
  const unread = columns.filter((name) => isUnread(name) && attributes && !attributes.has(name));
  if (unread.length > 0)
    notes.push(`Columns that are not read, since dataset.json does not name them: ${unread.join(", ")}.`);
}
