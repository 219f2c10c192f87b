/** Linear maps in 8 bits, of every family: each test holds a model against itself in float32. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DEMO_MODEL, digestCheckpoint, load, quantizeCheckpoint } from "../../src/engine/index.js";
import { describeCheckpoint } from "../../src/engine/describe.js";
import { decodeImage } from "../../src/image/index.js";
import { DEFAULT_TEMPLATES, loadTemplates, readAnswers, strategyOf, type Strategy } from "../../src/roc/index.js";
import { encodePhoto, makePictures, type Picture } from "../../src/studio/index.js";
import { atomicWriteJson, readJson } from "../../src/files/index.js";
import { attachLora, linearMaps } from "../../src/models/lora.js";
import { saveAdapter } from "../../src/models/peft.js";
import { quantizationOf, quantizedFrom } from "../../src/models/quantize.js";
import { loadMllm, loadModel } from "../../src/models/registry.js";
import { saveMllm } from "../../src/models/save.js";
import type { Mllm, MllmInput } from "../../src/models/types.js";
import type { LinearForm } from "../../src/nn/index.js";
import { Int8Form, int8LinearOnDevice, quantizeWeight } from "../../src/nn/int8.js";
import {
  aten,
  keep,
  liveTensors,
  noGrad,
  RandomStream,
  rand,
  randn,
  scope,
  zeros,
  type Tensor,
} from "../../src/torch/index.js";
import { fitsInt8, int8Kernels, int8Linear, quantizeRows } from "../../src/torch/int8.js";
import { trainedParameters } from "../../src/train/optim/groups.js";
import { openCheckpoint, saveCheckpoint } from "../../src/weights/index.js";
import { sumError } from "../rounding.js";
import { ROWS, type Row } from "./rows.js";
import { assertEqualParameters, difference, ids, maxError } from "./support.js";
import { registerToy } from "./toy/family.js";

type Config = Record<string, unknown>;

const alive = liveTensors();
const forget = registerToy();
let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "quantize-"));
});
after(async () => {
  forget();
  await rm(root, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

/** A form that shows what comes in and what goes out. */
class Recorded implements LinearForm {
  readonly name = "recorded";

  constructor(
    private readonly weight: Tensor,
    private readonly see: (x: Tensor) => void,
  ) {}

  forward(x: Tensor, bias: Tensor | null): Tensor {
    this.see(x);
    const y = x.matmul(this.weight.t());
    return bias ? y.add(bias) : y;
  }

  dispose(): void {
    // It holds nothing of its own.
  }
}

/** Half a step of the rows of a matrix, `[rows, 1]`: the most by which rounding moves an entry. */
function halfStep(rows: Tensor): Tensor {
  return aten("amax")(rows.abs(), [-1], true).div(254);
}

/** What rounding does to weight and activations, but by chance: evenly spread over a step, as its errors are. */
class Dithered implements LinearForm {
  readonly name = "dithered";

  constructor(private readonly weight: Tensor) {}

  forward(x: Tensor, bias: Tensor | null): Tensor {
    const noisy = (rows: Tensor): Tensor => rows.add(rand(rows.shape).mul(2).sub(1).mul(halfStep(rows)));
    const y = noisy(x).matmul(noisy(this.weight).t());
    return bias ? y.add(bias) : y;
  }

  dispose(): void {
    // It holds nothing of its own.
  }
}

/** Draws of {@link Dithered}, whose distance from float32 says how far one rounding may be. */
const DRAWS = 16;
/** A sum of many small errors lies as many standard deviations away once in 5e8 times; that of 16 draws is known to a quarter. */
const DEVIATIONS = 6 * 1.25;

