/** `roc4mllm inspect captions`: CIDEr and CIDEr-D of a corpus of captions. */
import { Command } from "commander";
import { z } from "zod";
import { scoreCaptions, type CaptionScores } from "../../captions/index.js";
import { ERROR_CODES } from "../../errors.js";
import { atLine, jsonLines, validated } from "./lines.js";
import type { Context } from "../shared/io.js";

const HELP = `
Reads {"hypotheses": {id: text}, "references": {id: [text, ...]}, "tokenized": true} from standard input, one object or one
per line, and prints {"cider", "cider_d", "per_item": {id: {"cider", "cider_d"}}} for each; null for an empty corpus. "cider_d" is
what pycocoevalcap calls CIDEr; "cider" has neither its clipping nor its penalty on the length. Tokenized texts are split at
white space only. Others go through a tokenizer of ours that approximates the Penn Treebank's, so that figures of theirs
may differ a little from published ones. It ends at the first error, with exit code ${ERROR_CODES.USAGE}.`;

/** The schema library leaves `__proto__` out of a record silently. */
const plainIds = (value: unknown): boolean => typeof value !== "object" || !Object.hasOwn(value ?? {}, "__proto__");
const ID = { message: "__proto__ cannot be an id; give another one" };

const corpus = z.object({
  hypotheses: z.unknown().refine(plainIds, ID).pipe(z.record(z.string(), z.string())),
  references: z
    .unknown()
    .refine(plainIds, ID)
    .pipe(z.record(z.string(), z.array(z.string()))),
  tokenized: z.boolean().default(false),
});

export function inspectCaptionsCommand(context: Context): Command {
  return new Command("captions")
    .description("CIDEr and CIDEr-D of captions")
    .option("--json", "accepted for symmetry: the output is always JSON Lines")
    .addHelpText("after", HELP)
    .action(async () => {
      for await (const input of jsonLines(context, { multiline: true })) {
        const captions = validated(corpus, input);
        const scores = atLine(input.line, () => scoreCaptions(captions));
        context.io.stdout.write(`${JSON.stringify(jsonOf(scores))}\n`);
      }
    });
}

function jsonOf({ cider, ciderD, items }: CaptionScores): unknown {
  const rows = items.map((item) => [item.id, { cider: item.cider, cider_d: item.ciderD }] as const);
  return { cider, cider_d: ciderD, per_item: Object.fromEntries(rows) };
}
