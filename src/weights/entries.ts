/** A checkpoint whose tensors are read one by one when they are asked for. */
import { RocError } from "../errors.js";
import type { Tensor } from "../torch/index.js";
import type { Checkpoint, TensorInfo } from "./checkpoint.js";

/** A tensor of a file. */
export interface TensorEntry extends Omit<TensorInfo, "file"> {
  /** @throws RocError CHECKPOINT_INVALID where the file is damaged there */
  read(): Tensor;
  /** See {@link Checkpoint.drop}; absent: what was read is a copy. */
  drop?(): void;
}

/** @param close releases what the entries read from; called once */
export function entriesCheckpoint(
  path: string,
  entries: ReadonlyMap<string, TensorEntry>,
  options: { metadata?: Readonly<Record<string, string>>; close?: () => void } = {},
): Checkpoint {
  return new EntriesCheckpoint(path, entries, options.metadata ?? {}, options.close);
}

class EntriesCheckpoint implements Checkpoint {
  constructor(
    readonly path: string,
    private readonly entries: ReadonlyMap<string, TensorEntry>,
    readonly metadata: Readonly<Record<string, string>>,
    private close: (() => void) | undefined,
  ) {}

  names(): string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  info(name: string): TensorInfo {
    const { dtype, shape } = this.#entry(name);
    return { dtype, shape, file: this.path };
  }

  tensor(name: string): Tensor {
    return this.#entry(name).read();
  }

  drop(name: string): void {
    this.#entry(name).drop?.();
  }

  dispose(): void {
    this.close?.();
    this.close = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #entry(name: string): TensorEntry {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new RocError("CHECKPOINT_MISMATCH", `${this.path} holds no tensor "${name}".`);
    return entry;
  }
}
