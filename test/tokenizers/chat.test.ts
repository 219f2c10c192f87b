/** Chat templates against transformers (test/fixtures/tokenizers/make-chat.py), text by text and id by id. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { ChatTemplate, chatParts, loadChatTemplate, loadTokenizer } from "../../src/tokenizers/index.js";
import { fixture } from "../support.js";
import { tokenizerFolder } from "./reference.js";

const part = z.discriminatedUnion("type", [
  z.object({ type: z.literal("image") }),
  z.object({ type: z.literal("text"), text: z.string() }),
]);
const chatCase = z.object({
  question: z.string(),
  messages: z.array(z.object({ role: z.string(), content: z.union([z.string(), z.array(part)]) })),
  prompt: z.string(),
  ids: z.array(z.number()),
  dialogue: z.string(),
});
const reference = z
  .object({
    answer: z.string(),
    templates: z.record(z.string(), z.object({ source: z.string(), tokenizer: z.string(), cases: z.array(chatCase) })),
  })
  .parse(JSON.parse(await readFile(fixture("tokenizers/chat.json"), "utf8")));

async function withFolder(files: Record<string, unknown>, body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "roc-chat-"));
  try {
    await cp(tokenizerFolder("llama"), folder, { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
    }
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

for (const [name, { source, tokenizer: folder, cases }] of Object.entries(reference.templates)) {
  test(`${name}: prompts, dialogues and ids are transformers'`, async () => {
    const tokenizer = await loadTokenizer(tokenizerFolder(folder));
    await withFolder({ "chat_template.jinja": source }, async (place) => {
      const template = (await loadChatTemplate(place, tokenizer)) ?? assert.fail();
      assert.equal(template.origin, "chat_template.jinja");
      const bos = tokenizer.bosTokenId === undefined ? undefined : tokenizer.idToToken(tokenizer.bosTokenId);
      for (const { question, messages, prompt, ids, dialogue } of cases) {
        assert.equal(template.prompt(question), prompt);
        assert.equal(template.render(messages, { addGenerationPrompt: true }), dialogue);
        const addSpecialTokens = bos === undefined || !prompt.startsWith(bos);
        assert.deepEqual(tokenizer.encode(prompt, { addSpecialTokens }), ids);
        // The preceding turns are a prefix of the dialogue.
        const said = `${prompt}${template.answerLead}${reference.answer}`;
        assert.ok(dialogue.startsWith(said), `${said} is not a prefix of ${dialogue}`);
      }
    });
  });
}

test("markers become images, and the line break behind one is the template's", () => {
  assert.deepEqual(chatParts("<image>\n\nA<image>B\n<image>"), [
    { type: "image" },
    { type: "text", text: "\nA" },
    { type: "image" },
    { type: "text", text: "B\n" },
    { type: "image" },
  ]);
  assert.deepEqual(chatParts("no picture"), [{ type: "text", text: "no picture" }]);
});

test("files that hold templates: processor_config.json, chat_template.jinja and .json, tokenizer_config.json", async () => {
  const tokenizer = await loadTokenizer(tokenizerFolder("llama"));
  const files: [string, unknown][] = [
    [
      "tokenizer_config.json",
      {
        chat_template: [
          { name: "tool_use", template: "0" },
          { name: "default", template: "1" },
        ],
      },
    ],
    ["chat_template.json", { chat_template: "2" }],
    ["chat_template.jinja", "3"],
    ["processor_config.json", { chat_template: { default: "4" }, processor_class: "X" }],
  ];
  for (let count = 1; count <= files.length; count++) {
    await withFolder(Object.fromEntries(files.slice(0, count)), async (folder) => {
      const template = await loadChatTemplate(folder, tokenizer);
      assert.deepEqual([template?.source, template?.origin], [String(count), files[count - 1]?.[0]]);
    });
  }
  await withFolder({ "processor_config.json": { chat_template: null } }, async (folder) => {
    assert.equal(await loadChatTemplate(folder, tokenizer), undefined);
  });
  await withFolder({ "chat_template.json": { chat_template: 7 } }, async (folder) => {
    await assert.rejects(loadChatTemplate(folder, tokenizer), {
      code: "TOKENIZER_INVALID",
      message: /chat_template.json/,
    });
  });
});

test("templates that cannot be used are named, with the reason", () => {
  const refused = (source: string, message: RegExp): void => {
    const use = (): unknown => new ChatTemplate(source, {}, "chat_template.jinja", "the-file").prompt("Hi");
    assert.throws(use, { code: "TOKENIZER_INVALID", message });
  };
  refused("{% for message in messages %}", /^the-file: its chat_template is not a Jinja template \(.*\)\. Correct it/);
  refused("{{ raise_exception('only tools') }}", /^the-file: its chat_template cannot be rendered \(only tools\)/);
  refused("{{ messages | nosuchfilter }}", /cannot be rendered \(.*nosuchfilter/);
  const backwards = new ChatTemplate("{% for m in messages | reverse %}{{ m.content }};{% endfor %}");
  assert.throws(() => backwards.answerLead, {
    code: "TOKENIZER_INVALID",
    message: /a question with an answer differently/,
  });
});
