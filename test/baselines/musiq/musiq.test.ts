/**
 * MUSIQ against TensorFlow's operators and flax' layers as the original's code calls them, and against pyiqa
 * (test/fixtures/baselines/musiq/make.py).
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { musiq } from "../../../src/baselines/musiq/index.js";
import { hashed } from "../../../src/baselines/musiq/inputs.js";
import { gaussianTaps } from "../../../src/baselines/musiq/resize.js";
import { SCORE, type Baseline, type Inputs } from "../../../src/baselines/types.js";
import { isRocError } from "../../../src/errors.js";
import { randomSource, type ParamSource } from "../../../src/nn/index.js";
import { Random } from "../../../src/random.js";
import { fromTypedArray, liveTensors, noGrad, scope, zeros, type Tensor } from "../../../src/torch/index.js";
import { openSafetensors, openWeightsFile, type Checkpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";
import { assertNear, byFormula, distance, picture, sampled, weights } from "../levels.js";

after(() => assert.equal(liveTensors(), 0, "every tensor is freed"));

const PICTURES = { tall: picture("tall", 37, 29), wide: picture("wide", 20, 44) };
/** The fixtures' network with pyiqa's stem, whose width is fixed. */
const SMALL = {
  ...{ model_type: "musiq", patch_size: 8, hidden_size: 12, mlp_dim: 16, num_heads: 6, num_layers: 2 },
  ...{ longer_sides: [16, 24], bins: 10, scale: { min: 1, max: 10 } },
};
/**
 * Two kernels of PyTorch's bicubic place a pixel of up to 44 with two roundings, and the weights of 4 by 4 pixels, which lie between
 * -1 and 1, change with it by no more than 4 in all.
 */
const BICUBIC_ERROR = 4 * 44 * 2 ** -23;
const at = (name: string): string => fixture(`baselines/musiq/${name}`);

function score(model: Baseline, inputs: Inputs): Tensor {
  return model.forward(inputs, false).outputs[SCORE] as Tensor;
}

/** Sum of the distributions' products with numbers, as make.py differentiates it. */
function backward(model: Baseline): Tensor {
  for (const parameter of model.parameters().values()) parameter.requiresGrad_();
  const distributions = score(model, model.inputs.batch(Object.values(PICTURES)));
  distributions
    .mul(fromTypedArray(weights("coefficients", [1, 10]), [1, 10]))
    .sum()
    .backward();
  return distributions;
}

function assertGradients(model: Baseline, expected: Checkpoint): void {
  const names = [...model.parameters().keys()];
  assert.deepEqual(
    names.map((name) => `grad.${name}`).sort(),
    expected
      .names()
      .filter((name) => name.startsWith("grad."))
      .sort(),
  );
  for (const [name, parameter] of model.parameters()) {
    assertNear(sampled(parameter.grad as Tensor), expected.tensor(`grad.${name}`).toFloat32Array(), name);
    parameter.requiresGrad_(false).zeroGrad();
  }
}

/** The patches of a picture as both programs lay them out: of each its values, its position, its scale and 1. */
function assertPatches(inputs: Inputs, expected: Tensor, channelsLast: boolean, bound: number): void {
  const { patches, positions, scales } = inputs as Record<string, Tensor>;
  const rows = expected.size(0);
  // Masked patches stand at the end of each scale.
  const real = expected.toNumbers().filter((_, i, all) => all[Math.floor(i / 195) * 195 + 194] === 1);
  const laid = channelsLast ? (patches as Tensor).permute(0, 2, 3, 1) : (patches as Tensor);
  const values = laid.flatten(1).toFloat32Array();
  const found = (patches as Tensor).size(0);
  assert.equal(real.length, found * 195, `${found} of ${rows} patches`);
  const column = (from: number, to: number): number[] => real.filter((_, i) => i % 195 >= from && i % 195 < to);
  assert.deepEqual((positions as Tensor).toNumbers(), column(192, 193));
  assert.deepEqual((scales as Tensor).toNumbers(), column(193, 194));
  const error = distance(values, column(0, 192));
  assert.ok(error <= bound, `values differ by ${error}`);
}

