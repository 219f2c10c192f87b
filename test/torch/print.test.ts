/** Tensors show their values: as PyTorch prints them, whatever they are, and at no cost. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { inspect } from "node:util";
import { aten, arange, inferenceMode, liveTensors, randn, scope, tensor, zeros } from "../../src/torch/index.js";
import type { DType, Tensor } from "../../src/torch/index.js";

/** See make-printed.py. */
interface Printed {
  readonly dtype: string;
  readonly shape: number[];
  /** Absent: an arange. Numbers that JSON has none for, or not exactly, are strings. */
  readonly values?: (Value | Value[])[];
  readonly text: string;
}
type Value = number | string | boolean;

const CASES = JSON.parse(
  readFileSync(new URL("../../../test/fixtures/torch/printed.json", import.meta.url), "utf8"),
) as Printed[];

function valueOf(value: Value | Value[] | undefined): number | bigint | boolean {
  if (typeof value !== "string") return value as number | boolean;
  if (/^-?\d+$/.test(value)) return BigInt(value);
  return value === "nan" ? NaN : value === "inf" ? Infinity : -Infinity;
}

function made({ dtype, shape, values }: Printed): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  if (values === undefined) return arange(0, count, { dtype: dtype as DType }).reshape(...shape);
  if (!dtype.startsWith("complex")) return tensor(values.map(valueOf), { dtype: dtype as DType }).reshape(...shape);
  const [real, imaginary] = [0, 1].map((part) =>
    tensor(
      values.map((pair) => valueOf((pair as Value[])[part])),
      { dtype: dtype === "complex64" ? "float32" : "float64" },
    ),
  ) as [Tensor, Tensor];
  return aten("complex")(real, imaginary).reshape(...shape);
}

/** What follows the first line's brackets. */
function valuesOf(text: string): string {
  return text.replace(/^Tensor\(.*\)\s/, "");
}

test("values are printed as PyTorch 2.13 prints them", () => {
  for (const given of CASES) {
    const text = scope(() => inspect(made(given)));
    const expected = given.text.replaceAll("True", "true").replaceAll("False", "false");
    // PyTorch does not count an infinity's letters as a column's width.
    const plain = (table: string): string => (/inf/.test(given.text) ? table.replaceAll(/ +/g, " ") : table);
    assert.equal(plain(valuesOf(text)), plain(expected), `${given.dtype}[${given.shape.join(", ")}]`);
  }
});

test("the first line says dtype, shape, device and whether it requires a gradient", () => {
  scope(() => {
    assert.equal(inspect(tensor([1, 2.5])), "Tensor(float32[2], cpu) [1.0000, 2.5000]");
    assert.equal(inspect(zeros([1, 2], { requiresGrad: true })), "Tensor(float32[1, 2], cpu, requiresGrad) [[0., 0.]]");
    assert.equal(inspect(tensor(3, { dtype: "int64" })), "Tensor(int64[], cpu) 3");
    assert.equal(inspect(tensor([[true, false]], { dtype: "bool" })), "Tensor(bool[1, 2], cpu) [[ true, false]]");
    assert.equal(inspect(zeros([0, 3])), "Tensor(float32[0, 3], cpu) []");
    assert.equal(inspect(tensor([-(2n ** 63n)], { dtype: "int64" })), "Tensor(int64[1], cpu) [-9223372036854775808]");
    assert.equal(inspect(aten("empty.memory_format")([2], { device: "meta" })), "Tensor(float32[2], meta) ...");
    assert.equal(
      inspect(
        tensor([
          [1, 2],
          [3, 4],
        ]).t(),
      ),
      "Tensor(float32[2, 2], cpu)\n[[1., 3.],\n [2., 4.]]",
    );
  });
});

test("the example of docs/library.md prints what is below it", () => {
  const page = readFileSync(new URL("../../../docs/library.md", import.meta.url), "utf8");
  const [, code = "", output = ""] =
    /## Tensors on the console[^]*?```ts\n([^]*?)```\n\n```\n([^]*?)```/.exec(page) ?? assert.fail("no example");
  const program = code
    .replace('"roc4mllm"', JSON.stringify(new URL("../../src/index.js", import.meta.url).href))
    // Node 20 does not know the keyword.
    .replaceAll(/^using /gm, "const ");
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  assert.deepEqual([stdout, stderr], [output, ""]);
});

test("a disposed tensor says so", () => {
  const gone = tensor([1]);
  gone.dispose();
  assert.equal(inspect(gone), "Tensor(disposed)");
  assert.equal(inspect({ gone }), "{ gone: Tensor(disposed) }");
});

test("within other objects lines are indented, and deep down there is the first line alone", () => {
  scope(() => {
    const table = tensor([
      [1, 2],
      [3, 4],
    ]);
    const lines = inspect({ weights: { table } }).split("\n");
    assert.deepEqual(
      lines.filter((line) => line.includes("[3., 4.]")).map((line) => line.indexOf("[3., 4.]")),
      [5],
    );
    assert.match(inspect({ a: { b: { c: { table } } } }, { depth: 2 }), /table: Tensor|\[Object\]/);
    assert.equal(inspect(table, { depth: -1 }), "Tensor(float32[2, 2], cpu)");
  });
});

test("printing leaves no tensor behind, inside and outside of scopes and modes", () => {
  const x = randn([50, 60]);
  const before = liveTensors();
  inspect(x);
  scope(() => inspect(x));
  inferenceMode(() => inspect(x));
  assert.equal(liveTensors(), before);
  x.requiresGrad_();
  inspect(x);
  assert.equal(x.requiresGrad, true);
  x.dispose();
});

test("of a large tensor the shown elements alone are read", () => {
  scope(() => {
    // 8 TB if it were copied; its one element is shown many times.
    const large = zeros([1]).fill_(7).expand(1_000_000, 2_000_000);
    assert.match(
      inspect(large),
      /^Tensor\(float32\[1000000, 2000000\], cpu\)\n\[\[7., 7., 7., {2}\.\.\., 7., 7., 7.\],\n/,
    );
    const deep = zeros([1]).expand(...Array.from({ length: 20 }, () => 7));
    assert.ok(inspect(deep).length < 100_000);
    const twos = zeros([1]).expand(...Array.from({ length: 40 }, () => 2));
    assert.ok(inspect(twos).length < 100_000);
  });
});

test("what cannot be read does not throw", () => {
  scope(() => {
    const sparse = aten("to_sparse")(tensor([[0, 1]]));
    assert.match(inspect(sparse), /^Tensor\(/);
    const foreign = Object.assign(Object.create(Object.getPrototypeOf(sparse) as object) as Tensor, { handle: NaN });
    assert.equal(inspect(foreign), "Tensor(disposed)");
    assert.match(inspect(Object.getPrototypeOf(sparse)), /Tensor/);
  });
});
