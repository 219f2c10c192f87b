/** What a library knows of photos, for whoever lists, culls, serves or shows them. */
import { nameOfBytes } from "../image/index.js";
import { beginning, requireSpec, RocError } from "../errors.js";
import type { Model, ScoreInterval } from "../engine/index.js";
import type { Scale } from "../roc/index.js";
import type { Connection, Value } from "./connection.js";
import { requireModel } from "./judge.js";
import { openToRead } from "./open.js";
import { Ranking } from "./ranking.js";
import { tasteOf } from "./taste/head.js";
import { requireJudge, tasteNamed, tastesIn, type AskedTaste, type KeptTaste, type Taste } from "./taste/tastes.js";
import { parseWhere, withinFolder, type Condition } from "./where.js";

/**
 * Who has scored: a checkpoint with all that its scores depend on. Scores of two judges cannot be compared.
 *
 * @category Photos
 */
export interface Judge {
  /** Its number in the library. */
  readonly id: number;
  /** As {@link ScoreResult.model}: folder and digest of the checkpoint. */
  readonly name: string;
  /** As {@link Model.digest}. */
  readonly checkpoint: string | undefined;
  /** Lowest and highest possible score. */
  readonly scale: Scale;
  /** Prompt, answer, dtype and the like, as when it scored first. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Pictures that it has scored. */
  readonly scores: number;
}

/**
 * What a judge says of a picture; on the judge's scale.
 *
 * @category Photos
 */
export interface StoredScore {
  /** As {@link ScoreResult.score}. */
  readonly score: number;
  /** As {@link ScoreResult.std}. */
  readonly std: number | null;
  /** As {@link ScoreResult.distribution}. */
  readonly distribution: readonly number[] | null;
  /** As {@link ScoreResult.attributes}. */
  readonly attributes?: Readonly<Record<string, number | null>>;
  /** As {@link ScoreResult.interval}: of lists that were given a calibration. A library keeps none. */
  readonly interval?: ScoreInterval;
  /** As {@link ScoreResult.attributeIntervals}, likewise. */
  readonly attributeIntervals?: Readonly<Record<string, ScoreInterval>>;
  /** As {@link ScoreResult.comment}. */
  readonly comment?: string;
  /** As {@link ScoreResult.answer}. */
  readonly answer: string;
  /** Among the judge's scores in this library, 0 to 100: the share that is lower, equals halved. */
  readonly percentile: number;
}

/**
 * A file of the library.
 *
 * @category Photos
 */
export interface Photo {
  /** Stays with the file while it is moved or edited; never given twice. */
  readonly id: number;
  /** Its path, with bytes that are not UTF-8 as `nameOfBytes()` writes them. */
  readonly file: string;
  /** The folder of it. */
  readonly folder: string;
  /** Its name without the folder. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** When the file was changed last, in milliseconds since 1970. */
  readonly modified: number;
  /** Since when it is not there (ISO 8601, UTC): its drive may not be mounted. */
  readonly gone?: string;
  /** Why it could not be read or scored. */
  readonly error?: {
    /** As {@link ScoreFailure.error}. */
    readonly code: string;
    /** What is wrong and what to do. */
    readonly message: string;
  };
  /** Of one that the judge has not scored: who has, whose scores are no place in this judge's order. */
  readonly seenBy?: readonly string[];
  /** SHA-256 of its content, 64 hex digits. Copies of a file have the same. */
  readonly digest?: string;
  /** Pixels across and down, upright. */
  readonly width?: number;
  /** See `width`. */
  readonly height?: number;
  /** Local time, ISO 8601, as the camera wrote it. */
  readonly taken?: string;
  /** Maker and model. */
  readonly camera?: string;
  /** All that is known of the photo, as `readMetadata()` gives it. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Perceptual hash, 64 bits, not negative: pictures that look alike differ in few bits. */
  readonly hash?: bigint;
  /** Stars of its sidecar, else of the file itself: -1 (rejected) to 5. */
  readonly stars?: number;
  /** Colour label of its sidecar. */
  readonly label?: string;
  /** Flag of its sidecar. */
  readonly pick?: "pick" | "reject";
  /** What the judge that was asked for says. */
  readonly score?: StoredScore;
  /** What the taste that was asked for says. */
  readonly taste?: TasteScore;
}

