/** Numbers on their way into C++ and back: exact, in range, or an error that says what is wrong. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import * as torch from "../../src/torch/index.js";
import { native } from "../../src/torch/native.js";

const { aten, fromTypedArray, full, initProcessGroup, liveTensors, manualSeed, mapFile, operator } = torch;
const { randint, scope, setNumThreads, tensor, zeros } = torch;

let alive = liveTensors();
afterEach(() => {
  assert.equal(liveTensors(), alive, "a test left tensors behind");
  alive = liveTensors();
});

const NO_INTEGERS = [
  0.5,
  NaN,
  Infinity,
  -Infinity,
  1e300,
  -1e300,
  2 ** 53,
  2 ** 63,
  -(2 ** 53),
  2n ** 63n,
  -(2n ** 64n),
];
const USAGE = { name: "RocError", code: "USAGE" };

/** Every parameter that takes an integer. */
const INTEGER_PLACES: Readonly<Record<string, (value: number) => unknown>> = {
  "an operator's integer": (value) => aten("narrow")(zeros([4]), 0, value, 1),
  "an operator's list": (value) => zeros([4]).reshape(value),
  "a shape": (value) => fromTypedArray(new Float32Array(1), [value]),
  "a seed": (value) => manualSeed(value),
  "a range": (value) => randint(value, 2, [1]),
  "a number of threads": (value) => setNumThreads(value),
};

for (const [name, take] of Object.entries(INTEGER_PLACES)) {
  test(`${name} is an integer that its number represents`, () => {
    for (const value of NO_INTEGERS) {
      assert.throws(() => scope(() => void take(value as number)), USAGE, `${String(value)}`);
    }
  });
}

test("integers beyond 2^53 - 1 are BigInts, exact up to 64 bits", () => {
  scope(() => {
    const large = 2n ** 53n + 1n;
    const filled = operator("aten::full")([1], large, { dtype: "int64" }) as torch.Tensor;
    assert.deepEqual(filled.toArray(), BigInt64Array.of(large));
    assert.deepEqual(tensor([large, -1], { dtype: "int64" }).toArray(), BigInt64Array.of(large, -1n));
    manualSeed(2n ** 63n - 1n);
    manualSeed(-1);
  });
});

test("integers that are no JavaScript numbers do not come out as others", () => {
  scope(() => {
    const exact = tensor([2n ** 62n], { dtype: "int64" });
    assert.deepEqual([exact.item(), exact.toNumbers()], [2 ** 62, [2 ** 62]]);
    for (const large of [2n ** 53n + 1n, 2n ** 63n - 1n]) {
      const inexact = tensor([large], { dtype: "int64" });
      assert.throws(() => inexact.item(), { ...USAGE, message: /toArray\(\)/ });
      assert.throws(() => inexact.toNumbers(), { ...USAGE, message: /toArray\(\)/ });
      assert.deepEqual(inexact.toArray(), BigInt64Array.of(large));
    }
  });
});

test("elements of integer dtypes are whole numbers in their range", () => {
  const wrong: [torch.DType, number][] = [
    ...(["int64", "int32", "int16", "int8", "uint8"] as const).flatMap((dtype) =>
      [0.5, NaN, Infinity, 1e300, 2 ** 63].map((value): [torch.DType, number] => [dtype, value]),
    ),
    ["int64", 2 ** 53],
    ["int32", 2 ** 31],
    ["int8", -129],
    ["uint8", -1],
    ["uint8", 256],
  ];
  for (const [dtype, value] of wrong) {
    const message = RegExp(`${dtype}`);
    assert.throws(() => tensor([value], { dtype }), { ...USAGE, message }, `tensor of ${dtype}: ${value}`);
    assert.throws(() => full([1], value, { dtype }), { ...USAGE, message }, `full of ${dtype}: ${value}`);
  }
  scope(() => {
    assert.deepEqual(tensor([-128, 127], { dtype: "int8" }).toNumbers(), [-128, 127]);
    assert.deepEqual(tensor([1e300, NaN, -Infinity], { dtype: "float64" }).toNumbers(), [1e300, NaN, -Infinity]);
    assert.equal(tensor(2).mul(1e300).item(), Infinity);
  });
});

