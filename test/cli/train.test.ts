import assert from "node:assert/strict";
import { test } from "node:test";
import { Command } from "commander";
import type { Output } from "../../src/cli/shared/io.js";
import { addTrainOptions, lossWeightsOf, trainOptionsOf, type TrainFlags } from "../../src/cli/shared/train-options.js";
import { TrainProgress } from "../../src/cli/train/progress.js";
import { withLoraTargets } from "../../src/train/start/patterns.js";
import type { TrainEvent } from "../../src/train/events.js";

const STEP: TrainEvent = {
  ...{ type: "step", step: 3, totalSteps: 10, epoch: 0, loss: 1.25, terms: { text: 1 }, learningRate: 1e-3 },
  ...{ gradientNorm: 2, imagesPerSecond: 99.6, secondsLeft: 130 },
};
const VALIDATION: TrainEvent = {
  type: "validation",
  step: 3,
  srcc: 0.91,
  plcc: null,
  mae: 0.5,
  count: 9,
  failed: 0,
  best: false,
};

function collector(columns?: number): Output & { text: string } {
  const isTTY = columns !== undefined;
  const output = { text: "", isTTY, columns, write: (text: string) => (output.text += text) };
  return output;
}

test("a terminal gets one line that is replaced, with loss, SRCC, pace and time left", () => {
  const [stdout, stderr] = [collector(), collector(100)];
  const progress = new TrainProgress({ stdout, stderr }, false);
  progress.event(VALIDATION);
  progress.event(STEP);
  const [, validation, step] = stderr.text.split("\r\u001b[K");
  assert.equal(validation, "step 3: validation SRCC 0.9100  PLCC undefined  MAE 0.500\n");
  assert.equal(step, "step 3/10  epoch 1  loss 1.250  100 images/s  2 min left  SRCC 0.9100");
  assert.equal(stdout.text, "");
});

test("a narrow terminal gets a cut line, since one that wraps is never cleared", () => {
  const stderr = collector(20);
  new TrainProgress({ stdout: collector(), stderr }, false).event(STEP);
  assert.equal(stderr.text, "\r\u001b[Kstep 3/10  epoch 1 ");
});

test("a file gets plain lines now and then, --json every event on standard output", () => {
  const [stdout, stderr] = [collector(), collector()];
  const progress = new TrainProgress({ stdout, stderr }, true);
  for (let i = 0; i < 3; i++) progress.event(STEP);
  assert.equal(stderr.text.split("\n").length, 2);
  assert.deepEqual(
    stdout.text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown),
    [STEP, STEP, STEP],
  );
});

test("options become hyper-parameters; a preset's loss weights can be changed one by one", () => {
  const defaults = { steps: 9, batch: 4, lr: 1, schedule: "cosine", warmup: 0, decay: 0, beta2: 0.9 } as const;
  const parse = (...argv: string[]): TrainFlags =>
    addTrainOptions(new Command().exitOverride().configureOutput({ writeErr: () => undefined }), {
      ...defaults,
      ...{ flip: true, every: 3, loss: "paper-ava" },
    })
      .parse(argv, { from: "user" })
      .opts();
  const plain = trainOptionsOf(parse());
  for (const option of ["freeze", "groups", "lora", "recompute", "weights", "patience", "keepLast"] as const) {
    assert.ok(!(option in plain), option);
  }
  const parts = trainOptionsOf(
    parse(..."--freeze vision --freeze norm --rate projector=1e-3 --lora 8 --lora-targets q_proj,v_proj".split(" ")),
  );
  assert.deepEqual(parts.freeze, ["vision", "norm"]);
  assert.deepEqual(parts.groups, [{ pattern: "projector", learningRate: 1e-3 }]);
  assert.deepEqual([parts.lora?.rank, parts.lora?.alpha, parts.lora?.merge], [8, 16, true]);
  assert.deepEqual(parts.lora?.targets, ["q_proj", "v_proj"]);
  const usual = trainOptionsOf(parse("--lora", "4"));
  assert.equal(usual.lora?.targets, "language");
  // As run folders of earlier versions have it: they are resumed.
  for (const type of ["llava", "mplug_owl2", "qwen2_vl"]) {
    const { lora } = withLoraTargets(usual, type);
    assert.equal(lora?.targets, String.raw`model\.(language_model|layers)\..*`);
  }
  assert.equal(withLoraTargets(parts, "llava"), parts, "targets that are given stay");
  const flags = parse("--lr", "3e-4", "--no-flip", "--ce", "2", "--schedule", "linear");
  const options = trainOptionsOf(flags);
  assert.deepEqual(
    [options.learningRate, options.flip, options.schedule, options.batchSize],
    [3e-4, false, "linear", 4],
  );
  assert.deepEqual(lossWeightsOf(flags), { l1: 1, ce: 2, emd: 0 });
  const pairs = parse("--soft", "1", "--thurstone", "0", "--fidelity", "0.5");
  assert.deepEqual(lossWeightsOf(pairs), { l1: 1, ce: 1, emd: 0, soft: 1, fidelity: 0.5 });
  for (const wrong of [
    ["--lr", "x"],
    ["--steps", "1.5"],
    ["--warmup", "-1"],
    ["--schedule", "step"],
    ["--loss", "mse"],
    ["--rate", "projector"],
    ["--weights", "int8"],
  ]) {
    assert.throws(() => parse(...wrong), { code: "commander.invalidArgument" }, wrong.join(" "));
  }
});