/**
 * What a taste says of a picture.
 *
 * @category Photos
 */
export interface TasteScore {
  /** What the taste is called. */
  readonly name: string;
  /** On the judge's scale, with the mean and the spread of the judge's own scores in this library. */
  readonly score: number;
  /** Among the taste's scores in this library, 0 to 100: the share that is lower, equals halved. */
  readonly percentile: number;
}

/**
 * Orders of photos.
 *
 * @category Photos
 */
export type Sort = "score" | "taken" | "name" | "std" | "stars" | "added";

export const SORTS = ["score", "taken", "name", "std", "stars", "added"] as const satisfies readonly Sort[];

/**
 * Which photos, in which order.
 *
 * @category Photos
 */
export interface PhotoQuery {
  /** Whose scores; default: that of the latest scan. */
  readonly judge?: Judge | undefined;
  /**
   * The name of a taste: photos have its scores too, order by score is by these, and conditions on `percentile` are on its
   * percentiles.
   */
  readonly taste?: string | undefined;
  /** As `--where`: `score > 7 and taken >= 2026-05`. */
  readonly where?: string | undefined;
  /** Only files in this folder, or below it. */
  readonly folder?: string | Uint8Array | undefined;
  /** Default "score". Score, std, stars and dates are given from the highest, names from the lowest; unknown values last. */
  readonly sort?: Sort | undefined;
  /** The other way round. */
  readonly reverse?: boolean | undefined;
  /** At most so many; default: all. */
  readonly limit?: number | undefined;
  /** What {@link PhotoPage.next} of the page before says. */
  readonly after?: string | undefined;
  /** Files that are not there: left out (default), given too, or given alone. */
  readonly gone?: "without" | "with" | "only" | undefined;
}

/**
 * A part of the photos of a query.
 *
 * @category Photos
 */
export interface PhotoPage {
  /** In the order that was asked for. */
  readonly photos: readonly Photo[];
  /** Where the next page begins; undefined: there is none. */
  readonly next: string | undefined;
}

/** What a scan has done so far. */
export interface ScanState {
  readonly id: number;
  /** ISO 8601, UTC. */
  readonly started: string;
  /** Null while it runs, and where it was killed. */
  readonly ended: string | null;
  /** That were found; known at the end. */
  readonly files: number;
  /** Pictures. */
  readonly scored: number;
  readonly failed: number;
}

/** Columns of {@link Photo}, in the order of {@link photoOf}. */
const COLUMNS = `f.id, f.folder, f.name, f.size, f.modified / 1000000, f.gone, coalesce(f.code, x.code), coalesce(f.message, x.message),
  lower(hex(p.digest)), p.width, p.height, p.taken, p.camera, p.metadata, CAST(p.hash AS TEXT),
  coalesce(f.stars, p.rating), f.label, f.pick, s.score, s.std, s.distribution, s.attributes, s.comment, s.answer, t.score`;

/** A taste's scores, or nothing. */
function tasted(taste: Taste | undefined): string {
  return `LEFT JOIN tasted t ON t.picture = f.picture AND t.taste = ${taste?.id ?? "NULL"}`;
}

const PARTS = `files f LEFT JOIN pictures p ON p.id = f.picture
  LEFT JOIN scores s ON s.picture = f.picture AND s.judge = ?1
  LEFT JOIN failures x ON x.picture = f.picture AND x.judge = ?1
  LEFT JOIN judges j ON j.id = ?1`;

/** By the index of scores, so that the best of a large library are found without a look at the others. */
const SCORED = `scores s CROSS JOIN files f ON f.picture = s.picture JOIN pictures p ON p.id = s.picture
  JOIN judges j ON j.id = s.judge`;

