/** Weights and pixels by the formula of test/fixtures/baselines/formula.py, and its listing of tensors. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, type TestContext } from "node:test";
import type { Baseline } from "../../src/baselines/types.js";
import type { ParamSource } from "../../src/nn/index.js";
import { fromTypedArray, keep, liveTensors, scope, type Tensor } from "../../src/torch/index.js";
import { openSafetensors, type Checkpoint } from "../../src/weights/index.js";
import { filler, maxError } from "../models/support.js";
import { fixture } from "../support.js";
import { CONTRACT } from "./common/parity.js";

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function filled(name: string, shape: readonly number[]): Float32Array {
  const values = filler(name, count(shape));
  const spread = Math.sqrt(3 / count(shape.slice(1)));
  if (shape.length > 1) return Float32Array.from(values, (value) => value * spread);
  if (/(running_var|\.weight)$/.test(name)) return Float32Array.from(values, (value) => 1 + 0.25 * value);
  return Float32Array.from(values, (value) => 0.1 * value);
}

/** @param special other values of some parameters */
export function byFormula(
  special: (name: string, size: number) => Float32Array | undefined = () => undefined,
): ParamSource {
  return {
    take(name, shape) {
      const values = special(name, count(shape)) ?? filled(name, shape);
      return keep(scope(() => fromTypedArray(values, shape)));
    },
  };
}

/** `[batch, 3, side, side]` @param seed of {@link Expected.pixels} */
export function pixels(batch: number, side: number, seed = 0): Tensor {
  const shape = [batch, 3, side, side];
  return fromTypedArray(
    Float32Array.from(filler(`pixels${seed || ""}`, count(shape)), (value) => Math.fround(value) * 2),
    shape,
  );
}

/** Entries that are listed of a tensor. */
const LISTED = 48;

/** Some entries of it, and its norm. */
function sample(tensor: Tensor): number[] {
  const values = tensor.detach().toNumbers();
  const step = Math.ceil(values.length / LISTED);
  return [...values.filter((_, i) => i % step === 0), Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))];
}

/** A network that `using` frees, so that a failed test leaves no tensors for the next check to count. */
export function freed<T extends { dispose(): void }>(network: T): T & Disposable {
  return Object.assign(network, { [Symbol.dispose]: () => network.dispose() });
}

/** What the authors' code gave. */
export class Expected {
  private constructor(private readonly checkpoint: Checkpoint) {}

  static async of(system: string): Promise<Expected> {
    return new Expected(await openSafetensors(join(fixture("baselines"), system, "expected.safetensors")));
  }

  tensor(name: string): Tensor {
    return this.checkpoint.tensor(name);
  }

  /** Those that the expected values are of: others may lie so near a kink that rounding decides their gradients. */
  pixels(batch: number, side: number): Tensor {
    return pixels(
      batch,
      side,
      scope(() => this.tensor("seed").item()),
    );
  }

  /** Names of the tensors under a name, without it. */
  under(name: string): string[] {
    return this.checkpoint.names().flatMap((one) => (one.startsWith(`${name}.`) ? [one.slice(name.length + 1)] : []));
  }

  near(t: TestContext, actual: Tensor, name: string): void {
    const error = maxError(actual.detach().toNumbers(), this.tensor(name).toNumbers());
    t.diagnostic(`${name}: max abs error ${error.toExponential(1)}`);
    assert.ok(error < CONTRACT, `${name}: max abs error ${error}`);
  }

  /** Every listed tensor under a name against those of a map. @param rename a name of the authors' to ours */
  allNear(
    t: TestContext,
    name: string,
    of: (name: string) => Tensor | null | undefined,
    rename = (one: string) => one,
  ): void {
    const names = this.under(name);
    assert.ok(names.length > 10, `${names.length} tensors under ${name}`);
    const errors = names.map((one) => {
      const tensor = of(rename(one));
      assert.ok(tensor, `${name}.${one} is there`);
      return { one, error: maxError(sample(tensor), this.tensor(`${name}.${one}`).toNumbers()) };
    });
    const worst = errors.reduce((a, b) => (b.error > a.error ? b : a));
    t.diagnostic(`${name}: ${names.length} tensors, max abs error ${worst.error.toExponential(1)} (${worst.one})`);
    assert.ok(worst.error < CONTRACT, `${name}.${worst.one}: max abs error ${worst.error}`);
  }

  dispose(): void {
    this.checkpoint.dispose();
  }
}

/** What the authors' code gave, for a whole test file: at its end that is freed, as every tensor of the tests has to be. */
export async function expectedOf(system: string): Promise<Expected> {
  const alive = liveTensors();
  const expected = await Expected.of(system);
  after(() => {
    expected.dispose();
    assert.equal(liveTensors(), alive, "every tensor is freed");
  });
  return expected;
}

/** A checkpoint of names and shapes alone, to be loaded as an outline. */
export function outlineOf(shapes: Readonly<Record<string, readonly number[]>>): Checkpoint {
  const shapeOf = (name: string): readonly number[] => {
    const shape = shapes[name];
    assert.ok(shape, name);
    return shape;
  };
  const dispose = (): void => undefined;
  return {
    path: "published.pth",
    metadata: {},
    names: () => Object.keys(shapes),
    has: (name) => name in shapes,
    info: (name) => ({ dtype: "float32", shape: shapeOf(name), file: "published.pth" }),
    tensor: () => assert.fail("no tensor is read of an outline"),
    drop: dispose,
    dispose,
    [Symbol.dispose]: dispose,
  };
}

/** A standard deviation of so many draws lies within a share of the true one: six of its own deviations, of both sides. */
function spreadError(draws: number): number {
  return (6 * Math.SQRT2) / Math.sqrt(2 * draws);
}

/** Draws of a parameter from which on its spread is compared: below that the bound says nothing. */
const FEWEST = 300;

/**
 * That parameters start as the authors' constructors leave them (start.json: by name mean, root of the mean square, how many):
 * constants to the bit, the spread of random ones as far as their number shows it, random ones at all.
 */
export function assertStart(system: string, model: Baseline, rename = (name: string) => name): void {
  const file = join(fixture("baselines"), system, "start.json");
  const starts = JSON.parse(readFileSync(file, "utf8")) as Record<string, readonly [number, number, number]>;
  const own = new Map([...model.parameters(), ...model.buffers()]);
  let compared = 0;
  for (const [name, [mean, root, count]] of Object.entries(starts)) {
    const tensor = own.get(rename(name));
    if (!tensor) continue;
    compared++;
    const values = tensor.toNumbers();
    const found = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    assert.equal(values.length, count, name);
    const isConstant = Math.abs(Math.abs(mean) - root) < 1e-6 && count > 1;
    if (isConstant)
      assert.ok(
        values.every((value) => Math.abs(value - mean) < 1e-6),
        `${name} is ${mean} throughout`,
      );
    else if (count >= FEWEST)
      assert.ok(Math.abs(found / root - 1) < spreadError(count), `${name}: ${found}, not ${root}`);
    else assert.ok(count === 1 || found > 0, `${name} is drawn`);
  }
  assert.ok(compared > 100, `${compared} parameters are compared`);
}
