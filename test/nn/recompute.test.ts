import assert from "node:assert/strict";
import { test } from "node:test";
import { LlavaModel, parseLlavaConfig } from "../../src/models/llava/index.js";
import { attachLora } from "../../src/models/lora.js";
import { randomSource, Recomputation, segment, withDropout } from "../../src/nn/index.js";
import {
  autocast,
  liveTensors,
  manualSeed,
  randn,
  scope,
  tensor,
  type Tensor,
  type TypedArray,
} from "../../src/torch/index.js";
import { llavaConfig } from "../../src/models/llava/small.js";

const SIZES = {
  ...{ imageSize: 28, patch: 14, resize: "stretch" as const, visionWidth: 24, visionLayers: 3, visionHeads: 2 },
  ...{ textWidth: 32, textLayers: 3, textHeads: 2, vocabulary: 50 },
};
type Mode = <T>(body: () => T) => T;
const PLAIN: Mode = (body) => body();
const BF16: Mode = (body) => autocast({ device: "cpu", dtype: "bfloat16" }, body);

function makeModel(): LlavaModel {
  return new LlavaModel(parseLlavaConfig(llavaConfig(SIZES, 50, 49, 0)), randomSource({ seed: 4 }));
}

/** Gradients by name of a loss over a picture and a text. */
function gradientsOf(
  model: LlavaModel,
  parameters: ReadonlyMap<string, Tensor>,
  { tape, mode = PLAIN }: { tape?: Recomputation; mode?: Mode } = {},
): Map<string, TypedArray | null> {
  manualSeed(9);
  return scope(() => {
    const inputIds = tensor([[1, 49, 49, 49, 49, 7, 8]], { dtype: "int64" });
    const images = { pixelValues: randn([1, 3, 28, 28]) };
    const forward = (): Tensor => mode(() => model.forward({ inputIds, images })).to("float32");
    const hidden = tape ? tape.record(forward) : forward();
    model.logits(hidden).pow(2).mean().backward();
    tape?.backward(mode);
    const found = [...parameters].map(([name, { grad }]) => [name, grad?.toArray() ?? null] as const);
    for (const parameter of parameters.values()) parameter.zeroGrad();
    return new Map(found);
  });
}

for (const [name, mode] of Object.entries({ float32: PLAIN, autocast: BF16 })) {
  test(`recomputed gradients are those of a whole graph bit for bit, in ${name}`, () => {
    const model = makeModel();
    for (const parameter of model.parameters().values()) parameter.requiresGrad_();
    const before = liveTensors();
    const whole = gradientsOf(model, model.parameters(), { mode });
    assert.ok([...whole.values()].filter((gradient) => gradient !== null).length > 40);
    assert.deepEqual(gradientsOf(model, model.parameters(), { mode, tape: new Recomputation() }), whole);
    assert.equal(liveTensors(), before);
    model.dispose();
  });
}

test("with adapters on frozen weights, and with their dropout masks", () => {
  const model = makeModel();
  using adapters = attachLora(model, { rank: 2, alpha: 8, dropout: 0.3, targets: "all-linear" }, 5);
  for (const parameter of adapters.parameters().values()) {
    scope(() => void parameter.add_(randn(parameter.shape).mul(0.1)));
    parameter.requiresGrad_();
  }
  const run = (seed: number, tape?: Recomputation): ReturnType<typeof gradientsOf> =>
    withDropout(seed, () => gradientsOf(model, adapters.parameters(), tape ? { tape } : {}));
  const whole = run(1);
  assert.ok([...whole.values()].some((gradient) => gradient?.some((value) => Number(value) !== 0)));
  assert.deepEqual(run(1, new Recomputation()), whole);
  assert.notDeepEqual(run(2), whole);
  assert.notDeepEqual(gradientsOf(model, adapters.parameters()), whole, "no dropout outside of withDropout");
  model.dispose();
});

test("a segment stores only its input, and simply runs where nothing before it needs gradients", () => {
  const x = tensor([1, 2, 3]).requiresGrad_();
  let runs = 0;
  const body = (input: Tensor): Tensor => {
    runs += 1;
    return input.mul(input).mul(2).exp();
  };
  const countAfter = (tape: Recomputation | undefined, input: Tensor): number =>
    scope(() => {
      const before = liveTensors();
      if (tape) tape.record(() => segment(input, body));
      else segment(input, body);
      return liveTensors() - before;
    });
  assert.equal(countAfter(undefined, x), 1, "only the output has a handle");
  assert.equal(countAfter(new Recomputation(), x), 1);
  scope(() => {
    const tape = new Recomputation();
    const constant = x.detach();
    runs = 0;
    tape.record(() => segment(constant, body));
    tape.backward();
    assert.equal(runs, 1);
  });
  x.dispose();
});
