/** Reads and checks the files of a tokenizer folder. */
import { z } from "zod";
import { RocError } from "../errors.js";
import { ifThere, type OpenFolder } from "../files/index.js";
import { isShallow, isTokenId, records, tokenId } from "./fields.js";
import { readSlowFiles, tokenizerJsonOf } from "./qwen.js";

const flag = z.boolean().default(false);

const addedFlags = z.object({
  content: z.string().min(1),
  single_word: flag,
  lstrip: flag,
  rstrip: flag,
  normalized: z.boolean().optional(),
  special: flag,
});

/** Python's default: special tokens match the raw text, others the normalized text. */
function withNormalized<T extends { special: boolean; normalized?: boolean | undefined }>(token: T) {
  return { ...token, normalized: token.normalized ?? !token.special };
}

/** A token outside the merges, in the format of tokenizer.json and `added_tokens_decoder`. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

const typed = z.looseObject({ type: z.string() }).refine(isShallow, "nests too deeply");

// Up to half a million entries: checked in one plain pass instead of a schema per entry.
const vocabulary = z.custom<Readonly<Record<string, number>>>(
  (v) => typeof v === "object" && v !== null && !Array.isArray(v) && Object.values(v).every(isTokenId),
  "must be an object of token to id, a whole number from 0",
);
const merges = z.custom<readonly (string | readonly [string, string])[]>(
  (v) => Array.isArray(v) && v.every(isMerge),
  'must be a list of "left right" or [left, right]',
);

function isMerge(value: unknown): boolean {
  if (typeof value === "string") return value.split(" ").length === 2;
  return Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === "string");
}

const tokenizerJson = z.looseObject({
  added_tokens: z.array(addedFlags.extend({ id: tokenId }).transform(withNormalized)).default([]),
  normalizer: typed.nullable().default(null),
  pre_tokenizer: typed.nullable().default(null),
  post_processor: typed.nullable().default(null),
  decoder: typed.nullable().default(null),
  model: z.looseObject({
    type: z.literal("BPE").default("BPE"),
    vocab: vocabulary,
    merges,
    unk_token: z.string().nullish(),
    fuse_unk: z.boolean().nullish(),
    byte_fallback: z.boolean().nullish(),
    continuing_subword_prefix: z.literal("").nullish(),
    end_of_word_suffix: z.literal("").nullish(),
  }),
});

/** tokenizer.json, validated; unknown keys are retained. */
export type TokenizerJson = z.infer<typeof tokenizerJson>;

const specialToken = z.union([z.string().min(1), z.looseObject({ content: z.string().min(1) })]).nullish();

/** The attribute names of special tokens in Python's tokenizers, in Python's order. */
export const SPECIAL_NAMES = [
  "bos_token",
  "eos_token",
  "unk_token",
  "sep_token",
  "pad_token",
  "cls_token",
  "mask_token",
] as const;

const named = Object.fromEntries(SPECIAL_NAMES.map((name) => [name, specialToken])) as Record<
  (typeof SPECIAL_NAMES)[number],
  typeof specialToken
>;
const moreTokens = z.union([z.array(specialToken), z.looseObject({})]).nullish();

const specialTokensMap = z.looseObject({
  ...named,
  additional_special_tokens: moreTokens,
  extra_special_tokens: moreTokens,
});
const tokenizerConfig = specialTokensMap.extend({
  added_tokens_decoder: z.record(z.string().regex(/^\d{1,10}$/), addedFlags.transform(withNormalized)).optional(),
  legacy: z.boolean().nullish(),
  transformers_version: z.unknown().optional(),
});
const addedTokensJson = records(tokenId);
/** LLaMA's first files have -1 where there is none. */
const noToken = z.literal(-1).transform(() => null);
const tokenIds = z.union([tokenId, noToken, z.array(tokenId)]).nullish();
const modelConfig = z.looseObject({
  bos_token_id: tokenIds,
  eos_token_id: tokenIds,
  pad_token_id: tokenIds,
  transformers_version: z.unknown().optional(),
});

