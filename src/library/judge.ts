/** Who scores: what tells two judges apart. */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { deciding, scoreSettings } from "../engine/score-settings.js";
import type { Model } from "../engine/index.js";
import type { Judge } from "./catalog.js";
import type { Connection } from "./connection.js";
import { requireJudge, type Taste } from "./taste/tastes.js";

/**
 * Raised where a release changes what the same checkpoint says of the same picture by more than the last digits (another
 * decoding or resizing): a library then scores anew.
 */
const READING = 1;

/** Whether a judge of a library is a model with its settings. */
export function isJudge({ checkpoint, settings }: Pick<Judge, "checkpoint" | "settings">, model: Model): boolean {
  // As it was written.
  const own: unknown = JSON.parse(JSON.stringify(deciding(scoreSettings(model))));
  return checkpoint === model.digest && isDeepStrictEqual(deciding(settings), own);
}

/** @throws RocError USAGE where a taste was learned on vectors of another judge than a model with its settings */
export function requireModel(taste: Taste, judge: Judge | undefined, model: Model): void {
  if (judge && isJudge(judge, model)) return;
  const { name } = model;
  requireJudge(taste, { id: NaN, name: name === taste.judgeName ? `${name} with other settings` : name });
}

/** What tells a model apart as {@link isJudge} takes it, to be kept when the model itself is freed. */
export function identityOf(model: Model): Pick<Judge, "checkpoint" | "settings"> {
  return { checkpoint: model.digest, settings: scoreSettings(model) };
}

/** The number of a model among the judges of a library, where it is entered if it is new. */
export function enterJudge(connection: Connection, model: Model): number {
  const settings = scoreSettings(model);
  const { name, scale, digest = null } = model;
  // A model of live parts has no digest: its name has to do.
  const identity = JSON.stringify([READING, digest ?? name, deciding(settings)]);
  const key = createHash("sha256").update(identity).digest("hex");
  const sql = `INSERT INTO judges (key, name, checkpoint, settings, low, high, added) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET name = excluded.name`;
  const values = [key, name, digest, JSON.stringify(settings), scale.min, scale.max, new Date().toISOString()];
  return connection.write(() => {
    connection.run(sql, values);
    return connection.value<number>("SELECT id FROM judges WHERE key = ?", [key]) as number;
  });
}
