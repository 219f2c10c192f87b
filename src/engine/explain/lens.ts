/** A model as an explanation needs it: the numbers that it takes of one picture can be changed and scored. */
import { RocError } from "../../errors.js";
import type { RgbImage } from "../../image/index.js";
import { cat, enableGrad, fromTypedArray, gradients, scope, type Tensor } from "../../torch/index.js";

/** Throws where nobody wants the answer any more. */
export type Check = () => void;

export interface Lens {
  /** The numbers of a prepared picture of the photo's size. */
  numbers(prepared: RgbImage): Float32Array;
  /** @throws RocError USAGE for a score that the model does not give; ANSWER_UNCLEAR where one cannot be read; SCORE_NOT_FINITE */
  scores(inputs: readonly Float32Array[], of: string | undefined, check: Check): number[];
  /** Why the score has no gradient; undefined: it has one. @throws RocError USAGE for a score that the model does not give */
  withoutGradient(of: string | undefined): string | undefined;
  /**
   * The gradients of the score at each of the inputs.
   *
   * @throws as {@link scores}; RocError USAGE where the score has no gradient
   */
  gradients(inputs: readonly Float32Array[], of: string | undefined): Float32Array[];
}

/** Tensors of one picture by name, as a model takes them: the first dimensions are those that grow with the pictures. */
export type NamedInputs = Readonly<Record<string, Tensor>>;

/** Numbers of all tensors of floats, one behind the other. Opens its own scope. */
export function flatNumbers(make: () => NamedInputs): Float32Array {
  return scope(() => {
    const parts = floats(make()).map(([, tensor]) => tensor.to({ dtype: "float32", device: "cpu" }).toFloat32Array());
    const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  });
}

/**
 * The inputs of several pictures that differ in their numbers alone. Inside the caller's scope.
 *
 * @param like one picture's
 */
export function inputsWith(like: NamedInputs, all: readonly Float32Array[]): Record<string, Tensor> {
  let start = 0;
  const made = floats(like).map(([name, tensor]) => {
    const [first = 1, ...rest] = tensor.shape;
    const length = tensor.numel;
    const values = new Float32Array(all.length * length);
    all.forEach((numbers, i) => values.set(numbers.subarray(start, start + length), i * length));
    start += length;
    const { dtype, device } = tensor;
    return [name, fromTypedArray(values, [all.length * first, ...rest]).to({ dtype, device })] as const;
  });
  const others = Object.entries(like).filter(([, tensor]) => !isFloat(tensor));
  const repeated = others.map(([name, tensor]) => [name, cat(all.map(() => tensor))] as const);
  return Object.fromEntries([...repeated, ...made]);
}

/** Gradients of scores, one an input, with respect to the numbers of the input that each is of. Opens its own scope. */
export function gradientsOf(
  like: () => NamedInputs,
  all: readonly Float32Array[],
  score: (inputs: Record<string, Tensor>) => Tensor,
): Float32Array[] {
  return enableGrad(() =>
    scope(() => {
      const inputs = inputsWith(like(), all);
      const leaves = floats(inputs).map(([, tensor]) => tensor.requiresGrad_());
      const found = gradients([score(inputs).sum()], leaves);
      const flat = found.map((gradient, i) => {
        const leaf = leaves[i] as Tensor;
        return gradient
          ? gradient.to({ dtype: "float32", device: "cpu" }).toFloat32Array()
          : new Float32Array(leaf.numel);
      });
      return all.map((numbers, row) => {
        const parts = flat.map((part) => part.subarray((row * part.length) / all.length, ((row + 1) * part.length) / all.length)); // prettier-ignore
        const one = new Float32Array(numbers.length);
        let at = 0;
        for (const part of parts) {
          one.set(part, at);
          at += part.length;
        }
        return one;
      });
    }),
  );
}

/** @throws RocError USAGE */
export function unknownScore(of: string, names: readonly string[]): RocError {
  const known = names.length > 0 ? `it has ${names.join(", ")}` : "it has an overall score alone";
  return new RocError("USAGE", `--of (of) ${of}: the model gives no such score; ${known}. Correct it.`);
}

function floats(inputs: NamedInputs): [string, Tensor][] {
  return Object.entries(inputs).filter(([, tensor]) => isFloat(tensor));
}

function isFloat({ dtype }: Tensor): boolean {
  return dtype.startsWith("float") || dtype === "bfloat16";
}
