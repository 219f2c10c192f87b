/** Named tensors on disk, in one file or several. */
import type { DType, Tensor } from "../torch/index.js";

export interface TensorInfo {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The file that holds it. */
  readonly file: string;
}

export interface Checkpoint {
  /** Folder or file, for messages. */
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Set where only a config is looked at: every parameter that is asked for is an outline's. */
  readonly absent?: { readonly tied: boolean };
  names(): string[];
  has(name: string): boolean;
  /** @throws RocError CHECKPOINT_MISMATCH where there is no such tensor */
  info(name: string): TensorInfo;
  /** A view of the mapped file where that is aligned; writing to it does not change the file. */
  tensor(name: string): Tensor;
  /** Gives back the memory of a tensor of the mapped file that has been copied; it is read again where it is needed again. */
  drop(name: string): void;
  /** Releases the memory maps; tensors that were read remain usable. */
  dispose(): void;
  [Symbol.dispose](): void;
}
