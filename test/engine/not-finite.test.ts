/** A score is a finite number or an error that says why, whichever way it is read. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, test, type TestContext } from "node:test";
import { run, type CommandFactory } from "../../src/cli/shared/program.js";
import { inspectCheckpointCommand } from "../../src/cli/inspect/checkpoint.js";
import { inspectForwardCommand } from "../../src/cli/inspect/model.js";
import { describeCheckpoint } from "../../src/engine/describe.js";
import { createModel } from "../../src/engine/model.js";
import { load } from "../../src/engine/index.js";
import { isRocError } from "../../src/errors.js";
import { createStrategy, generate, readAnswers, STRATEGY_NAMES, type RocTemplates } from "../../src/roc/index.js";
import { findNonFinite, liveTensors, nonFinite, scope, tensor, type Tensor } from "../../src/torch/index.js";
import { openSafetensors, saveSafetensors } from "../../src/weights/index.js";
import { ROOT } from "../support.js";
import { fakeParts, plainImage, type FakeMllm } from "../roc/support.js";
import { Readable } from "node:stream";

const PICTURE = plainImage(200, 40, 90);
const PHOTO = join(ROOT, "examples/photos/portrait-good.jpg");
const DEMO = join(ROOT, "models/demo");
const DAMAGED = "language_model.model.layers.0.mlp.down_proj.weight";

const root = mkdtempSync(join(tmpdir(), "not-finite-"));
after(() => rmSync(root, { recursive: true, force: true }));
afterEach(() => assert.equal(liveTensors(), 0));

const notFinite =
  (message: RegExp) =>
  (error: unknown): boolean =>
    isRocError(error) && error.code === "SCORE_NOT_FINITE" && error.exitCode !== 0 && message.test(error.message);

/** Every logit that the model gives from its n-th call on becomes `value`; its weights stay as they are. */
function spoil(model: FakeMllm, value: number, from = 0): void {
  const logits = model.logits.bind(model);
  let calls = 0;
  model.logits = (hidden, rows) => (calls++ < from ? logits(hidden, rows) : logits(hidden, rows).mul(0).add(value));
}

for (const name of STRATEGY_NAMES) {
  for (const value of [NaN, Infinity, -Infinity]) {
    test(`${name}: logits of ${value} are an error for the score and for attributes`, () => {
      const templates: RocTemplates = { prompts: ["<image> rate it"], answers: ["is {overall} light {light}."] };
      const parts = fakeParts(templates);
      const strategy = createStrategy(name, { vocabulary: parts.vocabulary, scale: { min: 1, max: 10 } });
      try {
        spoil(parts.model, value);
        const read = (): unknown => scope(() => readAnswers({ ...parts, strategy }, parts.processor.images([PICTURE])));
        assert.throws(read, notFinite(/all weights are finite.*float32.*--dtype float64/));
      } finally {
        parts.model.dispose();
      }
    });
  }
}

test("level words: an attribute behind a good score is looked at too", () => {
  const parts = fakeParts({ prompts: ["<image> rate it"], answers: ["is {overall} light {light}."] });
  const strategy = createStrategy("level", { scale: { min: 1, max: 10 } });
  try {
    // The first score's logits are one call, or one a word.
    for (const from of [1, 5]) {
      spoil(parts.model, NaN, from);
      const read = (): unknown => scope(() => readAnswers({ ...parts, strategy }, parts.processor.images([PICTURE])));
      assert.throws(read, notFinite(/./));
    }
  } finally {
    parts.model.dispose();
  }
});

test("comments and generation: NaN is chosen as no token", () => {
  const parts = fakeParts({ prompts: ["<image> rate it"], answers: ["is {overall}: {comment}"] });
  try {
    spoil(parts.model, NaN, 1);
    const read = (): unknown => scope(() => readAnswers(parts, parts.processor.images([PICTURE]), { comments: true }));
    assert.throws(read, notFinite(/./));
    const write = (): unknown => scope(() => [...generate(parts, parts.processor.images([PICTURE]))]);
    assert.throws(write, notFinite(/./));
  } finally {
    parts.model.dispose();
  }
});

test("a picture without a finite score is a failure of its own, scoreOne() throws", async () => {
  const parts = fakeParts({ prompts: ["<image> rate it"], answers: ["is {overall}"] });
  using model = createModel(parts);
  spoil(parts.model, NaN, 1);
  const results = [];
  for await (const result of model.score([PHOTO, PHOTO])) results.push(result);
  const [good, bad] = results;
  assert.ok(good && !("error" in good) && Number.isFinite(good.score));
  assert.ok(
    bad && "error" in bad && bad.error.code === "SCORE_NOT_FINITE" && bad.error.message.startsWith(`${PHOTO}: `),
  );
  await assert.rejects(model.scoreOne(PHOTO), notFinite(/./));
});

/** The demo's folder with one tensor changed; weights as they are stored. */
async function damaged(name: string, change: (weights: Tensor) => Tensor, all = false): Promise<string> {
  const folder = join(root, name);
  cpSync(DEMO, folder, { recursive: true });
  using file = await openSafetensors(join(DEMO, "model.safetensors"));
  const changed = new Map(
    file.names().map((key) => {
      using stored = file.tensor(key);
      const wide = all ? stored.to("float32") : stored.clone();
      if (key !== DAMAGED) return [key, wide] as const;
      const made = change(wide);
      if (made !== wide) wide.dispose();
      return [key, made] as const;
    }),
  );
  await saveSafetensors(join(folder, "model.safetensors"), changed, { metadata: { format: "pt" } });
  for (const weights of changed.values()) weights.dispose();
  return folder;
}