/** By how much numbers that a model gives may differ in 8 bits. @param exact what `read` gives without any noise */
function dithered(plain: Mllm, int8: Mllm, read: () => readonly number[], exact: readonly number[]): number[] {
  const maps = linearMaps(plain);
  for (const [key, map] of linearMaps(int8)) {
    const own = maps.get(key);
    if (map.form && own) own.form = new Dithered(own.weight);
  }
  const squares = exact.map(() => 0);
  for (let draw = 0; draw < DRAWS; draw++) {
    const noisy = new RandomStream(draw + 1).run(read);
    noisy.forEach((value, i) => (squares[i] = (squares[i] ?? 0) + (value - (exact[i] ?? NaN)) ** 2));
  }
  for (const map of maps.values()) map.form = null;
  return squares.map((sum) => DEVIATIONS * Math.sqrt(sum / DRAWS));
}

for (const [name, row] of ROWS) describe(name, () => suite(name, row));

function suite(name: string, row: Row): void {
  const place = (part: string): string => join(root, name.replaceAll(/\W+/g, "-"), part);
  let folder: string;
  let plain: Mllm;
  let int8: Mllm;
  before(async () => {
    folder = await row.weights(place("weights"));
    plain = await loadModel(folder);
    int8 = await loadModel(folder, { quantize: "int8", dtype: "float32" });
  });
  after(() => {
    plain.dispose();
    int8.dispose();
  });

  const prompt = [1, 5, ...new Array<number>(row.rows).fill(row.imageId), 7, 8, 9, 10];
  const inputOf = (): MllmInput => ({ inputIds: ids(prompt), images: row.images(1) });
  const hiddenOf = (model: Mllm): Tensor => model.forward({ ...inputOf(), rows: [prompt.length - 1] });
  /** Expected value of ten evenly spaced ratings from 1 to 10, whose logits are rows of the vocabulary. */
  const scoreOf = (logits: Tensor): number => {
    const shares = logits.narrow(-1, 20, 10).to("float64").softmax(-1).toNumbers();
    return shares.reduce((sum, share, i) => sum + share * (i + 1), 0);
  };
  const quietly = <T>(body: () => T): T => noGrad(() => scope(body));

  test("the linear maps are in 8 bits, as far as their sides are multiples of 8; the rest is as it was", () => {
    const maps = [...linearMaps(plain)];
    const fit = maps.filter(([, map]) => fitsInt8(map.weight.shape)).map(([key]) => `${key}.weight`);
    assert.ok(fit.length > 5);
    assert.equal(quantizationOf(int8), "int8");
    assert.equal(quantizationOf(plain), undefined);
    const found = int8.parameters();
    for (const [key, tensor] of plain.parameters()) {
      const own = found.get(key);
      assert.deepEqual(own?.shape, tensor.shape, key);
      if (!fit.includes(key)) assert.deepEqual(own?.toArray(), tensor.toArray(), key);
      else {
        const { bytes, scales } = scope(() => {
          const rounded = quantizeRows(tensor);
          return { bytes: rounded.bytes.toNumbers(), scales: rounded.scales.toNumbers() };
        });
        assert.deepEqual([own?.dtype, own?.toNumbers()], ["int8", bytes], key);
        assert.deepEqual(found.get(`${key}_scale`)?.toNumbers(), scales, key);
      }
    }
    assert.equal(found.size, plain.parameters().size + fit.length);
  });

  test("every map's outputs are within half a step of weight and activations of the exact ones", () =>
    quietly(() => {
      const inputs = new Map<string, Tensor>();
      for (const [key, map] of linearMaps(plain))
        map.form = new Recorded(map.weight, (x) => inputs.set(key, keep(x.clone())));
      hiddenOf(plain);
      for (const map of linearMaps(plain).values()) map.form = null;
      assert.ok(inputs.size > 5);
      for (const [key, x] of inputs) {
        const [own, map] = [linearMaps(int8).get(key), linearMaps(plain).get(key)];
        if (!own?.form || !map) {
          x.dispose();
          continue;
        }
        const [wide, weight] = [x.to("float64").flatten(0, -2), map.weight.to("float64")];
        const exact = wide.matmul(weight.t());
        const [dx, dw] = [halfStep(wide), halfStep(weight).t()];
        // |Σ (x + e)(w + f) - x w| with |e| <= dx, |f| <= dw.
        const bound = dx
          .mul(weight.abs().sum([1]))
          .add(wide.abs().sum([1], true).mul(dw))
          .add(dx.mul(dw).mul(wide.size(1)));
        const rounding = sumError(4, Math.max(...exact.abs().add(bound).flatten().toNumbers()));
        const off = own.form.forward(x, null).to("float64").flatten(0, -2).sub(exact).abs().sub(bound);
        assert.ok(Math.max(...off.flatten().toNumbers()) <= rounding, key);
        x.dispose();
      }
    }));

  test("logits, which every strategy reads, and a score are as near to float32's as errors of half a step by chance leave them", () =>
    quietly(() => {
      // Made once: pixels are drawn from a seed of their own.
      const input = { ...inputOf(), rows: [prompt.length - 1] };
      const read = (model: Mllm): number[] => {
        const logits = model.logits(model.forward(input));
        return [scoreOf(logits), ...logits.flatten().toNumbers()];
      };
      const [exact, rounded] = [read(plain), read(int8)];
      const allowed = dithered(plain, int8, () => scope(() => read(plain)), exact);
      const off = rounded.map((value, i) => Math.abs(value - (exact[i] ?? NaN)) / (allowed[i] ?? NaN));
      assert.ok(off.every((share) => share <= 1), `${Math.max(...off)} of the bound`); // prettier-ignore
      assert.notDeepEqual(rounded, exact);
    }));

  test("twice the same bits; what is saved comes back to the last bit, in one file or several", async () => {
    const first = quietly(() => hiddenOf(int8).toNumbers());
    assert.deepEqual(quietly(() => hiddenOf(int8).toNumbers()), first); // prettier-ignore
    for (const [part, maxShardBytes] of [
      ["one", undefined],
      ["several", 20_000],
    ] as const) {
      const copy = place(`saved-${part}`);
      await saveMllm(int8, copy, maxShardBytes === undefined ? {} : { maxShardBytes });
      const weights = (await readdir(copy)).filter((file) => file.endsWith(".safetensors"));
      assert.ok(weights.every((file) => file.startsWith("model.int8")) && weights.length > (part === "one" ? 0 : 2));
      using again = await loadModel(copy, { dtype: "float32" });
      assertEqualParameters(again, int8);
      // Where the weights lie in memory decides in which order floating-point products are added, and that which number of 8
      // bits an activation becomes.
      const off = quietly(() => difference(hiddenOf(again), hiddenOf(int8)));
      assert.ok(off < quietly(() => difference(hiddenOf(plain), hiddenOf(int8))) / 2);
      assert.deepEqual(quantizedFrom(again.config)?.method, "int8");
    }
  });

  test("bfloat16 by default; an outline has the same names, shapes and dtypes", async () => {
    using half = await loadModel(folder, { quantize: "int8" });
    assert.equal(half.dtype, "bfloat16");
    assert.equal(quietly(() => hiddenOf(half).dtype), "bfloat16"); // prettier-ignore
    using outline = await loadModel(folder, { quantize: "int8", outline: true });
    const facts = (model: Mllm): unknown =>
      [...model.parameters()].map(([key, { shape, dtype }]) => [key, shape.join(), dtype]).sort();
    assert.deepEqual(facts(outline), facts(half));
  });

  test("adapters are merged before: the bits of the merged checkpoint's own quantisation", async () => {
    {
      using own = await loadModel(folder);
      using adapters = attachLora(own, { rank: 2, alpha: 8, targets: "all-linear" }, 3);
      new RandomStream(5).run(() => {
        for (const { b } of adapters.adapted.map(([, , adapter]) => adapter)) noGrad(() => scope(() => void b.add_(randn(b.shape).mul(0.1)))); // prettier-ignore
      });
      await saveAdapter(place("adapter"), own, adapters, { base: folder });
    }
    {
      using merged = await loadModel(place("adapter"));
      await saveMllm(merged, place("merged"));
    }
    const options = { quantize: "int8", dtype: "float32" } as const;
    using direct = await loadModel(place("adapter"), options);
    using own = await loadModel(place("merged"), options);
    assertEqualParameters(direct, own);
    assert.ok(quietly(() => difference(hiddenOf(direct), hiddenOf(int8))) > 1e-4);
    await assert.rejects(loadModel(place("adapter"), { base: place("saved-one") }), {
      code: "USAGE",
      message: /saved-one is in int8, which cannot be changed\. Take the checkpoint that it was made of/,
    });
  });

  test("neither adapters nor weights are trained on it; its vocabulary grows", async () => {
    const refused = { code: "USAGE", message: /a linear map whose weights are int8/ };
    assert.throws(() => attachLora(int8, { rank: 1, alpha: 1, targets: "all-linear" }, 1), refused);
    assert.throws(() => trainedParameters(int8, {}), refused);
    using own = await loadModel(folder, { quantize: "int8" });
    own.growVocabulary([own.vocabSize], own.vocabSize);
    assert.equal(own.vocabSize, int8.vocabSize + 1);
  });

  test("damage: config and weights that disagree, names, dtypes and shapes", async () => {
    const saved = place("whole");
    await saveMllm(int8, saved);
    const config = (await readJson(join(saved, "config.json"))) as Config;
    const [key = ""] = [...int8.parameters()].flatMap(([one, { dtype }]) => (dtype === "int8" ? [one] : []));
    // What is missing has the name of the public layout, whichever the file has.
    const tail = key.split(".").slice(-4).join(".");
    const damaged = async (change: (tensors: Map<string, Tensor>) => void, to: Config = config): Promise<string> => {
      const copy = place("damaged");
      await rm(copy, { recursive: true, force: true });
      const tensors = int8.parameters();
      change(tensors);
      await saveCheckpoint(copy, tensors, { variant: "int8" });
      await atomicWriteJson(join(copy, "config.json"), to);
      return copy;
    };
    const [output = 0, input = 0] = int8.parameters().get(key)?.shape ?? [];
    const others = [
      zeros([output]),
      zeros([output + 1]),
      zeros([output, input]),
      zeros([output], { dtype: "bfloat16" }),
    ] as const;
    const { quantization_config: _, ...silent } = config;
    const cases: [(tensors: Map<string, Tensor>) => void, RegExp, Config?][] = [
      [(tensors) => tensors.delete(`${key}_scale`), new RegExp(`missing \\(1\\): \\S*${tail}_scale\\.`)],
      [(tensors) => tensors.delete(key), new RegExp(`missing \\(1\\): \\S*${tail}\\.`)],
      [
        (tensors) => tensors.set(`${key}_scale`, others[1]),
        new RegExp(`of another shape \\(1\\): \\S*${tail}_scale is \\[${output + 1}\\]`),
      ],
      [
        (tensors) => tensors.set(`${key}_scale`, others[3]),
        new RegExp(`another dtype.*: \\S*${tail}_scale is bfloat16`),
      ],
      [(tensors) => tensors.set(key, others[2]), new RegExp(`another dtype.*: \\S*${tail} is float32`)],
      [() => undefined, /is quantised, which is not read here/, silent],
    ];
    for (const [change, message, to] of cases) {
      await assert.rejects(loadModel(await damaged(change, to)), { message });
    }
    for (const tensor of others) tensor.dispose();
    const plainCopy = place("plain");
    await saveMllm(plain, plainCopy);
    await atomicWriteJson(join(plainCopy, "config.json"), config);
    await assert.rejects(loadModel(plainCopy), {
      code: "CHECKPOINT_MISMATCH",
      message: /another dtype than config\.json's quantization_config says/,
    });
  });
}

