import assert from "node:assert/strict";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import {
  full,
  RandomStream,
  randn,
  scope,
  tensor,
  withThreads,
  type DType,
  type Tensor,
} from "../../src/torch/index.js";
import { int8Kernels, int8Linear, quantizeRows, type Int8Map } from "../../src/torch/int8.js";

/** Half to even, as the processor rounds. */
function rounded(value: number): number {
  const near = Math.round(value);
  return near - value === 0.5 && near % 2 !== 0 ? near - 1 : near;
}

const f32 = Math.fround;

/** What native/int8_kernels.h states, step by step. */
function plainRow(row: readonly number[]): { scale: number; bytes: number[] } {
  const most = Math.max(...row.map(Math.abs));
  if (most < 2 ** -100) return { scale: 0, bytes: row.map(() => 0) };
  const factor = f32(127 / most);
  return { scale: f32(most / 127), bytes: row.map((value) => rounded(f32(value * factor)) + 0) };
}

function rowsOf(matrix: Tensor): number[][] {
  const [rows = 0, width = 0] = matrix.shape;
  const all = matrix.toNumbers();
  return Array.from({ length: rows }, (_, r) => all.slice(r * width, (r + 1) * width));
}

function plainLinear(x: Tensor, weight: Tensor, scales: Tensor, bias: Tensor | null): number[] {
  const [maps, factors] = [rowsOf(weight), scales.toNumbers()];
  const added = bias?.toNumbers();
  return rowsOf(x).flatMap((row) => {
    const { scale, bytes } = plainRow(row);
    return maps.map((map, o) => {
      const sum = map.reduce((total, value, k) => total + value * (bytes[k] ?? NaN), 0);
      const y = f32(f32(sum) * f32(scale * (factors[o] ?? NaN)));
      return added ? f32(y + (added[o] ?? NaN)) : y;
    });
  });
}

interface Sizes {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
}

function draw({ rows, inputs, outputs }: Sizes, dtype: DType, bias: boolean): { x: Tensor; map: Int8Map } {
  return new RandomStream(rows + inputs + outputs).run(() => {
    const x = randn([rows, inputs]).mul(3).to(dtype);
    const { bytes, scales } = quantizeRows(randn([outputs, inputs]).to(dtype));
    return { x, map: { weight: bytes, scales, bias: bias ? randn([outputs]) : null } };
  });
}

const bytesOf = (y: Tensor): Buffer => Buffer.from(y.toArray().buffer);

/** Around the sizes of tiles (4 by 6, 4 by 3), vectors (64, 16) and blocks (66 rows, 64 outputs, 4096 inputs). */
const SIZES: readonly Sizes[] = [
  { rows: 1, inputs: 1, outputs: 1 },
  { rows: 7, inputs: 17, outputs: 5 },
  { rows: 1, inputs: 200, outputs: 66 },
  { rows: 67, inputs: 64, outputs: 71 },
  { rows: 141, inputs: 96, outputs: 130 },
  { rows: 3, inputs: 4096 + 4096 + 33, outputs: 9 },
];

for (const sizes of SIZES) {
  test(`${Object.values(sizes).join(" x ")}: every kernel gives the stated numbers, to the last bit`, () => {
    scope(() => {
      for (const bias of [false, true]) {
        const { x, map } = draw(sizes, "float32", bias);
        const expected = plainLinear(x, map.weight, map.scales, map.bias);
        for (const name of int8Kernels()) {
          assert.deepEqual(int8Linear(x, map, name).toNumbers(), expected, `${name}, bias ${bias}`);
        }
        assert.deepEqual(int8Linear(x, map).toNumbers(), expected);
      }
    });
  });
}

test("plain kernels and products of float32 are always there", () => {
  const names = int8Kernels();
  assert.ok(names.includes("plain") && names.includes("floats"));
});

test("the largest sums are exact", () => {
  scope(() => {
    // Of whole numbers that float32 does not hold: 127 * 127 * 4100 = 66,128,900, and one less.
    const x = full([9, 4100], 1);
    const weight = quantizeRows(full([2, 4100], -1)).bytes;
    scope(() => void weight.select(0, 1).narrow(0, 7, 1).fill_(-126));
    const map = { weight, scales: full([2], 127), bias: null };
    const sums = [-127 * 127 * 4100, -127 * 127 * 4100 + 127];
    const expected = Array.from({ length: 9 }, () => sums.map((sum) => f32(f32(sum) * f32(f32(1 / 127) * 127)))).flat();
    for (const name of int8Kernels()) assert.deepEqual(int8Linear(x, map, name).toNumbers(), expected, name);
  });
});

