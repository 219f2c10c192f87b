/** RMSNorm in 16 bits, against its definition step by step. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Params, randomSource, RmsNorm } from "../../src/nn/index.js";
import { liveTensors, manualSeed, randn, scope, type DType, type Tensor } from "../../src/torch/index.js";

after(() => assert.equal(liveTensors(), 0));

const EPS = 1e-5;

/** transformers' LlamaRMSNorm: in float32, rounded to the type of `x`, then times the weight. */
function stepByStep(x: Tensor, weight: Tensor): Tensor {
  const wide = x.to("float32");
  return wide.mul(wide.pow(2).mean(-1, true).add(EPS).rsqrt()).to(x.dtype).mul(weight);
}

/** An output, and the gradients of input and weight for `gradient`, as bits. */
function bits(forward: (x: Tensor) => Tensor, x: Tensor, weight: Tensor, gradient: Tensor): unknown[] {
  const leaf = x.detach().requiresGrad_();
  weight.zeroGrad();
  const y = forward(leaf);
  y.backward(gradient);
  return [y, leaf.grad, weight.grad].map((tensor) => [tensor?.dtype, tensor?.shape, tensor?.toArray()]);
}

for (const dtype of ["bfloat16", "float16"] satisfies DType[]) {
  test(`RMSNorm of ${dtype} is that of transformers to the last bit, its gradients too`, () => {
    const size = 96;
    const params = new Params(randomSource({ seed: 1, dtype }));
    const norm = new RmsNorm(params, size, EPS);
    scope(() => {
      manualSeed(7);
      norm.weight.copy_(randn([size]));
      norm.weight.requiresGrad_();
      const [x, gradient] = [randn([3, 5, size]).mul(4).to(dtype), randn([3, 5, size]).to(dtype)];
      const found = bits((input) => norm.forward(input), x, norm.weight, gradient);
      assert.deepEqual(
        found,
        bits((input) => stepByStep(input, norm.weight), x, norm.weight, gradient),
      );
    });
    norm.weight.dispose();
  });
}
