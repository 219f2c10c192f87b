/** Files mapped into memory: tensors that show parts of a file without a copy. */
import { RocError } from "../errors.js";
import { guarded } from "./call.js";
import type { DType } from "./dtype.js";
import { native } from "./native.js";
import { Tensor } from "./tensor.js";

/**
 * A file in memory, copy-on-write: writing to a tensor of it never reaches the file. Its memory is freed when it is
 * disposed and the last tensor of it is freed. The file must not shrink meanwhile (the operating system then ends the
 * process); the writers of this project replace files, which is harmless.
 *
 * @category Memory
 */
export class MappedFile {
  readonly #id: number;
  /** Length of the file. */
  readonly byteLength: number;

  /**
   * Maps a file, as {@link mapFile}.
   *
   * @param path of the file
   * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE (no regular file, too), FILE_EMPTY; OUT_OF_MEMORY where there is no room
   *   for its addresses
   */
  constructor(
    /** Of the file. */
    readonly path: string,
  ) {
    [this.#id, this.byteLength] = guarded(`mapFile(${path})`, [], () => native.openMapping(path));
  }

  /**
   * A copy of `length` bytes from `offset`.
   *
   * @throws RocError USAGE where the file has no such bytes
   */
  bytes(offset: number, length: number): Uint8Array {
    // Before so much memory is asked for.
    if (!(Number.isInteger(length) && length >= 0 && length <= this.byteLength)) {
      const message = `${length} bytes from ${offset} are outside of its ${this.byteLength} bytes`;
      throw new RocError("USAGE", `mapFile(${this.path}).bytes: ${message}`);
    }
    const bytes = new Uint8Array(length);
    guarded(`mapFile(${this.path}).bytes`, [offset, length], () => {
      native.mappedBytes(this.#id, offset, bytes);
    });
    return bytes;
  }

  /**
   * The tensor at byte `offset`; without a copy where the offset is a multiple of the element's size.
   *
   * @throws RocError USAGE where the file has no such bytes
   */
  tensor(offset: number, dtype: DType, shape: readonly number[]): Tensor {
    const handle = guarded(`mapFile(${this.path}).tensor`, [offset, dtype, shape], () =>
      native.mappedTensor(this.#id, offset, dtype, shape),
    );
    return new Tensor(handle);
  }

  /**
   * Gives back the memory of a part of the file that has been read: it is read again where it is needed again. What was
   * written to tensors of that part is lost.
   *
   * @throws RocError USAGE where the file has no such bytes
   */
  drop(offset: number, length: number): void {
    guarded(`mapFile(${this.path}).drop`, [offset, length], () => {
      native.dropMapped(this.#id, offset, length);
    });
  }

  /** Lets go of the file; its tensors stay. Twice is harmless. */
  dispose(): void {
    native.closeMapping(this.#id);
  }
  /** {@link dispose} at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Maps a file into memory: tensors of it need no copy.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_EMPTY, OUT_OF_MEMORY
 * @category Memory
 */
export function mapFile(path: string): MappedFile {
  return new MappedFile(path);
}
