/** HDF5 files of Keras, as h5py writes them, and damaged ones. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { Random } from "../../src/random.js";
import { liveTensors, scope } from "../../src/torch/index.js";
import { openWeightsFile } from "../../src/weights/file.js";
import { kerasNames, type Checkpoint } from "../../src/weights/index.js";
import { fixture } from "../support.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "hdf5-"));
});
after(async () => {
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), 0);
});

const ramp = (count: number): number[] => Array.from({ length: count }, (_, i) => (i - 3) / 4);

function values(checkpoint: Checkpoint): Record<string, readonly number[]> {
  return scope(() => Object.fromEntries(checkpoint.names().map((name) => [name, checkpoint.tensor(name).toNumbers()])));
}

test("a whole model by Keras 1: its weights by Keras 2's names, without the optimizer's state", async () => {
  using checkpoint = await openWeightsFile(fixture("weights/keras1.h5"));
  const names = kerasNames(checkpoint);
  const norm = ["gamma", "beta", "moving_mean", "moving_variance"].map((part) => `bn_conv1/${part}`);
  assert.deepEqual([...names.keys()].sort(), [...norm, "conv1/bias", "conv1/kernel"].sort());
  assert.equal(names.get("conv1/kernel"), "model_weights/conv1/conv1_W:0");
  assert.equal(names.get("bn_conv1/moving_variance"), "model_weights/bn_conv1/bn_conv1_running_std:0");
  const kernel = "model_weights/conv1/conv1_W:0";
  assert.deepEqual(checkpoint.info(kernel), { dtype: "float32", shape: [2, 3, 3, 4], file: checkpoint.path });
  assert.deepEqual(values(checkpoint)[kernel], ramp(72));
  assert.equal(checkpoint.metadata["keras_version"], "1.1.0");
  assert.match(checkpoint.metadata["model_config"] ?? "", /"epsilon": 1e-05/);
});

test("weights by Keras 2: compressed ones, several types, and what is no weight is told", async () => {
  using checkpoint = await openWeightsFile(fixture("weights/keras2.h5"));
  assert.deepEqual(values(checkpoint), {
    "conv1/conv1/kernel:0": ramp(72),
    "dense_1/dense_1/bias:0": ramp(2),
    "dense_1/dense_1/kernel:0": ramp(10),
    "empty/empty/nothing:0": [],
    "empty/empty/scalar:0": [3],
    "empty/empty/whole:0": [0, 1, 2],
  });
  assert.deepEqual(checkpoint.info("dense_1/dense_1/kernel:0").dtype, "float64");
  assert.deepEqual(checkpoint.info("empty/empty/scalar:0").shape, []);
  assert.equal(
    checkpoint.metadata["ignored"],
    "not_weights/elsewhere, not_weights/half, not_weights/text",
    "a link out of the file is not followed",
  );
  assert.equal(kerasNames(checkpoint).get("conv1/kernel"), "conv1/conv1/kernel:0");
});

test("a damaged or cut HDF5 file is numbers or an error that names it", async () => {
  const whole = await readFile(fixture("weights/keras1.h5"));
  const random = new Random(20261127, "hdf5");
  const file = join(folder, "damaged.h5");
  let refused = 0;
  for (let i = 0; i < 60; i++) {
    const bytes = Uint8Array.from(whole);
    // The signature stays, by which the file is known.
    for (let n = 0; n <= i % 3; n++) bytes[8 + random.int(bytes.length - 8)] = random.int(256);
    await writeFile(file, i % 6 === 0 ? bytes.subarray(0, 8 + random.int(bytes.length - 8)) : bytes);
    try {
      using checkpoint = await openWeightsFile(file);
      values(checkpoint);
    } catch (error) {
      assert.ok(isRocError(error), String(error));
      assert.equal(error.code, "CHECKPOINT_INVALID");
      assert.ok(error.message.includes(file), error.message);
      refused++;
    }
  }
  assert.ok(refused >= 10, `only ${refused} were refused`);
});
