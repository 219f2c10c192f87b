/** Answers of a person who is asked which of two photos they like better. */
import type { Connection } from "../connection.js";

/** Keeps an answer about two files of different pictures. @returns its number; undefined where there are no such files */
export function enterAnswer(connection: Connection, better: number, worse: number): number | undefined {
  const sql = `INSERT INTO pairs (better, worse, added) SELECT a.picture, b.picture, ? FROM files a, files b
    WHERE a.id = ? AND b.id = ? AND a.picture IS NOT NULL AND b.picture IS NOT NULL AND a.picture <> b.picture RETURNING id`;
  return connection.value<number>(sql, [new Date().toISOString(), better, worse]);
}

/** Takes an answer back. @returns whether there was one */
export function takeAnswerBack(connection: Connection, id: number): boolean {
  return connection.run("DELETE FROM pairs WHERE id = ?", [id]) > 0;
}

/** How many answers there are. */
export function countAnswers(connection: Connection): number {
  return connection.value<number>("SELECT count(*) FROM pairs") ?? 0;
}