test("the original: patches, distributions and gradients of its own file", async () => {
  using expected = await openSafetensors(at("flax.safetensors"));
  using patches = await openSafetensors(at("tensorflow.safetensors"));
  const found = musiq.original?.(await openWeightsFile(at("ava_ckpt.npz")));
  assert.ok(found);
  using checkpoint = found.checkpoint;
  assert.equal(found.what, "the authors' MUSIQ");
  const { form, num_heads: heads, bins, scale } = found.config;
  assert.deepEqual({ form, heads, bins, scale }, { form: "original", heads: 2, bins: 10, scale: { min: 1, max: 10 } });
  // The file does not say what its pictures were resized to.
  const model = musiq.load({ ...found.config, longer_sides: [16, 24] }, checkpoint, {}, "config.json");
  scope(() => {
    for (const [name, one] of Object.entries(PICTURES)) {
      // TensorFlow adds the products of a kernel in another order.
      assertPatches(model.inputs.batch([one]), patches.tensor(`${name}.patches`), true, 1e-6);
    }
    assertNear(backward(model).toFloat32Array(), expected.tensor("distribution").toFloat32Array(), "distribution");
    assertGradients(model, expected);
  });
  model.dispose();
});

test("pyiqa's form: patches, distributions and gradients", async () => {
  using expected = await openSafetensors(at("pyiqa.safetensors"));
  const model = musiq.create({ ...SMALL, form: "pyiqa" }, byFormula);
  scope(() => {
    for (const [name, one] of Object.entries(PICTURES)) {
      const inputs = model.inputs.batch([one]);
      assertPatches(inputs, expected.tensor(`${name}.patches`), false, BICUBIC_ERROR);
      const distribution = expected.tensor(`${name}.distribution`).toFloat32Array();
      assertNear(noGrad(() => score(model, inputs)).toFloat32Array(), distribution, name);
    }
    backward(model);
    assertGradients(model, expected);
  });
  model.dispose();
});

test("hashed positions are those of both programs for every number of patches", async () => {
  using ours = await openSafetensors(at("pyiqa.safetensors"));
  using theirs = await openSafetensors(at("tensorflow.safetensors"));
  const all = Array.from({ length: 64 }, (_, i) => hashed(i + 1, 10)).flat();
  scope(() => {
    assert.deepEqual(all, ours.tensor("hashed").toNumbers());
    assert.deepEqual(all, theirs.tensor("hashed").toNumbers());
  });
});

test("a kernel's weights sum to 1 whatever is resized to whatever", () => {
  for (const [input, output] of [
    [1, 1],
    [1, 5],
    [2, 7],
    [9, 3],
    [5000, 224],
  ] as const) {
    const { count, weights: all } = gaussianTaps(input, output);
    for (let i = 0; i < output; i++) {
      const sum = all.subarray(i * count, (i + 1) * count).reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(sum - 1) < 1e-6, `${input} to ${output}: ${sum}`);
    }
  }
});

test("a picture's answer is the one that it has alone, whatever is beside it", () => {
  const model = musiq.create({ ...SMALL, form: "original" }, byFormula);
  noGrad(() =>
    scope(() => {
      const extreme = picture("line", 1, 90);
      const all = [PICTURES.tall, extreme, PICTURES.tall, PICTURES.wide];
      const together = score(model, model.inputs.batch(all));
      for (const [i, one] of all.entries()) {
        assertNear(
          together.select(0, i).toFloat32Array(),
          score(model, model.inputs.batch([one])).toFloat32Array(),
          `${i}`,
        );
      }
    }),
  );
  model.dispose();
});

test("names and shapes of the published size are pyiqa's", () => {
  const expected = JSON.parse(readFileSync(at("names.json"), "utf8")) as Record<string, number[]>;
  const outline: ParamSource = { take: (_name, shape) => zeros([]).expand(...shape) };
  const found = scope(() => {
    const model = musiq.create(musiq.configure({ scale: { min: 1, max: 10 }, bins: 10 }), outline);
    return Object.fromEntries([...model.parameters()].map(([name, { shape }]) => [name, shape]));
  });
  assert.deepEqual(found, expected);
});

test("training sees pictures mirrored or not, and so many patches of the native scale", () => {
  const model = musiq.create({ ...SMALL, form: "original", training_patches: 5 }, byFormula);
  scope(() => {
    const lengths = (inputs: Inputs): number[] => (inputs["lengths"] as Tensor).toNumbers();
    const plain = model.inputs.batch([PICTURES.tall]);
    const trained = Array.from({ length: 8 }, (_, seed) => model.inputs.batch([PICTURES.tall], [new Random(seed)]));
    assert.deepEqual(lengths(plain), [4 + 9 + 20]);
    for (const inputs of trained) assert.deepEqual(lengths(inputs), [4 + 9 + 5]);
    const first = (inputs: Inputs): string => (inputs["patches"] as Tensor).select(0, 0).toFloat32Array().join();
    assert.deepEqual(new Set(trained.map(first)).size, 2);
  });
  model.dispose();
});