/** As {@link SCORED}, by the index of a taste's scores. */
const TASTED = `tasted t CROSS JOIN files f ON f.picture = t.picture JOIN pictures p ON p.id = t.picture
  LEFT JOIN scores s ON s.picture = f.picture AND s.judge = ?1 LEFT JOIN judges j ON j.id = ?1`;

const KEYS: Readonly<Record<Sort, string>> = {
  score: "s.score",
  taken: "p.taken",
  name: "f.name",
  std: "s.std",
  stars: "coalesce(f.stars, p.rating)",
  added: "f.id",
};

/** By how much scores of the same picture differ at most, on a scale from 1 to 10: see {@link Model.score}. */
const LAST_DIGITS = 1e-5;

const QUERY_NAMES = ["judge", "taste", "where", "folder", "sort", "reverse", "limit", "after", "gone"];

/** Queries of callers without types. @throws RocError USAGE */
function checkQuery(query: PhotoQuery): void {
  requireSpec(query, "A query of photos");
  const unknown = Object.keys(query).find((name) => !QUERY_NAMES.includes(name));
  if (unknown !== undefined)
    throw new RocError("USAGE", `A query of photos has no ${beginning(unknown)}; give ${QUERY_NAMES.join(", ")}.`);
  const { limit, sort } = query;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1))
    throw new RocError(
      "USAGE",
      `limit is ${String(limit)}; give a whole number from 1, or leave it out for all photos.`,
    );
  if (sort !== undefined && !Object.hasOwn(KEYS, sort))
    throw new RocError("USAGE", `sort is ${beginning(String(sort))}; give ${SORTS.join(", ")}.`);
}

/** A library that is open for reading; others may write it meanwhile. `using catalog = await Catalog.open(file)`. */
export class Catalog {
  readonly #connection: Connection;
  readonly #rankings = new Map<string, { readonly version: number; readonly ranking: Ranking }>();

  /** @param connection becomes its own */
  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** @throws RocError FILE_NOT_FOUND where there is no library; DATA_INVALID for a file that is none, damaged or newer */
  static async open(file: string): Promise<Catalog> {
    return new Catalog(await openToRead(file));
  }

  get file(): string {
    return this.#connection.file;
  }

