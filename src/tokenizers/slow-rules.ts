/**
 * The behaviour of Python's slow LlamaTokenizer, by the version of transformers that a checkpoint names: it changed five
 * times around added tokens, and a model expects the ids of the version that it was trained with.
 */
import { flagsOf, contentOf, specialSource, type PlainFlags } from "./added.js";
import { SPECIAL_NAMES, type AddedToken, type SideFiles } from "./files.js";

/**
 * Where "▁" is prepended:
 * - "stretch": before every segment of text between added tokens (`legacy`);
 * - "cut": before the first one, and cut off the first piece of the others (4.31 without `legacy`);
 * - "text": before the first one, by SentencePiece (4.32 and later without `legacy`).
 */
export type Prefix = "stretch" | "cut" | "text";

export interface SlowRules {
  readonly prefix: Prefix;
  /** Flags of tokens that the files hold as plain strings or, in special_tokens_map.json, as objects. */
  readonly plain: PlainFlags;
  /** The version that the rules belong to; undefined where the checkpoint names none. */
  readonly version: string | undefined;
}

/** A version as a sortable number: 4.31.0 is 4031. */
function ordinal(version: string | undefined): number {
  const [, major = "", minor = ""] = /^(\d+)\.(\d+)/.exec(version ?? "") ?? [];
  return major === "" ? Infinity : Number(major) * 1000 + Number(minor);
}

/**
 * The rules of a folder, by `transformers_version` of tokenizer_config.json (which only this library writes), else of
 * config.json, then of generation_config.json. `added_tokens_decoder` exists since 4.34: where it is present, the
 * tokenizer's files are newer than the version in config.json, and its flags count. Without a version, and for 5, whose
 * tokenizers differ, the rules are those of 4.36.
 */
export function slowRules(files: SideFiles): SlowRules {
  const { config, modelConfigs } = files;
  const models = config.added_tokens_decoder ? [] : modelConfigs.toReversed();
  const named = [config, ...models].map((one) => one.transformers_version);
  const version = named.find((one): one is string => typeof one === "string");
  const at = ordinal(version);
  return { prefix: prefixOf(at, config), plain: plainFlags(at, files), version };
}

function prefixOf(at: number, config: SideFiles["config"]): Prefix {
  if (at < 4031) return "stretch"; // before `legacy` existed
  // 4.31 treats null as false, later versions as true.
  if (at === 4031) return "legacy" in config && !config.legacy ? "cut" : "stretch";
  return (config.legacy ?? true) ? "stretch" : "text";
}

/** Names whose strings become non-stripping tokens in LlamaTokenizer. */
const WRAPPED: readonly string[] = ["bos_token", "eos_token", "unk_token", "pad_token"];

/**
 * Until 4.34 a token that is a plain string strips the white space on both sides of it; an object has its own flags.
 * Before 4.34 the strings of special_tokens_map.json are plain ones under every name.
 */
function plainFlags(at: number, files: SideFiles): PlainFlags {
  const source = specialSource(files);
  const objects = new Map<string, Partial<AddedToken>>();
  const put = (value: unknown, wrapped: boolean): void => {
    const content = contentOf(value);
    if (content === undefined) return;
    if (typeof value === "object") objects.set(content, value as Partial<AddedToken>);
    else if (wrapped) objects.set(content, {});
  };
  for (const name of SPECIAL_NAMES) {
    const replaced = at < 4034 && files.specialTokensMap !== undefined && name in files.specialTokensMap;
    put(source[name], WRAPPED.includes(name) && !replaced);
  }
  for (const value of Object.values(source.additional_special_tokens ?? {})) put(value, false);
  const strips = at <= 4034;
  return (content, special) => {
    const { lstrip, rstrip } = objects.get(content) ?? { lstrip: strips, rstrip: strips };
    return { ...flagsOf(content, special), lstrip: lstrip === true, rstrip: rstrip === true };
  };
}
