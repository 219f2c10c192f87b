/** Libraries for tests. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { TestContext } from "node:test";
import sharp from "sharp";
import type { Model, ScoreFailure, ScoreInputs, ScoreOptions, ScoreResult } from "../../src/engine/index.js";
import { RocError } from "../../src/errors.js";
import { decodeImage } from "../../src/image/index.js";
import type { Connection } from "../../src/library/connection.js";
import { openToWrite } from "../../src/library/open.js";

/** A folder that is removed after the test. */
export async function tempFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "roc4mllm-library-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A picture of a test's library. */
export interface Row {
  readonly folder?: string;
  readonly name: string | Uint8Array;
  readonly taken?: string;
  readonly camera?: string;
  readonly stars?: number;
  readonly gone?: boolean;
  /** By judge's number. */
  readonly scores?: Readonly<Record<number, number>>;
  readonly attributes?: Readonly<Record<string, number>>;
}

/** A library with judges 1 ("first@11111111") and 2 ("second@22222222"), which scanned last. */
export async function libraryOf(file: string, rows: readonly Row[]): Promise<void> {
  const library = await openToWrite(file);
  const { connection } = library;
  connection.write(() => {
    for (const name of ["first@11111111", "second@22222222"]) {
      connection.run("INSERT INTO judges (key, name, settings, low, high, added) VALUES (?, ?, '{}', 1, 10, '')", [
        name,
        name,
      ]);
      connection.run("INSERT INTO scans (started, roots, judge) SELECT '', '[]', max(id) FROM judges");
    }
    rows.forEach((row, i) => insert(connection, row, i + 1));
  });
  await library.close();
}

function insert(connection: Connection, row: Row, id: number): void {
  const { folder = "/photos", name, taken = null, camera = null, stars = null, gone, scores = {}, attributes } = row;
  connection.run("INSERT INTO pictures (id, digest, taken, camera, hash) VALUES (?, ?, ?, ?, ?)", [id, Buffer.from([id]), taken, camera, -BigInt(id)]); // prettier-ignore
  const bytes = [folder, name].map((part) => (typeof part === "string" ? Buffer.from(part) : part)) as [Buffer, Buffer];
  const sql = `INSERT INTO files (folder, name, size, modified, changed, inode, picture, gone, stars, added)
    VALUES (?, ?, 1000, 1790000000123456789, 0, 0, ?, ?, ?, '')`;
  connection.run(sql, [...bytes, id, gone ? "2026-01-01T00:00:00Z" : null, stars]);
  for (const [judge, score] of Object.entries(scores)) {
    const values = [id, Number(judge), score, Buffer.from(Float64Array.of(0.25, 0.75).buffer), attributes ? JSON.stringify(attributes) : null]; // prettier-ignore
    connection.run("INSERT INTO scores (picture, judge, score, distribution, attributes, answer, scan) VALUES (?, ?, ?, ?, ?, 'a', 1)", values); // prettier-ignore
  }
}

/** A file of one colour, 2 by 2 pixels. */
export async function picture(file: string, colour: number): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  const background = { r: colour, g: 255 - colour, b: 40 };
  await sharp({ create: { width: 2, height: 2, channels: 3, background } })
    .png()
    .toFile(file);
  return file;
}

export interface RedOptions {
  readonly name?: string;
  readonly digest?: string;
  readonly failing?: readonly string[];
  /** What it says of a file where comments are asked for. */
  readonly comment?: (name: string) => string | undefined;
}

/** A model whose score of a picture is its red divided by 10; what it was given is in `asked`. */
export function redModel(
  asked: string[],
  { name = "red@12345678", digest = "1".repeat(64), failing = [], comment }: RedOptions = {},
): Model {
  // prettier-ignore
  const scale = { min: 0, max: 25.5 };
  async function* score(inputs: ScoreInputs, options: ScoreOptions = {}): AsyncGenerator<ScoreResult | ScoreFailure> {
    for await (const input of inputs as AsyncIterable<string>) {
      if (options.signal?.aborted) throw new RocError("ABORTED", "Scoring was cancelled");
      const file = input;
      asked.push(file);
      if (failing.some((part) => file.includes(part))) {
        yield { file, error: { code: "IMAGE_BROKEN", message: `${file}: broken` } };
        continue;
      }
      const image = await decodeImage(file);
      await options.onPicture?.(file, { stored: image, orientation: 1 });
      const red = image.data[0] ?? 0;
      const embedding = options.embedding ? { embedding: Float32Array.of(red, 1, 2) } : {};
      const said = options.comments ? comment?.(basename(file)) : undefined;
      yield {
        ...(said !== undefined && { comment: said }),
        file,
        score: red / 10,
        scale,
        std: 1,
        distribution: [0.5, 0.5],
        answer: `${red}`,
        model: name,
        ...embedding,
      };
    }
  }
  const dispose = (): void => undefined;
  const scoreOne = (): Promise<never> => Promise.reject(new Error("not asked for"));
  return { name, digest, settings: { prompt: "<image>" }, scale, score, scoreOne, dispose, [Symbol.dispose]: dispose };
}