test("the demo's scores of photos are as near to float32's as errors of half a step by chance leave them", async () => {
  const photos = await Promise.all(
    makePictures({ seed: 8, count: 3, testFraction: 0, patterns: false }).pictures.map(({ composition }) => encodePhoto(composition, 128)), // prettier-ignore
  );
  const templates = (await loadTemplates(DEMO_MODEL)) ?? DEFAULT_TEMPLATES;
  const [plain, int8] = [
    await loadMllm(DEMO_MODEL),
    await loadMllm(DEMO_MODEL, { quantize: "int8", dtype: "float32" }),
  ];
  const pictures = await Promise.all(photos.map((photo) => decodeImage(photo)));
  const strategy = strategyOf(plain.model.config, templates) as Strategy;
  const read = ({ model, processor }: typeof plain): number[] =>
    noGrad(() =>
      scope(() => {
        const images = processor.images(pictures);
        return readAnswers({ model, processor, strategy, templates }, images, {}).map(
          ({ scores }) => scores[0]?.value ?? NaN,
        );
      }),
    );
  const [exact, rounded] = [read(plain), read(int8)];
  const allowed = dithered(plain.model, int8.model, () => read(plain), exact);
  for (const [i, score] of rounded.entries()) {
    const off = Math.abs(score - (exact[i] ?? NaN));
    assert.ok(off > 0 && off <= (allowed[i] ?? NaN), `${off}, bound ${allowed[i]}`);
  }
  plain.model.dispose();
  int8.model.dispose();
});

