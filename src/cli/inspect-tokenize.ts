/** `roc4mllm inspect tokenize`: texts to token ids and back, a line each. */
import { createInterface } from "node:readline";
import { Command } from "commander";
import { RocError } from "../errors.js";
import { loadTokenizer } from "../tokenizers/index.js";
import type { Context } from "./io.js";

const HELP = `
Reads one JSON string a line from standard input and prints {"ids": [...], "text": "the ids decoded"} a line. A folder with
only the tokenizer's files is enough.

Example:
  echo '"Describe this image."' | roc4mllm inspect tokenize --model my-checkpoint/`;

export function inspectTokenizeCommand({ io }: Context): Command {
  return new Command("tokenize")
    .description("texts as token ids")
    .requiredOption("-m, --model <folder>", "checkpoint folder")
    .option("--no-special-tokens", "without the tokens that the tokenizer adds around a text (BOS)")
    .option("--json", "accepted for symmetry: the output is always JSON Lines")
    .addHelpText("after", HELP)
    .action(async ({ model, specialTokens }: { model: string; specialTokens: boolean }) => {
      const tokenizer = await loadTokenizer(model);
      let line = 0;
      for await (const text of createInterface({ input: io.stdin, crlfDelay: Infinity })) {
        line += 1;
        if (text.trim() === "") continue;
        const ids = tokenizer.encode(parse(text, line), { addSpecialTokens: specialTokens });
        io.stdout.write(`${JSON.stringify({ ids, text: tokenizer.decode(ids) })}\n`);
      }
    });
}

function parse(text: string, line: number): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "string") return value;
  } catch {
    // Reported below, with what is no string.
  }
  throw new RocError("USAGE", `Standard input, line ${line}: not a JSON string. Put each text in quotes, "like this".`);
}
