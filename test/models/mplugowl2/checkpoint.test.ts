/** mPLUG-Owl2 checkpoints: what is read from, written to and refused in the layouts of the public files. */
import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createMplugOwl2, loadMplugOwl2, parseMplugOwl2Config } from "../../../src/models/mplugowl2/index.js";
import { loadModel } from "../../../src/models/registry.js";
import { saveMllm } from "../../../src/models/save.js";
import type { Mllm } from "../../../src/models/types.js";
import { randomSource } from "../../../src/nn/index.js";
import { addScoreTokens, vocabularyFromConfig } from "../../../src/roc/index.js";
import { loadTokenizer } from "../../../src/tokenizers/index.js";
import { liveTensors, noGrad, scope, type Tensor } from "../../../src/torch/index.js";
import { atomicWriteJson, readJson } from "../../../src/files/index.js";
import { openCheckpoint, saveCheckpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";
import { assertEqualParameters, difference, ids } from "../support.js";
import { isTable, loadTiny, openExpected, TINY } from "./support.js";

const alive = liveTensors();
let folder: string;
let config: Record<string, unknown>;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "mplugowl2-"));
  config = (await readJson(join(TINY, "config.json"))) as Record<string, unknown>;
});
after(async () => {
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

/** The tiny checkpoint as safetensors, without the tensors that `left` names. */
async function copyWithout(name: string, left: (tensor: string) => boolean): Promise<string> {
  const copy = join(folder, name);
  using model = await loadTiny();
  await saveCheckpoint(copy, new Map([...model.parameters()].filter(([key]) => !left(key))));
  await cp(join(TINY, "config.json"), join(copy, "config.json"));
  return copy;
}

test("every tensor of the released files is a parameter, but inv_freq and learned_weight", async () => {
  using checkpoint = await openCheckpoint(TINY);
  using model = await loadModel(TINY);
  const wanted = checkpoint.names().filter((name) => !/inv_freq|learned_weight/.test(name));
  assert.equal(checkpoint.names().length, wanted.length + 3);
  assert.deepEqual([...model.parameters().keys()].sort(), wanted.sort());
});

test("what is written is read as the same model, tables of places among it; the config stays", async () => {
  using model = await loadTiny();
  const saved = join(folder, "saved");
  await saveMllm(model, saved);
  using again = await loadMplugOwl2(saved);
  assertEqualParameters(again, model);
  assert.deepEqual(await readJson(join(saved, "config.json")), { ...config, torch_dtype: "float32" });
});

test("tables of places are not computed for a picture size that the file does not have", async () => {
  const copy = await copyWithout("absurd", isTable);
  const visual = config["visual_config"] as Record<string, Record<string, unknown>>;
  const visual_config = {
    visual_model: { ...visual["visual_model"], image_size: 4095 },
    visual_abstractor: { ...visual["visual_abstractor"], grid_size: null },
  };
  await atomicWriteJson(join(copy, "config.json"), { ...config, visual_config });
  const message = /position_embedding is \[1, 17, 24\], the config asks for \[1, 342226, 24\]/;
  await assert.rejects(loadMplugOwl2(copy), { code: "CHECKPOINT_MISMATCH", message });
});

test("a file without tables of places: they are computed, to 1e-4, and written", async () => {
  const copy = await copyWithout("plain", isTable);
  using model = await loadMplugOwl2(copy);
  using expected = await openExpected();
  noGrad(() => {
    scope(() => {
      const inputIds = expected.tensor("one.ids");
      const images = { pixelValues: expected.tensor("pixels").narrow(0, 0, 1) };
      const logits = model.logits(model.forward({ inputIds, images })).squeeze(0);
      assert.ok(difference(logits, expected.tensor("plain.logits")) < 1e-4);
      assert.ok(difference(logits, expected.tensor("one.logits")) > 2e-4, "the rounded tables are others");
    });
  });
  const saved = join(folder, "plain-saved");
  await saveMllm(model, saved);
  using checkpoint = await openCheckpoint(saved);
  assert.equal(checkpoint.names().filter(isTable).length, 4);
  using again = await loadMplugOwl2(saved);
  assertEqualParameters(again, model);
});

test("any other tensor that is missing is an error, as is one too many", async () => {
  const copy = await copyWithout("unfit", (name) => name.endsWith("layers.1.self_attn.k_proj.multiway.1.weight"));
  await assert.rejects(loadMplugOwl2(copy), {
    code: "CHECKPOINT_MISMATCH",
    message: /missing \(1\): model\.layers\.1\.self_attn\.k_proj\.multiway\.1\.weight/,
  });
  const fewer = await copyWithout("fewer", () => false);
  await atomicWriteJson(join(fewer, "config.json"), { ...config, num_hidden_layers: 1 });
  await assert.rejects(loadMplugOwl2(fewer), { code: "CHECKPOINT_MISMATCH", message: /unexpected \(13\)/ });
});

test("score tokens: ids behind the vocabulary, average rows, read back from the saved checkpoint", async () => {
  const tokenizer = await loadTokenizer(fixture("sentencepiece/llama"));
  const base = { ...config, vocab_size: tokenizer.size };
  using model = createMplugOwl2(base, randomSource({ seed: 2 }));
  const rows = tokenizer.size;
  const { positionId, scoreIds } = addScoreTokens(model, tokenizer);
  assert.equal(positionId, rows);
  assert.equal(model.vocabSize, rows + 11);
  assert.equal(model.config["vocab_size"], rows + 11);
  scope(() => {
    for (const name of ["model.embed_tokens.weight", "lm_head.weight"]) {
      const matrix = model.parameters().get(name) ?? assert.fail(name);
      const mean = matrix.narrow(0, 0, rows).mean([0]);
      for (const id of [positionId, ...scoreIds]) assert.ok(difference(matrix.select(0, id), mean) < 1e-6);
    }
  });
  const saved = join(folder, "scores");
  await saveMllm(model, saved);
  using again = await loadMplugOwl2(saved);
  assertEqualParameters(again, model);
  assert.deepEqual(vocabularyFromConfig(again.config)?.scoreIds, scoreIds);
  const logits = (of: Mllm): Tensor => of.logits(of.forward({ inputIds: ids([1, 5, positionId]) }), scoreIds);
  scope(() => {
    assert.equal(difference(logits(again), logits(model)), 0);
  });
});

test("configs: the sizes of mPLUG-Owl2-7B, what is not known", () => {
  const bare = parseMplugOwl2Config({ model_type: "mplug_owl2" });
  const { text, vision, abstractor } = bare;
  assert.deepEqual(
    [text.hiddenSize, text.intermediateSize, text.layers, text.kvHeads, text.headDim, text.vocabSize],
    [4096, 11008, 32, 32, 128, 32000],
  );
  assert.deepEqual(
    [text.normEps, text.ropeTheta, text.tied, bare.pads, bare.scores],
    [1e-6, 10000, false, false, false],
  );
  assert.deepEqual(
    [vision.hiddenSize, vision.layers, vision.heads, vision.imageSize, vision.patchSize, vision.normEps],
    [1024, 24, 16, 448, 14, 1e-6],
  );
  assert.deepEqual(
    [abstractor.queries, abstractor.layers, abstractor.intermediateSize, abstractor.grid, abstractor.innerNormEps],
    [64, 6, 2816, 32, 1e-6],
  );
  const other = parseMplugOwl2Config({ model_type: "mplug_owl2", image_aspect_ratio: "pad", score_id: 32000 });
  assert.deepEqual([other.pads, other.scores], [true, true]);
  const refused = (part: object, message: RegExp): void => {
    const file = { model_type: "mplug_owl2", ...part };
    assert.throws(() => parseMplugOwl2Config(file, "the-file"), { code: "CONFIG_INVALID", message });
  };
  refused({ model_type: "llava" }, /the-file.*model_type/);
  refused({ rope_scaling: { type: "linear", factor: 2 } }, /rope_scaling/);
  refused({ hidden_size: 100 }, /heads of an even size/);
  refused({ num_hidden_layers: 1e9 }, /num_hidden_layers/);
  refused({ visual_config: { visual_abstractor: { grid_size: 31 } } }, /grid_size 31/);
  refused({ visual_config: { visual_model: { hidden_size: 512 } } }, /vision tower has 512/);
  refused({ visual_config: { visual_abstractor: { add_v2t_pos_emb: true } } }, /add_v2t_pos_emb/);
});
