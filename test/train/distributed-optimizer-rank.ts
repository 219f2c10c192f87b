/** One rank of distributed-optimizer.test.ts: the same steps by a plain AdamW and by a sharded one. */
import assert from "node:assert/strict";
import { ReplicatedOptimizer, ShardedOptimizer } from "../../src/train/optim/distributed-optimizer.js";
import { adamW, inGroup, RuleOptimizer, type Optimizer, type ParameterGroup } from "../../src/train/index.js";
import { arange, liveTensors, scope, type ProcessGroup, type Tensor } from "../../src/torch/index.js";

const SHAPES = { a: [8, 3], b: [5], c: [2, 2], d: [6, 4], e: [1] };
const RULE = adamW({ betas: [0.9, 0.95] });

/** Matrices, vectors with no decay, trained rows, 16-bit weights with masters. */
function groupsOf(parameters: Map<string, Tensor>): ParameterGroup[] {
  const pick = (...names: string[]): Map<string, Tensor> =>
    new Map(names.map((name) => [name, parameters.get(name) as Tensor]));
  return [
    { parameters: pick("a", "c"), weightDecay: 0.1 },
    { parameters: pick("b", "e"), weightDecay: 0 },
    { parameters: pick("d"), rows: [1, 4], weightDecay: 0.1, rateScale: 3 },
  ];
}

function newParameters(): Map<string, Tensor> {
  const make = ([name, shape]: [string, number[]]): [string, Tensor] => {
    const count = shape.reduce((product, size) => product * size, 1);
    const values = arange(0, count)
      .to("float32")
      .mul(0.37)
      .sin()
      .view(...shape);
    return [name, (name === "c" ? values.to("bfloat16") : values).requiresGrad_()];
  };
  return scope(() => new Map(Object.entries(SHAPES).map(make)));
}

/** Steps `from` to `to`; "e" gets its first gradient late. */
function advance(parameters: Map<string, Tensor>, optimizer: Optimizer, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    for (const [name, parameter] of parameters) {
      if (name === "e" && step < 2) continue;
      scope(() => {
        parameter.grad = parameter.detach().add(step).mul(1.7).cos().to(parameter.dtype);
      });
    }
    optimizer.step(0.01 * (step + 1));
    optimizer.zeroGrad();
    for (const parameter of parameters.values()) assert.equal(parameter.grad, null);
  }
}

function assertSame(found: ReadonlyMap<string, Tensor>, expected: ReadonlyMap<string, Tensor>): void {
  assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort());
  for (const [name, value] of expected) assert.deepEqual(found.get(name)?.toNumbers(), value.toNumbers(), name);
}

/** The state that rank 0 is given, as copies; the others are given none. */
async function stateOf(optimizer: Optimizer): Promise<Map<string, Tensor> | undefined> {
  let copies: Map<string, Tensor> | undefined;
  await optimizer.withState(async (state) => {
    copies = new Map([...state].map(([name, value]) => [name, value.clone()]));
  });
  return copies;
}

async function compare(group: ProcessGroup): Promise<void> {
  const [plainWeights, weights] = [newParameters(), newParameters()];
  const plain = new RuleOptimizer(groupsOf(plainWeights), RULE);
  const sharded = new ShardedOptimizer(groupsOf(weights), RULE, group);
  advance(plainWeights, plain, 0, 3);
  advance(weights, sharded, 0, 3);
  assertSame(weights, plainWeights);
  const saved = await stateOf(sharded);
  assert.equal(saved !== undefined, group.rank === 0);
  if (saved) assertSame(saved, plain.state());
  advance(plainWeights, plain, 3, 5);
  // Taken up again from rank 0's state, with and without sharding; the masters of 16-bit weights are among it.
  for (const Kind of [ShardedOptimizer, ReplicatedOptimizer]) {
    const copy = ([name, value]: [string, Tensor]): [string, Tensor] => [name, value.detach().clone().requiresGrad_()];
    const again = scope(() => new Map([...weights].map(copy)));
    const optimizer = new Kind(groupsOf(again), RULE, group);
    optimizer.restore(saved ?? new Map<string, Tensor>());
    advance(again, optimizer, 3, 5);
    assertSame(again, plainWeights);
    const state = await stateOf(optimizer);
    if (state) assertSame(state, plain.state());
    optimizer.dispose();
    for (const value of [...again.values(), ...(state?.values() ?? [])]) value.dispose();
  }
  for (const value of [...plainWeights.values(), ...weights.values(), ...(saved?.values() ?? [])]) value.dispose();
  plain.dispose();
  sharded.dispose();
}

try {
  await inGroup(async (group) => {
    assert.ok(group);
    await compare(group);
    assert.equal(liveTensors(), 0);
  });
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
}
