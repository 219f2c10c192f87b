/** Several checkpoints as one: a language model in one folder, its vision tower in another. */
import { RocError } from "../errors.js";
import type { Tensor } from "../torch/index.js";
import type { Checkpoint, TensorInfo } from "./checkpoint.js";

export interface UnionPart {
  readonly checkpoint: Checkpoint;
  /** The union's name for one of its tensors; undefined: not included. Default: its own name. */
  readonly rename?: (name: string) => string | undefined;
}

/**
 * The tensors of all parts; the first part wins where several have a name. It owns the parts: `dispose()` disposes of all.
 *
 * @param parts at least one; error messages name all of them
 */
export function unionCheckpoint(parts: readonly [UnionPart, ...UnionPart[]]): Checkpoint {
  return new UnionCheckpoint(parts);
}

interface Source {
  readonly checkpoint: Checkpoint;
  /** The part's own name of the tensor. */
  readonly stored: string;
}

class UnionCheckpoint implements Checkpoint {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #sources = new Map<string, Source>();

  constructor(private readonly parts: readonly [UnionPart, ...UnionPart[]]) {
    this.path = parts.map(({ checkpoint }) => checkpoint.path).join(" + ");
    this.metadata = parts[0].checkpoint.metadata;
    for (const { checkpoint, rename = (name: string) => name } of parts) {
      for (const stored of checkpoint.names()) {
        const name = rename(stored);
        if (name !== undefined && !this.#sources.has(name)) this.#sources.set(name, { checkpoint, stored });
      }
    }
  }

  names(): string[] {
    return [...this.#sources.keys()];
  }

  has(name: string): boolean {
    return this.#sources.has(name);
  }

  info(name: string): TensorInfo {
    const { checkpoint, stored } = this.#source(name);
    return checkpoint.info(stored);
  }

  tensor(name: string): Tensor {
    const { checkpoint, stored } = this.#source(name);
    return checkpoint.tensor(stored);
  }

  drop(name: string): void {
    const { checkpoint, stored } = this.#source(name);
    checkpoint.drop(stored);
  }

  dispose(): void {
    for (const { checkpoint } of this.parts) checkpoint.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #source(name: string): Source {
    const source = this.#sources.get(name);
    if (source === undefined) throw new RocError("CHECKPOINT_MISMATCH", `${this.path} holds no tensor "${name}".`);
    return source;
  }
}
