/** Vectors of a library, with the scores that were read from them. */
import type { Connection } from "../connection.js";
import { MomentsSum, type Moments } from "./head.js";

/** Pictures that are read at once: their vectors may have 14 kB each. */
const AT_ONCE = 500;

/** A picture as a judge has seen it. */
export interface Seen {
  readonly picture: number;
  readonly score: number;
  readonly vector: Float32Array;
}

type Row = [number, number, Uint8Array];

const SQL = `SELECT v.picture, s.score, v.vector FROM vectors v JOIN scores s ON s.picture = v.picture AND s.judge = v.judge
  WHERE v.judge = ?`;

/** All pictures of a judge that have vectors. */
export function* everySeen(connection: Connection, judge: number): Generator<Seen> {
  for (let last = -1; ;) {
    const rows = connection.rows<Row>(`${SQL} AND v.picture > ? ORDER BY v.picture LIMIT ?`, [judge, last, AT_ONCE]);
    yield* rows.map(seenOf);
    if (rows.length < AT_ONCE) return;
    last = rows.at(-1)?.[0] as number;
  }
}

/** Some of them, in the order of the pictures' numbers. */
export function seenOnes(connection: Connection, judge: number, pictures: readonly number[]): Seen[] {
  const sql = `${SQL} AND v.picture IN (SELECT value FROM json_each(?)) ORDER BY v.picture`;
  return connection.rows<Row>(sql, [judge, JSON.stringify(pictures)]).map(seenOf);
}

function seenOf([picture, score, bytes]: Row): Seen {
  return { picture, score, vector: new Float32Array(Uint8Array.from(bytes).buffer) };
}

/** How vectors and scores vary over all pictures of a judge; undefined where it has left no vectors. */
export function momentsOfJudge(
  connection: Connection,
  judge: number,
): { readonly vectors: Moments; readonly scores: Moments } | undefined {
  let sums: { readonly vectors: MomentsSum; readonly scores: MomentsSum } | undefined;
  for (const { score, vector } of everySeen(connection, judge)) {
    sums ??= { vectors: new MomentsSum(vector.length), scores: new MomentsSum(1) };
    sums.vectors.add(vector);
    sums.scores.add([score]);
  }
  return sums && { vectors: sums.vectors.moments(), scores: sums.scores.moments() };
}
