/** Residual networks against torchvision's: outputs, running statistics, gradients; names and shapes at full size. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { ResNet, RESNETS, stageChannels, type ResNetConfig } from "../../../src/baselines/common/resnet.js";
import { Params } from "../../../src/nn/index.js";
import { fromTypedArray, keep, liveTensors, scope, zeros, type Tensor } from "../../../src/torch/index.js";
import { openSafetensors } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";
import { assertClose, disposeAll, paramsBelow, tensorsBelow } from "./parity.js";

after(() => assert.equal(liveTensors(), 0));

const CASES: Record<string, { config: ResNetConfig; size: number }> = {
  basic: { config: { block: "basic", depths: [2, 2, 1, 1], width: 2 }, size: 41 },
  bottleneck: { config: { block: "bottleneck", depths: [2, 2, 1], width: 2 }, size: 40 },
  keras: {
    config: {
      block: "bottleneck",
      depths: [1, 2, 1],
      width: 2,
      strideOn: "1x1",
      convBias: true,
      eps: 1e-3,
      momentum: 0.01,
      padding: "keras",
    },
    size: 43,
  },
  same: { config: { block: "basic", depths: [1, 2, 1], width: 2, padding: "same" }, size: 42 },
};

/** As make.py makes them. */
function pixels(size: number): Tensor {
  const values = Float32Array.from(
    { length: 2 * 3 * size * size },
    (_, i) => ((i * i * 7 + Math.floor(i / 5)) % 256) / 128 - 1,
  );
  return fromTypedArray(values, [2, 3, size, size]);
}

const numbered = (tensors: readonly Tensor[]): Map<string, Tensor> => new Map(tensors.map((t, i) => [String(i), t]));

for (const [name, { config, size }] of Object.entries(CASES)) {
  test(`a residual network (${name}) is that of torchvision: outputs, statistics, gradients`, async () => {
    using reference = await openSafetensors(fixture("baselines/common/resnet.safetensors"));
    scope(() => {
      const { params, assertAllTaken } = paramsBelow(reference, `${name}/weights/`);
      const network = new ResNet(params, config);
      assertAllTaken();
      const x = pixels(size);
      assertClose(numbered(network.stages(x, false)), tensorsBelow(reference, `${name}/eval/`), "in a test");
      for (const parameter of params.tensors.values()) parameter.requiresGrad_();
      const blocks = network.blocks(x, true);
      assert.deepEqual(
        blocks.map(({ length }) => length),
        config.depths,
      );
      const stages = blocks.map((outputs) => outputs.at(-1) as Tensor);
      assertClose(numbered(stages), tensorsBelow(reference, `${name}/train/`), "in training");
      assert.deepEqual(
        stages.map((stage) => stage.size(1)),
        stageChannels(config),
      );
      stages
        .map((stage) => stage.mul(stage).mean())
        .reduce((sum, term) => sum.add(term))
        .backward();
      const gradients = new Map([...params.tensors].map(([key, tensor]) => [key, tensor.grad]));
      assertClose(gradients, tensorsBelow(reference, `${name}/gradients/`), "gradient");
      assertClose(params.buffers, tensorsBelow(reference, `${name}/after/`), "running statistics");
      disposeAll(params);
    });
  });
}

test("ResNet-18, 34 and 50 have torchvision's names and shapes", () => {
  const text = readFileSync(fixture("baselines/common/resnet-names.json"), "utf8");
  for (const [name, expected] of Object.entries(
    JSON.parse(text) as Record<string, { tensors: number; sha256: string }>,
  )) {
    const lines: string[] = [];
    const params = new Params({
      take(key, shape) {
        lines.push(`${key} [${shape.join(", ")}]`);
        return keep(zeros([1]));
      },
    });
    new ResNet(params, RESNETS[name as keyof typeof RESNETS]);
    disposeAll(params);
    const sha256 = createHash("sha256").update(lines.sort().join("\n")).digest("hex");
    assert.deepEqual({ tensors: lines.length, sha256 }, expected, name);
  }
});
