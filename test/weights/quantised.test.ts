/** Files that are not usable weights: pointers of Git LFS, and weights that were quantised. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { describeCheckpoint } from "../../src/engine/describe.js";
import { load } from "../../src/engine/index.js";
import { loadTokenizer } from "../../src/tokenizers/index.js";
import { ROOT } from "../support.js";
import { folderWith } from "../cli/support.js";

function demo(t: TestContext): string {
  const folder = join(folderWith(t, {}), "demo");
  cpSync(join(ROOT, "models", "demo"), folder, { recursive: true });
  return folder;
}

const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 4096\n`;

for (const file of [
  "model.safetensors",
  "tokenizer.json",
  "tokenizer_config.json",
  "config.json",
  "preprocessor_config.json",
  "roc_templates.json",
]) {
  test(`${file} as a pointer of Git LFS: the remedy is to pull`, async (t) => {
    const folder = demo(t);
    writeFileSync(join(folder, file), POINTER);
    await assert.rejects(load(folder), { message: new RegExp(`${file} is a Git LFS pointer.*git lfs pull`) });
    const { problems } = await describeCheckpoint(folder);
    assert.match(problems.join("\n"), new RegExp(`${file} is a Git LFS pointer`));
  });
}

test("tokenizer.model and pytorch_model.bin as pointers", async (t) => {
  const folder = demo(t);
  rmSync(join(folder, "model.safetensors"));
  writeFileSync(join(folder, "pytorch_model.bin"), POINTER);
  await assert.rejects(load(folder), /pytorch_model\.bin is a Git LFS pointer/);
  const tokenizer = folderWith(t, {
    "tokenizer.model": POINTER,
    "tokenizer_config.json": '{"tokenizer_class": "LlamaTokenizer"}',
  });
  await assert.rejects(loadTokenizer(tokenizer), /tokenizer\.model is a Git LFS pointer/);
});

test("a config that names a quantisation is refused, with what to use instead", async (t) => {
  const folder = demo(t);
  const file = join(folder, "config.json");
  const config = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ quantization_config: { quant_method: "gptq", bits: 4 } }, /quantization_config: gptq, 4 bits/],
    [{ quantization_config: { quant_method: "awq", bits: 4 } }, /awq, 4 bits/],
    [{ quantization_config: { quant_method: "bitsandbytes", load_in_8bit: true } }, /bitsandbytes, 8 bits/],
    [{ quantization_config: { quant_method: "fp8" } }, /quantization_config: fp8\)/],
    [{ text_config: { quantization_config: { quant_method: "fp8" } } }, /fp8/],
    [{ compression_config: { quant_method: "compressed-tensors" } }, /compressed-tensors/],
  ];
  for (const [quantisation, message] of cases) {
    writeFileSync(file, JSON.stringify({ ...config, ...quantisation }));
    await assert.rejects(load(folder), (error: Error & { code?: string }) => {
      assert.equal(error.code, "CHECKPOINT_INVALID");
      assert.match(error.message, message);
      assert.match(error.message, /is quantised, which is not read here\. Take the checkpoint that it was made of/);
      return true;
    });
    assert.match((await describeCheckpoint(folder)).problems.join(), /is quantised/);
  }
});

interface Stored {
  readonly [name: string]: { dtype: string; shape: number[]; data_offsets: [number, number] };
}

/** Changes the header of a safetensors file; offsets stay. */
function rewrite(file: string, change: (header: Stored) => Stored): void {
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.stringify(change(JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Stored));
  const start = Buffer.alloc(8 + Buffer.byteLength(header));
  start.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  start.write(header, 8);
  writeFileSync(file, Buffer.concat([start, bytes.subarray(8 + length)]));
}

const MATRIX = /layers\.0\.mlp\.up_proj\.weight$/;

test("quantised weights are detected by their dtype or by tensor names", async (t) => {
  const cases: [(name: string, entry: Stored[string]) => [string, Stored[string]], RegExp][] = [
    [(name, entry) => [name, { ...entry, dtype: "F8_E4M3" }], /has the dtype F8_E4M3\) is quantised/],
    [(name, entry) => [name.replace("weight", "qweight"), entry], /it holds .*qweight\) is quantised/],
    [(name, entry) => [name.replace("weight", "SCB"), entry], /it holds .*SCB\) is quantised/],
  ];
  for (const [change, message] of cases) {
    const folder = demo(t);
    rewrite(join(folder, "model.safetensors"), (header) =>
      Object.fromEntries(
        Object.entries(header).map(([name, entry]) => (MATRIX.test(name) ? change(name, entry) : [name, entry])),
      ),
    );
    await assert.rejects(load(folder), { code: "CHECKPOINT_INVALID", message });
  }
});

test("a file for llama.cpp instead of the weights", async (t) => {
  const folder = demo(t);
  renameSync(join(folder, "model.safetensors"), join(folder, "model-Q4_K_M.gguf"));
  await assert.rejects(load(folder), /model-Q4_K_M\.gguf \(for llama\.cpp\) is quantised/);
});
