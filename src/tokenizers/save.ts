/** Writes a tokenizer folder so that Python's transformers (4 and 5) reads the same ids. */
import { writeFiles } from "../files/index.js";
import { namedSpecials, specialSource } from "./added.js";
import { SPECIAL_NAMES, type AddedToken, type TokenizerFiles } from "./files.js";

/**
 * Writes tokenizer.json and tokenizer_config.json, and special_tokens_map.json, added_tokens.json and chat_template.jinja
 * where they were read.
 *
 * @param added every added token, in order of ids
 * @throws RocError FILE_UNWRITABLE
 */
export async function saveTokenizerFiles(folder: string, files: TokenizerFiles, added: readonly AddedToken[]) {
  const { json, specialTokensMap, addedTokens, chatTemplate } = files;
  const fresh = freshSpecials(files, added);
  const texts = {
    "tokenizer.json": jsonText({ ...json, added_tokens: added }),
    "tokenizer_config.json": jsonText(savedConfig(files, added, fresh)),
    ...(specialTokensMap && { "special_tokens_map.json": jsonText(withSpecials(specialTokensMap, fresh)) }),
    ...(addedTokens && { "added_tokens.json": jsonText(Object.fromEntries([...addedTokens, ...idsOf(added, fresh)])) }),
    ...(chatTemplate !== undefined && { "chat_template.jinja": chatTemplate }),
  };
  await writeFiles(folder, texts);
}

/** Contents of the special tokens that no file declared: those from addTokens(). */
export function freshSpecials(files: TokenizerFiles, added: readonly AddedToken[]): string[] {
  const declared = new Set([
    ...files.json.added_tokens.map((token) => token.content),
    ...Object.values(files.config.added_tokens_decoder ?? {}).map((token) => token.content),
    ...(files.addedTokens?.keys() ?? []),
    ...namedSpecials(files),
  ]);
  return added.filter((token) => token.special && !declared.has(token.content)).map((token) => token.content);
}

/**
 * `added_tokens_decoder` makes transformers ignore special_tokens_map.json, so named tokens that occur only there move
 * into tokenizer_config.json.
 */
export function savedConfig(files: TokenizerFiles, added: readonly AddedToken[], fresh: readonly string[]) {
  const source = specialSource(files);
  const named = SPECIAL_NAMES.filter((name) => name in source).map((name): [string, unknown] => [name, source[name]]);
  const decoder = Object.fromEntries(added.map(({ id, ...flags }) => [String(id), flags]));
  return withSpecials({ ...files.config, ...Object.fromEntries<unknown>(named), added_tokens_decoder: decoder }, fresh);
}

/** Appends to the list of further special tokens: transformers 5 calls it `extra_special_tokens`. */
function withSpecials(config: Record<string, unknown>, fresh: readonly string[]): Record<string, unknown> {
  if (fresh.length === 0) return config;
  const key = Array.isArray(config.extra_special_tokens) ? "extra_special_tokens" : "additional_special_tokens";
  const before: unknown[] = Array.isArray(config[key]) ? config[key] : [];
  return { ...config, [key]: [...before, ...fresh] };
}

function idsOf(added: readonly AddedToken[], contents: readonly string[]): [string, number][] {
  return added.filter((t) => contents.includes(t.content)).map((t) => [t.content, t.id]);
}

/** JSON with two spaces. transformers' "no limit", int(1e30), would be written as a float and is restored. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, null, 2).replace(/("model_max_length": )1e\+30/, `$1${BigInt(1e30)}`);
  return `${text}\n`;
}
