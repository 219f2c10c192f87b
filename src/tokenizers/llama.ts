/** The files of a LLaMA-style tokenizer around a trained vocabulary. */
import type { AddedToken } from "./files.js";

/** tokenizer.json: BPE with byte fallback, "▁" before every segment of text, `<s>` in front. */
export function llamaTokenizerJson(pieces: readonly string[], merges: readonly unknown[], special: readonly string[]) {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special.map((content): AddedToken => ({ id: pieces.indexOf(content), ...flags(content) })),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [item("SpecialToken", "<s>", 0), item("Sequence", "A", 0)],
      pair: [
        item("SpecialToken", "<s>", 0),
        item("Sequence", "A", 0),
        item("SpecialToken", "<s>", 1),
        item("Sequence", "B", 1),
      ],
      special_tokens: { "<s>": { id: "<s>", ids: [pieces.indexOf("<s>")], tokens: ["<s>"] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: "<unk>",
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges,
    },
  };
}

/** tokenizer_config.json: padding on the left and the class that reads tokenizer.json unchanged. */
export function llamaTokenizerConfig(pieces: readonly string[], special: readonly string[]) {
  const decoder = special.map((content) => [String(pieces.indexOf(content)), flags(content)]);
  return {
    added_tokens_decoder: Object.fromEntries(decoder) as Record<string, unknown>,
    additional_special_tokens: special.filter((token) => !["<unk>", "<s>", "</s>", "<pad>"].includes(token)),
    bos_token: "<s>",
    clean_up_tokenization_spaces: false,
    eos_token: "</s>",
    pad_token: "<pad>",
    padding_side: "left",
    tokenizer_class: "PreTrainedTokenizerFast",
    unk_token: "<unk>",
  };
}

function flags(content: string): Omit<AddedToken, "id"> {
  return { content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

function item(kind: "SpecialToken" | "Sequence", id: string, typeId: number) {
  return { [kind]: { id, type_id: typeId } };
}
