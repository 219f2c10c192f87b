/** A checkpoint's own wishes for generation: `generation_config.json`, in transformers' terms. */
import { z } from "zod";
import { RocError } from "../errors.js";
import { ifThere, openFolder, type FolderLike } from "../files/index.js";
import type { Mllm, MllmProcessor } from "../models/types.js";
import type { GenerationOptions } from "./types.js";

const GENERATION_CONFIG_FILE = "generation_config.json";

/** What transformers takes where a file that samples does not name it. */
const DEFAULT_TOP_K = 50;

const id = z.int();
const ids = z.union([id, z.array(id)]).nullish();

const schema = z.looseObject({
  eos_token_id: ids,
  pad_token_id: id.nullish(),
  suppress_tokens: z.array(id).nullish(),
  max_new_tokens: z.int().positive().nullish(),
  do_sample: z.boolean().nullish(),
  temperature: z.number().positive().nullish(),
  top_k: z.int().nonnegative().nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().positive().nullish(),
  no_repeat_ngram_size: z.int().nonnegative().nullish(),
  min_new_tokens: z.int().nonnegative().nullish(),
  min_length: z.int().nonnegative().nullish(),
});

type GenerationConfig = z.infer<typeof schema>;

/**
 * Generation options that a checkpoint folder names. Without the file, or for what it leaves out: nothing (greedy).
 * Fields that choose tokens in other ways (beams, bad words) are left aside. `sampling` is there where the file says `do_sample`; an absent `top_k` then means 50, as it does to transformers.
 *
 * @param folder path of a checkpoint's folder
 * @throws RocError CONFIG_INVALID for a file that is no JSON, or a field of it that makes no sense; FILE_UNREADABLE
 *
 * @category Generation
 */
export async function readGenerationConfig(folder: FolderLike): Promise<GenerationOptions> {
  const files = openFolder(folder);
  const content = (await ifThere(files.json(GENERATION_CONFIG_FILE))) ?? {};
  return optionsOf(checked(content, files.file(GENERATION_CONFIG_FILE)));
}

/** What ends a text, and what else a checkpoint asks of one that is written greedily. */
export type GreedyOptions = Pick<
  GenerationOptions,
  "stopIds" | "suppressIds" | "repetitionPenalty" | "noRepeatNgramSize" | "minNewTokens" | "minLength"
>;

/**
 * What ends the texts that a model writes (the conversation's end token, and all that its generation_config.json names), and
 * what this file asks of a greedy decoding.
 *
 * @param endTokenId the processor's; default: none beside the file's
 * @throws RocError CONFIG_INVALID for a file that is no JSON, or a field of it that makes no sense
 */
export function greedyOptions(
  { generationConfig }: Pick<Mllm, "generationConfig">,
  { endTokenId }: Partial<Pick<MllmProcessor, "endTokenId">> = {},
): GreedyOptions {
  const { sampling: _, maxNewTokens: __, padId: ___, ...asked } = optionsOf(configOf(generationConfig));
  const ends = new Set([...(endTokenId === undefined ? [] : [endTokenId]), ...(asked.stopIds ?? [])]);
  return { ...asked, stopIds: [...ends] };
}

/** What transformers fills rows with that end before others: the padding token, else the first that ends a text. */
export function fillId({ generationConfig }: Pick<Mllm, "generationConfig">): number | undefined {
  const { padId, stopIds = [] } = optionsOf(configOf(generationConfig));
  return padId ?? stopIds[0];
}

/** Fields that would change a greedy decoding and are not looked at, with the values that change nothing. */
const LEFT_ASIDE: Readonly<Record<string, readonly unknown[]>> = {
  num_beams: [1],
  penalty_alpha: [0],
  bad_words_ids: [],
  begin_suppress_tokens: [],
  forced_bos_token_id: [],
  forced_eos_token_id: [],
  encoder_repetition_penalty: [1],
  encoder_no_repeat_ngram_size: [0],
  exponential_decay_length_penalty: [],
  sequence_bias: [],
  constraints: [],
  force_words_ids: [],
  guidance_scale: [1],
  watermarking_config: [],
  dola_layers: [],
  stop_strings: [],
  max_time: [],
};

/** Names of generation_config.json's fields by which another program would choose other tokens than this one. */
export function leftAside({ generationConfig }: Pick<Mllm, "generationConfig">): string[] {
  const fields = fieldsOf(generationConfig);
  return Object.entries(LEFT_ASIDE).flatMap(([name, neutral]) => {
    const value = fields[name] ?? undefined;
    const isEmpty = value === undefined || (Array.isArray(value) && value.length === 0) || neutral.includes(value);
    return isEmpty ? [] : [name];
  });
}

/** Of a file's text; none of a damaged one, which is refused where a text is written. */
function fieldsOf(text = "{}"): Readonly<Record<string, unknown>> {
  try {
    return z.looseObject({}).parse(JSON.parse(text));
  } catch {
    return {};
  }
}

/** Of a file's text. */
function configOf(text = "{}"): GenerationConfig {
  try {
    return checked(JSON.parse(text), GENERATION_CONFIG_FILE);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const message = `${GENERATION_CONFIG_FILE} is no JSON: ${error.message}. Correct or remove it.`;
    throw new RocError("CONFIG_INVALID", message, { cause: error });
  }
}

function checked(content: unknown, file: string): GenerationConfig {
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const what = `${issue?.path.join(".")}: ${issue?.message}`;
  throw new RocError("CONFIG_INVALID", `${file}: ${what}. Correct the field or remove the file.`);
}

function optionsOf(config: GenerationConfig): GenerationOptions {
  const { do_sample, temperature, top_p, top_k } = config;
  // transformers' value for "all tokens" is 0, ours is to leave it out.
  const topK = (top_k ?? DEFAULT_TOP_K) || undefined;
  return {
    stopIds: [config.eos_token_id ?? []].flat(),
    suppressIds: config.suppress_tokens ?? [],
    padId: config.pad_token_id ?? undefined,
    maxNewTokens: config.max_new_tokens ?? undefined,
    repetitionPenalty: config.repetition_penalty ?? undefined,
    // transformers' value for "any may" is 0.
    noRepeatNgramSize: config.no_repeat_ngram_size || undefined,
    minNewTokens: config.min_new_tokens ?? undefined,
    minLength: config.min_length ?? undefined,
    sampling: do_sample ? { temperature: temperature ?? undefined, topK, topP: top_p ?? undefined } : undefined,
  };
}
