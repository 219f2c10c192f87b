/** What a scan writes into a library, and what it looks up there. */
import { basename, dirname } from "node:path";
import type { ScoreFailure, ScoreResult } from "../../engine/index.js";
import { behindFile } from "../../errors.js";
import { nameOfBytes, pathOfName } from "../../image/index.js";
import { pathOf } from "../catalog.js";
import type { Connection, Value } from "../connection.js";
import { realFolder } from "../places.js";
import { withinFolder } from "../where.js";
import { Tasting } from "../taste/tastes.js";
import type { Stars } from "./sidecars.js";
import { STAMP_COLUMN, type FileStamp } from "./stamps.js";

/** A file as the library has it. */
export interface KnownFile {
  readonly id: number;
  /** As {@link stampText}. */
  readonly stamp: string;
  readonly picture: number | null;
  /** Why it could not be read. */
  readonly code: string | null;
  readonly isGone: boolean;
  /** As {@link Sidecars.stampOf}. */
  readonly sidecars: string;
  /** What the judge says of it. */
  readonly verdict: "scored" | "none" | { readonly failed: string };
}

/** A file whose content has just been read. */
export interface ReadFile {
  readonly path: string;
  readonly stamp: FileStamp;
  readonly digest: Uint8Array;
  /** The entry that is this file under another path; undefined: there is none. */
  readonly movedFrom: number | undefined;
}

/** What is known of a picture beside its score. */
export interface Description {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly hash: bigint | undefined;
}

type Maybe<T> = T | null;

/** What a picture has to have, too, to count as scored. */
export interface Needed {
  /** That it was asked for a comment. */
  readonly comments?: boolean | undefined;
  /** The hidden states that its score was read from. */
  readonly vectors?: boolean | undefined;
}

/** Of its score, where the picture and the judge are named so. @returns a condition */
function isWhole({ comments, vectors }: Needed, picture: string, judge: string): string {
  const vector = `EXISTS (SELECT 1 FROM vectors v WHERE v.picture = ${picture} AND v.judge = ${judge})`;
  return [...(comments ? ["comment IS NOT NULL"] : []), ...(vectors ? [vector] : []), "TRUE"].join(" AND ");
}

export class Store {
  readonly #tasting: Tasting;

  constructor(
    readonly connection: Connection,
    readonly judge: number,
    readonly scan: number,
    private readonly needed: Needed = {},
  ) {
    this.#tasting = new Tasting(connection, judge);
  }

  /** The files of one folder by name. */
  knownIn(folder: string): Map<string, KnownFile> {
    const sql = `SELECT f.id, f.name, ${STAMP_COLUMN}, f.picture, f.code, f.gone IS NOT NULL,
        EXISTS (SELECT 1 FROM scores WHERE picture = f.picture AND judge = ?1 AND ${isWhole(this.needed, "f.picture", "?1")}),
        (SELECT code FROM failures WHERE picture = f.picture AND judge = ?1), coalesce(f.sidecars, '')
      FROM files f WHERE f.folder = ?2`;
    type Row = [number, Uint8Array, string, Maybe<number>, Maybe<string>, number, number, Maybe<string>, string];
    const rows = this.connection.rows<Row>(sql, [this.judge, bytesOf(folder)]);
    return new Map(
      rows.map(([id, name, stamp, picture, code, gone, scored, failed, sidecars]) => {
        const verdict = scored ? "scored" : failed === null ? "none" : { failed };
        return [nameOfBytes(name), { id, stamp, picture, code, isGone: gone === 1, sidecars, verdict }];
      }),
    );
  }

  /** Where else a content is. */
  placesOf(digest: Uint8Array): { readonly id: number; readonly path: string }[] {
    const sql = "SELECT f.id, f.folder, f.name FROM pictures p JOIN files f ON f.picture = p.id WHERE p.digest = ?";
    return this.connection.rows<[number, Uint8Array, Uint8Array]>(sql, [digest]).map(placeOf);
  }

