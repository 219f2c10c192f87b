/** The tastes that a library keeps: told, applied and forgotten. */
import { beginning, RocError } from "../../errors.js";
import type { Judge } from "../catalog.js";
import type { Connection } from "../connection.js";
import type { TasteGain } from "./gain.js";
import { tasteOf, type Head } from "./head.js";
import type { TasteSource } from "./ratings.js";

/**
 * A taste that a library keeps.
 *
 * @category Photos
 */
export interface Taste {
  /** Its number in the library: never given twice. */
  readonly id: number;
  /** What a person calls it. */
  readonly name: string;
  /** Number and name of the judge on whose vectors it was learned: it says nothing of those of another. */
  readonly judge: number;
  /** See `judge`. */
  readonly judgeName: string;
  /** What it was learned of. */
  readonly source: TasteSource;
  /** Of how many ratings, or answers. */
  readonly ratings: number;
  /** What it gained on ratings that it had not seen. */
  readonly gain: TasteGain;
  /** When it was learned, ISO 8601, UTC. */
  readonly added: string;
}

/** A taste with its numbers. */
export interface KeptTaste extends Taste {
  readonly head: Head;
}

const LONGEST_NAME = 64;

/** @throws RocError USAGE for a name that could not be printed or typed */
export function checkTasteName(name: string): string {
  if (/^[^\p{C}\s](?:[^\p{C}]*[^\p{C}\s])?$/u.test(name) && name.length <= LONGEST_NAME) return name;
  throw new RocError("USAGE", `${JSON.stringify(beginning(name, 100))} is no name for a taste: give 1 to ${LONGEST_NAME} letters, without blanks at its ends.`); // prettier-ignore
}

type Row = [number, string, number, string, string, number, string, string, string, Uint8Array];

const COLUMNS = `SELECT t.id, t.name, t.judge, j.name, t.source, t.ratings, t.gain, t.added, t.head, t.weights
  FROM tastes t JOIN judges j ON j.id = t.judge`;

function tasteOfRow([id, name, judge, judgeName, source, ratings, gain, added, head, weights]: Row): KeptTaste {
  const { slope, constant } = JSON.parse(head) as Omit<Head, "weights">;
  return {
    ...{ id, name, judge, judgeName, source: source as TasteSource, ratings, added },
    gain: JSON.parse(gain) as TasteGain,
    head: { weights: new Float64Array(Uint8Array.from(weights).buffer), slope, constant },
  };
}

/** The tastes of a library by name. */
export function tastesIn(connection: Connection): KeptTaste[] {
  return connection.rows<Row>(`${COLUMNS} ORDER BY t.name`).map(tasteOfRow);
}

/** @throws RocError FILE_NOT_FOUND naming those that there are */
export function tasteNamed(connection: Connection, name: string): KeptTaste {
  const [row] = connection.rows<Row>(`${COLUMNS} WHERE t.name = ?`, [name]);
  if (row) return tasteOfRow(row);
  const names = tastesIn(connection).map((taste) => taste.name);
  const there = names.length === 0 ? "It has none" : `It has ${names.join(", ")}`;
  throw new RocError("FILE_NOT_FOUND", `The library has no taste ${JSON.stringify(beginning(name, 100))}. ${there}; learn one: roc4mllm taste learn NAME.`); // prettier-ignore
}

/** @throws RocError USAGE where a taste was learned on vectors of another judge */
export function requireJudge({ name, judge, judgeName }: Taste, wanted: Pick<Judge, "id" | "name">): void {
  if (judge === wanted.id) return;
  const remedy = `Learn it anew on those of ${wanted.name}, or take its own checkpoint with the settings of that time.`;
  throw new RocError("USAGE", `The taste ${JSON.stringify(name)} was learned on vectors of ${judgeName}, and says nothing of those of ${wanted.name}. ${remedy}`); // prettier-ignore
}

/**
 * A taste that can be asked about what a model gives.
 *
 * @category Photos
 */
export interface AskedTaste {
  /** What it is called. */
  readonly name: string;
  /** Numbers of a vector. */
  readonly length: number;
  /** On the judge's scale, or a little beyond. */
  readonly score: (score: number, vector: ArrayLike<number>) => number;
}

/** What a judge's tastes say of a picture that has just been scored. */
export class Tasting {
  #known: { readonly key: string; readonly tastes: readonly KeptTaste[] } = { key: "", tastes: [] };

  constructor(
    private readonly connection: Connection,
    private readonly judge: number,
  ) {}

  enter(picture: number, score: number, vector: ArrayLike<number>): void {
    for (const { id, head } of this.#tastes()) {
      if (head.weights.length !== vector.length) continue;
      const values = [id, picture, tasteOf(head, score, vector)];
      this.connection.run("INSERT INTO tasted (taste, picture, score) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", values);
    }
  }

  /** Somebody may learn or forget one while a scan goes on. */
  #tastes(): readonly KeptTaste[] {
    const sql = "SELECT coalesce(group_concat(id), '') FROM (SELECT id FROM tastes WHERE judge = ? ORDER BY id)";
    const key = this.connection.value<string>(sql, [this.judge]) ?? "";
    if (key !== this.#known.key) {
      this.#known = { key, tastes: tastesIn(this.connection).filter(({ judge }) => judge === this.judge) };
    }
    return this.#known.tastes;
  }
}

/** @returns whether there was one */
export function forgetNamed(connection: Connection, name: string): boolean {
  connection.run("DELETE FROM tasted WHERE taste IN (SELECT id FROM tastes WHERE name = ?)", [name]);
  return connection.run("DELETE FROM tastes WHERE name = ?", [name]) > 0;
}

/** @throws RocError FILE_NOT_FOUND */
export function forgetTaste(connection: Connection, name: string): void {
  connection.write(() => {
    if (!forgetNamed(connection, name)) tasteNamed(connection, name);
  });
}
