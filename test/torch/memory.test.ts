import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { isRocError } from "../../src/errors.js";
import {
  aten,
  liveTensors,
  mapFile,
  manualSeed,
  randn,
  scope,
  setNumThreads,
  zeros,
  type Tensor,
} from "../../src/torch/index.js";

setNumThreads(1);

/** One step of a small training: forward, backward, SGD in place. */
function makeStep(): () => number {
  manualSeed(0);
  const x = randn([16, 32]);
  const y = randn([16, 4]);
  const parameters = [randn([64, 32]).mul_(0.1), zeros([64]), randn([4, 64]).mul_(0.1), zeros([4])] as const;
  for (const parameter of parameters) parameter.requiresGrad_();
  const [w1, b1, w2, b2] = parameters;
  const linear = aten("linear");
  return () =>
    scope(() => {
      const loss = linear(linear(x, w1, b1).relu(), w2, b2)
        .sub(y)
        .pow(2)
        .mean();
      loss.backward();
      for (const parameter of parameters) {
        const gradient = parameter.grad as Tensor;
        parameter.detach().sub_(gradient.mul(0.05));
        parameter.grad = null;
      }
      return loss.item();
    });
}

test("10,000 training steps: a flat live-tensor count and flat memory", () => {
  const step = makeStep();
  const first = step();
  for (let i = 0; i < 1000; i++) step();
  const tensors = liveTensors();
  const before = process.memoryUsage().rss;
  let last = 0;
  for (let i = 0; i < 10_000; i++) {
    last = step();
    assert.equal(liveTensors(), tensors);
  }
  const grown = (process.memoryUsage().rss - before) / 2 ** 20;
  assert.ok(last < first, "the steps train");
  // A leak of one small tensor a step would be at least 5 MiB of tensor objects alone (about 500 bytes each).
  assert.ok(grown < 5, `memory grew by ${grown.toFixed(1)} MiB`);
});

test("the garbage collector frees what was not disposed", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const settle = async (most: number): Promise<void> => {
    for (let i = 0; i < 50 && liveTensors() > most; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await settle(0); // what other tests left to the collector
  const before = liveTensors();
  for (let i = 0; i < 200; i++) zeros([1000]);
  const made = liveTensors() - before;
  assert.ok(made > 0, "some are alive before a collection");
  await settle(before);
  assert.equal(liveTensors(), before);
});

test("two workers compute side by side, with tensors of their own", async () => {
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(workerData.module).then(({ scope, randn, manualSeed, zeros, liveTensors }) => {
      manualSeed(3);
      const w = randn([8, 8], { requiresGrad: true });
      for (let i = 0; i < 500; i++) scope(() => { w.matmul(w).sum().backward(); w.grad = null; });
      parentPort.postMessage({ live: liveTensors(), trace: scope(() => w.detach().mul(w.detach()).sum().item()) });
    });`;
  const module = new URL("../../src/torch/index.js", import.meta.url).href;
  const before = liveTensors();
  const run = async (): Promise<{ live: number; trace: number }> => {
    const worker = new Worker(code, { eval: true, workerData: { module } });
    // Both are listened for from the start: the end may come in the same tick as the message.
    const ended = once(worker, "exit");
    const [message] = (await once(worker, "message")) as [{ live: number; trace: number }];
    await ended;
    return message;
  };
  const results = await Promise.all([run(), run()]);
  for (const { live, trace } of results) {
    assert.equal(live, 1);
    assert.ok(trace > 0);
  }
  assert.equal(liveTensors(), before, "a worker's tensors are not ours");
});

test("a mapped file: tensors without a copy, private, checked against its length", () => {
  const folder = mkdtempSync(join(tmpdir(), "roc-map-"));
  try {
    const path = join(folder, "x.bin");
    writeFileSync(path, new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer));
    const file = mapFile(path);
    assert.equal(file.byteLength, 16);
    const whole = file.tensor(0, "float32", [2, 2]);
    const shared = file.tensor(8, "float32", [2]);
    file.dispose();
    whole.mul_(10);
    assert.deepEqual(shared.toNumbers(), [30, 40], "both show the same memory, after the file is closed");
    whole.dispose();
    shared.dispose();
    const again = mapFile(path);
    const unaligned = again.tensor(1, "uint8", [3]);
    assert.deepEqual(unaligned.toNumbers(), [0, 128, 63], "writing never reached the file");
    unaligned.dispose();
    assert.throws(() => again.tensor(8, "float32", [3]), /outside the mapped file/);
    assert.throws(() => again.tensor(0, "float32", [2 ** 31, 2 ** 31]), isRocError);
    again.dispose();
    assert.throws(() => again.tensor(0, "float32", [1]), /closed/);
    assert.throws(() => mapFile(join(folder, "none")), /cannot open .*none/);
    assert.throws(() => mapFile(folder), /not a regular file/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
