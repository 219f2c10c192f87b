/** The Metaspace pre-tokenizer, as Python's `tokenizers` does it: the library's never splits into words. */
import { z } from "zod";
import { RocError } from "../errors.js";

/** Splits normalized text into the words that the BPE receives; `atStart`: the text is at the start of the input. */
export type WordSplit = (text: string, atStart: boolean) => string[];

const shape = z.object({
  replacement: z.string().min(1).default("▁"),
  prepend_scheme: z.enum(["always", "first", "never"]).optional(),
  /** Older files, without `prepend_scheme`, have this instead. */
  add_prefix_space: z.boolean().default(true),
  split: z.boolean().default(true),
});

/**
 * The word split described by `config` (the field `pre_tokenizer` of tokenizer.json); `undefined` where that is not a
 * Metaspace.
 *
 * @param file path of tokenizer.json, for messages
 * @throws RocError TOKENIZER_INVALID
 */
export function makeMetaspace(config: { type: string } | null, file: string): WordSplit | undefined {
  if (config?.type !== "Metaspace") return undefined;
  const result = shape.safeParse(config);
  if (!result.success) {
    const issue = result.error.issues[0];
    const field = ["pre_tokenizer", ...(issue?.path ?? [])].map(String).join(".");
    throw new RocError("TOKENIZER_INVALID", `${file}: ${field}: ${issue?.message}; correct the file`);
  }
  const { replacement, add_prefix_space, split } = result.data;
  const scheme = result.data.prepend_scheme ?? (add_prefix_space ? "always" : "never");
  return (text, atStart) => {
    const marked = text.replaceAll(" ", replacement);
    const prepend = !marked.startsWith(replacement) && (scheme === "always" || (scheme === "first" && atStart));
    const words = prepend ? replacement + marked : marked;
    return split ? splitBefore(words, replacement) : [words];
  };
}

/** "▁a▁▁b" to "▁a", "▁", "▁b". */
function splitBefore(text: string, mark: string): string[] {
  const [head = "", ...rest] = text.split(mark);
  return [...(head === "" ? [] : [head]), ...rest.map((word) => mark + word)];
}
