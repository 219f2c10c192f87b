/** Libraries of rated photos, for tests of tastes. */
import { join } from "node:path";
import type { TestContext } from "node:test";
import { openBeside } from "../../../src/library/open.js";
import { Random } from "../../../src/random.js";
import { libraryOf, tempFolder } from "../support.js";

const NUMBERS = 4;

/** A library of pictures with vectors drawn at random; `stars` of each stand in the photo itself, as a person's. */
export async function ratedLibrary(
  t: TestContext,
  count: number,
  stars: (vector: Float32Array, i: number) => number,
): Promise<string> {
  const file = join(await tempFolder(t), "library.db");
  const random = new Random("library of tastes");
  const scores = Array.from({ length: count }, () => 5.5 + random.gaussian());
  await libraryOf(file, scores.map((score, i) => ({ name: `${i}.jpg`, scores: { 2: score, 1: score } }))); // prettier-ignore
  const connection = await openBeside(file);
  connection.write(() => {
    for (let i = 0; i < count; i++) {
      const vector = Float32Array.from({ length: NUMBERS }, () => random.gaussian());
      connection.run("INSERT INTO vectors VALUES (?, 2, ?)", [i + 1, new Uint8Array(vector.buffer)]);
      const hash = BigInt.asIntN(64, BigInt(random.int(2 ** 32)) * 2n ** 32n + BigInt(random.int(2 ** 32)));
      connection.run("UPDATE pictures SET rating = ?, hash = ? WHERE id = ?", [stars(vector, i), hash, i + 1]);
    }
  });
  connection.close();
  return file;
}

/** Stars by the first number of a vector. */
export const byFirst = (vector: Float32Array): number =>
  Math.min(5, Math.max(1, Math.round(3 + 1.5 * (vector[0] ?? 0))));
