/** The model families by the `model_type` of their config.json. */
import { join } from "node:path";
import { z } from "zod";
import { RocError } from "../errors.js";
import { readJson } from "../weights/index.js";
import { loadLlava, loadLlavaProcessor, type LoadOptions } from "./llava/index.js";
import type { Mllm, MllmProcessor } from "./types.js";

export interface Loaded {
  readonly model: Mllm;
  readonly processor: MllmProcessor;
}

type Load = (folder: string, options: LoadOptions) => Promise<Loaded>;

async function llava(folder: string, options: LoadOptions): Promise<Loaded> {
  const model = await loadLlava(folder, options);
  try {
    return { model, processor: await loadLlavaProcessor(folder, model.config) };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

const FAMILIES: ReadonlyMap<string, Load> = new Map([["llava", llava]]);

/** The `model_type`s that {@link loadMllm} knows. */
export function families(): string[] {
  return [...FAMILIES.keys()];
}

/**
 * Loads a checkpoint folder of any known family.
 *
 * @throws RocError CONFIG_INVALID where the family is not known; FILE_NOT_FOUND, FILE_UNREADABLE, CHECKPOINT_INVALID,
 *   CHECKPOINT_MISMATCH, TOKENIZER_INVALID
 */
export async function loadMllm(folder: string, options: LoadOptions = {}): Promise<Loaded> {
  const file = join(folder, "config.json");
  const parsed = z.looseObject({ model_type: z.string() }).safeParse(await readJson(file));
  if (!parsed.success) throw new RocError("CONFIG_INVALID", `${file} has no model_type: it is no model's config.`);
  const { model_type } = parsed.data;
  const load = FAMILIES.get(model_type);
  if (load) return load(folder, options);
  const known = families().join(", ");
  throw new RocError("CONFIG_INVALID", `${file}: model_type "${model_type}" is not supported; known are: ${known}.`);
}
