/** The two matrices with one row per token: input embedding and output head, or one tied matrix. */
import { RocError } from "../errors.js";
import { aten, cat, fromTypedArray, keep, noGrad, scope, zeros, type Tensor } from "../torch/index.js";
import type { Params } from "./params.js";

const embedding = aten("embedding");
const linear = aten("linear");

/** Standard deviation of initialised rows, that of transformers' `initializer_range`. */
const STD = 0.02;

export class VocabularyMatrix {
  readonly #tensors: Map<string, Tensor>;
  readonly #inputName: string;
  readonly #outputName: string;

  /** @param input where the embedding's `weight` is; `output`: where the head's is, unless `tied` */
  constructor(input: Params, output: Params, rows: number, hiddenSize: number, tied: boolean) {
    this.#tensors = input.tensors;
    this.#inputName = input.nameOf("weight");
    this.#outputName = tied ? this.#inputName : output.nameOf("weight");
    input.get("weight", [rows, hiddenSize], { std: STD });
    if (!tied) output.get("weight", [rows, hiddenSize], { std: STD });
  }

  /** Rows of both matrices. */
  get size(): number {
    return this.#output.size(0);
  }

  /** `[batch, T]` ids to `[batch, T, hiddenSize]`. */
  embed(ids: Tensor): Tensor {
    return embedding(this.#weight(this.#inputName), ids);
  }

  /** Logits `[..., size]` of hidden states, or of those rows only, in their order. */
  logits(hidden: Tensor, rows?: readonly number[]): Tensor {
    return linear(hidden, rows ? pick(this.#output, rows) : this.#output, null);
  }

  /**
   * Adds rows for new tokens: grows the matrices to hold `ids` and sets those rows (and new ones in between) to the mean
   * of rows `[0, realRows)`.
   *
   * A matrix that grows is replaced by a new tensor without gradient, under the same name.
   * @throws RocError USAGE where an id or `realRows` is out of range
   */
  grow(ids: readonly number[], realRows: number): void {
    if (!Number.isInteger(realRows) || realRows < 1 || realRows > this.size) {
      throw new RocError("USAGE", `growVocabulary: realRows is ${realRows}, the matrix has ${this.size} rows.`);
    }
    const wrong = ids.find((id) => !Number.isInteger(id) || id < realRows);
    if (wrong !== undefined) {
      throw new RocError("USAGE", `growVocabulary: id ${wrong} is not a new token; ${realRows} rows are in use.`);
    }
    noGrad(() => {
      for (const name of new Set([this.#inputName, this.#outputName])) this.#growOne(name, ids, realRows);
    });
  }

  #growOne(name: string, ids: readonly number[], realRows: number): void {
    const old = this.#weight(name);
    const [rows = 0, hiddenSize = 0] = old.shape;
    const missing = Math.max(rows, ...ids.map((id) => id + 1)) - rows;
    // An outline has no numbers: it gets the shape.
    if (old.isOutline) return this.#replace(name, old, keep(scope(() => zeros([], { dtype: old.dtype }).expand(rows + missing, hiddenSize)))); // prettier-ignore
    const grown =
      missing === 0
        ? old
        : keep(scope(() => cat([old, zeros([missing, hiddenSize], { dtype: old.dtype, device: old.device })], 0)));
    scope(() => {
      const mean = old.narrow(0, 0, realRows).to("float32").mean(0, true).to(old.dtype);
      if (missing > 0) grown.narrow(0, rows, missing).copy_(mean);
      for (const id of ids) grown.narrow(0, id, 1).copy_(mean);
    });
    if (grown !== old) this.#replace(name, old, grown);
  }

  #replace(name: string, old: Tensor, grown: Tensor): void {
    grown.requiresGrad_(old.requiresGrad);
    this.#tensors.set(name, grown);
    old.dispose();
  }

  get #output(): Tensor {
    return this.#weight(this.#outputName);
  }

  #weight(name: string): Tensor {
    const found = this.#tensors.get(name);
    if (found === undefined) throw new RocError("INTERNAL", `The parameter ${name} is gone.`);
    return found;
  }
}

/** Rows of a matrix; consecutive ones without a copy. */
function pick(weight: Tensor, rows: readonly number[]): Tensor {
  const [first = 0] = rows;
  if (rows.length > 0 && rows.every((row, index) => row === first + index)) return weight.narrow(0, first, rows.length);
  const index = fromTypedArray(BigInt64Array.from(rows, BigInt), [rows.length], { device: weight.device });
  return weight.indexSelect(0, index);
}
