/** Inserts image features into the sequence of a language model. */
import { RocError } from "../errors.js";
import { aten, fromTypedArray, type Tensor } from "../torch/index.js";

const indexCopy = aten("index_copy");

/**
 * Embeddings in which image features replace their placeholders.
 *
 * @param embeddings `[batch, T, hiddenSize]`
 * @param placeholders `[batch, T]` bool, with as many true as there are rows; filled in row-major order. Read here: on the CPU,
 *   nothing waits for a GPU
 * @param features `[rows, hiddenSize]` of all images in order; undefined: none
 * @throws RocError USAGE where the counts disagree
 */
export function insertRows(embeddings: Tensor, placeholders: Tensor, features: Tensor | undefined): Tensor {
  const at = positionsOf(placeholders);
  const [found, given] = [at.length, features?.size(0) ?? 0];
  if (found !== given) {
    const text = `The token ids hold ${found} image placeholders for ${given} rows of image features`;
    throw new RocError("USAGE", `${text}. Make the ids with the processor's prompt(), one <image> per image.`);
  }
  if (!features) return embeddings;
  const index = fromTypedArray(at, [found], { device: embeddings.device });
  return indexCopy(embeddings.flatten(0, 1), 0, index, features.to(embeddings.dtype)).view(...embeddings.shape);
}

/** Flat positions of what is true, in order. */
export function positionsOf(marks: Tensor): BigInt64Array {
  const values = marks.toArray() as Uint8Array;
  const found: bigint[] = [];
  for (const [at, value] of values.entries()) if (value !== 0) found.push(BigInt(at));
  return BigInt64Array.from(found);
}