  /** @returns the picture's number and what the judge says of it */
  enter(file: ReadFile): Pick<KnownFile, "id" | "picture" | "verdict"> & { readonly picture: number } {
    const { connection, judge } = this;
    const { path, digest, movedFrom } = file;
    connection.run("INSERT INTO pictures (digest) VALUES (?) ON CONFLICT DO NOTHING", [digest]);
    const picture = connection.value<number>("SELECT id FROM pictures WHERE digest = ?", [digest]) as number;
    if (movedFrom !== undefined) {
      const { folder, name } = partsOf(path);
      // Sidecars are those of the new place.
      const none = "sidecars = NULL, stars = NULL, label = NULL, pick = NULL";
      connection.run(`UPDATE files SET folder = ?, name = ?, ${none} WHERE id = ?`, [folder, name, movedFrom]);
    }
    const id = this.#place(file, { picture, code: null, message: null });
    const sql = `SELECT 1 FROM scores WHERE picture = ?1 AND judge = ?2 AND ${isWhole(this.needed, "?1", "?2")}`;
    const scored = connection.value(sql, [picture, judge]) !== undefined;
    const failed = connection.value<string>("SELECT code FROM failures WHERE picture = ? AND judge = ?", [picture, judge]); // prettier-ignore
    return { id, picture, verdict: scored ? "scored" : failed === undefined ? "none" : { failed } };
  }

  /** A file that cannot be read: it is kept with the reason. */
  enterUnread(path: string, stamp: FileStamp, { code, message }: ScoreFailure["error"]): void {
    this.#place({ path, stamp }, { picture: null, code, message });
  }