test("arrays of another kind, of bools that are none, or of different lengths make no tensor", () => {
  const uint16 = new Uint16Array(4);
  assert.throws(() => fromTypedArray(uint16, [2], { dtype: "float32" }), USAGE, "bits taken for another dtype's");
  assert.throws(() => fromTypedArray(new Uint32Array(1) as unknown as Uint16Array, [1], { dtype: "int32" }), USAGE);
  assert.throws(() => fromTypedArray(Uint8Array.of(0, 2), [2], { dtype: "bool" }), {
    ...USAGE,
    message: /element 1 is 2/,
  });
  assert.throws(() => fromTypedArray(new Float64Array(0), [2 ** 52, 2 ** 9]), { ...USAGE, message: /too large/ });
  assert.throws(() => tensor([[1, 2], [3, 4, 5], [6]]), { ...USAGE, message: /\[2\] and \[3\]/ });
});

test("numbers are no tensors, tensors are no numbers", () => {
  scope(() => {
    const [a, b] = [tensor([2]), tensor([3])];
    const { handle } = b;
    for (const wrong of [5, handle, NaN]) {
      assert.throws(() => operator("aten::add.Tensor")(a, wrong), { ...USAGE, message: /'other' of type Tensor/ });
      assert.throws(() => operator("aten::cat")([a, wrong]), { ...USAGE, message: /'tensors' of type Tensor\[\]/ });
    }
    assert.throws(() => operator("aten::mul.Scalar")(a, b), { ...USAGE, message: /'other' of type Scalar/ });
    assert.throws(() => operator("aten::reshape")(a, [b]), { ...USAGE, message: /'shape' of type/ });
    // A handle that is no integer is none, not that of the integer below it.
    assert.equal(native.isLive(handle), true);
    assert.equal(native.isLive(handle + 0.5), false);
    assert.throws(() => native.callOperator(2 ** 32 + 0.0, handle), { code: "USAGE" });
    assert.throws(() => native.endScope(2 ** 32 + 1, []), { code: "USAGE" });
  });
});

test("what is wrong with an argument can be described for any value", () => {
  scope(() => {
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    for (const wrong of [circular, { large: 2n }, Symbol("x"), () => 1]) {
      assert.throws(() => operator("aten::add.Tensor")(tensor([1]), wrong), { name: "RocError" });
    }
  });
});

test("a dtype without a typed array says so", () => {
  scope(() => {
    const complex = aten("complex")(tensor([1]), tensor([2]));
    assert.equal(complex.dtype, "complex64");
    assert.throws(() => complex.toArray(), { ...USAGE, message: /complex64/ });
  });
});

test("parts of a mapped file, and paths, are as they are said to be", () => {
  const folder = mkdtempSync(join(tmpdir(), "roc-map-"));
  try {
    const path = join(folder, "x.bin");
    writeFileSync(path, new Uint8Array(8));
    assert.throws(() => mapFile(`${path}\0other`), USAGE);
    using file = mapFile(path);
    for (const wrong of [-1, 0.5, NaN, 1e300, 2 ** 53, 9]) {
      assert.throws(() => file.bytes(0, wrong), USAGE, `length ${wrong}`);
      assert.throws(() => file.bytes(wrong, 1), USAGE, `offset ${wrong}`);
      assert.throws(() => file.tensor(wrong, "uint8", [1]), USAGE, `tensor at ${wrong}`);
    }
    assert.deepEqual(file.bytes(1, 2), new Uint8Array(2));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what a group is joined with is checked before", async () => {
  const env = { RANK: "0", WORLD_SIZE: "2", MASTER_ADDR: "127.0.0.1", MASTER_PORT: "1" };
  for (const timeout of [0, -1, 0.5, NaN, Infinity, 1e300, 2 ** 31]) {
    await assert.rejects(initProcessGroup({ env, timeout }), { ...USAGE, message: /timeout is/ }, String(timeout));
  }
  const join = (port: number, rank: number, size: number): unknown =>
    native.joinGroup("127.0.0.1", port, rank, size, false, "x", false, 1000);
  for (const [port, rank, size] of [
    [65536 + 80, 0, 2],
    [80, 2 ** 32, 2],
    [80, -1, 2],
    [80, 0, 2 ** 32 + 2],
    [80, 2, 2],
  ]) {
    assert.throws(() => join(port ?? 0, rank ?? 0, size ?? 0), { code: "USAGE" });
  }
});
