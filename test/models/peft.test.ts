/** Adapters against Python peft 0.21 on the tiny LLaVA (test/fixtures/train/make-peft.py). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { LlavaModel } from "../../src/models/llava/index.js";
import { attachLora, linearMaps, memoryName } from "../../src/models/lora.js";
import { readAdapterConfig } from "../../src/models/adapter-config.js";
import { loadAdapter, saveAdapter } from "../../src/models/peft.js";
import { aten, fromTypedArray, liveTensors, scope, type Tensor } from "../../src/torch/index.js";
import { openSafetensors, type Checkpoint } from "../../src/weights/index.js";
import { fixture } from "../support.js";
import { difference } from "./support.js";
import { loadTiny } from "./llava/support.js";

const ADAPTER = fixture("train/peft/adapter");
const WHOLE = ["language_model.model.embed_tokens.weight", "language_model.lm_head.weight"];

let model: LlavaModel;
let expected: Checkpoint;
let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-peft-"));
  model = await loadTiny();
  expected = await openSafetensors(fixture("train/peft/expected.safetensors"));
});
after(async () => {
  model.dispose();
  expected.dispose();
  await rm(folder, { recursive: true });
});

function logits(of: LlavaModel): Tensor {
  const images = { pixelValues: expected.tensor("pixels") };
  return of.logits(of.forward({ inputIds: expected.tensor("ids"), images })).select(0, 0);
}

function peftName(name: string): string {
  const lora = /^(.*)(\.lora_[AB]\.weight)$/.exec(name);
  return `grad.base_model.model.${lora ? memoryName(model, lora[1] ?? "") + (lora[2] ?? "") : model.transformersName(name)}`;
}

test("module and parameter names are those of transformers in memory", () => {
  const names = JSON.parse(readFileSync(fixture("train/peft/names.json"), "utf8")) as {
    llava: { linears: string[]; parameters: string[] };
  };
  assert.deepEqual([...linearMaps(model).keys()].map((name) => memoryName(model, name)).sort(), names.llava.linears);
  const parameters = [...model.parameters().keys()].map((name) => model.transformersName(name));
  assert.deepEqual(parameters.sort(), names.llava.parameters.sort());
  for (const name of model.parameters().keys()) assert.equal(model.parameterName(model.transformersName(name)), name);
});

test("an adapter that peft wrote gives its logits, loss and gradients; the base gets none", async () => {
  const own = await loadTiny();
  using adapters = await loadAdapter(own, ADAPTER);
  const trained = new Map([
    ...adapters.parameters(),
    ...[...own.parameters()].filter(([name]) => WHOLE.includes(name)),
  ]);
  assert.equal(trained.size, 46);
  for (const tensor of trained.values()) tensor.requiresGrad_();
  scope(() => {
    const out = logits(own);
    assert.ok(difference(out, expected.tensor("logits")) < 1e-4);
    const targets = fromTypedArray(BigInt64Array.of(8n, 9n, 10n, 2n), [4]);
    const loss = aten("cross_entropy_loss")(out.slice(0, -4), targets, null, 1, -100, 0);
    assert.ok(Math.abs(loss.item() - expected.tensor("loss").item()) < 1e-5);
    loss.backward();
    for (const [name, tensor] of trained) {
      const gradient = expected.tensor(peftName(name));
      // The tower's layers above the one that LLaVA looks at are not run.
      const found = tensor.grad;
      if (found === null) assert.equal(Math.max(...gradient.abs().toNumbers()), 0, name);
      else assert.ok(difference(found, gradient) < 1e-4, name);
    }
    for (const [name, tensor] of own.parameters()) if (!trained.has(name)) assert.equal(tensor.grad, null, name);
  });
  own.dispose();
});

test("merging gives peft's merged weight and the adapted logits; merging for a moment changes no bit", async () => {
  const own = await loadTiny();
  const adapters = await loadAdapter(own, ADAPTER);
  const q = own.parameters().get("language_model.model.layers.1.self_attn.q_proj.weight") as Tensor;
  const base = q.toArray();
  await adapters.whileMerged(async () => {
    scope(() => assert.ok(difference(q, expected.tensor("merged")) < 1e-6));
    scope(() => assert.ok(difference(logits(own), expected.tensor("logits")) < 1e-4));
  });
  assert.deepEqual(q.toArray(), base);
  scope(() => assert.ok(difference(logits(own), expected.tensor("logits")) < 1e-4, "the adapters are back"));
  adapters.merge();
  scope(() => assert.ok(difference(logits(own), expected.tensor("logits")) < 1e-4));
  own.dispose();
});

test("what is written has peft's names, shapes and settings, and comes back to the bit", async () => {
  const own = await loadTiny();
  using adapters = await loadAdapter(own, ADAPTER);
  await saveAdapter(folder, own, adapters, { base: "llava/tiny", trained: WHOLE });
  using written = await openSafetensors(join(folder, "adapter_model.safetensors"));
  using theirs = await openSafetensors(join(ADAPTER, "adapter_model.safetensors"));
  assert.deepEqual(written.names().sort(), theirs.names().sort());
  for (const name of theirs.names()) {
    scope(() => assert.deepEqual(written.tensor(name).toArray(), theirs.tensor(name).toArray(), name));
  }
  const [config, theirConfig] = [folder, ADAPTER].map(
    (at) => JSON.parse(readFileSync(join(at, "adapter_config.json"), "utf8")) as Record<string, unknown>,
  );
  const { auto_mapping: _mapping, modules_to_save, ...same } = config ?? {};
  for (const [key, value] of Object.entries(same)) assert.deepEqual(value, theirConfig?.[key], key);
  assert.deepEqual(modules_to_save, ["lm_head", "model.language_model.embed_tokens"]);
  assert.deepEqual(await readAdapterConfig(folder), await readAdapterConfig(ADAPTER));
  own.dispose();
});

test("targets are last parts, a whole expression or all maps; fresh adapters change nothing and follow the seed", () => {
  const before = liveTensors();
  const attach = (targets: string | string[], seed = 1): ReturnType<typeof attachLora> =>
    attachLora(model, { rank: 2, alpha: 4, targets }, seed);
  const count = (targets: string | string[]): number => {
    using adapters = attach(targets);
    return adapters.adapted.length;
  };
  assert.equal(count("all-linear"), linearMaps(model).size);
  assert.equal(count(["q_proj", "language_model.layers.0.mlp.down_proj"]), 3 + 4 + 1);
  assert.equal(count(String.raw`.*language_model\.layers\.[01]\..*(q|v)_proj`), 4);
  assert.throws(() => attach(["q_proj", "qkv"]), { code: "USAGE", message: /"qkv".*q_proj/ });
  assert.throws(() => attach("language_model"), { code: "USAGE" });
  assert.throws(() => attach("(q"), { code: "USAGE", message: /regular expression/ });
  assert.throws(() => attachLora(model, { rank: 0, alpha: 1, targets: "all-linear" }, 1), { message: /rank is 0/ });
  scope(() => {
    const plain = logits(model).toArray();
    using adapters = attach("all-linear");
    assert.deepEqual(logits(model).toArray(), plain);
    const numbers = [...adapters.parameters().values()].map((tensor) => tensor.toArray());
    using again = attach("all-linear");
    assert.deepEqual(
      [...again.parameters().values()].map((tensor) => tensor.toArray()),
      numbers,
    );
    using other = attach("all-linear", 2);
    assert.notDeepEqual([...other.parameters().values()][0]?.toArray(), numbers[0]);
  });
  assert.equal(liveTensors(), before);
});

test("an adapter for another model is refused by name, a kind that is not plain LoRA by its key", async () => {
  const own = await loadTiny();
  using adapters = attachLora(own, { rank: 2, alpha: 4, targets: ["q_proj"] }, 1);
  await saveAdapter(folder, own, adapters, { base: "" });
  adapters.dispose();
  const { writeFile } = await import("node:fs/promises");
  const file = join(folder, "adapter_config.json");
  const config = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  await writeFile(file, JSON.stringify({ ...config, r: 3 }));
  await assert.rejects(loadAdapter(own, folder), {
    code: "CHECKPOINT_MISMATCH",
    message: /lora_A.*\[2, \d+\], not \[3/,
  });
  await writeFile(file, JSON.stringify({ ...config, use_dora: true }));
  await assert.rejects(loadAdapter(own, folder), { code: "CONFIG_INVALID", message: /use_dora/ });
  own.dispose();
});