  #place(
    { path, stamp }: Pick<ReadFile, "path" | "stamp">,
    { picture, code, message }: { picture: Maybe<number>; code: Maybe<string>; message: Maybe<string> },
  ): number {
    const { folder, name } = partsOf(path);
    const { size, modified, changed, inode } = stamp;
    const sql = `INSERT INTO files (folder, name, size, modified, changed, inode, picture, code, message, added)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (folder, name) DO UPDATE SET size = excluded.size, modified = excluded.modified, changed = excluded.changed,
        inode = excluded.inode, picture = excluded.picture, code = excluded.code, message = excluded.message, gone = NULL
      RETURNING id`;
    const values: Value[] = [folder, name, size, modified, changed, inode, picture, code, message];
    return this.connection.value<number>(sql, [...values, new Date().toISOString()]) as number;
  }

  /** What a file's sidecars say. */
  setStars(path: string, sidecars: string, { rating, beneath, label, pick }: Stars): void {
    const { folder, name } = partsOf(path);
    const sql = "UPDATE files SET sidecars = ?, stars = ?, label = ?, pick = ? WHERE folder = ? AND name = ?";
    this.connection.run(sql, [sidecars, rating ?? beneath ?? null, label ?? null, pick ?? null, folder, name]);
  }

  /** A file that was gone is there again. */
  returned(id: number): void {
    this.connection.run("UPDATE files SET gone = NULL WHERE id = ?", [id]);
  }

  /** @returns whether it is new: of a score that is there comment and vector alone are taken */
  addScore(picture: number, result: ScoreResult): boolean {
    const { score, std, distribution, attributes, comment, answer, embedding } = result;
    const { connection, judge, scan } = this;
    const { comments = false } = this.needed;
    // Never a second time: what stands there stays.
    const sql = `INSERT INTO scores (picture, judge, score, std, distribution, attributes, comment, answer, scan)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
    const shares = distribution && bytesOfNumbers(Float64Array.from(distribution));
    // That it was asked for a comment and wrote none is kept as an empty one.
    const texts = [attributes ? JSON.stringify(attributes) : null, comment ?? (comments ? "" : null), answer];
    const added = connection.run(sql, [picture, judge, score, std, shares, ...texts, scan]);
    connection.run("DELETE FROM failures WHERE picture = ? AND judge = ?", [picture, judge]);
    connection.run("UPDATE scans SET scored = scored + ? WHERE id = ?", [added, scan]);
    if (added === 0 && comments)
      connection.run("UPDATE scores SET comment = ? WHERE picture = ? AND judge = ? AND comment IS NULL", [comment ?? "", picture, judge]); // prettier-ignore
    if (embedding) {
      const sql = "INSERT INTO vectors (picture, judge, vector) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
      const isNew = connection.run(sql, [picture, judge, bytesOfNumbers(embedding)]) > 0;
      if (isNew) this.#tasting.enter(picture, score, embedding);
    }
    return added > 0;
  }

  /** What is wrong with a picture is so of all its copies: the file's path, with which the message begins, is left out. */
  addFailure(picture: number, { file, error: { code, message } }: ScoreFailure): void {
    const sql = `INSERT INTO failures (picture, judge, code, message) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET code = excluded.code, message = excluded.message`;
    this.connection.run(sql, [picture, this.judge, code, behindFile(message, file) ?? message]);
    this.connection.run("UPDATE scans SET failed = failed + 1 WHERE id = ?", [this.scan]);
  }

  /** One that could not be decoded has no hash yet. */
  isDescribed(picture: number): boolean {
    const sql = "SELECT 1 FROM pictures WHERE id = ? AND described = 1 AND hash IS NOT NULL";
    return this.connection.value(sql, [picture]) !== undefined;
  }

  describe(picture: number, { metadata, hash }: Description): void {
    const value = (name: string): Value => {
      const found = metadata[name];
      return typeof found === "string" || typeof found === "number" ? found : null;
    };
    const columns = ["width", "height", "taken", "camera", "rating"];
    const sql = `UPDATE pictures SET described = 1, ${columns.map((name) => `${name} = ?`).join(", ")}, metadata = ?,
      hash = coalesce(?, hash) WHERE id = ?`;
    const look = hash === undefined ? null : BigInt.asIntN(64, hash);
    this.connection.run(sql, [...columns.map(value), JSON.stringify(metadata), look, picture]);
  }

  /** Entries within a folder that are not known to be gone, by id. */
  presentIn(folder: string): number[] {
    const { sql, values } = withinFolder(bytesOf(folder));
    const found = `SELECT json_group_array(f.id) FROM files f WHERE f.gone IS NULL AND ${sql}`;
    return JSON.parse(this.connection.value<string>(found, values) ?? "[]") as number[];
  }

  pathsOf(ids: readonly number[]): { readonly id: number; readonly path: string }[] {
    const sql = "SELECT id, folder, name FROM files WHERE id IN (SELECT value FROM json_each(?))";
    return this.connection.rows<[number, Uint8Array, Uint8Array]>(sql, [JSON.stringify(ids)]).map(placeOf);
  }

  markGone(ids: readonly number[]): void {
    const sql = "UPDATE files SET gone = ? WHERE id IN (SELECT value FROM json_each(?))";
    this.connection.run(sql, [new Date().toISOString(), JSON.stringify(ids)]);
  }

  end(files: number): void {
    this.connection.run("UPDATE scans SET ended = ?, files = ? WHERE id = ?", [new Date().toISOString(), files, this.scan]); // prettier-ignore
  }
}

/**
 * Leaves one entry of each file that the library has twice, once by way of a link, as earlier versions entered it. Only folders with
 * copies are looked at: others may be on drives that are slow or not mounted.
 */
export async function joinPlaces(connection: Connection): Promise<void> {
  const sql = `SELECT DISTINCT f.folder FROM files f JOIN files o ON o.picture = f.picture AND o.name = f.name AND o.id <> f.id`;
  for (const [folder] of connection.rows<[Uint8Array]>(sql)) {
    const real = bytesOf(await realFolder(nameOfBytes(folder)));
    if (Buffer.from(real).equals(folder)) continue;
    connection.write(() => {
      connection.run("UPDATE OR IGNORE files SET folder = ? WHERE folder = ?", [real, folder]);
      connection.run("DELETE FROM files WHERE folder = ?", [folder]);
    });
  }
}

/** Enters a scan, and gives its number. */
export function enterScan(connection: Connection, judge: number, roots: readonly string[]): number {
  const sql = "INSERT INTO scans (started, judge, roots) VALUES (?, ?, ?) RETURNING id";
  return connection.value<number>(sql, [new Date().toISOString(), judge, JSON.stringify(roots)]) as number;
}

function placeOf([id, folder, name]: [number, Uint8Array, Uint8Array]): { id: number; path: string } {
  return { id, path: pathOf(nameOfBytes(folder), nameOfBytes(name)) };
}

function partsOf(path: string): { folder: Uint8Array; name: Uint8Array } {
  return { folder: bytesOf(dirname(path)), name: bytesOf(basename(path)) };
}

function bytesOf(name: string): Uint8Array {
  return Buffer.from(pathOfName(name));
}

function bytesOfNumbers({ buffer, byteOffset, byteLength }: Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
