/** The errors of this folder. */
import { RocError } from "../../errors.js";

/** An error in a pickle, to which {@link invalid} adds the file's name; internal to this folder. */
export class Damage extends Error {}

const REMEDY =
  "Nothing in it was executed. Download it again, or save it anew with torch.save(model.state_dict(), FILE).";

/** The error of a file in a format, of what is wrong with it. */
export type Fault = (file: string, what: string, cause?: unknown) => RocError;

/** The error for an invalid .bin file. */
export function invalid(file: string, what: string, cause?: unknown): RocError {
  const message = `${file} is not a PyTorch checkpoint that can be read: ${what}. ${REMEDY}`;
  return new RocError("CHECKPOINT_INVALID", message, { cause });
}

/** Text from the file for a message: quoted, escaped and short. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}
