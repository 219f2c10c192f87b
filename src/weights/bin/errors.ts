/** The one kind of error of this folder. */
import { RocError } from "../../errors.js";

/** What is wrong with a pickle, before {@link invalid} adds the file's name; never leaves this folder. */
export class Damage extends Error {}

const REMEDY = "Nothing in it was run. Download it again, or save it anew with torch.save(model.state_dict(), FILE).";

/** Tells what is wrong with a .bin file. */
export function invalid(file: string, what: string, cause?: unknown): RocError {
  const message = `${file} is not a PyTorch checkpoint that can be read: ${what}. ${REMEDY}`;
  return new RocError("CHECKPOINT_INVALID", message, { cause });
}

/** Text from the file for a message: quoted, escaped and short. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}
