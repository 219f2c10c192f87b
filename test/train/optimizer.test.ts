import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock, test } from "node:test";
import { clipGradients } from "../../src/train/optim/clip.js";
import { decayGroups, RuleOptimizer, type SliceOptions } from "../../src/train/optim/optimizer.js";
import { adamW } from "../../src/train/optim/rules.js";
import { learningRateAt, SCHEDULES, type ScheduleKind } from "../../src/train/optim/schedule.js";
import {
  fromTypedArray,
  liveTensors,
  manualSeed,
  noGrad,
  randn,
  scope,
  tensor,
  Tensor,
} from "../../src/torch/index.js";
import { fixture } from "../support.js";

type Numbers = Record<string, number[]>;
interface Reference {
  settings: { peak: number; warmup: number; total: number; weightDecay: number; betas: [number, number] };
  maxNorm: number;
  shapes: Numbers;
  adamw: { initial: Numbers; gradients: Numbers[]; norms: number[]; final: Numbers };
  schedules: Record<ScheduleKind, number[]>;
}
const reference = JSON.parse(readFileSync(fixture("train/optimizer.json"), "utf8")) as Reference;
const { settings, adamw, shapes } = reference;

function filled(name: string, values: number[] | undefined): Tensor {
  return fromTypedArray(Float32Array.from(values ?? []), shapes[name] ?? []);
}

function worst(actual: Iterable<number>, expected: readonly number[]): number {
  return Math.max(...[...actual].map((value, i) => Math.abs(value - (expected[i] ?? NaN))));
}

function rateAt(step: number, kind: ScheduleKind = "cosine"): number {
  return learningRateAt(step, { kind, peak: settings.peak, warmup: settings.warmup, total: settings.total });
}

function makeParameters(): Map<string, Tensor> {
  const names = Object.keys(adamw.initial);
  return new Map(names.map((name) => [name, filled(name, adamw.initial[name]).requiresGrad_()]));
}

/** Optimizer steps `from` to `to` of the reference run. */
function advance(parameters: Map<string, Tensor>, optimizer: RuleOptimizer, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    optimizer.zeroGrad();
    for (const [name, values] of Object.entries(adamw.gradients[step] ?? {})) {
      const parameter = parameters.get(name);
      assert.ok(parameter);
      scope(() => {
        parameter.grad = filled(name, values);
      });
    }
    const norm = clipGradients(parameters.values(), reference.maxNorm);
    assert.ok(Math.abs(norm - (adamw.norms[step] ?? NaN)) < 1e-5, `norm of step ${step}`);
    optimizer.step(rateAt(step));
  }
}

function makeOptimizer(parameters: Map<string, Tensor>): RuleOptimizer {
  return new RuleOptimizer(decayGroups(parameters, settings.weightDecay), adamW({ betas: settings.betas }));
}

test("schedules give transformers' learning rates", () => {
  for (const kind of SCHEDULES) {
    const rates = reference.schedules[kind].map((_, step) => rateAt(step, kind));
    assert.ok(worst(rates, reference.schedules[kind]) < 1e-15, kind);
  }
  const floored = learningRateAt(100, { kind: "cosine", peak: 1, warmup: 0, total: 100, floor: 0.1 });
  assert.ok(Math.abs(floored - 0.1) < 1e-15);
});

test("20 clipped AdamW steps equal torch.optim.AdamW to 1e-6, without leaving tensors behind", () => {
  const before = liveTensors();
  const parameters = makeParameters();
  const optimizer = makeOptimizer(parameters);
  advance(parameters, optimizer, 0, settings.total);
  for (const [name, parameter] of parameters) {
    assert.ok(worst(parameter.toFloat32Array(), adamw.final[name] ?? []) < 1e-6, name);
  }
  optimizer.zeroGrad();
  optimizer.dispose();
  for (const parameter of parameters.values()) parameter.dispose();
  assert.equal(liveTensors(), before);
});

test("an optimizer restored from its state continues bit for bit", () => {
  const [a, b] = [makeParameters(), makeParameters()];
  const [first, second] = [makeOptimizer(a), makeOptimizer(b)];
  advance(a, first, 0, 9);
  for (const [name, parameter] of b) noGrad(() => parameter.copy_(a.get(name) as Tensor));
  second.restore(first.state());
  advance(a, first, 9, settings.total);
  advance(b, second, 9, settings.total);
  for (const [name, parameter] of a) assert.deepEqual(parameter.toArray(), b.get(name)?.toArray(), name);
});

