/** A tiny experiment by its command: every run, results, and a kill in the middle that changes nothing. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ExperimentResults, Forecast } from "../../src/studies/claims/index.js";
import { runProgram } from "../cli/program.js";

const MAIN = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const SIZES = {
  patch: 14,
  visionWidth: 16,
  visionLayers: 1,
  visionHeads: 2,
  textWidth: 32,
  textLayers: 1,
  textHeads: 2,
};
const RECIPE = { steps: 3, batchSize: 4, learningRate: 1e-3 };
const CONFIG = {
  minutes: 10,
  workers: 2,
  studio: { seed: 3, pictures: 60, longEdge: 56, testFraction: 0.2, mostTest: 8, mostComments: 2, sets: true },
  backbones: {
    llava: { family: "llava", imageSize: 28, ...SIZES, vocabulary: 600 },
    "qwen2-vl": { family: "qwen2_vl", imageSize: 56, ...SIZES, vocabulary: 600 },
  },
  pretrain: { ...RECIPE, pictures: 20, factors: RECIPE, freeze: ["vision"] },
  train: RECIPE,
  seeds: [1],
  strategies: ["direct", "level", "coupled", "roc"],
  conditions: {
    score: { prompts: ["<image>\nRate it."], answers: ["The rate is {overall}."] },
    both: {
      prompts: ["<image>\nRate it and comment on it."],
      answers: ["The rate is {overall}. {comment}"],
      backbones: ["llava"],
      strategies: ["direct", "roc"],
    },
    sets: {
      prompts: ["<image>\nRate them."],
      answers: ["The rates are {overall}."],
      strategies: ["set"],
    },
  },
  ablation: { condition: "score", scoreTokens: [5], backbones: ["llava"] },
  resamples: 20,
};
const RUNS = 2 * 4 + 2 + 2 + 1;

let folder = "";
before(async () => (folder = await mkdtemp(join(tmpdir(), "roc-experiment-"))));
after(() => rm(folder, { recursive: true, force: true }));

/** Writes an experiment's file; its folders bear its name. */
async function fileOf(name: string, changes: object = {}): Promise<string> {
  const file = join(folder, `${name}.yaml`);
  const config = { ...CONFIG, work: join(folder, name, "work"), out: join(folder, name, "out"), ...changes };
  await writeFile(file, JSON.stringify(config));
  return file;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command to its end, in this process: a second less than one of its own. Its runs have processes of theirs. */
const experiment = (args: readonly string[]): Promise<Ended> => runProgram(["experiment", ...args], { cwd: folder });

/** Runs the command as a process of its own, which is killed at a line on standard error. */
function killedExperiment(args: readonly string[], killAt: RegExp): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, "experiment", ...args], { cwd: folder });
  const out = { stdout: "", stderr: "" };
  child.stdout.on("data", (text: Buffer) => (out.stdout += text.toString()));
  child.stderr.on("data", (text: Buffer) => {
    out.stderr += text.toString();
    if (killAt.test(out.stderr)) child.kill("SIGKILL");
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, ...out })));
}

async function resultsOf(name: string): Promise<ExperimentResults> {
  return JSON.parse(await readFile(join(folder, name, "out", "claims.json"), "utf8")) as ExperimentResults;
}

