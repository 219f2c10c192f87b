/** Whether a checkpoint's head is its embedding. */
import { aten, scope } from "../../torch/index.js";
import type { Checkpoint } from "../../weights/index.js";

/** The model's names of the two matrices. */
export interface Matrices {
  readonly embedding: string;
  readonly head: string;
}

/**
 * What the config says, except for a file with a head of other numbers, which counts more (as in transformers 5).
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
  if (!said) return false;
  const names = checkpoint.names();
  const [own, shared] = [head, embedding].map((wanted) => names.find((stored) => rename(stored) === wanted));
  if (own === undefined || shared === undefined) return true;
  const [a, b] = [checkpoint.info(own), checkpoint.info(shared)];
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
  return scope(() => aten("equal")(checkpoint.tensor(own), checkpoint.tensor(shared)));
}
