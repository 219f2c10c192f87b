/** MaxViT against timm (test/fixtures/baselines/maxvit/make.py). */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { resizeBiasTable } from "../../../src/baselines/maxvit/bias-tables.js";
import { maxvit } from "../../../src/baselines/maxvit/index.js";
import { SCORE, type Baseline } from "../../../src/baselines/types.js";
import { isRocError } from "../../../src/errors.js";
import { randomSource, type ParamSource } from "../../../src/nn/index.js";
import { Random } from "../../../src/random.js";
import { fromTypedArray, liveTensors, noGrad, scope, zeros, type Tensor } from "../../../src/torch/index.js";
import { openSafetensors, type Checkpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";
import { assertNear, byFormula, picture, sampled, weights } from "../levels.js";

after(() => assert.equal(liveTensors(), 0, "every tensor is freed"));

const TINY = maxvit.configure({ scale: { min: 1, max: 10 }, bins: 10, tiny: true });
const FIXTURE = fixture("baselines/maxvit/tiny.safetensors");
const variants = JSON.parse(readFileSync(fixture("baselines/maxvit/variants.json"), "utf8")) as Record<string, unknown>;

function forward(model: Baseline, pixelValues: Tensor, training: boolean): Tensor {
  return model.forward({ pixelValues }, training).outputs[SCORE] as Tensor;
}

test("distributions, running statistics and gradients are timm's", async () => {
  using expected = await openSafetensors(FIXTURE);
  // Dropout is random.
  const model = maxvit.create({ ...TINY, head_dropout: 0 }, byFormula);
  scope(() => {
    const pixels = fromTypedArray(weights("pixels", [3, 3, 64, 64]), [3, 3, 64, 64]).mul(10);
    const numbers = (name: string): Float32Array => expected.tensor(name).toFloat32Array();
    assertNear(noGrad(() => forward(model, pixels, false)).toFloat32Array(), numbers("tested"), "tested");
    for (const parameter of model.parameters().values()) parameter.requiresGrad_();
    const trained = forward(model, pixels, true);
    assertNear(trained.toFloat32Array(), numbers("trained"), "trained");
    trained
      .mul(fromTypedArray(weights("coefficients", [1, 10]), [1, 10]))
      .sum()
      .backward();
    for (const [name, parameter] of model.parameters()) {
      assertNear(sampled(parameter.grad as Tensor), numbers(`grad.${name}`), name);
    }
    for (const [name, buffer] of model.buffers()) assertNear(sampled(buffer), numbers(`after.${name}`), name);
  });
  model.dispose();
});

test("tables of biases for windows of another size are timm's", async () => {
  using expected = await openSafetensors(FIXTURE);
  const cases = expected.names().filter((name) => /^\d+[.]\d+$/.test(name));
  assert.equal(cases.length, 4);
  for (const name of cases) {
    const [old = 0, side = 0] = name.split(".").map(Number);
    const shape = [2, 2 * old - 1, 2 * old - 1];
    scope(() => {
      const table = fromTypedArray(weights(`${old}.table`, shape), shape);
      const resized = resizeBiasTable(table, 2 * side - 1);
      assertNear(resized.toFloat32Array(), expected.tensor(name).toFloat32Array(), name, 1e-6);
    });
  }
});

test("pictures are timm's, cut from the middle or squashed", async () => {
  using expected = await openSafetensors(FIXTURE);
  const cases = expected.names().filter((name) => /^(center|squash)[.]/.test(name));
  assert.equal(cases.length, 3);
  for (const name of cases) {
    const [crop, height = 0, width = 0] = name.split(".").map((part, i) => (i === 0 ? part : Number(part))) as [
      string,
      number,
      number,
    ];
    const [image_mean, image_std] = [
      [0.485, 0.456, 0.406],
      [0.229, 0.224, 0.225],
    ];
    const model = maxvit.create({ ...TINY, crop, image_mean, image_std }, byFormula);
    const prepared = await model.inputs.prepare(picture(String(height), height, width));
    const again = await (await maxvit.prepareBy(model.inputs.steps))(picture(String(height), height, width));
    assert.deepEqual(again, prepared);
    scope(() => {
      const values = model.inputs.batch([prepared])["pixelValues"] as Tensor;
      assert.deepEqual(sampled(values, 1500), expected.tensor(name).toFloat32Array(), name);
    });
    model.dispose();
  }
});

test("training crops anywhere and mirrors", async () => {
  const model = maxvit.create({ ...TINY, crop: "center" }, byFormula);
  const prepared = await model.inputs.prepare(picture("63", 63, 140));
  scope(() => {
    const of = (seed: number): string =>
      (model.inputs.batch([prepared], [new Random(seed)])["pixelValues"] as Tensor)
        .toFloat32Array()
        .slice(0, 64)
        .join();
    assert.ok(new Set([1, 2, 3, 4, 5].map(of)).size > 3);
    assert.equal(of(1), of(1));
  });
  model.dispose();
});

const outline: ParamSource = { take: (_name, shape) => zeros([]).expand(...shape) };

/** Names and shapes of a model's tensors with a head of so many outputs. */
function shapesOf(variant: string, outputs: number): Map<string, readonly number[]> {
  return scope(() => {
    const model = maxvit.create(maxvit.configure({ variant, scale: { min: 1, max: 10 }, bins: outputs }), outline);
    const all = [...model.parameters(), ...model.buffers()].map(([name, { shape }]) => [name, shape] as const);
    return new Map(all);
  });
}

test("names and shapes of every published variant are timm's", () => {
  for (const variant of maxvit.variants) {
    const lines = [...shapesOf(variant, 1000)].map(([name, shape]) => `${name} ${shape.join()}`).sort();
    assert.equal(createHash("sha256").update(lines.join("\n")).digest("hex"), variants[variant], variant);
  }
});

/** A file of these shapes, whose tensors nobody reads. */
function fileOf(shapes: ReadonlyMap<string, readonly number[]>): Checkpoint {
  return {
    ...{ path: "weights.pth", metadata: {}, names: () => [...shapes.keys()], has: (name) => shapes.has(name) },
    info: (name) => ({ dtype: "float32", shape: shapes.get(name) ?? [], file: "weights.pth" }),
    ...{
      tensor: (name) => zeros([]).expand(...(shapes.get(name) ?? [])),
      drop: () => undefined,
      dispose: () => undefined,
    },
    [Symbol.dispose]: () => undefined,
  };
}

test("a file of timm's with a head of ratings is known by its shapes", () => {
  const found = maxvit.original?.(fileOf(shapesOf("small_384", 10)));
  const { embed_dims: dims, depths, image_size: side, crop, bins } = found?.config ?? {};
  assert.deepEqual(
    { dims, depths, side, crop, bins },
    { dims: [96, 192, 384, 768], depths: [2, 2, 5, 2], side: 384, crop: "squash", bins: 10 },
  );
});

test("a classifier begins training, with windows of another size too, and scores nothing", () => {
  const classifier = fileOf(new Map([...shapesOf("tiny_224", 1000), ["stem.norm1.num_batches_tracked", []]]));
  assert.throws(() => maxvit.original?.(classifier), mismatch(/tells 1000 classes apart.*--pretrained/));
  const config = maxvit.configure({ variant: "tiny_384", scale: { min: 1, max: 10 }, bins: 10 });
  const pretrained = maxvit.pretrained?.(classifier, config);
  const wanted = [...shapesOf("tiny_384", 10).keys()].filter((name) => !name.startsWith("head.fc."));
  assert.deepEqual(pretrained?.names().sort(), wanted.sort());
  const table = "stages.0.blocks.0.attn_grid.attn.rel_pos.relative_position_bias_table";
  assert.deepEqual(pretrained?.info(table).shape, [2, 23, 23]);
  scope(() => assert.deepEqual(pretrained?.tensor(table).shape, [2, 23, 23]));
  const other = maxvit.configure({ variant: "base_224", scale: { min: 1, max: 10 } });
  assert.equal(maxvit.pretrained?.(classifier, other), undefined);
});

function mismatch(message: RegExp) {
  return (error: unknown): boolean =>
    isRocError(error) && error.code === "CHECKPOINT_MISMATCH" && message.test(error.message);
}

test("a new network starts as timm's, its head as PyTorch's", () => {
  const model = maxvit.create(TINY, randomSource({ seed: 3 }));
  const most = (name: string): number => {
    const numbers = (model.parameters().get(name) as Tensor).toNumbers().map(Math.abs);
    return Math.max(...numbers);
  };
  const within = (name: string, bound: number): void => {
    assert.ok(most(name) <= bound && most(name) > 0.7 * bound, `${name}: ${most(name)} of ${bound}`);
  };
  within("head.fc.weight", 1 / 4);
  within("head.pre_logits.fc.bias", 1 / 4);
  within("stages.0.blocks.0.attn_grid.attn.qkv.weight", Math.sqrt(6 / 32));
  within("stages.0.blocks.0.attn_block.mlp.fc2.weight", Math.sqrt(6 / 40));
  assert.ok(most("stages.0.blocks.0.attn_block.mlp.fc2.bias") < 1e-5);
  model.dispose();
});

test("timm's own variants are refused, naming what is otherwise", () => {
  const wanted = {
    maxvit_tiny_rw_224: /"rw" variant.*no bias.*flat, \[distances, heads\]/,
    maxvit_rmlp_tiny_rw_256: /"rw" variant.*a network's/,
  };
  for (const [name, message] of Object.entries(wanted)) {
    const shapes = new Map(Object.entries(variants[name] as Record<string, number[]>));
    assert.throws(() => maxvit.original?.(fileOf(shapes)), mismatch(message), name);
    assert.throws(() => maxvit.pretrained?.(fileOf(shapes), TINY), mismatch(message), name);
  }
});

test("what no MaxViT is, is refused by name", () => {
  const scale = { min: 1, max: 10 };
  assert.throws(() => maxvit.configure({ scale, attributes: [{ name: "color", scale }] }), /no attributes \(color\)/);
  const bad: readonly (readonly [object, RegExp])[] = [
    [{ image_size: 100 }, /do not divide into windows/],
    [{ embed_dims: [8, 8, 12, 15] }, /embed_dims holds 15/],
    [{ depths: [1, 1, 1] }, /depths/],
    [{ crop: "pad" }, /crop/],
    [{ image_std: [1, 0, 1] }, /image_std/],
  ];
  for (const [change, message] of bad) assert.throws(() => maxvit.create({ ...TINY, ...change }, byFormula), message);
});
