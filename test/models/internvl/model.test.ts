/**
 * Against transformers 5.24 and the original code (test/fixtures/internvl/make.py), float32 on the CPU; stated: the largest
 * absolute error.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test, type TestContext } from "node:test";
import { inspectForward } from "../../../src/engine/forward.js";
import { atomicWriteJson, readJson } from "../../../src/files/index.js";
import { generateSteps } from "../../../src/generation/generate.js";
import { generateWithLogits } from "../../../src/generation/index.js";
import {
  createInternVl,
  loadInternVl,
  parseInternVlConfig,
  type InternVlModel,
} from "../../../src/models/internvl/index.js";
import { internVlFacts } from "../../../src/models/internvl/facts.js";
import { attachLora } from "../../../src/models/lora.js";
import { saveMllm } from "../../../src/models/save.js";
import type { ImageBatch } from "../../../src/models/types.js";
import { mapSource, randomSource } from "../../../src/nn/index.js";
import { aten, liveTensors, noGrad, scope, tensor, type Tensor } from "../../../src/torch/index.js";
import type { Checkpoint } from "../../../src/weights/index.js";
import { FEATURES_ERROR, FORWARD_ERROR } from "../../rounding.js";
import { fixture } from "../../support.js";
import { assertEqualParameters, difference, entries } from "../support.js";
import { CHECKPOINTS, folderOf, inputOf, loadTiny, openExpected, originalConfig, writeOriginal } from "./support.js";

const alive = liveTensors();
const names = (await readJson(fixture("internvl/names.json"))) as Record<string, string[]>;
let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "internvl-"));
});
after(async () => {
  await rm(root, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

function near(t: TestContext, actual: Tensor, expected: Tensor, what: string, bound = FORWARD_ERROR): void {
  const error = difference(actual, expected);
  t.diagnostic(`${what}: max abs error ${error.toExponential(1)}`);
  assert.ok(error < bound, `${what}: max abs error ${error}`);
}

/** Loss and gradients by the door of `inspect forward`, with the input "two" of `given`. */
function nearGradients(t: TestContext, model: InternVlModel, given: Checkpoint, expected: Checkpoint): void {
  scope(() => {
    const ids = given.tensor("two.ids");
    const labels = ids.toNumbers().map((id, at, all) => (at < all.length - 3 ? -100 : id));
    const inputs = new Map([
      ["input_ids", ids],
      ["pixel_values", given.tensor("two.pixel_values")],
      ["labels", tensor([labels], { dtype: "int64" })],
    ]);
    const keys = expected.names().filter((name) => name.startsWith("grad."));
    const outputs = inspectForward(
      model,
      inputs,
      keys.map((key) => key.slice("grad.".length)),
    );
    near(t, outputs.get("image_features") as Tensor, expected.tensor("two.features"), "features", FEATURES_ERROR);
    near(t, outputs.get("logits") as Tensor, expected.tensor("two.logits"), "logits");
    near(t, outputs.get("loss") as Tensor, expected.tensor("loss"), "loss");
    for (const key of keys) near(t, outputs.get(key) as Tensor, expected.tensor(key), key);
  });
  for (const parameter of model.parameters().values()) parameter.requiresGrad_(false);
}

const shapes = (model: InternVlModel): Map<string, Tensor> => model.parameters();

/** The model with some keys of its config changed, on copies of the same numbers. */
function changed(model: InternVlModel, more: object): InternVlModel {
  return createInternVl({ ...model.config, ...more }, mapSource(shapes(model)));
}

