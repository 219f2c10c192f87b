/**
 * HDF5 files of weights, as Keras writes them, by the HDF Group's own library (h5wasm, compiled to WebAssembly).
 *
 * The library sees a copy of the file in its own memory and nothing else: what a file links to outside of it is not there.
 */
import type * as H5 from "h5wasm";
import { messageOf, RocError } from "../errors.js";
import { readBytes } from "../files/index.js";
import { empty, fromTypedArray, DTYPES, type DType, type Tensor } from "../torch/index.js";
import type { Checkpoint } from "./checkpoint.js";
import { entriesCheckpoint, type TensorEntry } from "./entries.js";
import { damagedFile } from "./mapped.js";

/** Elements that are read, by the library's names; others (texts, references) hold no weights. */
const TYPES: Readonly<Record<string, DType>> = { "<f": "float32", "<d": "float64", "<i": "int32", "<q": "int64" };

/** Its memory ends at 4 GiB, and takes the file and what is read of it. */
const MAX_BYTES = 2 ** 31;

/** Most that an array takes for each byte of its file: deflate compresses a thousandfold, to 1032 bytes a byte. */
const MOST_INFLATED = 1032;

/** Depth of groups, and number of things in a file; Keras nests three. */
const MAX_DEPTH = 16;
const MAX_ENTRIES = 100_000;

/** Texts that say what the file is, in Keras' files: kept as the checkpoint's metadata. */
const TEXTS = ["keras_version", "backend", "model_config"];

type Library = typeof H5;

/** @param what a sentence's part, as "it is truncated" */
function invalid(file: string, what: string, cause?: unknown): RocError {
  return damagedFile(file, "an HDF5 file", what, cause);
}

let files = 0;
let loading: Promise<Library> | undefined;

async function loadLibrary(): Promise<Library> {
  const library = await import("h5wasm");
  // Else it prints its errors.
  (await library.ready).activate_throwing_error_handler();
  return library;
}

/**
 * Opens an HDF5 file: every array of numbers by its path, as `model_weights/conv1/conv1/kernel:0`, as it is stored.
 *
 * `metadata` has the root's texts {@link TEXTS}, and `ignored`, the names of arrays whose elements are of another type.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; CHECKPOINT_INVALID where it is damaged
 */
export async function openHdf5(file: string): Promise<Checkpoint> {
  const bytes = await readBytes(file, { maxBytes: MAX_BYTES });
  const library = await (loading ??= loadLibrary());
  const { FS } = await library.ready;
  const path = `/${++files}.h5`;
  FS.writeFile(path, bytes);
  let opened: H5.File | undefined;
  const close = (): void => {
    opened?.close();
    FS.unlink(path);
  };
  try {
    opened = new library.File(path, "r");
    const found = new Tree(file, library, bytes.length);
    found.walk(opened, "", 0);
    return entriesCheckpoint(file, found.entries, { metadata: found.metadata(opened), close });
  } catch (error) {
    try {
      close();
    } catch {
      // What is damaged may not close.
    }
    throw error instanceof RocError ? error : invalid(file, reasonOf(error), error);
  }
}

/** The first cause that the library tells, which prints the calls above it first. */
function reasonOf(error: unknown): string {
  const lines = messageOf(error).match(/#\d+: .*?: (.*)/g);
  return (lines?.at(-1)?.replace(/^.*\(\): /, "") ?? messageOf(error)).slice(0, 200);
}

/** What is in a file. */
class Tree {
  readonly entries = new Map<string, TensorEntry>();
  readonly #ignored: string[] = [];
  #seen = 0;

  constructor(
    private readonly file: string,
    private readonly library: Library,
    private readonly bytes: number,
  ) {}

  walk(group: H5.Group, path: string, depth: number): void {
    if (depth > MAX_DEPTH) throw invalid(this.file, `its groups are nested more than ${MAX_DEPTH} deep`);
    for (const key of group.keys()) {
      if (++this.#seen > MAX_ENTRIES) throw invalid(this.file, `it holds more than ${MAX_ENTRIES} names`);
      const entity = group.get(key);
      const name = path + key;
      if (entity instanceof this.library.Dataset) this.#add(name, entity);
      else if (entity instanceof this.library.Group) this.walk(entity, `${name}/`, depth + 1);
      else this.#ignored.push(name);
    }
  }

  metadata(root: H5.Group): Record<string, string> {
    const attributes = root.attrs;
    const texts = TEXTS.flatMap((name) => {
      const value = name in attributes ? attributes[name]?.value : undefined;
      return typeof value === "string" ? [[name, value] as const] : [];
    });
    const ignored = this.#ignored.length > 0 ? { ignored: this.#ignored.join(", ") } : {};
    return { ...Object.fromEntries(texts), ...ignored };
  }

  #add(name: string, dataset: H5.Dataset): void {
    const { dtype: code, shape } = dataset;
    const dtype = typeof code === "string" ? TYPES[code] : undefined;
    if (dtype === undefined || shape === null) {
      this.#ignored.push(name);
      return;
    }
    const needed = shape.reduce((product, size) => product * size, DTYPES[dtype].bytes);
    if (!(needed <= this.bytes * MOST_INFLATED && needed <= MAX_BYTES)) {
      throw invalid(this.file, `its array "${name}" of [${shape.join(", ")}] is larger than the file can hold`);
    }
    this.entries.set(name, { dtype, shape, read: () => this.#read(name, dataset, dtype, shape) });
  }

  #read(name: string, dataset: H5.Dataset, dtype: DType, shape: readonly number[]): Tensor {
    const count = shape.reduce((product, size) => product * size, 1);
    if (count === 0) return empty(shape, { dtype });
    const array = DTYPES[dtype].allocate(count);
    try {
      const value = dataset.value;
      const values = typeof value === "number" || typeof value === "bigint" ? [value] : value;
      array.set(values as never);
    } catch (cause) {
      throw invalid(this.file, `its array "${name}" is damaged (${reasonOf(cause)})`, cause);
    }
    return fromTypedArray(array, shape, { dtype });
  }
}
