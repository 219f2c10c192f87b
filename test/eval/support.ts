/** Evaluations with a made-up model on a made-up data set of pictures that are real files. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { TestContext } from "node:test";
import { evalCommand } from "../../src/cli/eval/eval.js";
import type { Io } from "../../src/cli/shared/io.js";
import { run, type Commands } from "../../src/cli/shared/program.js";
import { Random } from "../../src/random.js";
import { readDataset, type LoadedDataset } from "../../src/data/index.js";
import type { Model, ScoreFailure, ScoreResult } from "../../src/engine/index.js";
import { paint } from "../data/support.js";
import { fakeEngine, type Asked } from "../cli/support.js";

export const RATED = 24;

/** A folder that goes away with the test. */
export async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "eval-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * {@link RATED} pictures, all of the test part, rated 1 to 5 with an attribute on the scale -1 to 1, a theme of two, five
 * votes and a comment.
 */
export async function ratedFolder(t: TestContext): Promise<string> {
  const folder = join(await temporary(t), "data");
  await mkdir(folder);
  const random = new Random(3);
  const rows = Array.from({ length: RATED }, (_, i) => {
    const score = Number(random.uniform(1, 5).toFixed(2));
    const votes = [1, 2, 3, 4, 5].map((rating) => Math.round(100 * Math.exp(-((rating - score) ** 2))));
    const light = Number(((score - 3) / 2 + random.uniform(-0.2, 0.2)).toFixed(3));
    const comments = [i % 2 ? "A sharp photo of a red bridge." : "The soft light is beautiful."];
    return { image: `p${i}.png`, score, light, votes, theme: i % 3 ? "city" : "sea", split: "test", comments };
  });
  await writeFile(join(folder, "labels.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const card = {
    name: "Made up",
    scale: { min: 1, max: 5 },
    attributes: ["light"],
    attributeScales: { light: { min: -1, max: 1 } },
  };
  await writeFile(join(folder, "dataset.json"), JSON.stringify(card));
  await paint(folder, rows.slice(0, 12).map(({ image }) => image)); // prettier-ignore
  for (const { image } of rows.slice(12)) await paintOne(folder, image);
  return folder;
}

async function paintOne(folder: string, file: string): Promise<void> {
  const { default: sharp } = await import("sharp");
  const shade = 40 + 4 * Number(/\d+/.exec(file)?.[0]);
  const background = { r: shade, g: 60, b: 200 - shade };
  await sharp({ create: { width: 8, height: 6, channels: 3, background } }).png().toFile(join(folder, file)); // prettier-ignore
}

export function ratedData(folder: string): Promise<LoadedDataset> {
  return readDataset({ folder });
}

/** What the made-up model says of the picture `p<i>.png`, on its own scale of 1 to 10. */
export function answerOf(file: string): ScoreResult {
  const i = Number(/p(\d+)\.png$/.exec(file)?.[1]);
  const random = new Random(11, i);
  const weights = [1, 2, 3, 4, 5].map(() => random.uniform(0.05, 1));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return {
    file,
    score: random.uniform(1, 10),
    scale: { min: 1, max: 10 },
    std: 1.5,
    distribution: weights.map((weight) => weight / sum),
    attributes: { light: random.uniform(1, 10) },
    answer: "",
    model: "fake@0",
  };
}

export interface EvalRan {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Files that the model was given. */
  readonly scored: readonly string[];
  readonly asked: Asked;
}

export interface EvalOptions {
  readonly signal?: AbortSignal;
  readonly commands?: Commands;
  /** What the made-up model says of itself. */
  readonly origin?: Pick<Model, "digest" | "settings">;
}

/** Runs `roc4mllm eval` (or other commands) with a made-up model. */
export async function runEval(
  argv: readonly string[],
  answer: (file: string) => ScoreResult | ScoreFailure = answerOf,
  { signal = new AbortController().signal, commands = {}, origin = {} }: EvalOptions = {},
): Promise<EvalRan> {
  const written = { stdout: "", stderr: "" };
  const scored: string[] = [];
  const asked: Asked = { disposed: false };
  const engine = fakeEngine((file) => {
    scored.push(file);
    return answer(file);
  }, asked, origin); // prettier-ignore
  const io: Io = {
    stdin: Readable.from([]),
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
    env: {},
  };
  const code = await run(argv, { eval: () => Promise.resolve(evalCommand), ...commands }, {
    io,
    signal,
    engine: () => Promise.resolve(engine),
  }); // prettier-ignore
  return { code, ...written, scored, asked };
}