for (const name of CHECKPOINTS) {
  describe(name, () => {
    let model: InternVlModel;
    let expected: Checkpoint;
    before(async () => {
      model = await loadTiny(name);
      expected = await openExpected(name);
    });
    after(() => {
      model.dispose();
      expected.dispose();
    });

    test("features, logits, loss and gradients of pictures of three tiles and one", (t) => {
      nearGradients(t, model, expected, expected);
    });

    test("features of a lower layer, and of tiles larger than the table of positions", (t) =>
      noGrad(() =>
        scope(() => {
          using lower = changed(model, { vision_feature_layer: -2, tie_word_embeddings: name === "norms" });
          const { images } = inputOf(expected, "two");
          near(
            t,
            lower.imageFeatures(images as ImageBatch),
            expected.tensor("layer.features"),
            "layer",
            FEATURES_ERROR,
          );
          const large = model.imageFeatures({ pixelValues: expected.tensor("large.pixel_values") });
          near(t, large, expected.tensor("large.features"), "large", FEATURES_ERROR);
        }),
      ));

    for (const key of ["right", "left", "text"]) {
      test(`${key === "text" ? key : `a batch padded ${key}`}: logits of real tokens`, (t) =>
        noGrad(() =>
          scope(() => {
            const input = inputOf(expected, key);
            const errors = model
              .logits(model.forward(input))
              .sub(expected.tensor(`${key}.logits`))
              .abs();
            const error = aten("masked_select")(errors, input.attentionMask.ne(0).unsqueeze(-1)).max().item();
            t.diagnostic(`max abs error ${error.toExponential(1)}`);
            assert.ok(error < FORWARD_ERROR, String(error));
          }),
        ));
    }

    test("greedy generation: the same ids and step logits, of one prompt and of a batch padded left", (t) =>
      scope(() => {
        for (const key of ["two", "left"]) {
          const { inputIds, attentionMask, images } = inputOf(expected, key);
          const [rows, T] = [inputIds.size(0), inputIds.size(1)];
          const [all, real] = [inputIds.toNumbers(), attentionMask.toNumbers()];
          const prompts = Array.from({ length: rows }, (_, b) => ({
            ids: all.slice(b * T, (b + 1) * T).filter((_, i) => real[b * T + i] === 1),
            images: b === 0 ? images : undefined,
          }));
          const wanted = expected.tensor(`${key}.greedy`);
          const settings = { maxNewTokens: wanted.size(1), padId: 96 };
          const { sequences, stepLogits } = generateWithLogits(model, prompts, settings);
          assert.deepEqual(
            sequences.flatMap(({ ids }) => ids),
            wanted.toNumbers(),
          );
          near(t, stepLogits, expected.tensor(`${key}.steps`), key);
        }
      }));

    test("transformers calls the parameters so in memory; those names are found, too", () => {
      const own = [...model.parameters().keys()];
      // Tied, the head is one more name of the embedding.
      const known = names[name]?.filter((key) => key !== "lm_head.weight" || name === "hf");
      assert.deepEqual(own.map((key) => model.transformersName(key)).sort(), known);
      for (const key of own) assert.equal(model.parameterName(model.transformersName(key)), key);
    });
  });
}

