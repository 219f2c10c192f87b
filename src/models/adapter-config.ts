/** `adapter_config.json` of Python peft (0.21), read without libtorch. */
import { z } from "zod";
import { RocError } from "../errors.js";
import { checkJson, ifThere, openFolder, type FolderLike } from "../files/index.js";
import type { LoraOptions } from "./lora.js";

export const ADAPTER_CONFIG = "adapter_config.json";
/** Beside them, of ours alone: what they were trained on. peft refuses keys that it does not know in its own file. */
export const BASE_FILE = "roc_base.json";
const baseSchema = z.object({ digest: z.string().regex(/^[0-9a-f]{64}$/) });

const empty = z.record(z.string(), z.unknown()).refine((patterns) => Object.keys(patterns).length === 0);
/** What an adapter of ours can be; peft's further kinds of LoRA are refused by name. */
const configSchema = z.looseObject({
  peft_type: z.literal("LORA"),
  base_model_name_or_path: z.string().nullish(),
  r: z.number().int().min(1),
  lora_alpha: z.number(),
  lora_dropout: z.number().min(0).max(1).default(0),
  use_rslora: z.boolean().default(false),
  target_modules: z.union([z.string(), z.array(z.string())]).nullish(),
  bias: z.literal("none").default("none"),
  use_dora: z.literal(false).nullish(),
  lora_bias: z.literal(false).nullish(),
  fan_in_fan_out: z.literal(false).nullish(),
  rank_pattern: empty.nullish(),
  alpha_pattern: empty.nullish(),
  trainable_token_indices: z.null().optional(),
  target_parameters: z.null().optional(),
});

/** What a folder's `adapter_config.json` says. */
export interface AdapterConfig {
  readonly options: LoraOptions;
  /** Folder or name of the model that it belongs to; "" where it does not say. */
  readonly base: string;
}

/** @throws RocError FILE_NOT_FOUND, CONFIG_INVALID naming the key */
export async function readAdapterConfig(folder: FolderLike): Promise<AdapterConfig> {
  const files = openFolder(folder);
  const file = files.file(ADAPTER_CONFIG);
  const parsed = configSchema.safeParse(await files.json(ADAPTER_CONFIG));
  if (!parsed.success) {
    const { path = [], message = "" } = parsed.error.issues[0] ?? {};
    const remedy = "Only plain LoRA without biases and patterns of ranks can be read.";
    throw new RocError("CONFIG_INVALID", `${file}: ${path.join(".")}: ${message}. ${remedy}`);
  }
  const { r: rank, lora_alpha: alpha, lora_dropout: dropout, use_rslora: rslora, target_modules } = parsed.data;
  const options = { rank, alpha, dropout, rslora, targets: target_modules ?? [] };
  return { options, base: parsed.data.base_model_name_or_path ?? "" };
}

/** The digest of the base that a folder's adapters were trained on; undefined for peft's. @throws RocError CONFIG_INVALID */
export async function baseDigest(folder: FolderLike): Promise<string | undefined> {
  const files = openFolder(folder);
  const value = await ifThere(files.json(BASE_FILE));
  return value === undefined ? undefined : checkJson(value, baseSchema, files.file(BASE_FILE)).digest;
}
