/** NIMA against pyiqa's code on timm's networks, torchvision's VGG16 and Keras' MobileNet (test/fixtures/baselines/nima/make.py). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nima } from "../../src/baselines/nima/index.js";
import { original } from "../../src/baselines/nima/original.js";
import { prepareResized } from "../../src/baselines/common/prepare.js";
import { CroppedInputs, IMAGENET } from "../../src/baselines/common/inputs.js";
import { ValueInputs } from "../../src/baselines/common/value-inputs.js";
import { SCORE, type Baseline } from "../../src/baselines/types.js";
import { isRocError } from "../../src/errors.js";
import { cropImage, decodeImage, type RgbImage } from "../../src/image/index.js";
import { randomSource } from "../../src/nn/index.js";
import { fromTypedArray, liveTensors, noGrad, scope, zeros, type Tensor } from "../../src/torch/index.js";
import { openSafetensors, openWeightsFile, type Checkpoint } from "../../src/weights/index.js";
import { difference } from "../models/support.js";
import { fixture } from "../support.js";
import { assertClose, CONTRACT, tensorsBelow } from "./common/parity.js";

const at = (name: string): string => fixture(`baselines/nima/${name}`);

/** What the fixtures are narrower in than what is published. */
const NARROW = {
  "vgg16.pth": { width: 1 / 32, crop: 32, what: "pyiqa's NIMA on vgg16" },
  "inception_resnet_v2.pth": {
    width: 1 / 32,
    repeats: [1, 1, 1],
    crop: 75,
    what: "pyiqa's NIMA on inception_resnet_v2",
  },
  "flat.pth": { width: 1 / 64, crop: 64, what: "yunxiaoshi's NIMA on vgg16" },
  "mobilenet.hdf5": { width: 1 / 32, crop: 32, what: "idealo's NIMA on mobilenet" },
} as const;
type File = keyof typeof NARROW;

async function loaded(file: File): Promise<Baseline> {
  const found = original(await openWeightsFile(at(file)));
  assert.ok(found, "it is recognised");
  const { what, crop, ...narrow } = NARROW[file];
  assert.equal(found.what, what);
  const image = { ...(found.config["image"] as object), side: crop, crop };
  using checkpoint = found.checkpoint;
  // The dropout's masks are random.
  return nima.load({ ...found.config, ...narrow, image, dropout: 0 }, checkpoint, { dtype: "float32" }, file);
}

/** Our name of a parameter of the reference. */
function ours(name: string, file: File): string {
  if (file === "flat.pth")
    return name.replace("classifier.1", "classifier").replace(/^features/, "base_model.features");
  return name.replace("features_", "features.").replace("classifier.2", "classifier");
}

function reference(checkpoint: Checkpoint, part: string, file: File): Map<string, Tensor> {
  return new Map([...tensorsBelow(checkpoint, part)].map(([name, tensor]) => [ours(name, file), tensor]));
}

for (const file of Object.keys(NARROW) as File[]) {
  test(`${file}: outputs, loss, gradients and running statistics`, async () => {
    const alive = liveTensors();
    const model = await loaded(file);
    using expected = await openSafetensors(at(file.replace(/\.\w+$/, ".safetensors")));
    scope(() => {
      const pixelValues = expected.tensor("sixteenths").to({ dtype: "float32" }).div(16);
      const answer = noGrad(() => model.forward({ pixelValues }, false));
      const error = difference(answer.outputs[SCORE] as Tensor, expected.tensor("outputs"));
      assert.ok(error <= CONTRACT, `outputs differ by ${error}`);
      for (const parameter of model.parameters().values()) parameter.requiresGrad_();
      const training = model.forward({ pixelValues }, true);
      const distribution = expected.tensor("votes");
      const scores = { [SCORE]: zeros([distribution.size(0)]) };
      const { loss, terms } = model.loss(training, { scores, distribution });
      assert.deepEqual(Object.keys(terms), ["emd"]);
      assert.ok(Math.abs(loss.item() - expected.tensor("loss").item()) <= CONTRACT);
      loss.backward();
      const gradients = reference(expected, "grad.", file);
      const found = [...gradients.keys()].map((name) => [name, model.parameters().get(name)?.grad] as const);
      assertClose(new Map(found), gradients, file);
      if (model.buffers().size === 0) return;
      const after = reference(expected, "after.", file);
      assertClose(new Map([...after.keys()].map((name) => [name, model.buffers().get(name)])), after, file);
    });
    model.dispose();
    assert.equal(liveTensors(), alive, "every tensor is freed");
  });
}

test("pictures are resized and cropped as by torchvision, and as Keras loads them", async () => {
  using expected = await openSafetensors(at("picture.safetensors"));
  const picture = await decodeImage(at("picture.png"));
  const inputs = new CroppedInputs({ fit: "short", side: 40, crop: 33, filter: "bilinear", mirror: true, ...IMAGENET });
  const prepared = await inputs.prepare(picture);
  scope(() => {
    const { pixelValues } = inputs.batch([prepared]);
    const error = difference((pixelValues as Tensor).squeeze(0), expected.tensor("short"));
    assert.ok(error <= 2 ** -22, `values differ by ${error}`);
  });
  const nearest = await prepareResized({ fit: "squash", side: 40, filter: "nearest" });
  const { data } = await nearest(picture);
  scope(() => assert.deepEqual([...data], expected.tensor("nearest").flatten().toNumbers()));
});

