/** One rank of the groups in distributed.test.ts; its argument says what it does. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { isRocError } from "../../src/errors.js";
import { GradientBuckets, initProcessGroup, liveTensors, scope, tensor, zeros } from "../../src/torch/index.js";
import type { DType, ProcessGroup, Tensor } from "../../src/torch/index.js";

type Scenario = (group: ProcessGroup) => void | Promise<void>;

/** `[0, 1, ...]` times a factor, so that every element of a sum is known. */
function ramp(length: number, factor: number, dtype: DType = "float32"): Tensor {
  return tensor(
    Array.from({ length }, (_, i) => i * factor),
    { dtype },
  );
}

function collectives(group: ProcessGroup): void {
  const { rank, worldSize } = group;
  const sum = (worldSize * (worldSize + 1)) / 2;
  const dtypes = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int8", "uint8"] as const;
  scope(() => {
    // One call: the tensors travel together by dtype, the transposed one as a copy.
    const tensors = dtypes.flatMap((dtype) => [
      ramp(5, rank + 1, dtype),
      ramp(6, rank + 1, dtype)
        .view(2, 3)
        .t(),
    ]);
    group.allReduce(tensors);
    for (const [i, found] of tensors.entries()) {
      const expected = i % 2 === 0 ? [0, 1, 2, 3, 4] : [0, 3, 1, 4, 2, 5];
      assert.deepEqual(
        found.toNumbers(),
        expected.map((value) => value * sum),
        found.toString(),
      );
    }
    assert.throws(
      () => {
        group.allReduce([ramp(2, 1, "int64")], "mean");
      },
      { code: "USAGE" },
    );
    const mean = ramp(3, rank);
    const pending = group.allReduceAsync([mean], "mean");
    pending.wait();
    assert.deepEqual(
      mean.toNumbers(),
      [0, 1, 2].map((value) => (value * (worldSize - 1)) / 2),
    );
    assert.throws(() => {
      pending.wait();
    }, /waited for already/);
  });
}

function movements(group: ProcessGroup): void {
  const { rank, worldSize } = group;
  scope(() => {
    const copied = [ramp(4, rank), zeros([2, 2]).fill_(rank), ramp(2, rank, "int64")];
    group.broadcast(copied, worldSize - 1);
    const last = worldSize - 1;
    assert.deepEqual(
      copied.map((one) => one.toNumbers()),
      [
        [0, last, 2 * last, 3 * last],
        [last, last, last, last],
        [0, last],
      ],
    );
    const all = group.allGather(ramp(3, rank + 1));
    assert.deepEqual(
      all.map((one) => one.toNumbers()),
      Array.from({ length: worldSize }, (_, other) => [0, other + 1, 2 * (other + 1)]),
    );
    const part = group.reduceScatter(ramp(2 * worldSize, 1));
    assert.deepEqual(part.toNumbers(), [2 * rank * worldSize, (2 * rank + 1) * worldSize]);
    assert.throws(() => group.reduceScatter(zeros([2 * worldSize + 1])), /cannot be cut/);
  });
}

/** Gradients by rank: of all, of one process only, of none, of two backwards, of some rows, in another dtype. */
function gradients(group: ProcessGroup): void {
  const { rank, worldSize } = group;
  for (const bucketBytes of [4, 40, 64, 1 << 20]) {
    scope(() => {
      const leaf = (shape: number[], dtype: DType = "float32"): Tensor => zeros(shape, { dtype }).requiresGrad_();
      const [plain, lonely, unused, tied] = [leaf([3]), leaf([2, 2]), leaf([4]), leaf([2])];
      const [rows, half, turned] = [leaf([5, 2]), leaf([3], "bfloat16"), zeros([2, 3]).t().requiresGrad_()];
      const parts = [plain, lonely, unused, tied, half, turned].map((parameter) => ({ parameter }));
      const someRows = { parameter: rows, rows: [1, 3] as const };
      using buckets = new GradientBuckets(group, [...parts, someRows], bucketBytes);
      for (let step = 1; step <= 3; step++) {
        const factor = step * (rank + 1);
        // A backward before the last one of the step: nothing is sent.
        plain.sum().mul(factor).backward();
        buckets.arm();
        let loss = plain.sum().mul(factor).add(tied.sum().mul(factor)).add(rows.sum().mul(factor));
        loss = loss.add(half.to("float32").sum().mul(factor)).add(turned.select(1, 1).sum().mul(factor));
        if (rank === 1) loss = loss.add(lonely.sum());
        loss.backward();
        tied.select(0, 0).mul(factor).backward();
        buckets.finish();
        const sum = (step * worldSize * (worldSize + 1)) / 2;
        assert.deepEqual(plain.grad?.toNumbers(), [2 * sum, 2 * sum, 2 * sum]);
        assert.deepEqual(lonely.grad?.toNumbers(), [1, 1, 1, 1]);
        assert.equal(unused.grad, null);
        assert.deepEqual(tied.grad?.toNumbers(), [2 * sum, sum]);
        assert.deepEqual(half.grad?.toNumbers(), [sum, sum, sum]);
        assert.deepEqual(turned.grad?.toNumbers(), [0, sum, 0, sum, 0, sum]);
        assert.deepEqual(rows.grad?.narrow(0, 1, 2).toNumbers(), [sum, sum, sum, sum]);
        assert.deepEqual(rows.grad?.narrow(0, 3, 1).toNumbers(), [factor, factor], "rows of its own stay");
        for (const { parameter } of [...parts, someRows]) parameter.zeroGrad();
      }
    });
  }
}