describe("the original layout", () => {
  let model: InternVlModel;
  let folder: string;
  let given: Checkpoint;
  let expected: Checkpoint;
  before(async () => {
    folder = await writeOriginal(join(root, "original"), "hf");
    model = await loadInternVl(folder);
    given = await openExpected("hf");
    expected = await openExpected("original");
  });
  after(() => {
    for (const each of [model, given, expected]) each.dispose();
  });

  test("features, logits, loss and gradients under the file's own names, as the original code", (t) => {
    nearGradients(t, model, given, expected);
  });

  test("features of larger tiles, of a lower layer, with transposed blocks, and of the 6B tower's kind", async (t) => {
    const tower = await loadInternVl(await writeOriginal(join(root, "tower"), "norms"));
    using norms = await openExpected("norms");
    noGrad(() =>
      scope(() => {
        const pixelValues = given.tensor("two.pixel_values");
        using lower = changed(model, { select_layer: -2 });
        using transposed = changed(model, { ps_version: null });
        for (const [of, pixels, key] of [
          [model, given.tensor("large.pixel_values"), "large"],
          [lower, pixelValues, "layer"],
          [transposed, pixelValues, "v1"],
          [tower, norms.tensor("two.pixel_values"), "norms"],
        ] as const) {
          const features = of.imageFeatures({ pixelValues: pixels });
          near(t, features, expected.tensor(`${key}.features`), key, FEATURES_ERROR);
        }
      }),
    );
    tower.dispose();
  });

  test("generates the original code's ids", () =>
    scope(() => {
      const { inputIds, images } = inputOf(given, "two");
      const settings = { maxNewTokens: 6, padId: 96 };
      const { sequences } = generateWithLogits(model, [{ ids: inputIds.toNumbers(), images }], settings);
      assert.deepEqual(sequences[0]?.ids, expected.tensor("two.greedy").toNumbers());
    }));

  test("the names are those of the original code, in memory as in the file; written as it came", async () => {
    const own = [...model.parameters().keys()].sort();
    assert.deepEqual(own, names["original"]);
    assert.deepEqual(own.map((key) => model.transformersName(key)), own); // prettier-ignore
    const copy = join(root, "copy");
    await saveMllm(model, copy);
    assert.deepEqual(await entries(copy), await entries(folder));
    // Written without a tokenizer, config.json says which token stands for a row of a picture.
    using again = await loadInternVl(copy);
    assert.deepEqual(again.placeholderIds, [94]);
    assertEqualParameters(again, model);
  });

  test("adapters are put on the language model alone by default", () => {
    const adapters = attachLora(model, { rank: 2, alpha: 4, targets: internVlFacts.loraTargets }, 1);
    const adapted = [...adapters.parameters().keys()];
    assert.equal(adapted.length, 2 * 2 * 7);
    assert.ok(adapted.every((key) => key.startsWith("language_model.model.layers.")));
    adapters.dispose();
  });

  test("an id of the picture's token that is none is refused by the file that gives it", async () => {
    const damaged = await writeOriginal(join(root, "damaged"), "hf");
    const message = /(added_tokens|tokenizer_config)\.json: field <IMG_CONTEXT>: .* Correct it/;
    for (const id of [-1, 1.5, "x"]) {
      await atomicWriteJson(join(damaged, "added_tokens.json"), { "<IMG_CONTEXT>": id });
      await assert.rejects(loadInternVl(damaged), { code: "TOKENIZER_INVALID", message });
    }
    await rm(join(damaged, "added_tokens.json"));
    const decoder = { x: { content: "<IMG_CONTEXT>" } };
    await atomicWriteJson(join(damaged, "tokenizer_config.json"), { added_tokens_decoder: decoder });
    await assert.rejects(loadInternVl(damaged), { code: "TOKENIZER_INVALID", message });
  });

  test("where nothing names the token of a picture's rows, text alone is read", async () => {
    const bare = await writeOriginal(join(root, "bare"), "hf");
    await rm(join(bare, "added_tokens.json"));
    using blind = await loadInternVl(bare);
    noGrad(() =>
      scope(() => {
        assert.equal(blind.forward({ inputIds: given.tensor("text.ids") }).size(1), 6);
        assert.throws(() => blind.forward(inputOf(given, "two")), { code: "USAGE", message: /<IMG_CONTEXT>/ });
      }),
    );
  });

  test("a head in the file counts; without one the embedding is the head", async () => {
    const [tied] = [await writeOriginal(join(root, "tied"), "norms")];
    using headless = await loadInternVl(tied);
    assert.ok(!headless.parameters().has("language_model.lm_head.weight"));
    assert.ok(model.parameters().has("language_model.lm_head.weight"));
  });
});