  /** The one that scanned last first. */
  judges(): Judge[] {
    const sql = `SELECT id, name, checkpoint, low, high, settings, (SELECT count(*) FROM scores WHERE judge = judges.id)
      FROM judges ORDER BY (SELECT max(id) FROM scans WHERE judge = judges.id) DESC, id DESC`;
    type Row = [number, string, string | null, number, number, string, number];
    return this.#connection.rows<Row>(sql).map(([id, name, checkpoint, min, max, settings, scores]) => ({
      ...{ id, name, checkpoint: checkpoint ?? undefined, scale: { min, max }, scores },
      settings: JSON.parse(settings) as Record<string, unknown>,
    }));
  }

  /** The judge of the latest scan; undefined where nothing has been scored. */
  latestJudge(): Judge | undefined {
    return this.judges()[0];
  }

  /**
   * A judge by its number, its name or the beginning of one.
   *
   * @throws RocError USAGE where none or several are meant, with their list
   */
  judgeNamed(text: string): Judge {
    const judges = this.judges();
    const exact = judges.filter(({ id, name }) => String(id) === text || name === text);
    const found = exact.length > 0 ? exact : judges.filter(({ name }) => name.startsWith(text));
    if (found.length === 1) return found[0] as Judge;
    const list = judges.map(({ id, name, scores }) => `\n  ${id}  ${name}  (${scores} scores)`).join("");
    const why = found.length === 0 ? "No judge" : `${found.length} judges`;
    throw new RocError("USAGE", `${why} of ${this.file} fits ${JSON.stringify(text)}. Give the number of one:${list}`);
  }

  /** How many files there are. */
  count(query: PhotoQuery = {}): number {
    checkQuery(query);
    const { where, folder, gone } = query;
    const { judge, taste } = this.#speakers(query);
    const condition = this.#condition({ where, folder, gone }, judge, taste);
    const sql = `SELECT count(*) FROM ${PARTS} ${tasted(taste)} WHERE ${condition.sql}`;
    return this.#connection.value<number>(sql, [judge?.id ?? null, ...condition.values]) ?? 0;
  }

  /** Photos in order. @throws RocError USAGE for a condition that is not understood, pointing at the place */
  photos(query: PhotoQuery = {}): PhotoPage {
    checkQuery(query);
    const { limit = Number.MAX_SAFE_INTEGER } = query;
    return this.#connection.read(() => {
      const { judge, taste } = this.#speakers(query);
      const ids = this.#order(query, judge, taste, limit + 1);
      const photos = this.#photos(ids.slice(0, limit).map(({ id }) => id), judge, taste); // prettier-ignore
      const last = ids[limit - 1];
      return { photos, next: ids.length > limit && last ? cursorText(last) : undefined };
    });
  }

  /** One photo; undefined where there is no such id. @param taste the name of one */
  photo(id: number, judge?: Judge, taste?: string): Photo | undefined {
    return this.#connection.read(() => {
      const speakers = this.#speakers({ judge, taste });
      return this.#photos([id], speakers.judge, speakers.taste)[0];
    });
  }

  /** What was learned of a person's ratings, by name. */
  tastes(): Taste[] {
    return tastesIn(this.#connection).map(({ head: _, ...taste }) => taste);
  }

  /** @throws RocError FILE_NOT_FOUND where there is no such taste, with the names of those that there are */
  tasteNamed(name: string): KeptTaste {
    return tasteNamed(this.#connection, name);
  }

  /** A taste for what a model gives. @throws RocError FILE_NOT_FOUND; USAGE where it was learned on vectors of another judge */
  tasteFor(name: string, model: Model): AskedTaste {
    const { head, ...taste } = this.tasteNamed(name);
    const judge = this.judges().find(({ id }) => id === taste.judge);
    requireModel(taste, judge, model);
    return { name, length: head.weights.length, score: (score, vector) => tasteOf(head, score, vector) };
  }

  /** Whose scores are asked for. @throws RocError FILE_NOT_FOUND; USAGE for a taste that was learned on another judge's vectors */
  #speakers({ judge, taste: name }: Pick<PhotoQuery, "judge" | "taste">): Speakers {
    if (name === undefined) return { judge: judge ?? this.latestJudge(), taste: undefined };
    const taste = this.tasteNamed(name);
    const own = this.judges().find(({ id }) => id === taste.judge);
    if (judge) requireJudge(taste, judge);
    return { judge: own, taste };
  }

  /** Hidden states at the place where the score was read, float32, by the ids of photos; those without one are missing. */
  vectors(ids: readonly number[], judge = this.latestJudge()): Map<number, Float32Array> {
    const sql = `SELECT f.id, v.vector FROM files f JOIN vectors v ON v.picture = f.picture AND v.judge = ?
      WHERE f.id IN (SELECT value FROM json_each(?))`;
    const rows = this.#connection.rows<[number, Uint8Array]>(sql, [judge?.id ?? null, JSON.stringify(ids)]);
    return new Map(rows.map(([id, bytes]) => [id, new Float32Array(Uint8Array.from(bytes).buffer)]));
  }

  /** Where a score that is new stands among the judge's scores in this library, 0 to 100; undefined where there are none. */
  percentile(score: number, judge = this.latestJudge()): number | undefined {
    if (!judge) return undefined;
    const { min, max } = judge.scale;
    // The same picture may differ in its last digits, as it was scored beside others: it is equal all the same.
    return this.#rankingOf(judge).percentile(score, (LAST_DIGITS * (max - min)) / 9);
  }

  /** Paths of the photos that are there, with a judge's scores. */
  scoresOf(judge: Judge): [file: string, score: number][] {
    const sql = `SELECT f.folder, f.name, s.score FROM scores s JOIN files f ON f.picture = s.picture
      WHERE s.judge = ? AND f.gone IS NULL`;
    const rows = this.#connection.rows<[Uint8Array, Uint8Array, number]>(sql, [judge.id]);
    return rows.map(([folder, name, score]) => [pathOf(nameOfBytes(folder), nameOfBytes(name)), score]);
  }

  /** Names of the attributes that a judge gives. */
  attributes(judge = this.latestJudge()): string[] {
    const sql = "SELECT attributes FROM scores WHERE judge = ? AND attributes IS NOT NULL LIMIT 1";
    const text = this.#connection.value<string>(sql, [judge?.id ?? null]);
    return text === undefined ? [] : Object.keys(JSON.parse(text) as object);
  }

  /** What the latest scan has done so far; undefined where there was none. One that was killed has no end. */
  latestScan(): ScanState | undefined {
    type Row = [number, string, string | null, number, number, number];
    const row = this.#connection.row<Row>("SELECT id, started, ended, files, scored, failed FROM scans ORDER BY id DESC LIMIT 1"); // prettier-ignore
    if (!row) return undefined;
    const [id, started, ended, files, scored, failed] = row;
    return { id, started, ended, files, scored, failed };
  }

  /** What is wrong with the file, in SQLite's words; empty where nothing is. Reads all of it. */
  check(): string[] {
    const found = this.#connection.rows<[string]>("PRAGMA integrity_check").map(([text]) => text);
    return found.filter((text) => text !== "ok");
  }

  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #condition(
    { where, folder, gone = "without" }: PhotoQuery,
    judge: Judge | undefined,
    taste: Taste | undefined,
  ): Condition {
    const parts: Condition[] = [];
    if (gone !== "with") parts.push({ sql: `f.gone IS ${gone === "only" ? "NOT " : ""}NULL`, values: [] });
    if (folder !== undefined) parts.push(withinFolder(folder));
    if (where !== undefined && where.trim() !== "") {
      const scoresBetween: Ranking["scoresBetween"] = (...asked) =>
        this.#rankingOf(taste ?? judge).scoresBetween(...asked);
      parts.push(parseWhere(where, { attributes: this.attributes(judge), scoresBetween, ranked: taste ? "t.score" : "s.score" })); // prettier-ignore
    }
    const sql = ["1", ...parts.map(({ sql }) => `(${sql})`)].join(" AND ");
    return { sql, values: parts.flatMap(({ values }) => values) };
  }

  /** Ids in order, with what they are ordered by. */
  #order(query: PhotoQuery, judge: Judge | undefined, taste: Taste | undefined, limit: number): Place[] {
    const { sort = "score", reverse = false, after } = query;
    const byTaste = sort === "score" && taste !== undefined;
    const [key, condition] = [byTaste ? "t.score" : KEYS[sort], this.#condition(query, judge, taste)];
    const descending = (sort !== "name") !== reverse;
    const start = after === undefined ? undefined : cursorOf(after);
    const places: Place[] = [];
    const take = (parts: string, only: string, order: string, from: Condition): void => {
      const sql = `SELECT f.id, ${key} FROM ${parts} WHERE ${only} AND ${condition.sql} AND ${from.sql} ORDER BY ${order} LIMIT ?`;
      const values = [judge?.id ?? null, ...condition.values, ...from.values, limit - places.length];
      const rows = this.#connection.rows<[number, Value]>(sql, values);
      places.push(...rows.map(([id, value]) => ({ id, value })));
    };
    const order = `${key} ${descending ? "DESC" : "ASC"}, f.id`;
    const all = `${PARTS} ${tasted(taste)}`;
    const parts = byTaste ? TASTED : sort === "score" ? `${SCORED} ${tasted(taste)}` : all;
    const known = byTaste ? `t.taste = ${taste.id}` : sort === "score" ? "s.judge = ?1" : `${key} IS NOT NULL`;
    if (start?.value !== null) take(parts, known, order, start ? beyond(key, descending, start) : ALL);
    const rest = start?.value === null ? { sql: "f.id > ?", values: [start.id] } : ALL;
    if (places.length < limit) take(all, `${key} IS NULL`, "f.id", rest);
    return places;
  }

  #photos(ids: readonly number[], judge: Judge | undefined, taste: Taste | undefined): Photo[] {
    const sql = `SELECT ${COLUMNS} FROM ${PARTS} ${tasted(taste)} WHERE f.id IN (SELECT value FROM json_each(?2))`;
    const rows = this.#connection.rows<PhotoRow>(sql, [judge?.id ?? null, JSON.stringify(ids)]);
    const ranking = this.#rankingOf(judge);
    const liked = taste && { name: taste.name, ranking: this.#rankingOf(taste) };
    const byId = new Map(rows.map((row) => [row[0], row]));
    const seenBy = judge
      ? this.#seenBy(rows.flatMap((row) => (row[SCORE_COLUMN] === null ? [row[0]] : [])))
      : new Map<number, string[]>();
    return ids.flatMap((id) => {
      const row = byId.get(id);
      const others = seenBy.get(id);
      const own = row && liked && tasteScoreOf(row, liked);
      return row ? [{ ...photoOf(row, ranking), ...(own && { taste: own }), ...(others && { seenBy: others }) }] : [];
    });
  }

  /** Names of the judges that have scored photos, by the ids of these; those without a score are missing. */
  #seenBy(ids: readonly number[]): Map<number, string[]> {
    const sql = `SELECT f.id, json_group_array(j.name) FROM files f JOIN scores s ON s.picture = f.picture
      JOIN judges j ON j.id = s.judge WHERE f.id IN (SELECT value FROM json_each(?)) GROUP BY f.id`;
    const rows = ids.length === 0 ? [] : this.#connection.rows<[number, string]>(sql, [JSON.stringify(ids)]);
    return new Map(rows.map(([id, names]) => [id, JSON.parse(names) as string[]]));
  }

  /** The scores of a judge or a taste in order, read again only where the library has changed. */
  #rankingOf(whose: Judge | Taste | undefined): Ranking {
    const version = this.#connection.value<number>("PRAGMA data_version") ?? 0;
    const isTaste = whose !== undefined && "gain" in whose;
    const key = `${isTaste ? "taste" : "judge"} ${whose?.id}`;
    const known = this.#rankings.get(key);
    if (known?.version === version) return known.ranking;
    const [table, column] = isTaste ? ["tasted", "taste"] : ["scores", "judge"];
    // One text: the binding takes longer for a row than for a score.
    const sql = `SELECT '[' || coalesce(group_concat(printf('%!.17g', score)), '') || ']' FROM (SELECT score FROM ${table} WHERE ${column} = ?
      AND EXISTS (SELECT 1 FROM files WHERE picture = ${table}.picture) ORDER BY score)`;
    const scores = JSON.parse(this.#connection.value<string>(sql, [whose?.id ?? null]) ?? "[]") as number[];
    const ranking = new Ranking(Float64Array.from(scores));
    // Of a version of before nothing is asked any more.
    if ([...this.#rankings.values()].some((one) => one.version !== version)) this.#rankings.clear();
    if (whose) this.#rankings.set(key, { version, ranking });
    return ranking;
  }
}

/** Whose scores photos are told with. */
interface Speakers {
  readonly judge: Judge | undefined;
  readonly taste: Taste | undefined;
}

/** A photo within an order. */
interface Place {
  readonly id: number;
  /** What it is ordered by. */
  readonly value: Value;
}

const ALL: Condition = { sql: "1", values: [] };

function beyond(key: string, descending: boolean, { id, value }: Place): Condition {
  const sign = descending ? "<" : ">";
  return { sql: `(${key} ${sign} ? OR (${key} = ? AND f.id > ?))`, values: [value, value, id] };
}

function cursorText({ id, value }: Place): string {
  const kept = value instanceof Uint8Array ? { bytes: Buffer.from(value).toString("base64") } : { value };
  return Buffer.from(JSON.stringify({ id, ...kept })).toString("base64url");
}

/** @throws RocError USAGE */
function cursorOf(text: string): Place {
  try {
    const { id, value, bytes } = JSON.parse(Buffer.from(text, "base64url").toString()) as Record<string, unknown>;
    if (typeof id === "number" && typeof bytes === "string") return { id, value: Buffer.from(bytes, "base64") };
    const isKnown = value === null || typeof value === "string" || typeof value === "number";
    if (typeof id === "number" && isKnown) return { id, value };
  } catch {
    // As for one of another kind.
  }
  throw new RocError("USAGE", "The cursor is none that a page before has given. Begin at the first page.");
}

type Maybe<T> = T | null;
// prettier-ignore
type PhotoRow = [
  id: number, folder: Uint8Array, name: Uint8Array, size: number, modified: number, gone: Maybe<string>,
  code: Maybe<string>, message: Maybe<string>, digest: Maybe<string>, width: Maybe<number>, height: Maybe<number>,
  taken: Maybe<string>, camera: Maybe<string>, metadata: Maybe<string>, hash: Maybe<string>,
  stars: Maybe<number>, label: Maybe<string>, pick: Maybe<"pick" | "reject">,
  score: Maybe<number>, std: Maybe<number>, distribution: Maybe<Uint8Array>, attributes: Maybe<string>,
  comment: Maybe<string>, answer: Maybe<string>, taste: Maybe<number>,
];

/** Where a row has its score. */
const SCORE_COLUMN = 18;

/** The path of a file by its folder and name. */
export function pathOf(folder: string, name: string): string {
  return `${folder === "/" ? "" : folder}/${name}`;
}

function photoOf(row: PhotoRow, ranking: Ranking): Photo {
  const [id, folderBytes, nameBytes, size, modified, gone, code, message, digest, width, height, taken, camera] = row;
  const [, , , , , , , , , , , , , metadata, hash, stars, label, pick] = row;
  const [folder, name] = [nameOfBytes(folderBytes), nameOfBytes(nameBytes)];
  const [file, score] = [pathOf(folder, name), scoreOf(row, ranking)];
  // That of a picture is told of each of its files.
  const told = message !== null && /^[: ]/.test(message) ? `${file}${message}` : (message ?? "");
  return {
    ...{ id, file, folder, name, size, modified },
    ...present({ gone, digest: digest || null, width, height, taken, camera }),
    ...(code !== null && { error: { code, message: told } }),
    ...(metadata !== null && { metadata: JSON.parse(metadata) as Record<string, unknown> }),
    ...(hash !== null && { hash: BigInt.asUintN(64, BigInt(hash)) }),
    ...present({ stars, label, pick }),
    ...(score && { score }),
  };
}

function scoreOf(row: PhotoRow, ranking: Ranking): StoredScore | undefined {
  const [, , , , , , , , , , , , , , , , , , score, std, distribution, attributes, comment, answer] = row;
  if (score === null) return undefined;
  return {
    ...{ score, std },
    distribution: distribution && [...new Float64Array(Uint8Array.from(distribution).buffer)],
    ...(attributes !== null && { attributes: JSON.parse(attributes) as Record<string, number | null> }),
    ...present({ comment: comment || null }),
    answer: answer ?? "",
    percentile: ranking.percentile(score) ?? 0,
  };
}

/** The values that are not null. */
function present<T extends Record<string, unknown>>(values: T): { [Key in keyof T]?: Exclude<T[Key], null> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)) as never;
}

function tasteScoreOf(row: PhotoRow, { name, ranking }: { name: string; ranking: Ranking }): TasteScore | undefined {
  const score = row.at(-1);
  return typeof score === "number" ? { name, score, percentile: ranking.percentile(score) ?? 0 } : undefined;
}
