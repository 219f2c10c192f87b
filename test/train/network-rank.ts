/** One rank of network.test.ts: a step of two processes, and what it must come to. */
import assert from "node:assert/strict";
import { BatchOrder } from "../../src/data/index.js";
import { Random } from "../../src/random.js";
import { liveTensors, noGrad, scope, type ProcessGroup, type Tensor } from "../../src/torch/index.js";
import { inGroup, PixelCache, train, type TrainOptions } from "../../src/train/index.js";
import { baselineObjective } from "../../src/train/loop/baseline-objective.js";
import { BOUND, imageOf, network, RECIPE, samples, SCALES, type ToyNetwork } from "./toy-network.js";

const OPTIONS: TrainOptions = { ...RECIPE, steps: 1, batchSize: 2, weightDecay: 0 };

/** The gradients of a process's half, which its running statistics have taken in then. */
function gradientsOf(model: ToyNetwork, rank: number): number[][] {
  const { indices } = new BatchOrder({ size: samples.length, batchSize: samples.length, seed: OPTIONS.seed }).at(0);
  const own = indices.slice(2 * rank, 2 * rank + 2).map((index) => samples[index] ?? samples[0]);
  const pictures = own.flatMap((sample) =>
    sample ? [{ sample, image: imageOf(sample.image), random: new Random(0, sample.id) }] : [],
  );
  const parameters = [...model.parameters().values()];
  for (const parameter of parameters) parameter.requiresGrad_();
  scope(() =>
    baselineObjective(model, SCALES)
      .loss(pictures, (body) => body())
      .loss.backward(),
  );
  const gradients = parameters.map((parameter) => scope(() => parameter.grad?.toNumbers() ?? []));
  for (const parameter of parameters) parameter.zeroGrad();
  return gradients;
}

function assertNear(found: Tensor | undefined, expected: readonly number[], what: string): void {
  const numbers = scope(() => noGrad(() => found?.toNumbers() ?? []));
  assert.equal(numbers.length, expected.length);
  numbers.forEach((value, i) => assert.ok(Math.abs(value - (expected[i] ?? NaN)) <= BOUND, `${what} ${i}: ${value}, ${expected[i]}`)); // prettier-ignore
}

async function stepTogether(group: ProcessGroup, run: string): Promise<void> {
  const [model, halves] = [network(), [network(), network()] as const];
  // Another start of rank 1 does not count: it gets rank 0's, running statistics too.
  if (group.rank === 1) for (const buffer of model.buffers().values()) scope(() => buffer.add_(3));
  const objective = baselineObjective(model, SCALES);
  const read = (file: string): ReturnType<ToyNetwork["inputs"]["prepare"]> => Promise.resolve(imageOf(file));
  const pixels = new PixelCache({ prepare: (picture) => model.inputs.prepare(picture), read });
  const save = (): Promise<void> => Promise.resolve();
  for await (const event of train(
    { model, objective, train: samples, validation: [], pixels, run, save, group },
    OPTIONS,
  )) {
    assert.notEqual(event.type, "note");
  }
  const gradients = halves.map((half, rank) => gradientsOf(half, rank));
  [...halves[0].parameters()].forEach(([name, start], at) => {
    const numbers = scope(() => noGrad(() => start.toNumbers()));
    const mean = (i: number): number => ((gradients[0]?.[at]?.[i] ?? NaN) + (gradients[1]?.[at]?.[i] ?? NaN)) / 2;
    const expected = numbers.map((value, i) => value - OPTIONS.learningRate * mean(i));
    assertNear(model.parameters().get(name), expected, name);
  });
  for (const [name, value] of halves[group.rank === 0 ? 0 : 1].buffers()) {
    assertNear(model.buffers().get(name), scope(() => value.toNumbers()), name); // prettier-ignore
  }
  for (const one of [model, ...halves]) one.dispose();
}

try {
  await inGroup(async (group) => {
    assert.ok(group);
    await stepTogether(group, process.argv[2] ?? "");
    assert.equal(liveTensors(), 0);
  });
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
}
