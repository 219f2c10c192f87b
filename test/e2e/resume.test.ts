/** A training run killed at any moment and started again ends with the bytes of an uninterrupted one. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { writeStudio } from "../../src/studio/index.js";
import { saveCheckpoint } from "../../src/engine/index.js";
import { LOSS_PRESETS } from "../../src/roc/index.js";
import { createDemo } from "../../src/studies/demo/create.js";
import { runProgram } from "../cli/program.js";

const MAIN = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const STEPS = 12;
const LAST = `step-${String(STEPS).padStart(8, "0")}`;
/** Wide enough for libtorch to use both threads. */
const TINY = {
  ...{ imageSize: 56, patch: 14, resize: "stretch" as const, visionWidth: 64, visionLayers: 2, visionHeads: 2 },
  ...{ textWidth: 64, textLayers: 1, textHeads: 2, vocabulary: 300 },
} as const;

interface Event {
  readonly type: string;
  readonly step: number;
  readonly loss?: number;
  readonly precision?: string;
}

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-resume-"));
  await writeStudio(join(folder, "studio"), { count: 60, longEdge: 64 });
  const { parts } = await createDemo(join(folder, "tokenizer"), 1, TINY, LOSS_PRESETS["paper-ava"]);
  await saveCheckpoint(join(folder, "start"), parts);
  parts.model.dispose();
});
after(() => rm(folder, { recursive: true, force: true }));

const SETTINGS =
  "--json --threads 2 --seed 5 --steps 12 --every 4 --batch 8 --accumulate 2 --lr 1e-3 --schedule cosine --warmup 0.2 " +
  "--flip --decay 0.1 --precision float32 --loss paper-ava --validation 0.2";

function argsOf(run: string): string[] {
  return ["train", "--data", "studio", "--model", "start", "--out", run, ...SETTINGS.split(" ")];
}

/** What starts the program. */
interface Under {
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly events: Event[];
  readonly stderr: string;
}

/**
 * Runs `roc4mllm train` as a process; `killAt` picks the event at which it gets `signal`, or
 * its output is closed (`close`: its errors' too).
 */
async function trainProcess(
  run: string,
  killAt: (event: Event) => boolean = () => false,
  { signal = "SIGKILL", close, under }: { signal?: NodeJS.Signals; close?: boolean; under?: Under } = {},
): Promise<Ended> {
  // Tests share the machine: threads that wait for work must not keep a core busy.
  const env = { ...process.env, OMP_WAIT_POLICY: "passive", ...under?.env };
  const [program = "", ...rest] = [...(under?.words ?? []), process.execPath, MAIN, ...argsOf(run)];
  // A group of its own where a shell is in between, which a closed terminal reaches as a whole.
  const child = spawn(program, rest, { cwd: folder, env, detached: under !== undefined });
  const events: Event[] = [];
  const output = { stdout: "", stderr: "" };
  child.stderr.on("data", (text: Buffer) => (output.stderr += text.toString()));
  child.stdout.on("data", (text: Buffer) => {
    const lines = (output.stdout + text.toString()).split("\n");
    output.stdout = lines.pop() ?? "";
    for (const line of lines) {
      const event = JSON.parse(line) as Event;
      events.push(event);
      if (!killAt(event)) continue;
      if (under !== undefined) process.kill(-(child.pid ?? NaN), signal);
      else if (close === undefined) child.kill(signal);
      else child.stdout.destroy();
      if (close === true) child.stderr.destroy();
    }
  });
  return new Promise((resolve) => {
    child.on("close", (code, by) => resolve({ code, signal: by, events, stderr: output.stderr }));
  });
}

/** The same command, and more of it, to its end, in this process: a second less than one of its own. */
async function resume(run: string, more: readonly string[] = []): Promise<Omit<Ended, "signal">> {
  const { code, stdout, stderr } = await runProgram([...argsOf(run), ...more], { cwd: folder });
  const lines = stdout.split("\n").filter((line) => line !== "");
  return { code, stderr, events: lines.map((line) => JSON.parse(line) as Event) };
}