test("values are resized as by pyiqa, whose files say so: of wide, tall and small pictures", async () => {
  using expected = await openSafetensors(at("values.safetensors"));
  const wide = await decodeImage(at("picture.png"));
  const pictures = {
    wide,
    tall: quarterTurn(wide),
    larger: cropImage(wide, { left: 0, top: 0, width: 23, height: 17 }),
  };
  for (const [name, picture] of Object.entries(pictures)) {
    const [, side = 0] = expected.info(name).shape;
    const image = {
      fit: "short",
      side,
      crop: side,
      filter: "bilinear",
      resize: "values",
      mirror: true,
      ...IMAGENET,
    } as const;
    const inputs = new ValueInputs(image);
    const apart = await (await nima.prepareBy(inputs.steps))(picture);
    scope(() => {
      const { pixelValues } = inputs.batch([apart]);
      // Values of about 2, of a few products each.
      const error = difference((pixelValues as Tensor).squeeze(0), expected.tensor(name));
      assert.ok(error <= 2 ** -20, `${name}: values differ by ${error}`);
    });
  }
  const found = original(await openWeightsFile(at("vgg16.pth")));
  using checkpoint = found?.checkpoint;
  assert.ok(checkpoint);
  const image = found?.config["image"] as { resize?: string };
  assert.equal(image.resize, "values");
  const nearest = { ...found?.config, image: { ...image, filter: "nearest" } };
  assert.throws(() => nima.create(nearest, randomSource({ seed: 1 })), { code: "CONFIG_INVALID", message: /bilinear or bicubic.*at image/s }); // prettier-ignore
});

/** Clockwise. */
function quarterTurn({ width, height, data }: RgbImage): RgbImage {
  const turned = Uint8Array.from({ length: data.length }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % height, Math.floor(i / 3 / height)];
    return data[((height - 1 - x) * width + y) * 3 + c] ?? 0;
  });
  return { width: height, height: width, data: turned };
}

test("pictures without a rating do not count, and attributes are numbers of their own scales", () => {
  const wanted = { tiny: true, scale: { min: 1, max: 5 }, attributes: [{ name: "light", scale: { min: -1, max: 1 } }] };
  const model = nima.create(nima.configure(wanted), randomSource({ seed: 2 }));
  scope(() => {
    const tensor = (...values: number[]): Tensor => fromTypedArray(Float32Array.from(values), [values.length]);
    const answer = { outputs: { score: tensor(3, 5), light: tensor(0.5, 0) }, features: tensor(0, 0) };
    const { terms, loss } = model.loss(answer, { scores: { score: tensor(1, NaN), light: tensor(NaN, NaN) } });
    assert.equal(terms["mse"]?.item(), 0.25);
    assert.equal(terms["light"]?.item(), 0);
    assert.equal(loss.item(), 0.25);
  });
  model.dispose();
});

test("pyiqa's NIMA on a network that is not known names it", async () => {
  using checkpoint = await openWeightsFile(at("vgg16.pth"));
  const names = new Map([["base_model.layer1.weight", "base_model.features_0.weight"], ["classifier.2.weight", "classifier.2.weight"]]); // prettier-ignore
  const { derivedCheckpoint } = await import("../../src/weights/index.js");
  const error = (() => {
    try {
      return original(derivedCheckpoint(checkpoint, names));
    } catch (thrown) {
      return thrown;
    }
  })();
  assert.ok(isRocError(error) && error.code === "CHECKPOINT_MISMATCH");
  assert.match(error.message, /base_model\.layer1\.weight.*Known are vgg16, inception_resnet_v2/);
});

test("a file that is nearly yunxiaoshi's says what it lacks or has beside", async () => {
  using checkpoint = await openWeightsFile(at("flat.pth"));
  const { derivedCheckpoint } = await import("../../src/weights/index.js");
  const all = checkpoint.names().map((name) => [name, name] as const);
  const less = derivedCheckpoint(checkpoint, new Map(all.filter(([name]) => name !== "features.10.bias")));
  assert.throws(() => original(less), {
    code: "CHECKPOINT_MISMATCH",
    message: /28 tensors, but lacks features\.10\.bias\./,
  });
  const more = derivedCheckpoint(checkpoint, new Map([...all, ["extra.weight", "features.0.weight"]]));
  assert.throws(() => original(more), { code: "CHECKPOINT_MISMATCH", message: /has beside them extra\.weight/ });
});

test("an ImageNet network's own tensors begin a fresh model", async () => {
  using checkpoint = await openWeightsFile(at("flat.pth"));
  const names = nima.pretrained?.(checkpoint, nima.configure({ scale: { min: 1, max: 10 } }))?.names() ?? [];
  assert.equal(names.length, 26);
  assert.ok(names.every((name) => name.startsWith("base_model.features.")));
  const other = nima.configure({ variant: "inception_resnet_v2", scale: { min: 1, max: 10 } });
  assert.equal(nima.pretrained?.(checkpoint, other), undefined);
});