test("bfloat16 parameters are stepped on float32 master weights", () => {
  const parameter = tensor([1, 1], { dtype: "bfloat16" }).requiresGrad_();
  const optimizer = new RuleOptimizer(decayGroups(new Map([["w", parameter]]), 0), adamW());
  for (let step = 0; step < 8; step++) {
    parameter.grad = tensor([1, -1], { dtype: "bfloat16" });
    optimizer.step(1e-3);
  }
  // Each step moves by 1e-3, less than half of bfloat16's spacing at 1: without master weights nothing would add up.
  const master = optimizer.state().get("w.master");
  assert.ok(worst(master?.toNumbers() ?? [], [0.992, 1.008]) < 1e-5);
  assert.deepEqual(parameter.toNumbers(), [0.9921875, 1.0078125]);
});

/** Most bytes of float32 tensors that `body` has made of 16-bit ones and not freed. */
function mostCopied(body: () => void): number {
  const to: (this: Tensor, ...args: Parameters<Tensor["to"]>) => Tensor = Reflect.get(Tensor.prototype, "to");
  const copies: Tensor[] = [];
  let most = 0;
  const spy = mock.method(Tensor.prototype, "to", function (this: Tensor, ...args: Parameters<Tensor["to"]>) {
    const copy = to.apply(this, args);
    if (this.dtype !== "float32" && copy.dtype === "float32") copies.push(copy);
    const live = copies.filter((one) => !one.isDisposed);
    most = Math.max(
      most,
      live.reduce((bytes, one) => bytes + one.nbytes, 0),
    );
    return copy;
  });
  try {
    body();
    return most;
  } finally {
    spy.mock.restore();
  }
}

test("gradients of 16 bits are never all in float32 at once, and slices change no bit", () => {
  const before = liveTensors();
  const shapes = { tall: [90, 5], wide: [3, 70], row: [91], one: [], last: [8, 8] };
  const sliceBytes = 4 * 128;
  /** After three steps: parameters and state as bits, and the most that was copied. */
  const run = (options: SliceOptions): [unknown, number] =>
    scope(() => {
      manualSeed(3);
      const entries = Object.entries(shapes).map(([name, shape]) => {
        const dtype = name === "last" ? "float32" : "bfloat16";
        return [name, randn(shape).to(dtype).requiresGrad_()] as const;
      });
      const parameters = new Map(entries);
      using optimizer = new RuleOptimizer(decayGroups(parameters, 0.1), adamW(), options);
      let most = 0;
      for (let step = 0; step < 3; step++) {
        for (const parameter of parameters.values()) parameter.grad = randn(parameter.shape).to(parameter.dtype);
        most = Math.max(most, mostCopied(() => optimizer.step(1e-2))); // prettier-ignore
      }
      optimizer.zeroGrad();
      return [[...parameters, ...optimizer.state()].map(([name, tensor]) => [name, tensor.toArray()]), most];
    });
  const [whole, all] = run({});
  const [sliced, most] = run({ sliceBytes });
  assert.deepEqual(sliced, whole);
  assert.equal(all, 4 * (90 * 5 + 3 * 70));
  // Three rows are not cut.
  assert.equal(most, 4 * 3 * 70);
  assert.equal(liveTensors(), before);
});

test("a gradient that is not finite is an error and changes nothing", () => {
  const parameter = tensor([1, 2]).requiresGrad_();
  parameter.grad = tensor([NaN, 1]);
  assert.throws(() => clipGradients([parameter], 1), { code: "TRAINING" });
  assert.deepEqual(parameter.toNumbers(), [1, 2]);
});

test("a state that does not fit is refused by name", () => {
  const parameter = tensor([1, 2]).requiresGrad_();
  const optimizer = new RuleOptimizer(decayGroups(new Map([["w", parameter]]), 0), adamW());
  assert.throws(() => optimizer.restore(new Map()), { code: "CHECKPOINT_MISMATCH", message: /w\.exp_avg is missing/ });
});