test("all runs by one command; killed and started again, with the same figures", async (t) => {
  const whole = await experiment([await fileOf("whole"), "--json"]);
  assert.equal(whole.code, 0, whole.stderr);
  const results = await resultsOf("whole");
  await t.test("the results hold every run and an answer to each question", () => {
    assert.deepEqual(JSON.parse(whole.stdout), results);
    assert.equal(results.arms.length, RUNS);
    assert.deepEqual(results.missing, []);
    assert.equal(results.claims.length, 5);
    // Sets of which one picture is the best: of eight pictures held out there are some.
    assert.ok(results.arms.every(({ name, figures }) => figures.best !== null || /direct|attr/.test(name)));
    for (const { attributes } of Object.values(results.provenance.bases))
      assert.ok(["overall", "Light", "color"].every((name) => name in (attributes ?? {})));
    assert.deepEqual(Object.keys(results.provenance.bases), ["llava", "qwen2-vl"]);
    // Digits are not learned in three steps; whatever else was read has a figure.
    for (const { strategy, figures, failed, name } of results.arms) {
      if (strategy !== "direct") assert.ok(figures.mae && failed[0] === 0, name);
    }
    const commented = results.arms.find(({ name }) => name === "llava/both/roc");
    assert.ok(commented?.figures.ciderD !== null);
  });

  await t.test("a kill loses nothing that was finished", async () => {
    const file = await fileOf("killed");
    const some = [file, "--only", "llava/score/"];
    const killed = await killedExperiment(some, /score\/\w+\/seed-1: done/);
    assert.equal(killed.code, null);
    const first = /(\S+\/score\/\S+): done/.exec(killed.stderr)?.[1] ?? assert.fail(killed.stderr);
    const record = join(folder, "killed", "work", "cells", first, "cell.json");
    const { mtimeMs } = await stat(record);
    const resumed = await experiment(some);
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.match(resumed.stderr, /6 runs, [2-5] of them finished before/);
    assert.equal((await stat(record)).mtimeMs, mtimeMs);
    const figures = ({ arms }: ExperimentResults) =>
      arms
        .filter(({ name }) => name.startsWith("llava/score/"))
        .map(({ name, figures: own, failed }) => ({ name, own, failed }));
    const found = figures(await resultsOf("killed"));
    assert.equal(found.length, 5);
    assert.deepEqual(found, figures(results));
  });

  await t.test("where the work folder is gone, the results give their runs back, and the others are run", async () => {
    const before = await resultsOf("killed");
    await rm(join(folder, "killed", "work"), { recursive: true });
    const from = ["--from", join(folder, "killed", "out")];
    const plan = await experiment([join(folder, "killed.yaml"), ...from, "--dry-run", "--only", "llava/.*/roc"]);
    assert.match(plan.stdout, /llava\/score\/roc +1 times 3 steps of 4 pictures; 1 finished/);
    assert.match(plan.stdout, /\n2 runs are left/);
    const resumed = await experiment([join(folder, "killed.yaml"), ...from, "--only", "llava/.*/roc"]);
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.match(resumed.stderr, /4 runs, 2 of them finished before/);
    const { arms, provenance } = await resultsOf("killed");
    // Figures are those of the predictions that are written, to the last digit.
    for (const arm of before.arms) assert.deepEqual(arms.find(({ name }) => name === arm.name)?.figures, arm.figures);
    await experiment([join(folder, "killed.yaml"), ...from, "--only", "llava/.*/roc"]);
    const { seconds } = (await resultsOf("killed")).provenance;
    assert.ok(seconds >= provenance.seconds && seconds < provenance.seconds + before.provenance.seconds, "kept seconds count once"); // prettier-ignore
    assert.deepEqual(provenance.bases["llava"]?.attributes, before.provenance.bases["llava"]?.attributes);
    assert.deepEqual(arms.filter(({ name }) => name.startsWith("llava/")).map(({ name }) => name).sort(), [...before.arms.map(({ name }) => name), "llava/both/roc"].sort()); // prettier-ignore
    // The results stay where new ones would lack their runs.
    await rm(join(folder, "killed", "work"), { recursive: true });
    const alone = await experiment([join(folder, "killed.yaml"), "--only", "llava/score/roc/"]);
    assert.match(alone.stderr, /Wrote \S+killed\/work\/results instead: \S+killed\/out holds 5 runs that are not done here, and stays\. --from/); // prettier-ignore
    assert.equal((await resultsOf("killed")).arms.length, arms.length);
    const other = await experiment([await fileOf("killed", { train: { ...RECIPE, steps: 4 } }), ...from]);
    assert.equal(other.code, 2);
    assert.match(other.stderr, /other settings: train was/);
    assert.equal((await experiment([join(folder, "whole.yaml"), "--from", folder])).code, 3);
  });

  await t.test("other settings are refused; more seeds and a part of the runs are not", async () => {
    const other = await experiment([await fileOf("whole", { train: { ...RECIPE, steps: 4 } })]);
    assert.equal(other.code, 2);
    assert.match(other.stderr, /train was \{"steps":3.*now \{"steps":4/);
    const more = await experiment([await fileOf("whole", { seeds: [1, 2] }), "--only", "llava/score/roc/"]);
    assert.equal(more.code, 0, more.stderr);
    assert.match(more.stderr, /3 runs, 2 of them finished before/);
    const { arms, missing } = await resultsOf("whole");
    assert.deepEqual(arms.find(({ name }) => name === "llava/score/roc")?.seeds, [1, 2]);
    assert.equal(missing.length, RUNS - 1);
  });

  await t.test("--dry-run reports how long finished runs took", async () => {
    const { stdout } = await experiment([join(folder, "whole.yaml"), "--dry-run", "--json"]);
    const { arms } = JSON.parse(stdout) as Forecast;
    const one = arms.find(({ name }) => name === "llava/score/roc");
    assert.deepEqual([one?.runs, one?.finished], [2, 2]);
    assert.ok((one?.seconds ?? 0) > 0);
  });

  await t.test("a spent time budget starts nothing more", async () => {
    const spent = await experiment([await fileOf("whole", { seeds: [1, 2], minutes: 0.001 })]);
    assert.equal(spent.code, 0, spent.stderr);
    assert.match(spent.stderr, /budget is spent: 12 runs/);
  });
});

test("--dry-run names the runs and computes nothing; --measure reports how long they take; wrong use is refused", async () => {
  const file = await fileOf("dry");
  const only = ["--only", "llava/score/(roc|level)/"];
  const forecast = await experiment([file, "--dry-run", "--json", ...only]);
  assert.equal(forecast.code, 0, forecast.stderr);
  const { arms, secondsLeft, ...rest } = JSON.parse(forecast.stdout) as Forecast & { cells: string[] };
  assert.deepEqual(rest.cells, ["llava/score/level/seed-1", "llava/score/roc/seed-1"]);
  assert.deepEqual(arms.map(({ name, runs, steps, finished }) => [name, runs, steps, finished]), [["llava/score/level", 1, 3, 0], ["llava/score/roc", 1, 3, 0]]); // prettier-ignore
  assert.equal(secondsLeft, null);
  await assert.rejects(stat(join(folder, "dry")), "it wrote something");
  const text = await experiment([file, "--dry-run", ...only]);
  assert.match(text.stdout, /llava\/score\/roc +1 times 3 steps of 4 pictures\n/);
  assert.match(text.stdout, /3 runs are left; none is started after 10 min in all\./);
  assert.match(text.stdout, /--dry-run --measure tries a few steps/);
  const { code, stdout, stderr } = await experiment([file, "--dry-run", "--measure", "--json", ...only]);
  assert.equal(code, 0, stderr);
  const plan = JSON.parse(stdout) as { cells: string[]; seconds: number; arms: { train: number; read: number }[] };
  assert.deepEqual(plan.cells, ["llava/score/level/seed-1", "llava/score/roc/seed-1"]);
  assert.ok(plan.seconds > 0 && plan.seconds < 600);
  assert.ok(plan.arms.every(({ train, read }) => train > 0 && read > 0));
  assert.equal((await experiment([file, "--only", "nothing"])).code, 2);
  assert.equal((await experiment([file, "--only", "("])).code, 2);
  assert.equal((await experiment([join(folder, "none.yaml")])).code, 3);
});
