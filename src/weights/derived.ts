/** A checkpoint's tensors under other names and in another layout: of files that another program wrote. */
import { RocError } from "../errors.js";
import { noGrad, scope, type Tensor } from "../torch/index.js";
import type { Checkpoint, TensorInfo } from "./checkpoint.js";

/** A tensor that is computed of some of the file's, as a kernel whose axes are in another order. */
export interface DerivedTensor {
  /** The file's names of what it is made of, at least one. */
  readonly of: readonly string[];
  readonly shape: readonly number[];
  /** Of the file's tensors in the order of {@link of}, inside a scope. */
  readonly make: (...tensors: readonly Tensor[]) => Tensor;
}

/**
 * Some of a checkpoint's tensors by new names. It owns the checkpoint: `dispose()` disposes of it.
 *
 * @param entries by the new name the file's name of a tensor that is taken as it is, or how it is computed; a file's tensor that
 *   nothing names is left out
 * @throws RocError (when a tensor is asked for) CHECKPOINT_MISMATCH where the file lacks it
 */
export function derivedCheckpoint(
  checkpoint: Checkpoint,
  entries: ReadonlyMap<string, string | DerivedTensor>,
): Checkpoint {
  return new DerivedCheckpoint(checkpoint, entries);
}

class DerivedCheckpoint implements Checkpoint {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(
    private readonly of: Checkpoint,
    private readonly entries: ReadonlyMap<string, string | DerivedTensor>,
  ) {
    [this.path, this.metadata] = [of.path, of.metadata];
  }

  names(): string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  info(name: string): TensorInfo {
    const entry = this.#entry(name);
    const info = this.of.info(partsOf(entry)[0] ?? "");
    return typeof entry === "string" ? info : { ...info, shape: entry.shape };
  }

  tensor(name: string): Tensor {
    const entry = this.#entry(name);
    if (typeof entry === "string") return this.of.tensor(entry);
    return noGrad(() => scope(() => entry.make(...entry.of.map((part) => this.of.tensor(part)))));
  }

  drop(name: string): void {
    for (const part of partsOf(this.#entry(name))) this.of.drop(part);
  }

  dispose(): void {
    this.of.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #entry(name: string): string | DerivedTensor {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new RocError("CHECKPOINT_MISMATCH", `${this.path} holds no tensor "${name}".`);
    return entry;
  }
}

function partsOf(entry: string | DerivedTensor): readonly string[] {
  return typeof entry === "string" ? [entry] : entry.of;
}
