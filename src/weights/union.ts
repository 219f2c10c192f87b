/** Several checkpoints as one: a language model in one place, its vision tower in another. */
import { RocError } from "../errors.js";
import type { Tensor } from "../torch/index.js";
import type { Checkpoint, TensorInfo } from "./checkpoint.js";

export interface UnionPart {
  readonly checkpoint: Checkpoint;
  /** What the union calls a tensor of it; undefined: it is not wanted. Default: its own name. */
  readonly rename?: (name: string) => string | undefined;
}

/**
 * The tensors of all parts; of a name that several have, the first part's. It owns the parts: `dispose()` ends all.
 *
 * @param parts at least one; messages name all of them
 */
export function unionCheckpoint(parts: readonly [UnionPart, ...UnionPart[]]): Checkpoint {
  return new UnionCheckpoint(parts);
}

interface Place {
  readonly checkpoint: Checkpoint;
  /** The part's own name of the tensor. */
  readonly stored: string;
}

class UnionCheckpoint implements Checkpoint {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #places = new Map<string, Place>();

  constructor(private readonly parts: readonly [UnionPart, ...UnionPart[]]) {
    this.path = parts.map(({ checkpoint }) => checkpoint.path).join(" + ");
    this.metadata = parts[0].checkpoint.metadata;
    for (const { checkpoint, rename = (name: string) => name } of parts) {
      for (const stored of checkpoint.names()) {
        const name = rename(stored);
        if (name !== undefined && !this.#places.has(name)) this.#places.set(name, { checkpoint, stored });
      }
    }
  }

  names(): string[] {
    return [...this.#places.keys()];
  }

  has(name: string): boolean {
    return this.#places.has(name);
  }

  info(name: string): TensorInfo {
    const { checkpoint, stored } = this.#place(name);
    return checkpoint.info(stored);
  }

  tensor(name: string): Tensor {
    const { checkpoint, stored } = this.#place(name);
    return checkpoint.tensor(stored);
  }

  dispose(): void {
    for (const { checkpoint } of this.parts) checkpoint.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #place(name: string): Place {
    const place = this.#places.get(name);
    if (place === undefined) throw new RocError("CHECKPOINT_MISMATCH", `${this.path} holds no tensor "${name}".`);
    return place;
  }
}
