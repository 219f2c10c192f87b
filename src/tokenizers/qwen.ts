/** Qwen2's tokenizer of vocab.json and merges.txt, the files of Python's slow class, where a folder has no tokenizer.json. */
import { z } from "zod";
import { RocError } from "../errors.js";
import { ifThere, type OpenFolder } from "../files/index.js";

const VOCABULARY = "vocab.json";
const MERGES = "merges.txt";

/** The pattern of transformers' Qwen2Tokenizer (PRETOKENIZE_REGEX). */
const PATTERN = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** The texts of the two files by name. */
export type SlowFiles = Readonly<Record<typeof VOCABULARY | typeof MERGES, string>>;

/** The folder's two files; undefined where one is missing. @throws RocError FILE_UNREADABLE */
export async function readSlowFiles(folder: OpenFolder): Promise<SlowFiles | undefined> {
  const [vocabulary, merges] = [await ifThere(folder.text(VOCABULARY)), await ifThere(folder.text(MERGES))];
  if (vocabulary === undefined || merges === undefined) return undefined;
  return { [VOCABULARY]: vocabulary, [MERGES]: merges };
}

const owner = z.looseObject({ tokenizer_class: z.string().nullish() });

/**
 * The content of the tokenizer.json that transformers makes of them.
 *
 * @param config of tokenizer_config.json, whose class says how text is split
 * @throws RocError TOKENIZER_INVALID for another class, or a vocabulary that is not JSON
 */
export function tokenizerJsonOf(files: SlowFiles, folder: OpenFolder, config: unknown): unknown {
  const type = owner.safeParse(config).data?.tokenizer_class ?? "none";
  if (!/^Qwen2Tokenizer(Fast)?$/.test(type)) {
    const text = `${folder.file("tokenizer_config.json")}: tokenizer_class is ${type}`;
    const remedy = `of ${VOCABULARY} and ${MERGES} only Qwen2Tokenizer is read. Save it with a tokenizer.json`;
    throw new RocError("TOKENIZER_INVALID", `${text}; ${remedy}.`);
  }
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: PATTERN }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: vocabularyOf(files[VOCABULARY], folder.file(VOCABULARY)),
      merges: mergesOf(files[MERGES]),
    },
  };
}

function vocabularyOf(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RocError("TOKENIZER_INVALID", `${file} is not JSON; download it again`, { cause });
  }
}

/** One merge a line; the first line may name the format's version. */
function mergesOf(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line, at) => line !== "" && !(at === 0 && line.startsWith("#version:")));
}
