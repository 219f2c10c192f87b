import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { RocError } from "../../src/errors.js";
import {
  Tensor,
  arange,
  aten,
  autocast,
  cat,
  fromTypedArray,
  full,
  gradients,
  inferenceMode,
  keep,
  liveTensors,
  manualSeed,
  noGrad,
  operator,
  randn,
  scope,
  stack,
  tensor,
  zeros,
} from "../../src/torch/index.js";

let alive = liveTensors();
afterEach(() => {
  assert.equal(liveTensors(), alive, "a test left tensors behind");
  alive = liveTensors();
});

/** The RocError that `body` throws. */
function thrown(body: () => unknown): RocError {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof RocError, String(error));
    return error;
  }
  return assert.fail("nothing was thrown");
}

test("an operator is callable by name and overload, with keyword-only arguments last", () => {
  scope(() => {
    const a = tensor([1, 2, 3]);
    assert.deepEqual(aten("add.Tensor")(a, a, { alpha: 3 }).toNumbers(), [4, 8, 12]);
    assert.deepEqual(
      aten("sum.dim_IntList")(
        tensor([
          [1, 2],
          [3, 4],
        ]),
        [1],
        false,
        { dtype: "float64" },
      ).dtype,
      "float64",
    );
    assert.equal(String(operator("aten::mul.Scalar")(a, 2)), "Tensor(float32[3], cpu)");
  });
});

test("results of every kind come back: tuples, lists, numbers, booleans, in place", () => {
  scope(() => {
    const a = tensor([3, 1, 2]);
    const [values, indices] = aten("topk")(a, 2);
    assert.deepEqual([values.toNumbers(), indices.toNumbers(), indices.dtype], [[3, 2], [0, 2], "int64"]);
    assert.deepEqual(
      aten("split.Tensor")(a, 2).map((part) => part.toNumbers()),
      [[3, 1], [2]],
    );
    assert.equal(aten("size.int")(a, 0), 3);
    assert.equal(aten("equal")(a, a), true);
    assert.equal(a.add_(1), a);
    assert.deepEqual(a.toNumbers(), [4, 2, 3]);
    const index = aten("index.Tensor")(
      tensor([
        [1, 2],
        [3, 4],
      ]),
      [null, tensor([1], { dtype: "int64" })],
    );
    assert.deepEqual(index.toNumbers(), [2, 4]);
  });
});

test("every dtype goes in and out bit by bit", () => {
  scope(() => {
    const cases = [
      new Float32Array([0.1, -2]),
      new Float64Array([0.1, -2]),
      new BigInt64Array([-(2n ** 62n), 5n]),
      new Int32Array([-7, 8]),
      new Int16Array([-7, 8]),
      new Int8Array([-7, 8]),
      new Uint8Array([0, 255]),
    ];
    for (const array of cases) assert.deepEqual(fromTypedArray(array, [2]).toArray(), array);
    const bits = new Uint16Array([0x3f80, 0xc000]);
    const half = fromTypedArray(bits, [2], { dtype: "bfloat16" });
    assert.deepEqual([half.dtype, half.toArray(), half.toNumbers()], ["bfloat16", bits, [1, -2]]);
    assert.equal(fromTypedArray(new Uint8Array([0, 1]), [2], { dtype: "bool" }).dtype, "bool");
    assert.deepEqual(fromTypedArray(new Float32Array(0), [0, 3]).shape, [0, 3]);
  });
});

test("a view of a larger buffer is read from its own offset", () => {
  scope(() => {
    const buffer = new Float32Array([1, 2, 3, 4]);
    assert.deepEqual(fromTypedArray(buffer.subarray(2), [2]).toNumbers(), [3, 4]);
    assert.deepEqual(
      tensor([
        [1, 2],
        [3, 4],
      ])
        .t()
        .toNumbers(),
      [1, 3, 2, 4],
    );
  });
});

test("numbers keep integer tensors integer and make float tensors of nothing else", () => {
  scope(() => {
    const ints = arange(0, 3);
    assert.equal(ints.mul(2).dtype, "int64");
    assert.equal(ints.mul(0.5).dtype, "float32");
    assert.deepEqual(full([2], 7, { dtype: "int32" }).toArray(), new Int32Array([7, 7]));
  });
});

test("cat, stack, where, slices", () => {
  scope(() => {
    const a = tensor([1, 2]);
    assert.deepEqual(cat([a, a]).toNumbers(), [1, 2, 1, 2]);
    assert.deepEqual(stack([a, a], 1).toNumbers(), [1, 1, 2, 2]);
    assert.deepEqual(a.where(a.gt(1), zeros([2])).toNumbers(), [0, 2]);
    assert.deepEqual(arange(0, 6).slice(0, 1, undefined, 2).toNumbers(), [1, 3, 5]);
  });
});

test("an error of libtorch names the operator and the shapes and has the JavaScript stack", () => {
  scope(() => {
    const error = thrown(() => tensor([1, 2, 3]).matmul(zeros([2, 2])));
    assert.equal(error.code, "TORCH");
    assert.match(error.message, /aten::matmul\(float32\[3\], float32\[2, 2\]\)/);
    assert.match(error.stack ?? "", /torch\/tensor\.test/);
  });
});

