/** Whether a checkpoint's head is its embedding. */
import { aten, scope } from "../../torch/index.js";
import type { Checkpoint } from "../../weights/index.js";

/** The model's names of the two matrices. */
export interface Matrices {
  readonly embedding: string;
  readonly head: string;
}

/**
 * What the config says, except for a file with a head of other numbers, which counts more (as in transformers 5), and for one
 * without a head, which is the embedding then.
 *
 * @param said the config's `tie_word_embeddings`
 * @param rename gives the model's name of a stored tensor
 */
export function isTied(
  said: boolean,
  checkpoint: Checkpoint,
  { embedding, head }: Matrices,
  rename: (name: string) => string,
): boolean {
  if (checkpoint.absent) return checkpoint.absent.tied;
  const names = checkpoint.names();
  const [own, shared] = [head, embedding].map((wanted) => names.find((stored) => rename(stored) === wanted));
  if (own === undefined) return true;
  if (!said || shared === undefined) return said;
  const [a, b] = [checkpoint.info(own), checkpoint.info(shared)];
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
  return scope(() => aten("equal")(checkpoint.tensor(own), checkpoint.tensor(shared)));
}

/** A config that says what the weights are: transformers goes by the flag at the top, in earlier versions by that of the text. */
export function withTie(raw: Record<string, unknown>, tied: boolean): Record<string, unknown> {
  const text = raw["text_config"] as Record<string, unknown> | null | undefined;
  const says = (fields: Record<string, unknown> | null | undefined): boolean =>
    fields?.["tie_word_embeddings"] === true;
  if (says(raw) === tied && (tied || !says(text))) return raw;
  const tie_word_embeddings = tied;
  return { ...raw, tie_word_embeddings, ...(says(text) && !tied && { text_config: { ...text, tie_word_embeddings } }) };
}
