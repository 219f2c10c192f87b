/** Reads one safetensors file: tensors are views of the mapped file; nothing is copied or parsed before it is needed. */
import { RocError } from "../errors.js";
import { empty, mapFile, type MappedFile, type Tensor } from "../torch/index.js";
import type { Checkpoint, TensorInfo } from "./checkpoint.js";
import { withFile } from "../files/index.js";
import { headerLength, LENGTH_BYTES, parseHeader, type Header, type TensorEntry } from "./safetensors-header.js";

/** @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, CHECKPOINT_INVALID */
export async function openSafetensors(file: string): Promise<Checkpoint> {
  return new SafetensorsFile(file, await readHeader(file), mapFile(file));
}

async function readHeader(file: string): Promise<Header> {
  return withFile(file, async (handle, fileBytes) => {
    const read = async (length: number, position: number): Promise<Uint8Array> => {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    };
    const length = headerLength(file, await read(LENGTH_BYTES, 0), fileBytes);
    return parseHeader(file, await read(length, LENGTH_BYTES), fileBytes);
  });
}

class SafetensorsFile implements Checkpoint {
  constructor(
    readonly path: string,
    private readonly header: Header,
    private readonly map: MappedFile,
  ) {}

  get metadata(): Readonly<Record<string, string>> {
    return this.header.metadata;
  }

  names(): string[] {
    return [...this.header.entries.keys()];
  }

  has(name: string): boolean {
    return this.header.entries.has(name);
  }

  info(name: string): TensorInfo {
    const { dtype, shape } = this.#entry(name);
    return { dtype, shape, file: this.path };
  }

  tensor(name: string): Tensor {
    const { dtype, shape, offset, bytes } = this.#entry(name);
    return bytes === 0 ? empty(shape, { dtype }) : this.map.tensor(offset, dtype, shape);
  }

  drop(name: string): void {
    const { offset, bytes } = this.#entry(name);
    this.map.drop(offset, bytes);
  }

  dispose(): void {
    this.map.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #entry(name: string): TensorEntry {
    const entry = this.header.entries.get(name);
    if (entry === undefined) throw new RocError("CHECKPOINT_MISMATCH", `${this.path} holds no tensor "${name}".`);
    return entry;
  }
}
