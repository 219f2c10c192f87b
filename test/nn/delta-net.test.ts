/** Gated DeltaNet against itself: chunks are steps, whatever the length, with and without padding, and states are kept. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { GatedDeltaNet, type DeltaPass } from "../../src/nn/delta-net.js";
import { LayerStates } from "../../src/nn/layer-states.js";
import { paddingOf } from "../../src/nn/padding.js";
import { Params, randomSource } from "../../src/nn/index.js";
import { backward, cat, liveTensors, manualSeed, noGrad, randn, scope, tensor, type DType, type Tensor } from "../../src/torch/index.js"; // prettier-ignore
import { difference } from "../models/support.js";

const alive = liveTensors();
const HIDDEN = 8;
const CONFIG = { keyHeads: 2, valueHeads: 4, keyDim: 6, valueDim: 5, kernel: 4 };

/** In float64, an error of the algebra is far above rounding. */
const EXACT = 1e-12;

const parameters: Map<string, Tensor>[] = [];
after(() => {
  for (const one of parameters.flatMap((map) => [...map.values()])) one.dispose();
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

function netOf(dtype: DType): { net: GatedDeltaNet; tensors: Map<string, Tensor> } {
  const params = new Params(randomSource({ seed: 3, dtype }));
  const net = new GatedDeltaNet(params, HIDDEN, CONFIG, 0, { eps: 1e-6, init: { std: 0.3 } });
  parameters.push(params.tensors);
  return { net, tensors: params.tensors };
}

const { net, tensors } = netOf("float64");

function input(batch: number, T: number): Tensor {
  manualSeed(T);
  return randn([batch, T, HIDDEN], { dtype: "float64" });
}

/** One forward of `x`, of a sequence's beginning or behind `states`. */
function run(x: Tensor, more: Partial<DeltaPass> & { readonly mask?: Tensor } = {}): Tensor {
  const { mask, ...pass } = more;
  const shape = [x.size(0), x.size(1)] as const;
  const continues = pass.states?.isEmpty === false;
  const place = { cached: pass.states !== undefined, continues, dtype: x.dtype, device: "cpu" };
  const padding = paddingOf(mask, place);
  return net.forward(x, { states: undefined, padding, mark: undefined, ...pass, shape }, (y) => y);
}

/** Token by token. */
function steps(x: Tensor, states = new LayerStates()): Tensor {
  const outputs = Array.from({ length: x.size(1) }, (_, t) => run(x.narrow(1, t, 1), { states }));
  states.dispose();
  return cat(outputs, 1);
}

function check(body: () => void): void {
  noGrad(() => scope(body));
}

describe("Gated DeltaNet", () => {
  for (const T of [1, 2, 3, 63, 64, 65, 127, 128, 129, 200]) {
    test(`a forward of ${T} tokens equals as many steps`, () =>
      check(() => {
        const x = input(2, T);
        assert.ok(difference(run(x), steps(x)) < EXACT);
      }));
  }

  test("a sequence in pieces of any length, marked or not, equals one forward", () =>
    check(() => {
      const x = input(2, 200);
      const whole = run(x);
      for (const [cuts, mark] of [
        [[64, 136], undefined],
        [[64, 64, 72], 64],
        [[70, 1, 1, 65, 63], 30],
        [[1, 199], 128],
      ] as const) {
        using states = disposable();
        let start = 0;
        const pieces = cuts.map((length) => {
          start += length;
          return run(x.narrow(1, start - length, length), { states, mark });
        });
        assert.ok(difference(cat(pieces, 1), whole) < EXACT, cuts.join());
      }
    }));

  test("padding: rows of a batch are as alone, and continue so behind it on either side", () =>
    check(() => {
      const [T, more] = [70, 5];
      const counts = [70, 41, 2];
      const x = input(3, T + more);
      for (const side of ["left", "right"] as const) {
        const mask = tensor(counts.map((count) => Array.from({ length: T }, (_, t) => Number(side === "right" ? t < count : t >= T - count)))); // prettier-ignore
        using states = disposable();
        const outputs = [run(x.narrow(1, 0, T), { states, mask }), run(x.narrow(1, T, more), { states })];
        const plain = run(x.narrow(1, 0, T), { mask });
        counts.forEach((count, b) => {
          const first = side === "right" ? 0 : T - count;
          const own = x.narrow(0, b, 1);
          const alone = run(cat([own.narrow(1, first, count), own.narrow(1, T, more)], 1));
          const real = [outputs[0]?.select(0, b).narrow(0, first, count), outputs[1]?.select(0, b)] as [Tensor, Tensor];
          assert.ok(difference(cat(real), alone.squeeze(0)) < EXACT, `${side}, row ${b}`);
          assert.ok(difference(plain.select(0, b).narrow(0, first, count), alone.squeeze(0).narrow(0, 0, count)) < EXACT); // prettier-ignore
        });
      }
    }));

  test("padding behind a state, on the left and in the middle, changes nothing", () =>
    check(() => {
      const x = input(2, 20);
      for (const row of [
        [0, 0, 0, 1, 1, 1],
        [1, 0, 1, 0, 0, 1],
        [0, 0, 0, 0, 0, 0],
      ]) {
        using states = disposable();
        const mask = tensor([row, [1, 1, 1, 1, 1, 1]]);
        const parts = [run(x.narrow(1, 0, 10), { states }), run(x.narrow(1, 10, 6), { states, mask }), run(x.narrow(1, 16, 4), { states })]; // prettier-ignore
        const found = cat(parts, 1).select(0, 0);
        const real = [...Array(10).keys(), ...row.flatMap((one, t) => (one ? [10 + t] : [])), 16, 17, 18, 19];
        const index = tensor(real, { dtype: "int64" });
        const alone = run(x.narrow(0, 0, 1).indexSelect(1, index)).squeeze(0);
        assert.ok(difference(found.indexSelect(0, index), alone) < EXACT, row.join());
      }
    }));

  test("states are kept at marks and at the ends of pieces, not at steps, and are as then", () =>
    check(() => {
      const x = input(1, 100);
      using states = disposable();
      const read = (start: number, length: number, mark?: number): Tensor => {
        const output = run(x.narrow(1, start, length), { states, mark });
        states.end(start + length, mark === undefined ? undefined : start + mark);
        return output;
      };
      read(0, 80, 70);
      read(80, 10);
      const wanted = cat([read(90, 1), read(91, 1)], 1);
      assert.deepEqual(states.lengths, [90, 80, 70]);
      assert.throws(() => states.rewind(75), { code: "USAGE", message: /one of 0, 90, 80, 70/ });
      states.rewind(90);
      assert.ok(difference(cat([read(90, 1), read(91, 1)], 1), wanted) === 0, "a step did not write into it");
      states.rewind(70);
      assert.deepEqual(states.lengths, [70]);
      const again = cat([read(70, 20), read(90, 2)], 1);
      assert.ok(difference(again, run(x).slice(1, 70, 92)) < EXACT);
    }));

  test("gradients of chunks are those of steps; states of a fixed size", () => {
    const own = [...tensors.values()];
    for (const one of own) one.requiresGrad_();
    scope(() => {
      const x = input(2, 130);
      const weights = input(2, 130);
      const gradients = (output: Tensor): Tensor[] => {
        backward(output.mul(weights).sum());
        const found = own.map(({ grad }) => (grad as Tensor).clone());
        for (const one of own) one.zeroGrad();
        return found;
      };
      const [chunks, single] = [gradients(run(x)), gradients(steps(x))];
      [...tensors.keys()].forEach((name, i) => {
        const [a, b] = [chunks[i], single[i]] as [Tensor, Tensor];
        assert.ok(b.abs().max().item() > 1e-3, `${name} takes part`);
        assert.ok(difference(a, b) < 1e-9 * b.abs().max().item(), `${name}: ${difference(a, b)}`);
      });
    });
    for (const one of own) one.requiresGrad_(false);
  });
});

/** States that are freed at the end of a block. */
function disposable(): LayerStates & Disposable {
  const states = new LayerStates();
  return Object.assign(states, { [Symbol.dispose]: () => states.dispose() });
}