test("losses: the distance of distributions, of one number the distance itself, of rated pictures only", () => {
  const number = musiq.create(musiq.configure({ scale: { min: 0, max: 100 }, tiny: true }), randomSource({ seed: 1 }));
  scope(() => {
    const answer = { outputs: { [SCORE]: fromTypedArray(Float32Array.of(3, 50, 9), [3]) }, features: zeros([3, 1]) };
    const { loss } = number.loss(answer, { scores: { [SCORE]: fromTypedArray(Float32Array.of(5, NaN, 6), [3]) } });
    assert.equal(loss.item(), 2.5);
  });
  number.dispose();
});

test("a new network starts as published: blocks of the stem as their shortcuts, every value of the scale as likely", () => {
  const model = musiq.create({ ...SMALL, form: "original" }, randomSource({ seed: 3 }));
  const numbers = (name: string): number[] => (model.parameters().get(name) as Tensor).toNumbers();
  assert.deepEqual(new Set(numbers("block1.gn3.weight")), new Set([0]));
  assert.deepEqual(new Set(numbers("block1.gn2.weight")), new Set([1]));
  const query = numbers("transformer_encoder.transformer.encoderblock_1.attention.query.weight").map(Math.abs);
  // xavier_uniform of 12 by 12: up to a half.
  assert.ok(Math.max(...query) <= 0.5 && Math.max(...query) > 0.45);
  const bias = numbers("transformer_encoder.transformer.encoderblock_1.mlp.fc1.bias").map(Math.abs);
  assert.ok(Math.max(...bias) < 1e-5 && Math.max(...bias) > 0);
  scope(() => {
    const distribution = noGrad(() => score(model, model.inputs.batch([PICTURES.tall])));
    assertNear(distribution.toFloat32Array(), Array<number>(10).fill(0.1), "distribution");
  });
  model.dispose();
});

test("the ImageNet file begins training, and scores nothing", async () => {
  const classes = await withHead(1000);
  assert.throws(
    () => musiq.original?.(classes),
    (error) => isRocError(error) && error.code === "CHECKPOINT_MISMATCH" && error.message.includes("--pretrained"),
  );
  const config = { ...SMALL, form: "pyiqa" };
  const pretrained = musiq.pretrained?.(classes, config);
  assert.ok(pretrained);
  assert.ok(pretrained.has("transformer_encoder.transformer.encoderblock_1.attention.out.weight"));
  assert.deepEqual(
    pretrained.names().filter((name) => name.startsWith("head")),
    [],
  );
  assert.equal(musiq.pretrained?.(classes, { ...config, hidden_size: 24 }), undefined);
  classes.dispose();
});

/** The authors' file with a head of so many outputs. */
async function withHead(outputs: number): Promise<Checkpoint> {
  const file = await openWeightsFile(at("ava_ckpt.npz"));
  return {
    ...{ path: file.path, metadata: {}, names: () => file.names(), has: (name) => file.has(name) },
    info: (name) => (name.endsWith("head/bias") ? { ...file.info(name), shape: [outputs] } : file.info(name)),
    ...{ tensor: (name) => file.tensor(name), drop: (name) => file.drop(name), dispose: () => file.dispose() },
    [Symbol.dispose]: () => file.dispose(),
  };
}

test("what no MUSIQ is, is refused by name", () => {
  const scale = { min: 1, max: 10 };
  assert.throws(() => musiq.configure({ scale, attributes: [{ name: "color", scale }] }), /no attributes \(color\)/);
  const bad: readonly (readonly [object, RegExp])[] = [
    [{ form: "tf" }, /form/],
    [{ num_heads: 5 }, /hidden_size 12 is no multiple of num_heads 5/],
    [{ stem_width: 40 }, /stem_width 40/],
    [{ patch_size: 10 }, /patch_size/],
  ];
  for (const [change, message] of bad) {
    assert.throws(() => musiq.create({ ...SMALL, form: "pyiqa", ...change }, byFormula), message);
  }
});
