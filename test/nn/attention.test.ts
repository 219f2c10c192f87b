/** Position ids and masks in padded batches, as in transformers 5.18, right padding included. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { attention, forEveryHead, placeTokens, SEES_ALL, type Visibility } from "../../src/nn/attention.js";
import { liveTensors, manualSeed, randn, scope, tensor, type DType, type Tensor } from "../../src/torch/index.js";

after(() => assert.equal(liveTensors(), 0));

const HERE = { dtype: "float32", device: "cpu" } as const;
const NOTHING = { length: 0, real: null };

/** Positions, and the keys that each query sees. */
function placed(rows: readonly (readonly number[])[]): { positions: number[]; seen: number[][][] } {
  return scope(() => {
    const mask = tensor(rows, { dtype: "int64" });
    const [batch = 0, T = 0] = mask.shape;
    const { positions, mask: added } = placeTokens([batch, T], mask, NOTHING, HERE);
    assert.ok(added);
    assert.deepEqual(added.shape, [batch, 1, T, T]);
    const values = added.toNumbers();
    const row = (b: number, query: number): number[] => {
      const keys = values.slice((b * T + query) * T, (b * T + query + 1) * T);
      return keys.flatMap((value, key) => (value === 0 ? [key] : []));
    };
    const seen = Array.from({ length: batch }, (_, b) => Array.from({ length: T }, (_, query) => row(b, query)));
    return { positions: positions.toNumbers(), seen };
  });
}

test("right padding continues the position ids and sees the text; left padding sees itself", () => {
  const { positions, seen } = placed([
    [1, 1, 0, 0],
    [0, 0, 1, 1],
  ]);
  assert.deepEqual(positions, [0, 1, 2, 3, 0, 0, 0, 1]);
  assert.deepEqual(seen, [
    [[0], [0, 1], [0, 1], [0, 1]],
    [[0], [1], [2], [2, 3]],
  ]);
});

test("a row of padding only still sees a key", () => {
  const { positions, seen } = placed([
    [0, 0],
    [1, 1],
  ]);
  assert.deepEqual(positions, [0, 0, 0, 1]);
  assert.deepEqual(seen[0], [[0], [1]]);
});

/**
 * Rounding to bfloat16 changes a number by a relative 2^-8 at most. From input to gradient there are 8 (scores, weights,
 * output, its gradient, and those of v, the weights, the scores, q or k); three times the square root of their number
 * covers the worst of some hundred: sums are rounded in float32 only.
 */
const BFLOAT16_ERROR = 3 * Math.sqrt(8) * 2 ** -8;

/** Attention over the same numbers in another type: its output, and the gradients of q, k and v. */
function attended(parts: readonly Tensor[], dtype: DType, sees: Visibility, grouped: boolean): Tensor[] {
  const leaves = parts.map((part) => part.to(dtype).detach().clone().requiresGrad_());
  const [q, k, v] = leaves as [Tensor, Tensor, Tensor];
  const hidden = sees.mask ? { ...sees, mask: sees.mask.to(dtype) } : sees;
  const output = attention(q, k, v, hidden, grouped);
  output.to("float32").pow(2).sum().backward();
  return [output, ...leaves.map(({ grad }) => grad as Tensor)].map((x) => x.to("float32"));
}

const padding = (): Visibility => {
  const mask = tensor([[1, 1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1, 1]], { dtype: "int64" }); // prettier-ignore
  return placeTokens([2, 7], mask, NOTHING, HERE);
};

for (const [name, keys, groups, sees] of [
  ["causal", 7, 4, (): Visibility => ({ mask: null, causal: true })],
  ["grouped and causal", 7, 2, (): Visibility => ({ mask: null, causal: true })],
  ["grouped and padded", 7, 2, padding],
  ["over other keys", 11, 4, (): Visibility => SEES_ALL],
] as const) {
  test(`bfloat16 on a CPU, ${name}: what float32 gives, to bfloat16's precision`, () => {
    scope(() => {
      manualSeed(5);
      const shape = (heads: number, rows: number): Tensor => randn([2, heads, rows, 16]).to("bfloat16").to("float32");
      const parts = [shape(4, 7), shape(groups, keys), shape(groups, keys)];
      const wide = attended(parts, "float32", sees(), groups !== 4);
      const narrow = attended(parts, "bfloat16", sees(), groups !== 4);
      for (const [i, x] of narrow.entries()) {
        const difference = x
          .sub(wide[i] as Tensor)
          .abs()
          .max()
          .item();
        const size = (wide[i] as Tensor).abs().max().item();
        assert.ok(difference > 0 && difference < BFLOAT16_ERROR * size, `${i}: ${difference} of ${size}`);
      }
    });
  });
}

/** Two sequences of 350 tokens, the second padded on the left or, like the first's end, on the right: several blocks. */
const padded = (): Visibility => {
  const row = (from: number, to: number): number[] => Array.from({ length: 350 }, (_, i) => +(i >= from && i < to));
  return placeTokens([2, 350], tensor([row(0, 340), row(170, 350)], { dtype: "int64" }), NOTHING, HERE);
};

for (const [name, keys, groups, sees] of [
  ["causal", 350, 12, (): Visibility => ({ mask: null, causal: true })],
  ["grouped and causal", 350, 3, (): Visibility => ({ mask: null, causal: true })],
  ["grouped and padded", 350, 3, padded],
  ["padded", 350, 12, padded],
  ["over other keys", 40, 12, (): Visibility => SEES_ALL],
] as const) {
  test(`bfloat16 on a CPU in blocks, ${name}: what float32 gives, to bfloat16's precision`, () =>
    scope(() => {
      manualSeed(6);
      const shape = (heads: number, rows: number): Tensor => randn([2, rows, heads, 16]).to("bfloat16").transpose(1, 2);
      const parts = [shape(12, 350), shape(groups, keys), shape(groups, keys)] as const;
      const [wide, narrow] = (["float32", "bfloat16"] as const).map((dtype) => {
        const [q, k, v] = parts.map((part) => part.to(dtype)) as [Tensor, Tensor, Tensor];
        const { mask, causal } = sees();
        return attention(q, k, v, { mask: mask && mask.to(dtype), causal }, groups !== 12).to("float32");
      }) as [Tensor, Tensor];
      const difference = narrow.sub(wide).abs().max().item();
      const size = wide.abs().max().item();
      assert.ok(difference > 0 && difference < BFLOAT16_ERROR * size, `${difference} of ${size}`);
    }));
}

test("keys and values repeated for every head give what groups of heads give", () =>
  scope(() => {
    manualSeed(3);
    const [q, k, v] = [randn([2, 6, 5, 8]), randn([2, 3, 5, 8]), randn([2, 3, 5, 8])];
    const { mask } = placeTokens([2, 5], tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]], { dtype: "int64" }), NOTHING, HERE); // prettier-ignore
    const grouped = attention(q, k, v, { mask, causal: false }, true);
    const repeated = attention(q, forEveryHead(k, 6), forEveryHead(v, 6), { mask, causal: false }, false);
    assert.deepEqual(repeated.toNumbers(), grouped.toNumbers());
  }));