test("a checkpoint of its own: complete, naming its source; inspected, not quantised again", async () => {
  const row = ROWS.get("llava") as Row;
  const [source, out] = [join(root, "source"), join(root, "out")];
  await row.whole(source);
  const made = await quantizeCheckpoint(source, out);
  const digest = await digestCheckpoint(source);
  assert.deepEqual(made, { folder: out, source: `source@${digest.slice(0, 8)}`, digest });
  const description = await describeCheckpoint(out);
  assert.deepEqual(description.problems, []);
  assert.deepEqual(description.quantization, { method: "int8", source: made.source, digest });
  assert.equal((await describeCheckpoint(source)).quantization, undefined);
  const { model, processor } = await loadMllm(out);
  assert.equal(quantizationOf(model), "int8");
  assert.ok(processor.tokenizer.size > 0);
  model.dispose();
  await assert.rejects(quantizeCheckpoint(out, join(root, "again")), {
    code: "USAGE",
    message: /is in 8 bits already/,
  });
  await assert.rejects(quantizeCheckpoint(source, out), { code: "USAGE", message: /out is not empty/ });
  const unwritable = join(source, "config.json", "x");
  await assert.rejects(quantizeCheckpoint(source, unwritable), { code: "FILE_UNWRITABLE" });
});

test("results and settings name it; a worker loads it, too", async () => {
  const [picture] = makePictures({ seed: 8, count: 1, testFraction: 0, patterns: false }).pictures;
  const photo = await encodePhoto((picture as Picture).composition, 64);
  const out = join(root, "demo-int8");
  await quantizeCheckpoint(DEMO_MODEL, out);
  const scores: number[] = [];
  for (const [checkpoint, options] of [
    [DEMO_MODEL, { quantize: "int8" }],
    [DEMO_MODEL, { quantize: "int8", worker: false }],
    [out, {}],
    [out, { quantize: "int8", dtype: "auto" }],
  ] as const) {
    using model = await load(checkpoint, options);
    assert.equal(model.settings?.["quantization"], "int8");
    const { score, quantization, dtype } = await model.scoreOne(photo);
    assert.deepEqual([quantization, dtype], ["int8", "bfloat16"]);
    scores.push(score);
  }
  assert.equal(new Set(scores).size, 1, "the same digits, rounded at load or before");
  using plain = await load(DEMO_MODEL);
  assert.ok(!("quantization" in (plain.settings ?? {})) && !("quantization" in (await plain.scoreOne(photo))));
  await assert.rejects(load(DEMO_MODEL, { quantize: "int4" as "int8" }), {
    code: "USAGE",
    message: /give one of int8/,
  });
});

