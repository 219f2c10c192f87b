/**
 * PyTorch's .bin checkpoints (torch.save of a dict of tensors), read without executing anything: the pickle may only refer
 * to the types that tensors need (globals.ts), and every length is checked against the file.
 */
import { RocError } from "../../errors.js";
import { exists, openFolder, type FolderLike } from "../../files/index.js";
import { aten, empty, scope, type MappedFile, type Tensor } from "../../torch/index.js";
import { DTYPES } from "../../torch/index.js";
import type { Checkpoint, TensorInfo } from "../checkpoint.js";
import { BIN, BIN_INDEX } from "../choice.js";
import { mapWeights } from "../mapped.js";
import { openSharded } from "../sharded.js";
import { readContainer } from "./container.js";
import { invalid } from "./errors.js";
import { readStateDict, spanOf, type StateDict } from "./state-dict.js";
import type { TensorRef } from "./values.js";

/**
 * Opens one .bin file: the zip format or the older one, a dict or OrderedDict of tensors and parameters, or such a dict
 * under the key `state_dict`. Other entries are skipped and listed in `metadata.ignored`.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; CHECKPOINT_INVALID naming the file and the error, such as
 *   "refused: posix.system"
 */
export async function openBin(file: string): Promise<Checkpoint> {
  const map = await mapWeights(file, (what) => invalid(file, what));
  try {
    const { value, offsets } = readContainer(map);
    return new BinFile(map, readStateDict(value, file), offsets);
  } catch (error) {
    map.dispose();
    throw error;
  }
}

/**
 * Opens a folder's pytorch_model.bin, or the shards that pytorch_model.bin.index.json lists.
 *
 * @throws RocError FILE_NOT_FOUND (names every missing shard), FILE_UNREADABLE, CHECKPOINT_INVALID
 */
export async function openBinFolder(folder: FolderLike): Promise<Checkpoint> {
  const files = openFolder(folder);
  if (await exists(files.file(BIN))) return openBin(files.file(BIN));
  if (await exists(files.file(BIN_INDEX))) return openSharded(files, BIN_INDEX, openBin);
  throw new RocError("FILE_NOT_FOUND", `${files.path} holds neither ${BIN} nor ${BIN_INDEX}. Check the path.`);
}

class BinFile implements Checkpoint {
  readonly metadata: Readonly<Record<string, string>>;
  readonly #tensors: ReadonlyMap<string, TensorRef>;

  constructor(
    private readonly map: MappedFile,
    { tensors, ignored }: StateDict,
    private readonly offsets: ReadonlyMap<string, number>,
  ) {
    this.#tensors = tensors;
    this.metadata = ignored.length > 0 ? { ignored: ignored.join(", ") } : {};
  }

  get path(): string {
    return this.map.path;
  }

  names(): string[] {
    return [...this.#tensors.keys()];
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  info(name: string): TensorInfo {
    const { storage, shape } = this.#ref(name);
    return { dtype: storage.dtype, shape, file: this.path };
  }

  tensor(name: string): Tensor {
    const ref = this.#ref(name);
    const { storage, shape, strides } = ref;
    const { dtype } = storage;
    const span = spanOf(ref);
    if (span === 0) return empty(shape, { dtype });
    const start = this.#start(ref);
    if (isContiguous(ref)) return this.map.tensor(start, dtype, shape);
    return scope(() => aten("as_strided")(this.map.tensor(start, dtype, [span]), shape, strides));
  }

  drop(name: string): void {
    const ref = this.#ref(name);
    this.map.drop(this.#start(ref), spanOf(ref) * DTYPES[ref.storage.dtype].bytes);
  }

  dispose(): void {
    this.map.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Of its first byte in the file. */
  #start({ storage, offset }: TensorRef): number {
    return (this.offsets.get(storage.key) ?? 0) + offset * DTYPES[storage.dtype].bytes;
  }

  #ref(name: string): TensorRef {
    const ref = this.#tensors.get(name);
    if (ref === undefined) throw new RocError("CHECKPOINT_MISMATCH", `${this.path} holds no tensor "${name}".`);
    return ref;
  }
}

/** Whether the elements are in row-major order without gaps. */
function isContiguous({ shape, strides }: TensorRef): boolean {
  let expected = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    const size = shape[dim] ?? 1;
    if (size !== 1 && strides[dim] !== expected) return false;
    expected *= size;
  }
  return true;
}