/** From the second step on, buckets are sent while backward runs. */
function overlap(group: ProcessGroup): void {
  scope(() => {
    const layers = Array.from({ length: 4 }, () => zeros([8, 8]).fill_(0.1).requiresGrad_());
    // Two matrices a bucket.
    using buckets = new GradientBuckets(group, layers.map((parameter) => ({ parameter })), 2 * 8 * 8 * 4); // prettier-ignore
    const early = [1, 2, 3].map(() => {
      buckets.arm();
      layers.reduce((x, layer) => x.mm(layer), zeros([8, 8]).fill_(1)).sum().backward(); // prettier-ignore
      const sent = buckets.finish();
      for (const layer of layers) layer.zeroGrad();
      return sent;
    });
    assert.deepEqual(early, [0, 2, 2]);
    // A gradient that comes when its bucket has been sent would be lost.
    buckets.arm();
    for (let time = 0; time < 2; time++)
      layers[3]
        ?.sum()
        .add(layers[2]?.sum() ?? 0)
        .backward();
    assert.throws(() => buckets.finish(), { code: "TRAINING", message: /another way/ });
  });
}

async function everything(group: ProcessGroup): Promise<void> {
  const before = liveTensors();
  collectives(group);
  movements(group);
  gradients(group);
  const said = await group.fromFirst(() => ({ best: null, loss: NaN, from: group.rank }));
  assert.deepEqual(said, { best: null, loss: NaN, from: 0 });
  assert.equal(await group.fromFirst(() => undefined), undefined);
  await group.barrier();
  // Last: it breaks the group.
  overlap(group);
  assert.equal(liveTensors(), before);
}

/** All-reduces until an operation fails. */
async function forever(group: ProcessGroup): Promise<void> {
  using data = zeros([1000]);
  for (;;) {
    group.allReduce([data]);
    process.stdout.write(".");
    await sleep(5);
  }
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  everything,
  forever,
  /** Rank 1 fails without the others. */
  failing: async (group) => {
    await group.barrier();
    if (group.rank === 1) throw new Error("no such picture");
    await forever(group);
  },
  /** Rank 0 works for longer than the time-out, and shows that it lives. */
  long: async (group) => {
    assert.equal(await group.fromFirst(() => sleep(1.5 * Number(timeout), "done")), "done");
    await group.barrier();
  },
  /** As before, but nothing else runs in rank 0 meanwhile; then it is late, for longer than the time-out, too. */
  busy: async (group) => {
    const block = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1.5 * Number(timeout));
    await group.fromFirst(block);
    if (group.rank === 0) block();
    assert.equal(await group.fromFirst(() => "done"), "done");
    await group.barrier();
  },
  /** What makes no sense is an error of the caller: the group is as it was. */
  wrong: async (group) => {
    using data = zeros([1]);
    const gone = zeros([1]);
    gone.dispose();
    for (const from of [-1, group.worldSize, 0.5, NaN, 1e300, 2 ** 32]) {
      assert.throws(() => group.broadcast([data], from), { code: "USAGE" }, String(from));
    }
    assert.throws(() => group.allReduce([gone]), { code: "TENSOR_DISPOSED" });
    for (const rows of [
      [0, 2],
      [-1, 1],
      [1, 0.5],
      [2 ** 53, 2 ** 53 + 2],
    ] as const) {
      assert.throws(() => new GradientBuckets(group, [{ parameter: data, rows }]), { code: "USAGE" }, String(rows));
    }
    for (const bytes of [0, -1, 0.5, NaN, 1e300]) {
      assert.throws(() => new GradientBuckets(group, [{ parameter: data }], bytes), { code: "USAGE" }, String(bytes));
    }
    group.allReduce([data]);
    await group.barrier();
  },
  /** Rank 0 fails while the others wait for what it works out. */
  failingFirst: async (group) => {
    await group.fromFirst(async () => {
      await sleep(100);
      throw new Error("no such picture");
    });
  },
  /** Rank 0 stops in the middle of its work: it kills itself. */
  killedFirst: async (group) => {
    await group.fromFirst(() => process.kill(process.pid, "SIGKILL"));
  },
  /** Rank 1 lives but takes no part. */
  silent: async (group) => {
    if (group.rank === 1) await sleep(60_000);
    await forever(group);
  },
};

const [name = "", timeout = "20000"] = process.argv.slice(2);
try {
  const group = await initProcessGroup({ timeout: Number(timeout) });
  try {
    await SCENARIOS[name]?.(group);
  } catch (error) {
    await group.destroy(error);
    throw error;
  }
  await group.destroy();
} catch (error) {
  process.stderr.write(`${isRocError(error) ? `${error.code} ${error.message}` : String(error)}\n`);
  process.exitCode = 1;
}
