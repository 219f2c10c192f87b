/** Inserts image features into the sequence of a language model. */
import { RocError } from "../errors.js";
import { aten, type Tensor } from "../torch/index.js";

const maskedScatter = aten("masked_scatter");

/**
 * Embeddings in which image features replace their placeholders.
 *
 * @param embeddings `[batch, T, hiddenSize]`
 * @param placeholders `[batch, T]` bool, with as many true as there are rows; filled in row-major order
 * @param features `[rows, hiddenSize]` of all images in order; undefined: none
 * @throws RocError USAGE where the counts disagree
 */
export function insertRows(embeddings: Tensor, placeholders: Tensor, features: Tensor | undefined): Tensor {
  const [found, given] = [placeholders.sum().item(), features?.size(0) ?? 0];
  if (found !== given) {
    const text = `The token ids hold ${found} image placeholders for ${given} rows of image features`;
    throw new RocError("USAGE", `${text}. Make the ids with the processor's prompt(), one <image> per image.`);
  }
  return features ? maskedScatter(embeddings, placeholders.unsqueeze(-1), features.to(embeddings.dtype)) : embeddings;
}
