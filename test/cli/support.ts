/** A command line with nothing real around it: collected output, a made-up engine, folders that go away. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import type { TestContext } from "node:test";
import { RocError } from "../../src/errors.js";
import type {
  LoadOptions,
  Model,
  ScoreFailure,
  ScoreInputs,
  ScoreOptions,
  ScoreResult,
} from "../../src/engine/index.js";
import type { Engine, Io } from "../../src/cli/shared/io.js";
import { run, type Commands, type Outline } from "../../src/cli/shared/program.js";
import { scoreCommand } from "../../src/cli/score/score.js";

/** A folder with these files (path to contents), gone after the test. */
export function folderWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "roc-cli-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, contents] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), contents);
  }
  return folder;
}

/** The result that the made-up engine gives for a file. */
export function resultFor(file: string, score: number): ScoreResult {
  const answer = `The score is ${score.toFixed(2)}.`;
  return { file, score, scale: { min: 1, max: 10 }, std: 1.25, distribution: [0.25, 0.75], answer, model: "fake@0" };
}

export function failureFor(file: string): ScoreFailure {
  return { file, error: { code: "IMAGE_BROKEN", message: `${file}: not an image` } };
}

/** What the made-up model was asked. */
export interface Asked {
  folder?: string;
  options?: ScoreOptions | undefined;
  loaded?: LoadOptions | undefined;
  disposed: boolean;
}

/** A model whose answers are `answer(file, index)`. */
export function fakeEngine(
  answer: (file: string, index: number) => ScoreResult | ScoreFailure,
  asked: Asked,
  origin: Partial<Model> = {},
): Engine {
  async function* score(inputs: ScoreInputs, options?: ScoreOptions): AsyncGenerator<ScoreResult | ScoreFailure> {
    asked.options = options;
    let index = 0;
    for (const input of inputs as Iterable<string>) {
      await Promise.resolve();
      if (options?.signal?.aborted) throw new RocError("ABORTED", "Scoring was cancelled");
      yield answer(input, index++);
    }
  }
  const dispose = (): void => void (asked.disposed = true);
  const scoreOne = (): Promise<never> => Promise.reject(new Error("the command line scores by score()"));
  const scale = { min: 1, max: 10 };
  const model: Model = { name: "fake@0", ...origin, scale, score, scoreOne, dispose, [Symbol.dispose]: dispose };
  return {
    load: (folder, options) => {
      asked.folder = String(folder);
      asked.loaded = options;
      return Promise.resolve(model);
    },
  };
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly asked: Asked;
}

/** Runs the program with the `score` command alone. */
export async function runCli(
  argv: readonly string[],
  answer: (file: string, index: number) => ScoreResult | ScoreFailure,
  options: { stdin?: string | Buffer; signal?: AbortSignal; origin?: Partial<Model> } = {},
): Promise<Ran> {
  const asked: Asked = { disposed: false };
  const { stdin, signal, origin } = options;
  const ran = await runCommand(
    argv,
    { score: () => Promise.resolve(scoreCommand) },
    {
      engine: () => Promise.resolve(fakeEngine(answer, asked, origin)),
      stdin: stdin ?? "",
      ...(signal && { signal }),
    },
  );
  return { ...ran, asked };
}

/** The objects of JSON Lines. */
export function jsonLines(text: string): unknown[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown);
}

/** The engine that the program has. */
export const realEngine = (): Promise<Engine> => import("../../src/engine/index.js");

/** Runs the program with these commands; what it wrote, and its exit code. Without an engine, none may be asked for. */
export async function runCommand(
  argv: readonly string[],
  commands: Commands,
  options: {
    stdin?: string | Buffer;
    signal?: AbortSignal;
    engine?: () => Promise<Engine>;
    outline?: Outline;
    env?: NodeJS.ProcessEnv;
  } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const written = { stdout: "", stderr: "" };
  const io: Io = {
    stdin: Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]),
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
    env: options.env ?? {},
  };
  const outside = {
    io,
    signal: options.signal ?? new AbortController().signal,
    engine: options.engine ?? (() => Promise.reject(new Error("no engine is needed"))),
  };
  const code = await run(argv, commands, outside, options.outline);
  return { code, ...written };
}