test("a weight that is not finite is told by its scale", async () => {
  const [broken, out] = [join(root, "broken"), join(root, "broken-int8")];
  await cp(await (ROWS.get("llava") as Row).whole(join(root, "unbroken")), broken, { recursive: true });
  {
    using own = await loadModel(broken);
    const weight = own.parameters().get("multi_modal_projector.linear_1.weight") as Tensor;
    scope(() => void weight.select(0, 3).narrow(0, 1, 1).fill_(NaN));
    await saveMllm(own, broken);
  }
  await quantizeCheckpoint(broken, out);
  const { problems } = await describeCheckpoint(out);
  assert.match(problems.join(), /multi_modal_projector\.linear_1\.weight_scale: of \d+ values, 1 NaN/);
});

test("another method, a device without the products and a model without maps that fit are named", async () => {
  const row = ROWS.get("toy") as Row;
  const folder = await row.weights(join(root, "toy"));
  const int4 = "int4" as "int8";
  await assert.rejects(loadModel(folder, { quantize: int4 }), {
    code: "USAGE",
    message: /quantize is int4; give one of int8/,
  });
  const mps = { quantize: "int8", device: "mps" } as const;
  await assert.rejects(loadModel(folder, mps), {
    code: "USAGE",
    message: /--quantize int8: the device mps has no products/,
  });
});