test("the vocabulary grows in the config of the language model", async () => {
  const config = await originalConfig("hf");
  using model = createInternVl(config, randomSource({ seed: 1 }));
  model.growVocabulary([100, 101], 100);
  assert.equal((model.config["llm_config"] as { vocab_size: number }).vocab_size, 102);
  assert.equal("text_config" in model.config, false);
  assert.equal(model.maxPositions, 256);
});

interface Dynamic {
  readonly text: object;
  readonly cases: readonly { readonly rows: number[][]; readonly new: number[][]; readonly logits: number[][][] }[];
}

test("a dynamic rope beyond max_position_embeddings, in prompts and in what is written", async (t) => {
  const { text, cases } = (await readJson(fixture("internvl/dynamic.json"))) as Dynamic;
  using plain = await loadTiny("hf");
  const config = plain.config["text_config"] as object;
  const { rope_scaling: _, ...own } = config as { rope_scaling?: unknown };
  using model = changed(plain, { text_config: { ...own, ...text }, tie_word_embeddings: false });
  assert.equal(model.maxPositions, 16);
  const long = [{ ids: new Array<number>(17).fill(5) }];
  assert.throws(() => generateWithLogits(model, long, { maxLength: 20 }), { code: "USAGE", message: /16 positions/ });
  for (const { rows, new: wanted, logits } of cases) {
    const prompts = rows.map((ids) => ({ ids }));
    const { sequences, stepLogits } = generateWithLogits(model, prompts, { maxNewTokens: 10 });
    assert.deepEqual(
      sequences.map(({ ids }) => ids),
      wanted,
    );
    scope(() => near(t, stepLogits, tensor(logits), `${rows.map(({ length }) => length).join(" and ")} tokens`));
    stepLogits.dispose();
    // Of one sequence, steps that are recorded are the same; those of several each go by their own length.
    if (rows.length > 1) continue;
    const steps = generateSteps(model, prompts, { maxNewTokens: 10 }, { fixed: true, room: 4 });
    assert.deepEqual(
      [...steps].flatMap(({ tokens }) => tokens.map(({ tokenId }) => tokenId)),
      wanted[0],
    );
  }
});

test("what is not computed here is refused, naming the field", async () => {
  const original = await originalConfig("hf");
  const hf = (await readJson(join(folderOf("hf"), "config.json"))) as Record<string, object>;
  const llm = (fields: object): object => ({
    ...original,
    llm_config: { ...(original["llm_config"] as object), ...fields },
  });
  const vision = (fields: object): object => ({ ...hf, vision_config: { ...hf["vision_config"], ...fields } });
  for (const [config, message] of [
    [llm({ model_type: "internlm2" }), /llm_config: model_type "internlm2".*known are: qwen2, qwen3, llama/],
    [llm({ model_type: null, architectures: ["Phi3ForCausalLM"] }), /model_type "phi3"/],
    [llm({ rope_scaling: { type: "yarn", factor: 4 } }), /rope_scaling/],
    [llm({ rope_scaling: { type: "dynamic" } }), /llm_config: rope_scaling is "dynamic" without a factor/],
    [{ ...original, pad2square: true }, /pad2square/],
    [
      { ...original, dynamic_image_size: true, min_dynamic_patch: 7, max_dynamic_patch: 6 },
      /min_dynamic_patch 7 is above/,
    ],
    [{ ...original, ps_version: "v3" }, /ps_version/],
    [{ ...original, downsample_ratio: 0.4 }, /downsample_ratio 0\.4/],
    [{ ...original, select_layer: -4 }, /select_layer -4/],
    [{ ...hf, vision_feature_select_strategy: "full" }, /vision_feature_select_strategy/],
    [vision({ image_size: [16, 32] }), /only squares are supported.*image_size/],
    [vision({ use_absolute_position_embeddings: false }), /use_absolute_position_embeddings/],
    [vision({ num_attention_heads: 5 }), /num_attention_heads 5/],
  ] as const) {
    assert.throws(() => parseInternVlConfig(config), { code: "CONFIG_INVALID", message });
  }
});