test("bytes, scales and rounding of a row are those stated; ties go to the even byte", () => {
  scope(() => {
    // 127 / 254 = 0.5: 1 and 3 lie between two bytes.
    const x = tensor([[254, 1, 3, -1, -3, -254]]);
    const { bytes, scales } = quantizeRows(x);
    assert.deepEqual(bytes.toNumbers(), [127, 0, 2, 0, -2, -127]);
    assert.deepEqual(scales.toNumbers(), [2]);
    const random = new RandomStream(3).run(() => randn([9, 77]));
    const found = quantizeRows(random);
    const rows = rowsOf(random).map(plainRow);
    assert.deepEqual(rowsOf(found.bytes), rows.map(({ bytes: row }) => row)); // prettier-ignore
    assert.deepEqual(found.scales.toNumbers(), rows.map(({ scale }) => scale)); // prettier-ignore
  });
});

test("bfloat16, float16 and float64 come back in their own dtype, rounded from float32 once", () => {
  scope(() => {
    for (const dtype of ["bfloat16", "float16", "float64"] as const) {
      const { x, map } = draw({ rows: 70, inputs: 80, outputs: 67 }, dtype, true);
      const wide = int8Linear(x.to("float32"), map).to(dtype);
      for (const name of [...int8Kernels(), undefined]) {
        const y = int8Linear(x, map, name);
        assert.equal(y.dtype, dtype);
        assert.ok(bytesOf(y).equals(bytesOf(wide)), `${dtype} by ${name ?? "the rule"}`);
      }
    }
  });
});

test("shapes before the last stay; strided and empty inputs are taken", () => {
  scope(() => {
    const { x, map } = draw({ rows: 12, inputs: 16, outputs: 8 }, "float32", true);
    const flat = int8Linear(x, map);
    assert.deepEqual(int8Linear(x.view(3, 4, 16), map).shape, [3, 4, 8]);
    const turned = x.t().contiguous().t();
    assert.deepEqual(int8Linear(turned, map).toNumbers(), flat.toNumbers());
    assert.deepEqual(int8Linear(x.narrow(0, 2, 0), map).shape, [0, 8]);
    assert.deepEqual(int8Linear(x.select(0, 3), map).toNumbers(), rowsOf(flat)[3]);
  });
});

test("a row with NaN or an infinity gives NaN, the other rows are as ever; zeros give the bias", () => {
  scope(() => {
    const { x, map } = draw({ rows: 4, inputs: 40, outputs: 6 }, "float32", true);
    const clean = rowsOf(int8Linear(x, map));
    x.narrow(0, 0, 1).narrow(1, 39, 1).fill_(NaN);
    x.narrow(0, 1, 1).narrow(1, 0, 1).fill_(-Infinity);
    x.narrow(0, 2, 1).fill_(1e-31);
    for (const name of int8Kernels()) {
      for (const dtype of ["float32", "bfloat16"] as const) {
        const [nan = [], infinite = [], zeros = [], fine = []] = rowsOf(int8Linear(x.to(dtype), map, name));
        assert.ok([...nan, ...infinite].every(Number.isNaN), name);
        const bias = map.bias as Tensor;
        assert.deepEqual(zeros, bias.to(dtype).toNumbers());
        if (dtype === "float32") assert.deepEqual(fine, clean[3]);
      }
    }
  });
});

test("the number of threads changes no bit", () => {
  scope(() => {
    const { x, map } = draw({ rows: 200, inputs: 128, outputs: 300 }, "bfloat16", true);
    const one = withThreads(1, () => int8Linear(x, map));
    for (const threads of [2, 3]) {
      assert.ok(bytesOf(withThreads(threads, () => int8Linear(x, map))).equals(bytesOf(one)));
    }
  });
});

test("what does not fit is refused by name", () => {
  scope(() => {
    const { x, map } = draw({ rows: 2, inputs: 8, outputs: 4 }, "float32", false);
    const refused = (work: () => unknown, what: RegExp): void => {
      assert.throws(work, (error) => isRocError(error) && error.code === "USAGE" && what.test(error.message));
    };
    refused(() => int8Linear(x.narrow(1, 0, 7), map), /x is float32\[2, 7\] on cpu; give \[\.\.\., 8\]/);
    refused(() => int8Linear(x, { ...map, weight: x }), /the weight is float32\[2, 8\]; give int8/);
    refused(
      () => int8Linear(x, { ...map, scales: map.scales.narrow(0, 0, 3) }),
      /the scales are float32\[3\]; give float32 \[4\]/,
    );
    refused(() => int8Linear(x, { ...map, bias: x.select(0, 0) }), /the bias is \[8\]; give \[4\]/);
    refused(() => int8Linear(x.requiresGrad_(), map), /no gradient/);
    refused(() => int8Linear(x.detach(), map, "fast"), /no kernels called fast/);
    refused(() => quantizeRows(map.weight), /matrix of floating-point numbers/);
  });
});
