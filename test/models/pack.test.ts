/** Linear maps with weights packed beforehand, of every family, and when they are. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { packing } from "../../src/cli/shared/model-options.js";
import { DEMO_MODEL, load } from "../../src/engine/index.js";
import { isRocError } from "../../src/errors.js";
import { attachLora, linearMaps } from "../../src/models/lora.js";
import { isForPacking, isPacked, packWeights } from "../../src/models/pack.js";
import { loadModel } from "../../src/models/registry.js";
import { saveMllm } from "../../src/models/save.js";
import type { Mllm } from "../../src/models/types.js";
import { encodePhoto, makePictures, type Picture } from "../../src/studio/index.js";
import {
  liveTensors,
  multipliesBfloat16,
  noGrad,
  operator,
  randn,
  RandomStream,
  scope,
  type Tensor,
} from "../../src/torch/index.js";
import { hasPackedProducts, packedLinear, packWeight } from "../../src/torch/packed.js";
import { trainedParameters } from "../../src/train/optim/groups.js";
import { ROWS, type Row } from "./rows.js";
import { assertEqualParameters, difference, ids } from "./support.js";
import { registerToy } from "./toy/family.js";

const alive = liveTensors();
const forget = registerToy();
let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "pack-"));
});
after(async () => {
  forget();
  await rm(root, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

const skip = hasPackedProducts() ? false : "this libtorch has no such products for this processor";
const isFast = !skip && process.arch === "x64" && multipliesBfloat16();
const quietly = <T>(body: () => T): T => noGrad(() => scope(body));
const refused = (work: () => unknown, what: RegExp): void => {
  assert.throws(work, (error) => isRocError(error) && error.code === "USAGE" && what.test(error.message));
};

for (const [name, row] of ROWS) describe(name, { skip }, () => suite(name, row));

function suite(name: string, row: Row): void {
  const place = (part: string): string => join(root, name.replaceAll(/\W+/g, "-"), part);
  let plain: Mllm;
  let packed: Mllm;
  before(async () => {
    const folder = await row.weights(place("weights"));
    plain = await loadModel(folder, { dtype: "bfloat16" });
    packed = await loadModel(folder, { dtype: "bfloat16" });
    packWeights(packed, true);
  });
  after(() => {
    plain.dispose();
    packed.dispose();
  });

  const prompt = [1, 5, ...new Array<number>(row.rows).fill(row.imageId), 7, 8, 9, 10];
  const hiddenOf = (model: Mllm): Tensor =>
    model.forward({ inputIds: ids(prompt), images: row.images(1), rows: [prompt.length - 1] });
  /** Expected value of ten evenly spaced ratings from 1 to 10, whose logits are rows of the vocabulary. */
  const scoreOf = (model: Mllm): number => {
    const ratings = Array.from({ length: 10 }, (_, i) => 20 + i);
    const shares = model.logits(hiddenOf(model), ratings).to("float64").softmax(-1).toNumbers();
    return shares.reduce((sum, share, i) => sum + share * (i + 1), 0);
  };

  test("every map's outputs are the exact ones, rounded to bfloat16", () => {
    assert.ok(isPacked(packed) && !isPacked(plain));
    for (const [key, map] of linearMaps(packed)) {
      assert.equal(map.form?.name, "packed", key);
      for (const rows of [1, 5, 40])
        quietly(() => {
          const x = new RandomStream(rows).run(() => randn([rows, map.weight.size(1)])).to("bfloat16");
          const [wide, weight] = [x.to("float64"), map.weight.to("float64")];
          const bias = map.bias?.to("float64");
          const product = wide.matmul(weight.t());
          const exact = bias ? product.add(bias) : product;
          const terms = wide.abs().matmul(weight.abs().t());
          const sum = (bias ? terms.add(bias.abs()) : terms).mul((wide.size(1) + 2) * 2 ** -23);
          // A sum in float32, rounded once; libtorch's own may round the product before the bias, too.
          const bound = exact
            .abs()
            .mul(2 ** -8)
            .add(sum);
          const off = map.forward(x).to("float64").sub(exact).abs().sub(bound);
          assert.ok(Math.max(...off.flatten().toNumbers()) <= 0, `${key} of ${rows} rows`);
        });
    }
  });

  test("scores are those of plain weights within bfloat16's own drift, and the same in two runs", () =>
    quietly(() => {
      const [first, second] = [hiddenOf(packed), hiddenOf(packed)];
      assert.equal(difference(first, second), 0);
      // docs/speed.md: the largest drift of bfloat16 on 64 pictures.
      assert.ok(Math.abs(scoreOf(packed) - scoreOf(plain)) <= 0.272);
    }));

  test("parameters and what is saved are plain; what trains or changes weights refuses", async () => {
    assertEqualParameters(packed, plain);
    await saveMllm(packed, place("saved"));
    const again = await loadModel(place("saved"), { dtype: "bfloat16" });
    assertEqualParameters(again, plain);
    again.dispose();
    const lora = { rank: 2, alpha: 4, targets: "all-linear" };
    refused(() => attachLora(packed, lora, 1), /trained on a linear map whose weights are packed\. Load .*unpacked/);
    refused(() => trainedParameters(packed, {}), /gradients through a linear map whose weights are packed/);
  });

  test("a model frees its packed weights; its vocabulary may grow", async () => {
    const before = liveTensors();
    const model = await loadModel(place("saved"), { dtype: "bfloat16" });
    const unpacked = liveTensors();
    packWeights(model, true);
    assert.equal(liveTensors() - unpacked, linearMaps(model).size);
    const expected = quietly(() => scoreOf(model));
    model.growVocabulary([model.vocabSize + 7], model.vocabSize);
    assert.equal(
      quietly(() => scoreOf(model)),
      expected,
    );
    model.dispose();
    assert.equal(liveTensors(), before);
  });
}