/** tokenizer_config.json, validated. */
export type TokenizerConfig = z.infer<typeof tokenizerConfig>;
/** The token ids in config.json and generation_config.json, and the version of transformers that wrote them. */
export type ModelConfig = z.infer<typeof modelConfig>;

/** Everything that is read from a tokenizer folder. */
export interface TokenizerFiles extends SideFiles {
  /** Path of tokenizer.json, for messages. */
  readonly file: string;
  readonly json: TokenizerJson;
}

/** The files around tokenizer.json or tokenizer.model. */
export interface SideFiles {
  readonly config: TokenizerConfig;
  readonly specialTokensMap?: z.infer<typeof specialTokensMap>;
  readonly addedTokens?: z.infer<typeof addedTokensJson>;
  /** generation_config.json, then config.json: whichever exist. */
  readonly modelConfigs: readonly ModelConfig[];
  /** Text of chat_template.jinja. */
  readonly chatTemplate?: string;
}

/**
 * Reads a tokenizer folder. tokenizer.json must exist, or vocab.json and merges.txt of Qwen2's; tokenizer_config.json,
 * special_tokens_map.json, added_tokens.json, generation_config.json, config.json and chat_template.jinja are read where
 * they exist.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, TOKENIZER_INVALID (naming file and field)
 */
export async function readTokenizerFiles(folder: OpenFolder): Promise<TokenizerFiles> {
  const file = folder.file("tokenizer.json");
  const json = await readChecked(folder, "tokenizer.json", tokenizerJson);
  const slow = json === undefined ? await readSlowFiles(folder) : undefined;
  if (slow) {
    const side = await readSideFiles(folder);
    const made = checked(tokenizerJson, tokenizerJsonOf(slow, folder, side.config), folder.file("vocab.json"));
    return { file: folder.file("vocab.json"), json: made, ...side };
  }
  if (json === undefined) {
    const remedy = "save the tokenizer once with Python's transformers (fast tokenizer), which writes it";
    throw new RocError("FILE_NOT_FOUND", `${file} does not exist, nor a tokenizer.model beside it; ${remedy}`);
  }
  return { file, json, ...(await readSideFiles(folder)) };
}

/** The files around tokenizer.json or tokenizer.model. @throws RocError FILE_UNREADABLE, TOKENIZER_INVALID */
export async function readSideFiles(folder: OpenFolder): Promise<SideFiles> {
  const optional = <T extends z.ZodType>(name: string, schema: T) => readChecked(folder, name, schema);
  const specials = await optional("special_tokens_map.json", specialTokensMap);
  const added = await optional("added_tokens.json", addedTokensJson);
  const configs = [await optional("generation_config.json", modelConfig), await optional("config.json", modelConfig)];
  const chatTemplate = await ifThere(folder.text("chat_template.jinja"));
  return {
    config: (await optional("tokenizer_config.json", tokenizerConfig)) ?? {},
    ...(specials && { specialTokensMap: specials }),
    ...(added && { addedTokens: added }),
    modelConfigs: configs.filter((config) => config !== undefined),
    ...(chatTemplate !== undefined && { chatTemplate }),
  };
}

async function readChecked<T extends z.ZodType>(
  folder: OpenFolder,
  name: string,
  schema: T,
): Promise<z.infer<T> | undefined> {
  const path = folder.file(name);
  const value = await ifThere(folder.json(name, { invalid: "TOKENIZER_INVALID" }));
  return value === undefined ? undefined : checked(schema, value, path);
}

function checked<T extends z.ZodType>(schema: T, value: unknown, path: string): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return inFileOrder(value, result.data);
  const issue = result.error.issues[0];
  const field = issue?.path.map(String).join(".") || "(whole file)";
  throw new RocError("TOKENIZER_INVALID", `${path}: field ${field}: ${issue?.message}; correct or re-download it`);
}

/** zod puts known keys first; a file that is written back retains its own order. */
function inFileOrder<T>(file: unknown, checked: T): T {
  if (checked instanceof Map) return checked;
  return { ...Object.fromEntries(Object.keys(file as object).map((key) => [key, undefined])), ...checked };
}