function withValue(weights: Tensor, place: number, value: number): Tensor {
  scope(() => {
    weights.flatten(0, 1).select(0, place).fill_(value);
  });
  return weights;
}

test("a NaN among a checkpoint's weights is named by scoring and by inspect checkpoint", async (t) => {
  const folder = await damaged("nan", (weights) => withValue(weights, 100, NaN));
  using model = await load(folder);
  await assert.rejects(model.scoreOne(PHOTO), notFinite(/down_proj\.weight: of \d+ values, 1 NaN\. Fetch or train/));
  const { nonFinite: found, problems } = await describeCheckpoint(folder);
  assert.deepEqual([found?.name, found?.nan, found?.infinite, found?.tensors], [DAMAGED, 1, 0, 1]);
  assert.match(problems.join(), /model\.safetensors: tensor .*down_proj\.weight: of \d+ values, 1 NaN/);
  assert.equal((await describeCheckpoint(folder, { values: false })).nonFinite, undefined);
  const { code, stdout } = await inspect(t, folder);
  assert.equal(code, 4);
  assert.match(stdout, /problem .*1 NaN[^]*usable +no/);
  assert.equal((await inspect(t, DEMO)).code, 0);
});

test("inspect forward: outputs with NaN are told", async (t) => {
  const file = (name: string): string => join(root, name);
  const inputs = new Map([["input_ids", tensor([[1, 5, 6]], { dtype: "int64" })]]);
  await saveSafetensors(file("inputs.safetensors"), inputs);
  inputs.get("input_ids")?.dispose();
  const args = ["--inputs", file("inputs.safetensors"), "--outputs", file("outputs.safetensors"), "--json"];
  const folder = await damaged("forward", (weights) => withValue(weights, 100, NaN));
  const forward = (model: string) => runCommand(t, inspectForwardCommand, ["--model", model, ...args]);
  const good = await forward(DEMO);
  assert.deepEqual([good.code, good.stderr], [0, ""]);
  const bad = await forward(folder);
  const [logits] = (JSON.parse(bad.stdout) as { outputs: { name: string; shape: number[]; nonFinite: number }[] })
    .outputs;
  assert.equal(
    logits?.nonFinite,
    logits?.shape.reduce((product, side) => product * side, 1),
  );
  assert.match(bad.stderr, /^note: logits holds values that are NaN or infinite: \d+\n$/);
});

test("numbers too large for float16 ask for another dtype, be it in the weights or behind them", async () => {
  const folder = await damaged("big", (weights) => weights.mul(3e4), true);
  using exact = await load(folder, { dtype: "float32" });
  assert.ok(Number.isFinite((await exact.scoreOne(PHOTO)).score));
  using half = await load(folder, { dtype: "float16" });
  await assert.rejects(half.scoreOne(PHOTO), notFinite(/weights are finite.*float16.*--dtype bfloat16 or float32/));
  const larger = await damaged("larger", (weights) => weights.mul(1e7), true);
  using cut = await load(larger, { dtype: "float16" });
  await assert.rejects(
    cut.scoreOne(PHOTO),
    notFinite(/down_proj.*infinite\. .*too large for float16.*--dtype bfloat16/),
  );
});

function inspect(t: TestContext, folder: string): Promise<Ran> {
  return runCommand(t, inspectCheckpointCommand, [folder]);
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function runCommand(t: TestContext, create: CommandFactory, args: readonly string[]): Promise<Ran> {
  const said = { stdout: "", stderr: "" };
  const io = {
    stdin: Readable.from([]),
    stdout: { write: (text: string) => (said.stdout += text) },
    stderr: { write: (text: string) => (said.stderr += text) },
    env: {},
  };
  const engine = (): never => assert.fail("no engine is needed");
  const context = { io, signal: new AbortController().signal, engine };
  const name = create({ ...context, setExitCode: () => undefined }).name();
  const code = await run([name, ...args], { [name]: () => Promise.resolve(create) }, context);
  t.diagnostic(said.stderr);
  return { code, ...said };
}

test("values that are no finite numbers are counted, in every dtype", () => {
  for (const dtype of ["float16", "bfloat16", "float32", "float64"] as const) {
    scope(() => {
      const values = tensor([1, NaN, 3, Infinity, -Infinity, 0], { dtype });
      assert.deepEqual(nonFinite(values), { nan: 1, infinite: 2 }, dtype);
      assert.equal(nonFinite(tensor([1, -2, 6e4], { dtype })), undefined, dtype);
    });
  }
  scope(() => {
    assert.equal(nonFinite(tensor([1, 2], { dtype: "int64" })), undefined);
    assert.equal(nonFinite(tensor([], { dtype: "float32" })), undefined);
    const named = [
      ["a", tensor([1])],
      ["b", tensor([NaN, 1])],
      ["c", tensor([Infinity])],
    ] as const;
    assert.deepEqual(findNonFinite(named), { name: "b", numel: 2, nan: 1, infinite: 0, tensors: 2 });
    assert.equal(findNonFinite(named.slice(0, 1)), undefined);
  });
});