test("the products are for inference: an input that needs a gradient is refused", { skip }, () =>
  scope(() => {
    const half = (): Tensor => randn([16, 16]).to("bfloat16");
    const x = half().requiresGrad_();
    const packed = packWeight(half());
    refused(() => packedLinear(x, packed, null), /no gradient/);
    packedLinear(x.detach(), packed, null);
  }),
);

test("operators take lists of numbers that may be missing", { skip }, () =>
  quietly(() => {
    const [x, packed] = [randn([4, 16]).to("bfloat16"), packWeight(randn([16, 16]).to("bfloat16"))];
    const clamped = operator("mkldnn::_linear_pointwise")(x, packed, null, "hardtanh", [0, 0.5], "");
    assert.deepEqual((clamped as Tensor).toNumbers(), packedLinear(x, packed, null).clamp(0, 0.5).toNumbers());
  }),
);

test("auto packs where that was measured to be faster; on packs wherever it can, or says why not", () => {
  const here = { dtype: "bfloat16", device: "cpu", quantized: false, products: true, measured: true };
  assert.ok(isForPacking(true, here) && isForPacking("auto", here) && !isForPacking(false, here));
  const elsewhere = { ...here, measured: false };
  assert.ok(isForPacking(true, elsewhere) && !isForPacking("auto", elsewhere));
  const without = [
    [{ ...here, dtype: "float32" }, /its weights are float32, .*--dtype bfloat16/],
    [{ ...here, device: "cuda:1" }, /the model is on cuda:1/],
    [{ ...here, quantized: true }, /its weights are int8/],
    [{ ...here, products: false }, /this libtorch has no products .* for this processor\. Leave it out\./],
  ] as const;
  for (const [facts, why] of without) {
    assert.ok(!isForPacking("auto", facts) && !isForPacking(false, facts));
    refused(() => isForPacking(true, facts), why);
  }
});

test("--pack: auto for large jobs only, on and off for all", () => {
  assert.deepEqual(
    ([{}, { pack: "auto" }, { pack: "on" }, { pack: "off" }] as const).map((flags) => [
      packing(flags, true),
      packing(flags, false),
    ]),
    [
      ["auto", false],
      ["auto", false],
      [true, true],
      [false, false],
    ],
  );
});

test("load() packs when asked, in a worker and here, and the settings say so", async () => {
  const { pictures } = makePictures({ seed: 1, count: 1, testFraction: 0, patterns: false });
  const photo = await encodePhoto((pictures[0] as Picture).composition, 64);
  for (const worker of [true, false]) {
    const settingsOf = async (dtype: "bfloat16" | "float32", pack?: boolean | "auto"): Promise<unknown> => {
      using model = await load(DEMO_MODEL, { dtype, pack, worker });
      await model.scoreOne(photo);
      return model.settings?.["packed"];
    };
    assert.equal(await settingsOf("bfloat16"), undefined);
    assert.equal(await settingsOf("bfloat16", false), undefined);
    assert.equal(await settingsOf("bfloat16", "auto"), isFast ? true : undefined);
    assert.equal(await settingsOf("float32", "auto"), undefined);
    await assert.rejects(settingsOf("float32", true), { code: "USAGE", message: /its weights are float32/ });
    if (skip) await assert.rejects(settingsOf("bfloat16", true), { code: "USAGE", message: /has no products/ });
    else assert.equal(await settingsOf("bfloat16", true), true);
  }
  await assert.rejects(load(DEMO_MODEL, { pack: "on" as "auto" }), { code: "USAGE", message: /pack is on; give true/ });
});
