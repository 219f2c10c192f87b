/** Labels that a run would not learn from are reported, with how to name them; `train` says what is no configuration file. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { run } from "../../src/cli/shared/program.js";
import { trainCommand } from "../../src/cli/train/train.js";
import type { Sample } from "../../src/data/index.js";
import { LOSS_PRESETS, type LossWeights } from "../../src/roc/index.js";
import {
  checkAnswers,
  checkStart,
  lossNotes,
  planNotes,
  startFrom,
  untrainedLabels,
  type TrainOptions,
} from "../../src/train/index.js";
import { checkLabels } from "../../src/train/start/warnings.js";
import { ROOT } from "../support.js";
import { folderWith } from "../cli/support.js";
import { paint } from "../data/support.js";

function sampleOf(labels: Partial<Sample>): Sample {
  return { id: "a", image: "/nowhere/a.jpg", score: 5, split: "train", ...labels };
}

const BY = { weights: LOSS_PRESETS.paper, scoreTokens: true };
const templates = (...answers: string[]) => ({ ...BY, templates: { answers } });

test("attributes and comments that no answer names are reported with their number and how to name them", () => {
  const samples = [
    sampleOf({ attributes: { light: 3, "colour balance": 2 }, comments: ["good"] }),
    sampleOf({ attributes: { light: 4 } }),
  ];
  const [attributes = "", comments = "", ...more] = untrainedLabels(samples, templates("It is {overall}."));
  assert.match(attributes, /^labels that are not trained.*: light \(2 pictures\), colour balance \(1 pictures\)\./);
  assert.match(attributes, /write an answer that holds \{light\} in --templates FILE/);
  assert.match(attributes, /"colour balance" cannot be used in a template: name such columns by letters/);
  assert.match(comments, /^comments of 1 pictures are not trained.*\{comment\}/);
  assert.deepEqual(more, []);
});

test("nothing is said of labels that an answer names, even the second", () => {
  const samples = [sampleOf({ attributes: { light: 3 }, comments: ["good"] })];
  assert.deepEqual(untrainedLabels(samples, templates("It is {overall}.", "It is {overall}, {light}. {comment}")), []);
});

test("votes: trained where the loss weighs them and score tokens are there", () => {
  const samples = [sampleOf({ votes: [1, 2, 3] })];
  const plain = templates("It is {overall}.");
  assert.match(untrainedLabels(samples, plain)[0] ?? "", /^votes of 1 pictures .* neither cross-entropy nor EMD/);
  assert.deepEqual(untrainedLabels(samples, { ...plain, weights: LOSS_PRESETS["paper-ava"] }), []);
  const words = untrainedLabels(samples, { ...plain, weights: LOSS_PRESETS["paper-ava"], scoreTokens: false });
  assert.match(words[0] ?? "", /no score tokens/);
});

async function runTrain(argv: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const written = { stdout: "", stderr: "" };
  const io = {
    stdin: Readable.from([]),
    stdout: { write: (text: string) => (written.stdout += text) },
    stderr: { write: (text: string) => (written.stderr += text) },
    env: {},
  };
  const outside = { io, signal: new AbortController().signal, engine: () => Promise.reject(new Error("no engine")) };
  const code = await run(["train", ...argv], { train: () => Promise.resolve(trainCommand) }, outside);
  return { code, ...written };
}

test("a data set, its kind or a typo instead of the configuration leads to --data", async (t) => {
  const folder = folderWith(t, { "own/labels.csv": "image,score\na.jpg,5\n" });
  const cases: [string, number, RegExp][] = [
    [join(folder, "own"), 2, /is a folder; .* roc4mllm train --data .*own --model CHECKPOINT --out RUN/],
    [join(folder, "own", "labels.csv"), 2, /is a file of labels; .*--data /],
    ["own-set", 3, /own-set does not exist; .*--data own-set/],
    ["tad66k", 3, /--data FOLDER --kind tad66k/],
    [join(folder, "gone.yaml"), 3, /gone\.yaml does not exist/],
  ];
  for (const [argument, exit, message] of cases) {
    const { code, stderr } = await runTrain([argument]);
    assert.equal(code, exit, argument);
    assert.match(stderr, message);
  }
});

const DEMO = join(ROOT, "models", "demo");

function config(t: TestContext, data: string): string {
  const folder = folderWith(t, {
    "run.yaml": `model: ${DEMO}\nout: run\ndata: { ${data} }\ntrain: { epochs: 2, batchSize: 16 }\n`,
  });
  return join(folder, "run.yaml");
}

test("--dry-run without the data set forecasts from the official files, and says where they belong", async (t) => {
  const { code, stdout, stderr } = await runTrain([config(t, "kind: tad66k, folder: nowhere/TAD66K"), "--dry-run"]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /TAD66K is not in nowhere\/TAD66K, where merge\/train\.csv/);
  // 52,248 less 5% for validation; twice through them by 16.
  assert.match(stdout, /pictures +49,636 to train on, 2,000 to validate\nsteps +6,205 of 16 pictures: 2\.00 epochs/);
  assert.match(stdout, /parameters +[\d,]+ trained/);
});

test("--dry-run of pictures that are not counted, or of a checkpoint that is not here, reports the rest", async (t) => {
  const unknown = await runTrain([config(t, "kind: ava-captions, folder: nowhere"), "--dry-run", "--json"]);
  assert.equal(unknown.code, 0, unknown.stderr);
  const plan = JSON.parse(unknown.stdout) as Record<string, unknown>;
  assert.deepEqual([plan["train"], plan["steps"], plan["samplesPerStep"]], [null, null, 16]);
  assert.equal(typeof plan["tokensPerSample"], "number");
  const settings = ["--set", "model=nobody/has-this", "--dry-run"];
  const { code, stdout, stderr } = await runTrain([config(t, "kind: aadb, folder: nowhere"), ...settings]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /checkpoint nobody\/has-this is not here/);
  assert.match(stdout, /pictures +8,458 to train on, 500 to validate/);
  assert.doesNotMatch(stdout, /parameters/);
});

test("--dry-run says which labels are not trained", async (t) => {
  const folder = folderWith(t, {
    "labels.csv": "image,score,light,comment,split\na.jpg,50,20,soft,train\nb.jpg,60,30,hard,train\n",
    "dataset.json": '{"scale": {"min": 0, "max": 100}}',
  });
  await paint(folder, ["a.jpg", "b.jpg"]);
  const { code, stderr } = await runTrain(["--data", folder, "--model", DEMO, "--out", "run", "--dry-run"]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /note: labels that are not trained.*light \(2 pictures\)/);
  assert.match(stderr, /note: comments of 2 pictures are not trained/);
});

test("templates that no picture can fill in are refused before anything is loaded", () => {
  const sample = (id: string, more: Partial<Sample> = {}): Sample => ({
    id,
    image: "",
    score: 5,
    split: "train",
    ...more,
  });
  const check = (answers: string[], samples: Sample[]) => () => checkAnswers(samples, { answers });
  check(["It is {overall}."], [sample("a")])();
  check(["It is {overall}, light {light}.", "It is {overall}."], [sample("a")])();
  check(["It is {overall}, light {light}."], [sample("a", { attributes: { light: 3 } })])();
  const both = [sample("a", { attributes: { light: 3 } }), sample("b")];
  assert.throws(check(["It is {overall}, light {light}."], both), {
    code: "DATA_INVALID",
    message: /1 of 2 pictures: b has no \{light\}\. The data set rates overall, light/,
  });
  assert.throws(check(["It is {light}."], both), {
    code: "DATA_INVALID",
    message: /^\{light\}, the first placeholder of the first answer, is the score, but a has an attribute "light"/,
  });
  assert.throws(check(["{comment} It is {overall}."], both), { message: /2 of 2 pictures: a has no \{comment\}/ });
});

test("score tokens that contradict the checkpoint's are refused by its config alone, before weights are looked at", async (t) => {
  const base = await mkdtemp(join(tmpdir(), "roc-start-"));
  t.after(() => rm(base, { recursive: true, force: true }));
  // There are no weights: whatever reads them fails otherwise.
  const config = {
    model_type: "llava",
    score_id: 10,
    output_first_id: 11,
    output_last_id: 15,
    min_score: 1,
    max_score: 5,
  };
  await writeFile(join(base, "config.json"), JSON.stringify(config));
  const wrong = { code: "USAGE", message: /has 5 score tokens for 1 to 5, not 10 for 1 to 5/ };
  await assert.rejects(startFrom(base, { n: 10, min: 1, max: 5 }), wrong);
  await checkStart(base, { n: 5, min: 1, max: 5 });
  await checkStart(base, { n: 10, strategy: "level" });
});

test("few pictures to validate with and many passes are reported", () => {
  const samples = (count: number): Sample[] =>
    Array.from({ length: count }, (_, i) => ({ id: String(i), image: "", score: 5, split: "train" }));
  const notes = (train: number, validation: number, steps: number): string =>
    planNotes({ train: samples(train), validation: samples(validation) }, {
      steps,
      batchSize: 4,
      accumulation: 1,
      patience: 2,
    } as TrainOptions).join("\n");
  assert.equal(notes(100, 50, 100), "");
  assert.match(notes(100, 11, 100), /^only 11 pictures to validate with/);
  assert.match(notes(100, 0, 100), /^no picture to validate with.*patience ends nothing/);
  assert.match(notes(100, 50, 2000), /^80 passes over 100 pictures.*125 steps would be 5 passes/);
});

test("losses between pictures need more than one in a forward; ratings without a deviation are counted", () => {
  const recipe = { batchSize: 1, accumulation: 4 };
  const samples = [
    { id: "a", image: "", score: 1, split: "train" as const, std: 0.3 },
    { id: "b", image: "", score: 2, split: "train" as const },
  ];
  const weights = { ...LOSS_PRESETS.paper, thurstone: 1, fidelity: 1 };
  const [pairs = "", unknown = "", ...more] = lossNotes(samples, weights, recipe);
  assert.match(
    pairs,
    /thurstone and fidelity compare the .*batchSize is 1, and forwards that are accumulated.*they never act/,
  );
  assert.match(unknown, /1 of 2 pictures have no deviation .* thurstone they are certain/);
  assert.deepEqual(more, []);
  assert.deepEqual(lossNotes(samples, { ...LOSS_PRESETS.paper, fidelity: 1 }, { ...recipe, batchSize: 2 }), []);
  assert.deepEqual(lossNotes(samples, LOSS_PRESETS.paper, recipe), []);
  const [alone = ""] = lossNotes(samples, { ...LOSS_PRESETS.paper, fidelity: 1 }, recipe);
  assert.match(alone, /fidelity compares .*it never acts/);
});

test("deviations and votes that are none are named with their picture when the plan is made, where a loss looks at them", async () => {
  const sample = { id: "c", image: "/photos/c.jpg", score: 3, split: "train" as const };
  const check = (wrong: Partial<Sample>, weights: LossWeights): Promise<void> => {
    const templates = { prompts: ["<image>"], answers: ["{overall}"] };
    const teaching = { templates, strategy: "roc" as const, weights, base: undefined };
    return checkLabels(teaching, { train: [{ ...sample, attributes: {}, ...wrong }] }, () => undefined);
  };
  const none = { l1: 1, ce: 0, emd: 0, soft: 0, thurstone: 0, fidelity: 0 };
  for (const wrong of [{ std: -1 }, { std: NaN }, { attributeStds: { light: -0.5 } }]) {
    const error = { code: "DATA_INVALID", message: /^\/photos\/c\.jpg: its ratings' deviation (std|light) is/ };
    await assert.rejects(check(wrong, { ...none, thurstone: 1 }), error);
    await check(wrong, none);
  }
  for (const votes of [[], [3], [0, 0, 0], [1, -1, 2], [1, NaN], [1, Infinity]]) {
    const error = { code: "DATA_INVALID", message: /^\/photos\/c\.jpg: its votes \[.* are no histogram/ };
    for (const loss of ["ce", "emd", "soft"] as const)
      await assert.rejects(check({ votes }, { ...none, [loss]: 1 }), error);
    await check({ votes }, none);
  }
  await check({ votes: [0, 2] }, { ...none, ce: 1 });
});
