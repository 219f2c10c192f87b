/** A checkpoint's own wishes for generation: `generation_config.json`, in transformers' terms. */
import { z } from "zod";
import { RocError } from "../errors.js";
import { ifThere, openFolder, type FolderLike } from "../files/index.js";
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
});

/**
 * Generation options that a checkpoint folder names. Without the file, or for what it leaves out: nothing (greedy).
 * `sampling` is there where the file says `do_sample`; an absent `top_k` then means 50, as it does to transformers.
 *
 * @param folder path of a checkpoint's folder
 * @throws RocError CONFIG_INVALID for a file that is no JSON, or a field of it that makes no sense; FILE_UNREADABLE
 *
 * @category Generation
 */
export async function readGenerationConfig(folder: FolderLike): Promise<GenerationOptions> {
  const files = openFolder(folder);
  const parsed = schema.safeParse((await ifThere(files.json(GENERATION_CONFIG_FILE))) ?? {});
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const what = `${issue?.path.join(".")}: ${issue?.message}`;
    throw new RocError(
      "CONFIG_INVALID",
      `${files.file(GENERATION_CONFIG_FILE)}: ${what}. Correct the field or remove the file.`,
    );
  }
  return optionsOf(parsed.data);
}

function optionsOf(config: z.infer<typeof schema>): GenerationOptions {
  const { do_sample, temperature, top_p, top_k } = config;
  // transformers' value for "all tokens" is 0, ours is to leave it out.
  const topK = (top_k ?? DEFAULT_TOP_K) || undefined;
  return {
    stopIds: [config.eos_token_id ?? []].flat(),
    suppressIds: config.suppress_tokens ?? [],
    padId: config.pad_token_id ?? undefined,
    maxNewTokens: config.max_new_tokens ?? undefined,
    repetitionPenalty: config.repetition_penalty ?? undefined,
    sampling: do_sample ? { temperature: temperature ?? undefined, topK, topP: top_p ?? undefined } : undefined,
  };
}
