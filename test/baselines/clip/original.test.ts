/** Towers and heads in their publishers' form: what fits, and what each error names. */
import assert from "node:assert/strict";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { HEAD_NAMES, PUBLISHED_HEADS, towerName, towerOfHead } from "../../../src/baselines/clip/heads.js";
import { original, withHead } from "../../../src/baselines/clip/original.js";
import { loadBaseline } from "../../../src/baselines/registry.js";
import { isRocError } from "../../../src/errors.js";
import { keep, liveTensors, scope, zeros } from "../../../src/torch/index.js";
import { openBin, openCheckpoint, saveSafetensors, openSafetensors } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";
import { CLIP, configOf, HERE, openHead, towerWith } from "./support.js";

const alive = liveTensors();
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-clip-"));
});

after(async () => {
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

/** What an error says. */
function saying(code: string, ...parts: readonly (string | RegExp)[]) {
  return (error: unknown): true => {
    assert.ok(isRocError(error), String(error));
    assert.equal(error.code, code, error.message);
    for (const part of parts)
      assert.ok(typeof part === "string" ? error.message.includes(part) : part.test(error.message), error.message);
    return true;
  };
}

test("what a head's file name says of its tower, and what sizes are called", () => {
  for (const { file, tower } of PUBLISHED_HEADS) assert.equal(towerOfHead(`/some/folder b32/${file}`), tower, file);
  assert.equal(towerOfHead("aesthetic-model.pth"), undefined);
  for (const name of ["my-head-2024.pth", "head_b64_lr3.pth", "my-run-b12.pth", "lab32.pth", "b320.pth", "h14.pth"])
    assert.equal(towerOfHead(name), undefined, name);
  for (const name of ["lin-b16.pth", "b_16-mine.pth", "vit-B-16.pth"])
    assert.equal(towerOfHead(name), "ViT-B/16", name);
  assert.equal(towerName({ hiddenSize: 1024, patchSize: 14, imageSize: 224 }), "ViT-L/14");
  assert.equal(towerName({ hiddenSize: 1024, patchSize: 14, imageSize: 336 }), "ViT-L/14@336px");
  assert.equal(towerName({ hiddenSize: 16, patchSize: 8, imageSize: 16 }), undefined);
  assert.deepEqual(HEAD_NAMES, ["laion-v2", "laion-v2-ava", "laion-v2-ava-relu", "laion-v1"]);
});

test("a tower without a head, and a head without a tower, say what is missing", async () => {
  await assert.rejects(
    loadBaseline(CLIP),
    saying("CHECKPOINT_MISMATCH", "is a CLIP tower", "--head", "laion-v2", "train --model laion --pretrained"),
  );
  const file = fixture(`${HERE}/mlp.pth`);
  await assert.rejects(loadBaseline(file), saying("CHECKPOINT_MISMATCH", file, "head without its tower", "--model"));
  await assert.rejects(loadBaseline(file, { head: file }), saying("USAGE", file, "--head"));
});

test("a head of another width or another tower is refused, and named", async () => {
  const narrow = { projection_dim: 10 };
  await assert.rejects(
    towerWith("mlp", narrow),
    saying("CHECKPOINT_MISMATCH", "mlp.pth", "embeddings of 12 numbers", "have 10"),
  );
  const named = join(folder, "sa_0_4_vit_b_32_linear.pth");
  await copyFile(fixture(`${HERE}/linear.pth`), named);
  using tower = await openCheckpoint(CLIP);
  using head = await openBin(named);
  const b16 = { hidden_size: 768, patch_size: 16, image_size: 224 };
  const config = { ...(await configOf(CLIP)), vision_config: b16 };
  assert.throws(
    () => withHead(tower, config, head),
    saying("CHECKPOINT_MISMATCH", named, "ViT-B/32", "is ViT-B/16", "laion-v1"),
  );
  // A name that is nobody's publication is only noted.
  const own = join(folder, "lin-b32.pth");
  await copyFile(named, own);
  using mine = await openBin(own);
  assert.match(
    withHead(tower, config, mine).what,
    /lin-b32\.pth is named as one of ViT-B\/32, and this tower is ViT-B\/16$/,
  );
  // The same head on the tower that it names.
  const b32 = { ...b16, patch_size: 32 };
  assert.match(withHead(tower, { ...config, vision_config: b32 }, head).what, /^ViT-B\/32 with a linear head/);
});

test("chains of no known form are refused", async () => {
  const file = join(folder, "odd.safetensors");
  const names = ["layers.0.weight", "layers.0.bias", "layers.5.weight", "layers.5.bias"];
  await saveZeros(file, names, [1, 12]);
  using tower = await openCheckpoint(CLIP);
  using head = await openSafetensors(file);
  const config = await configOf(CLIP);
  assert.throws(() => withHead(tower, config, head), saying("CHECKPOINT_MISMATCH", file, "layers.0, layers.5"));
  using other = await openCheckpoint(CLIP);
  assert.throws(() => withHead(tower, config, other), saying("CHECKPOINT_MISMATCH", "no form that is known"));
});

test("a head that lacks a tensor, or has one more, is refused by its name; a wrapper is no part of names", async () => {
  const chain = [0, 2, 4, 6, 7].flatMap((layer) => [`layers.${layer}.weight`, `layers.${layer}.bias`]);
  const cases: [string[], string][] = [
    [chain.filter((name) => name !== "layers.4.bias"), "lacks layers.4.bias"],
    [["weight"], "lacks bias"],
    [[...chain, "extra.weight"], "belongs to none: extra.weight"],
    [["weight", "bias", "layers"], "belongs to none: layers"],
  ];
  const config = await configOf(CLIP);
  for (const [i, [names, text]] of cases.entries()) {
    const file = join(folder, `odd-${i}.safetensors`);
    await saveZeros(file, names, [1, 12]);
    using tower = await openCheckpoint(CLIP);
    using head = await openSafetensors(file);
    assert.throws(() => withHead(tower, config, head), saying("CHECKPOINT_MISMATCH", file, text));
  }
  using head = await openHead("linear");
  const wrapped = new Map(head.names().map((name) => [`module.${name}`, head.tensor(name)]));
  const file = join(folder, "wrapped.safetensors");
  await saveSafetensors(file, wrapped);
  for (const tensor of wrapped.values()) tensor.dispose();
  const model = await loadBaseline(CLIP, { head: file });
  assert.ok(model.parameters().has("predictor.bias"));
  model.dispose();
});

test("a folder of several files of weights says so", async () => {
  const two = await mkdtemp(join(folder, "two-"));
  for (const name of ["a.pth", "b.pth"]) await copyFile(fixture(`${HERE}/linear.pth`), join(two, name));
  await assert.rejects(loadBaseline(two), saying("USAGE", two, "2 files of weights (a.pth, b.pth)", "Name one"));
});

test("a tower whose config says gelu is computed by gelu, and the note says what the heads were trained on", async () => {
  const vision = (await configOf(CLIP))["vision_config"] as Record<string, unknown>;
  const { what, config, checkpoint } = await towerWith("mlp", { vision_config: { ...vision, hidden_act: "gelu" } });
  checkpoint.dispose();
  assert.equal(config["hidden_act"], "gelu");
  assert.match(what, /hidden_act gelu, which is used, .*quick_gelu/);
});

test("the text half is left aside, and names without their first part are known", async () => {
  const { checkpoint } = await towerWith("relu");
  using tower = checkpoint;
  assert.ok(tower.names().every((name) => /^(vision_model|visual_projection|layers)\./.test(name)));
  using stored = await openCheckpoint(CLIP);
  const short = join(folder, "short.safetensors");
  const names = tower.names().filter((name) => !name.startsWith("layers."));
  const tensors = new Map(names.map((name) => [name.replace("vision_model.", ""), stored.tensor(name)]));
  await saveSafetensors(short, tensors);
  for (const tensor of tensors.values()) tensor.dispose();
  const made = withHead(await openSafetensors(short), await configOf(CLIP), await openHead("relu"));
  assert.deepEqual(made.checkpoint.names().sort(), tower.names().sort());
  made.checkpoint.dispose();
});

test("a folder's image processor counts, and one of another size is refused", async () => {
  const model = await loadBaseline(CLIP, { head: fixture(`${HERE}/linear.pth`) });
  assert.equal((model.inputs.steps as { resample?: number }).resample, 3);
  model.dispose();
  for (const name of ["config.json", "model.safetensors"]) await copyFile(join(CLIP, name), join(folder, name));
  const processor = JSON.parse(await readFile(join(CLIP, "preprocessor_config.json"), "utf8")) as object;
  await writeFile(join(folder, "preprocessor_config.json"), JSON.stringify({ ...processor, crop_size: 20 }));
  const head = fixture(`${HERE}/linear.pth`);
  await assert.rejects(loadBaseline(folder, { head }), saying("CONFIG_INVALID", "20 x 20", "takes 16"));
});

test("weights that do not fit their config name what differs", async () => {
  const vision = (await configOf(CLIP))["vision_config"] as Record<string, unknown>;
  const folderOf = join(folder, "config.json");
  await copyFile(join(CLIP, "preprocessor_config.json"), join(folder, "preprocessor_config.json"));
  await writeFile(folderOf, JSON.stringify({ ...(await configOf(CLIP)), vision_config: { ...vision, num_hidden_layers: 3 } })); // prettier-ignore
  const head = fixture(`${HERE}/linear.pth`);
  await assert.rejects(
    loadBaseline(folder, { head }),
    saying("CHECKPOINT_MISMATCH", "missing", "vision_model.encoder.layers.2.layer_norm1.weight"),
  );
  assert.equal(original(await openHeadless()), undefined);
});

async function saveZeros(file: string, names: readonly string[], shape: readonly number[]): Promise<void> {
  const tensors = new Map(names.map((name) => [name, keep(scope(() => zeros(shape)))]));
  await saveSafetensors(file, tensors);
  for (const tensor of tensors.values()) tensor.dispose();
}

/** Weights of something else. */
async function openHeadless() {
  const file = join(folder, "else.safetensors");
  await saveZeros(file, ["conv.weight"], [1]);
  const opened = await openSafetensors(file);
  opened.dispose();
  return opened;
}
