/** `roc4mllm inspect tokenize`: texts to token ids and back, a line each. */
import { Command } from "commander";
import { loadTokenizer } from "../../tokenizers/index.js";
import { badLine, jsonLines, type JsonLine } from "./lines.js";
import type { Context } from "../shared/io.js";

const HELP = `
Reads one JSON string a line from standard input and prints {"ids": [...], "text": "the ids decoded"} a line. A folder with
only the tokenizer's files is enough.

Example:
  echo '"Describe this image."' | roc4mllm inspect tokenize --model my-checkpoint/`;

export function inspectTokenizeCommand(context: Context): Command {
  return new Command("tokenize")
    .description("texts as token ids")
    .requiredOption("-m, --model <folder>", "checkpoint folder")
    .option("--no-special-tokens", "without the tokens that the tokenizer adds around a text (BOS)")
    .option("--json", "accepted for symmetry: the output is always JSON Lines")
    .addHelpText("after", HELP)
    .action(async ({ model, specialTokens }: { model: string; specialTokens: boolean }) => {
      const tokenizer = await loadTokenizer(model);
      for await (const input of jsonLines(context)) {
        const ids = tokenizer.encode(textOf(input), { addSpecialTokens: specialTokens });
        context.io.stdout.write(jsonLine({ ids, text: tokenizer.decode(ids) }));
      }
    });
}

/** With the characters escaped that JSON leaves as they are and that some readers end a line at. */
function jsonLine(value: unknown): string {
  const escaped = (end: string): string => `\\u${end.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `${JSON.stringify(value).replace(/[\u0085\u2028\u2029]/g, escaped)}\n`;
}

function textOf({ line, value }: JsonLine): string {
  if (typeof value === "string") return value;
  throw badLine(line, 'no JSON string. Put each text in quotes, "like this".');
}
