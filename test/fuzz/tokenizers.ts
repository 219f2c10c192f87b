/** Broken tokenizers: what is accepted encodes and decodes a few texts. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Random } from "../../src/random.js";
import { ChatTemplate, loadTokenizer } from "../../src/tokenizers/index.js";
import { fixture } from "../support.js";
import { mutateBytes, mutateJson, mutateText } from "./mutate.js";
import type { FuzzReader } from "./run.js";

/** What accepted tokenizers are asked. */
export const TEXTS = [
  "",
  "Hello world",
  " the  cat's 12 [SCORE]. ",
  "<s>é▁x\n\t</s>",
  "你好🙂<|im_end|>",
  "aaaaaaaaab",
];

const JSON_FOLDERS = ["tokenizers/qwen", "tokenizers/llama", "tokenizers/metaspace"];
const MODEL_FOLDER = "sentencepiece/llama-added";

const scratch = mkdtempSync(join(tmpdir(), "roc-fuzz-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

interface Mutant {
  /** Of the fixtures, with the one file replaced. */
  readonly folder: string;
  readonly file: string;
  readonly content: string | Uint8Array;
}

/** Half by the structure, half by the bytes. */
function mutantOfFile(folder: string, file: string, random: Random): Mutant {
  const bytes = readFileSync(join(fixture(folder), file));
  if (!file.endsWith(".json")) return { folder, file, content: mutateBytes(bytes, random) };
  if (random.int(4) === 0) return { folder, file, content: mutateText(bytes.toString(), random) };
  return { folder, file, content: JSON.stringify(mutateJson(JSON.parse(bytes.toString()), random)) };
}

async function read({ folder, file, content }: Mutant): Promise<number[][]> {
  await mkdir(scratch, { recursive: true });
  // tokenizer.json says it all, and is what Python's `tokenizers` is given.
  const others = (path: string): boolean => !path.endsWith("cases.json");
  if (file !== "tokenizer.json") await cp(fixture(folder), scratch, { recursive: true, filter: others });
  await writeFile(join(scratch, file), content);
  try {
    const tokenizer = await loadTokenizer(scratch);
    const ids = TEXTS.map((text) => tokenizer.encode(text, { addSpecialTokens: false }));
    for (const some of [...ids, [0, 1, 2, tokenizer.size, -1]]) tokenizer.decode(some, { skipSpecialTokens: true });
    tokenizer.addTokens(["[SCORE]", "[NEW]"]);
    return ids;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function fileReader(name: string, file: string, folders: readonly string[]): FuzzReader<Mutant> {
  return { name, read, mutant: (random) => mutantOfFile(folders[random.int(folders.length)] as string, file, random) };
}

const chat: FuzzReader<string> = {
  name: "chat-template",
  mutant: (random) => {
    const { templates } = JSON.parse(readFileSync(fixture("tokenizers/chat.json"), "utf8")) as {
      templates: Record<string, { source: string }>;
    };
    const sources = Object.values(templates).map(({ source }) => source);
    return mutateText(sources[random.int(sources.length)] as string, random);
  },
  read: (source) => {
    const template = new ChatTemplate(source, { bos_token: "<s>", eos_token: "</s>" });
    return template.prompt("<image>\nWhat?") + template.answerLead;
  },
};

export const JSON_READER = fileReader("tokenizer.json", "tokenizer.json", JSON_FOLDERS);

export const TOKENIZER_READERS: readonly FuzzReader[] = [
  JSON_READER,
  fileReader("tokenizer_config.json", "tokenizer_config.json", [...JSON_FOLDERS, MODEL_FOLDER]),
  fileReader("special_tokens_map.json", "special_tokens_map.json", [MODEL_FOLDER]),
  fileReader("added_tokens.json", "added_tokens.json", [MODEL_FOLDER]),
  fileReader("tokenizer.model", "tokenizer.model", [MODEL_FOLDER, "sentencepiece/corners", "sentencepiece/unigram"]),
  chat,
] as readonly FuzzReader[];
