/** What the families' conversations share: Vicuna's words, and which conversation a checkpoint was trained on. */
import { z } from "zod";
import { RocError } from "../../errors.js";
import { ifThere, openFolder, type FolderLike } from "../../files/index.js";

/** Vicuna's system text and the blank behind it; LLaVA also trained on one that calls the user a human. */
export function vicunaSystem(asker: "user" | "human" = "user"): string {
  return (
    `A chat between a curious ${asker} and an artificial intelligence assistant. ` +
    `The assistant gives helpful, detailed, and polite answers to the ${asker}'s questions. `
  );
}

/** Where a checkpoint of ours says which conversation it was trained on, as `conversation`. */
export const PROCESSOR_FILE = "processor_config.json";

/**
 * The conversation asked for, else that of the folder's processor_config.json; undefined where neither names one.
 *
 * @param names those of the family
 * @throws RocError USAGE for one that is not among them; CONFIG_INVALID where the file names such a one
 */
export async function conversationOf<T extends string>(
  folder: FolderLike,
  names: readonly [T, ...T[]],
  asked: string | undefined,
): Promise<T | undefined> {
  const known = z.enum(names);
  if (asked !== undefined) {
    const parsed = known.safeParse(asked);
    if (parsed.success) return parsed.data;
    throw new RocError("USAGE", `The conversation "${asked}" is not known; known are: ${names.join(", ")}.`);
  }
  const files = openFolder(folder);
  const value = (await ifThere(files.json(PROCESSOR_FILE))) ?? {};
  const saved = z.looseObject({ conversation: known.optional() }).safeParse(value);
  if (saved.success) return saved.data.conversation;
  throw new RocError(
    "CONFIG_INVALID",
    `${files.file(PROCESSOR_FILE)}: ${z.prettifyError(saved.error).replaceAll("\n", " ")}`,
  );
}