test("wrong arguments are errors that name the argument", () => {
  scope(() => {
    const a = tensor([1]);
    assert.match(thrown(() => operator("aten::add.Tensor")(a)).message, /'other'/);
    assert.match(thrown(() => operator("aten::add.Tensor")(a, a, { beta: 1 })).message, /beta/);
    assert.match(thrown(() => operator("aten::add.Tensor")(a, "x")).message, /'other' of type Tensor/);
    assert.match(thrown(() => operator("aten::narrow")(a, 0, 0.5, 1)).message, /integer/);
    assert.match(thrown(() => operator("aten::no_such_thing")).message, /no operator aten::no_such_thing/);
    assert.match(thrown(() => fromTypedArray(new Float32Array(3), [2, 2])).message, /needs 16 bytes and received 12/);
    assert.match(thrown(() => fromTypedArray(new Float32Array(3), [-1, 2])).message, /negative/);
  });
});

test("a disposed tensor is an error and never another tensor", () => {
  const a = tensor([1]);
  const { handle } = a;
  a.dispose();
  a.dispose();
  assert.equal(a.isDisposed, true);
  const b = tensor([2]);
  assert.notEqual(b.handle, handle, "the slot is used again under another generation");
  assert.equal(thrown(() => a.add(1)).code, "TENSOR_DISPOSED");
  assert.equal(thrown(() => a.shape).code, "TENSOR_DISPOSED");
  for (const bad of [0, -1, NaN, 1e300, 2 ** 53]) assert.equal(new Foreign(bad).isDisposed, true);
  b.dispose();
});

/** A handle that no tensor has. */
class Foreign {
  readonly #tensor: Tensor;
  constructor(handle: number) {
    this.#tensor = Object.assign(Object.create(Tensor.prototype) as Tensor, { handle });
  }
  get isDisposed(): boolean {
    return this.#tensor.isDisposed;
  }
}

test("a scope frees what was made inside except what it returns", () => {
  let lost: Tensor | undefined;
  const kept: Tensor[] = [];
  const result = scope(() => {
    lost = tensor([1]);
    kept.push(keep(tensor([5])));
    const inner = scope(() => ({ deep: [lost?.add(1)], map: new Map([["k", tensor([3])]]) }));
    assert.equal(inner.map.get("k")?.item(), 3);
    return inner.deep;
  });
  assert.equal(lost?.isDisposed, true);
  assert.equal(result[0]?.item(), 2);
  assert.equal(kept[0]?.item(), 5);
  result[0]?.dispose();
  kept[0]?.dispose();
});

test("a scope that throws or returns a promise frees everything", () => {
  const before = liveTensors();
  assert.throws(() =>
    scope(() => {
      tensor([1]);
      throw new Error("x");
    }),
  );
  assert.equal(thrown(() => scope(() => Promise.resolve(tensor([1])))).code, "USAGE");
  assert.equal(liveTensors(), before);
});

test("dispose inside a scope, then reuse of the slot in the same scope, frees once", () => {
  scope(() => {
    const a = tensor([1]);
    a.dispose();
    const b = tensor([2]);
    assert.equal(b.item(), 2);
  });
});

test("gradients of leaves equal finite differences", () => {
  scope(() => {
    manualSeed(1);
    const w = randn([4, 3], { dtype: "float64" }).requiresGrad_();
    const x = randn([3, 5], { dtype: "float64" });
    const f = (weight: Tensor): Tensor => weight.matmul(x).tanh().pow(2).sum();
    f(w).backward();
    const analytic = w.grad?.toNumbers() ?? [];
    const h = 1e-6;
    for (let i = 0; i < 12; i++) {
      const shift = zeros([12], { dtype: "float64" });
      shift.select(0, i).fill_(h);
      const step = shift.view(4, 3);
      const numeric = noGrad(() => (f(w.add(step)).item() - f(w.sub(step)).item()) / (2 * h));
      assert.ok(Math.abs(numeric - (analytic[i] ?? NaN)) < 1e-7);
    }
    const [again, unused] = gradients([f(w)], [w, zeros([1], { requiresGrad: true })]);
    assert.deepEqual(again?.toNumbers(), analytic);
    assert.equal(unused, null);
    w.zeroGrad();
    assert.equal(w.grad, null);
  });
});

test("grad modes nest and end with their function, also by a throw", () => {
  scope(() => {
    const w = zeros([1], { requiresGrad: true });
    assert.equal(noGrad(() => w.add(1)).requiresGrad, false);
    assert.throws(() => noGrad(() => assert.fail("x")));
    assert.equal(w.add(1).requiresGrad, true);
    assert.equal(inferenceMode(() => w.add(1)).requiresGrad, false);
    assert.equal(w.add(1).requiresGrad, true);
  });
});

test("autocast computes products in bfloat16 and ends", () => {
  scope(() => {
    const a = randn([4, 4]);
    assert.equal(autocast({ device: "cpu", dtype: "bfloat16" }, () => a.matmul(a)).dtype, "bfloat16");
    assert.equal(a.matmul(a).dtype, "float32");
  });
});

test("the same seed gives the same random tensors", () => {
  scope(() => {
    const draw = (): number[] => {
      manualSeed(7);
      return randn([5]).toNumbers();
    };
    assert.deepEqual(draw(), draw());
  });
});