/** Bytes of the end of a run, and its losses by step. */
async function endOf(run: string): Promise<{ weights: Buffer; optimizer: Buffer; losses: [number, unknown][] }> {
  const [weights, optimizer] = await Promise.all(
    ["model.safetensors", "optimizer.safetensors"].map((name) => readFile(join(folder, run, LAST, name))),
  );
  assert.ok(weights && optimizer);
  const lines = (await readFile(join(folder, run, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
  const records = lines.map((line) => JSON.parse(line) as Event).filter(({ type }) => type === "step");
  return { weights, optimizer, losses: records.map(({ step, loss }) => [step, loss]) };
}

const KILLS: Record<string, (event: Event) => boolean> = {
  "before the first state": ({ type, step }) => type === "step" && step === 2,
  "between two states": ({ type, step }) => type === "step" && step === 7,
  "while a state is written": ({ type, step }) => type === "validation" && step === 8,
  "right after a state": ({ type, step }) => type === "checkpoint" && step === 8,
};

test("a run killed with SIGKILL resumes to the same weights, bit for bit", async (t) => {
  const whole = await trainProcess("whole");
  assert.equal(whole.code, 0, whole.stderr);
  const expected = await endOf("whole");
  assert.deepEqual(
    expected.losses.map(([step]) => step),
    Array.from({ length: STEPS }, (_, i) => i + 1),
  );
  assert.ok(new Set(expected.losses.map(([, loss]) => loss)).size > 1);
  for (const [moment, killAt] of Object.entries(KILLS)) {
    await t.test(moment, async () => {
      const run = moment.replaceAll(" ", "-");
      const killed = await trainProcess(run, killAt);
      assert.equal(killed.signal, "SIGKILL");
      assert.ok(!(await readdir(join(folder, run))).includes(LAST), "it was killed before its end");
      const resumed = await resume(run);
      assert.equal(resumed.code, 0, resumed.stderr);
      const found = await endOf(run);
      assert.ok(found.weights.equals(expected.weights), "weights differ");
      assert.ok(found.optimizer.equals(expected.optimizer), "optimizer states differ");
      assert.deepEqual(found.losses, expected.losses);
    });
  }
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`${signal} writes a state first, and the same command resumes from there`, async () => {
    const run = `stopped-${signal}`;
    const stopped = await trainProcess(run, ({ step, type }) => type === "step" && step === 6, { signal });
    assert.equal(stopped.code, 130);
    assert.ok(!(await readdir(join(folder, run))).includes("run.lock"));
    const start = (await resume(run)).events[0];
    assert.equal(start?.type, "start");
    assert.ok((start?.step ?? 0) >= 6);
    assert.ok((await endOf(run)).weights.equals((await endOf("whole")).weights));
  });
}

const HANGUP_IGNORED: Record<string, Under> = {
  // As shells set `_`.
  nohup: { words: ["nohup"], env: { _: "/usr/bin/nohup" } },
  "a script that ignores it": { words: ["sh", "-c", `trap "" HUP; "$@"; exit $?`, "sh"], env: {} },
};
for (const [what, under] of Object.entries(HANGUP_IGNORED)) {
  test(`under ${what}, a closed terminal does not end the run`, async () => {
    const at = ({ step, type }: Event): boolean => type === "step" && step === 2;
    const ended = await trainProcess(`under ${what}`, at, { signal: "SIGHUP", under });
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(ended.events.at(-1)?.type, "end");
  });
}

for (const both of [false, true]) {
  test(`a closed ${both ? "standard output and error" : "standard output"} ends the run with a state`, async () => {
    const run = both ? "closed-both" : "closed";
    const ended = await trainProcess(run, ({ step, type }) => type === "step" && step === 5, { close: both });
    assert.equal(ended.code, 141, ended.stderr);
    if (!both) assert.match(ended.stderr, /error: The reader of the output has gone\. Stopped after step \d+.*resumes/);
    const rest = await resume(run);
    assert.ok((rest.events[0]?.step ?? 0) >= 5, "the steps since the state of step 4 are saved");
    assert.ok((await endOf(run)).weights.equals((await endOf("whole")).weights));
  });
}

test("other settings are refused by name, --fresh throws the run away, a finished run has nothing to do", async () => {
  const other = await resume("whole", ["--lr", "5e-4"]);
  assert.equal(other.code, 2);
  assert.match(other.stderr, /learningRate was 0\.001, now 0\.0005.*--fresh/);
  const done = await resume("whole");
  assert.deepEqual(
    done.events.map(({ type }) => type),
    ["start", "end"],
  );
  await writeFile(join(folder, "whole", "mine.txt"), "");
  const fresh = await resume("whole", ["--fresh"]);
  assert.equal(fresh.events[0]?.step, 0);
  assert.ok((await readdir(join(folder, "whole"))).includes("mine.txt"));
});
