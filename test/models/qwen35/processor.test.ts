/** Token ids against transformers' Qwen3_5Tokenizer (make-tokenizer.py), exactly, and a conversation without thoughts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readJson } from "../../../src/files/index.js";
import { createQwen35Processor } from "../../../src/models/qwen35/index.js";
import { loadModel } from "../../../src/models/registry.js";
import { OpenFolder } from "../../../src/files/index.js";
import { ChatTemplate, loadTokenizer } from "../../../src/tokenizers/index.js";
import { scope } from "../../../src/torch/index.js";
import { fixture } from "../../support.js";
import { picture } from "../qwen2vl/support.js";
import { folderOf, loadTiny } from "./support.js";

interface Tokens {
  readonly texts: readonly { readonly text: string; readonly ids: number[]; readonly decoded: string }[];
  readonly differs: number;
}

test("letters keep their marks: ids and texts of transformers' tokenizer", async () => {
  const tokenizer = await loadTokenizer(fixture("qwen35/tokenizer"));
  const { texts, differs } = (await readJson(fixture("qwen35/tokens.json"))) as Tokens;
  assert.ok(differs > 0, "Qwen2's pre-tokenizer would give others");
  for (const { text, ids, decoded } of texts) {
    assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: false }), ids, text);
    assert.equal(tokenizer.decode(ids, { skipSpecialTokens: false }), decoded);
  }
});

/** Both guards of the public templates: thinking is off, or on, where nothing is said. */
const GUARDS = {
  "off by default": "enable_thinking is defined and enable_thinking is true",
  "on by default": "not (enable_thinking is defined and enable_thinking is false)",
};

/** A template of the same form: pictures as parts, and a thought that is open or empty. */
const templateOf = (guard: string): string =>
  [
    "{%- for message in messages -%}<|im_start|>{{ message.role }}\n",
    "{%- if message.content is string -%}{{ message.content }}{%- else -%}",
    "{%- for part in message.content -%}{%- if part.type == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>",
    "{%- else -%}{{ part.text }}{%- endif -%}{%- endfor -%}{%- endif -%}<|im_end|>\n{%- endfor -%}",
    `{%- if add_generation_prompt -%}<|im_start|>assistant\n{%- if ${guard} -%}{{ '<think>\\n' }}`,
    "{%- else -%}{{ '<think>\\n\\n</think>\\n\\n' }}{%- endif -%}{%- endif -%}",
  ]
    .join("")
    .replaceAll("\n{%-", "{{ '\\n' }}{%-");

test("a question ends with an empty thought, with the checkpoint's template of either kind and without one", async () => {
  const config = (await readJson(`${folderOf("untied")}/config.json`)) as { vision_config: object };
  const templates = [undefined, ...Object.values(GUARDS).map((guard) => new ChatTemplate(templateOf(guard)))];
  const prompts = await Promise.all(
    templates.map(async (chatTemplate) => {
      const tokenizer = await loadTokenizer(fixture("qwen35/tokenizer"));
      const [image_token_id, video_token_id] = ["<|image_pad|>", "<|video_pad|>"].map((one) =>
        tokenizer.tokenToId(one),
      );
      const vision_config = { ...config.vision_config, patch_size: 16 };
      const own = { ...config, image_token_id, video_token_id, vision_config };
      const image = { patch_size: 16, size: { shortest_edge: 32 * 32, longest_edge: 32 * 32 * 4 } };
      const processor = createQwen35Processor({ config: own, tokenizer, imageFiles: { image }, chatTemplate });
      const ids = scope(() => processor.prompt("<image>\nCan you rate it?", processor.images([picture(64, 32)])));
      return { text: tokenizer.decode(ids, { skipSpecialTokens: false }), answer: tokenizer.decode(processor.answer("It is good.")) }; // prettier-ignore
    }),
  );
  const question = "<|im_start|>user\n<|vision_start|><|image_pad|><|image_pad|><|vision_end|>Can you rate it?<|im_end|>\n"; // prettier-ignore
  for (const { text, answer } of prompts) {
    assert.equal(text, `${question}<|im_start|>assistant\n<think>\n\n</think>\n\n`);
    assert.equal(answer, "It is good.");
  }
});

test("its parameters are those of transformers, in memory and in files", async () => {
  const names = (await readJson(fixture("qwen35/names.json"))) as Record<string, string[]>;
  for (const name of ["tied", "untied"] as const) {
    using model = await loadTiny(name);
    assert.deepEqual([...model.parameters().keys()].sort(), names[name]?.toSorted());
  }
});

test("checkpoints of the language model alone, and with experts, are refused with why", async () => {
  for (const [type, message] of [
    ["qwen3_5_text", /sees no pictures: take the checkpoint of model_type qwen3_5/],
    ["qwen3_5_moe", /experts are not supported/],
  ] as const) {
    const config = new TextEncoder().encode(JSON.stringify({ model_type: type }));
    const folder = new OpenFolder(folderOf("tied"), new Map([["config.json", config]]));
    await assert.rejects(loadModel(folder), { code: "CONFIG_INVALID", message });
  }
});