test("the weights of a saved checkpoint are no tensors that another program would take", async () => {
  using saved = await openCheckpoint(join(root, "llava", "saved-one"));
  const names = saved.names();
  const { quantization_config } = (await readJson(join(root, "llava", "saved-one", "config.json"))) as Config;
  assert.deepEqual(quantization_config, { quant_method: "roc4mllm_int8", source: "tiny" });
  assert.ok(names.some((one) => one.endsWith(".weight_scale")));
});

/** The products as CUDA has them, computed on the CPU: where its own product of bytes is exact. */
const exact = int8Kernels().includes("libtorch");
test("operators for CUDA give the kernels' numbers but for the order of two roundings", { skip: !exact }, () => {
  scope(() => {
    for (const [count, bias] of [
      [1, false],
      [31, true],
      [40, false],
      [0, true],
    ] as const) {
      const [x, weight] = [randn([count, 48]), randn([24, 48])];
      x.narrow(0, 0, Math.min(count, 1)).fill_(0);
      const [bytes, scales] = quantizeWeight(weight);
      const map = { weight: bytes, scales, bias: bias ? randn([24]) : null };
      const [found, expected] = [int8LinearOnDevice(x, map), int8Linear(x, map)];
      assert.deepEqual(found.shape, expected.shape);
      const scale = Math.max(1, ...expected.abs().flatten().toNumbers());
      assert.ok(maxError(found.toNumbers(), expected.toNumbers()) <= sumError(4, scale));
      assert.equal(int8LinearOnDevice(x.to("bfloat16").view(1, count, 48), map).shape.join(), `1,${count},24`);
    }
  });
});

test("a form is its map's own", () => {
  scope(() => {
    const [bytes, scales] = quantizeWeight(randn([8, 16]));
    const form = new Int8Form(bytes, scales);
    const x = randn([3, 16]);
    assert.deepEqual(
      form.forward(x, null).toNumbers(),
      int8Linear(x, { weight: bytes, scales, bias: null }).toNumbers(),
    );
    form.dispose();
    assert.deepEqual(bytes.shape, [8, 16]);
  });
});
