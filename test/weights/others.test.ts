/** Caffe's and TensorFlow's files of weights, and damaged ones. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { Random } from "../../src/random.js";
import { liveTensors, scope } from "../../src/torch/index.js";
import { isWeightsFile, openWeightsFile, type Checkpoint } from "../../src/weights/index.js";
import { fixture } from "../support.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "weights-"));
});
after(async () => {
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), 0);
});

const ramp = (count: number, plus = 0): number[] => Array.from({ length: count }, (_, i) => (i - 3) / 4 + plus);

function values(checkpoint: Checkpoint): Record<string, readonly number[]> {
  return scope(() => Object.fromEntries(checkpoint.names().map((name) => [name, checkpoint.tensor(name).toNumbers()])));
}

const shapes = (checkpoint: Checkpoint): Record<string, string> =>
  Object.fromEntries(checkpoint.names().map((name) => [name, checkpoint.info(name).shape.join("x")]));

test("a .caffemodel of either layer message: blobs by layer, as they are stored", async () => {
  using old = await openWeightsFile(fixture("weights/caffe-v1.caffemodel"));
  assert.deepEqual(shapes(old), {
    "conv1/0": "4x3x2x2",
    "conv1/1": "1x1x1x4",
    "fc1/0": "1x1x2x16",
    "fc1/1": "1x1x1x2",
  });
  assert.deepEqual(values(old)["conv1/0"], ramp(48));
  using current = await openWeightsFile(fixture("weights/caffe-v2/net.caffemodel"));
  assert.deepEqual(shapes(current), {
    "conv1/0": "4x3x2x2",
    "conv1/1": "4",
    "fc1/0": "2x16",
    "fc1/1": "2",
    mean: "1x3x4x5",
  });
  assert.equal(current.info("fc1/0").dtype, "float64");
  assert.deepEqual(values(current), {
    "conv1/0": ramp(48),
    "conv1/1": ramp(4),
    "fc1/0": ramp(32),
    "fc1/1": ramp(2),
    mean: ramp(60),
  });
  assert.ok(current.metadata["mean"]?.endsWith("mean.binaryproto"));
});

test("a TensorFlow checkpoint: tensors by their names in the graph, by either of its files", async () => {
  const file = fixture("weights/tensorflow/model-7.index");
  assert.ok(isWeightsFile(file));
  for (const path of [file, fixture("weights/tensorflow/model-7.data-00000-of-00001")]) {
    using checkpoint = await openWeightsFile(path);
    assert.equal(checkpoint.path, file);
    assert.equal(checkpoint.names().length, 86);
    const found = values(checkpoint);
    assert.deepEqual(found["conv0/W"], ramp(48));
    assert.deepEqual(found["linear_C2/W"], ramp(10));
    assert.deepEqual(found["group3/block9/conv2/W"], ramp(2, 3));
    assert.deepEqual(found["global_step"], [7]);
    assert.deepEqual(checkpoint.info("double").dtype, "float64");
    assert.deepEqual(checkpoint.info("conv0/W").shape, [2, 2, 3, 4]);
    assert.equal(checkpoint.metadata["ignored"], "words");
  }
});

test("a TensorFlow checkpoint without its data, and one whose data changed, are told", async () => {
  const at = (name: string): string => join(folder, name);
  await cp(fixture("weights/tensorflow/model-7.index"), at("alone.index"));
  await assert.rejects(openWeightsFile(at("alone.index")), { code: "FILE_NOT_FOUND", message: /alone\.data-00000/ });
  await cp(fixture("weights/tensorflow/model-7.index"), at("changed.index"));
  const data = await readFile(fixture("weights/tensorflow/model-7.data-00000-of-00001"));
  data[0] = (data[0] as number) ^ 1;
  await writeFile(at("changed.data-00000-of-00001"), data);
  using changed = await openWeightsFile(at("changed.index"));
  assert.throws(() => values(changed), {
    code: "CHECKPOINT_INVALID",
    message: /changed\.data-00000-of-00001.* is damaged/,
  });
});

/** Opens files of changed bytes; each is numbers, or an error that names it. @returns how many were refused */
async function damaged(name: string, bytes: Buffer, times: number): Promise<number> {
  const random = new Random(20261127, name);
  const file = join(folder, name);
  let refused = 0;
  for (let i = 0; i < times; i++) {
    const changed = Uint8Array.from(bytes);
    for (let n = 0; n <= i % 3; n++) changed[random.int(changed.length)] = random.int(256);
    await writeFile(file, i % 5 === 0 ? changed.subarray(0, random.int(changed.length)) : changed);
    try {
      using checkpoint = await openWeightsFile(file);
      values(checkpoint);
    } catch (error) {
      assert.ok(isRocError(error), String(error));
      assert.equal(error.code, "CHECKPOINT_INVALID", error.message);
      assert.ok(error.message.includes(join(folder, name.replace(/\.\w+$/, ""))), error.message);
      refused++;
    }
  }
  return refused;
}

test("an empty Caffe file is refused as a damaged one", async () => {
  await writeFile(join(folder, "empty.caffemodel"), "");
  const opening = openWeightsFile(join(folder, "empty.caffemodel"));
  await assert.rejects(opening, { code: "CHECKPOINT_INVALID", message: /empty\.caffemodel .*: it is empty\./ });
});

test("damaged Caffe and TensorFlow files are numbers or an error that names them", async () => {
  const caffe = await readFile(fixture("weights/caffe-v1.caffemodel"));
  assert.ok((await damaged("damaged.caffemodel", caffe, 150)) > 30);
  await cp(fixture("weights/tensorflow/model-7.data-00000-of-00001"), join(folder, "t.data-00000-of-00001"));
  const index = await readFile(fixture("weights/tensorflow/model-7.index"));
  const refused = await damaged("t.index", index, 100);
  assert.ok(refused > 90, `every block has a checksum, and ${refused} of 100 were refused`);
});
