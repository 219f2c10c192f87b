/** One file of weights in whatever format, told by its content. Loads no libtorch until a file is opened. */
import { RocError } from "../errors.js";
import { withFile } from "../files/index.js";
import type { Checkpoint } from "./checkpoint.js";

/** A format of single files of weights. */
interface WeightsFormat {
  /** For messages: "PyTorch (.pth, .pt, .bin, .ckpt)". */
  readonly title: string;
  /** Endings of the files' names, without the dot and in small letters. */
  readonly endings: readonly string[];
  /** Whether a file is of it, by its first {@link HEAD_BYTES} bytes and, in formats that begin with nothing of their own, its name. */
  isOne(head: Uint8Array, name: string): boolean;
  open(file: string): Promise<Checkpoint>;
}

/** Bytes at a file's beginning that formats are told by. */
const HEAD_BYTES = 512;

function begins(head: Uint8Array, text: string, at = 0): boolean {
  return [...text].every((letter, i) => head[at + i] === letter.charCodeAt(0));
}

/** The name of the first file in a zip, which follows its header. */
function firstInZip(head: Uint8Array): string {
  const length = (head[26] ?? 0) + 256 * (head[27] ?? 0);
  return new TextDecoder().decode(head.subarray(30, 30 + length));
}

const FORMATS: readonly WeightsFormat[] = [
  {
    title: "TensorFlow's checkpoints (.index beside .data-00000-of-00001)",
    endings: ["index"],
    // Before the others: its files of data begin with any byte.
    isOne: (_, name) => /\.(index|data-\d{5}-of-\d{5})$/.test(name),
    open: async (file) => (await import("./tensorflow.js")).openTensorflow(file),
  },
  {
    title: "safetensors (.safetensors)",
    endings: ["safetensors"],
    // Eight bytes of length come first.
    isOne: (head) => begins(head, "{", 8),
    open: async (file) => (await import("./safetensors.js")).openSafetensors(file),
  },
  {
    title: "NumPy (.npz)",
    endings: ["npz"],
    // Zip files too, as PyTorch's; an empty one begins with its directory.
    isOne: (head, name) => begins(head, "PK") && (firstInZip(head).endsWith(".npy") || name.endsWith(".npz")),
    open: async (file) => (await import("./npz.js")).openNpz(file),
  },
  {
    title: "PyTorch (.pth, .pt, .bin, .ckpt)",
    endings: ["pth", "pt", "bin", "ckpt"],
    isOne: (head) => begins(head, "PK\u0003\u0004") || head[0] === 0x80,
    open: async (file) => (await import("./bin/index.js")).openBin(file),
  },
  {
    title: "Keras' HDF5 (.h5, .hdf5)",
    endings: ["h5", "hdf5"],
    isOne: (head) => begins(head, "\u0089HDF\r\n\u001a\n"),
    open: async (file) => (await import("./hdf5.js")).openHdf5(file),
  },
  {
    title: "Caffe (.caffemodel)",
    endings: ["caffemodel"],
    isOne: (_, name) => name.toLowerCase().endsWith(".caffemodel"),
    open: async (file) => (await import("./caffemodel.js")).openCaffemodel(file),
  },
];

/** Whether a file's name is one of a file of weights. */
export function isWeightsFile(name: string): boolean {
  return FORMATS.some(({ endings }) => endings.some((ending) => name.toLowerCase().endsWith(`.${ending}`)));
}

/**
 * Opens one file of weights.
 *
 * @param remedy a sentence for where it cannot be read
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; CHECKPOINT_INVALID where it is of no format that is read here, or damaged
 */
export async function openWeightsFile(file: string, remedy?: string): Promise<Checkpoint> {
  const head = await withFile(
    file,
    async (handle) => {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return buffer.subarray(0, bytesRead);
    },
    { remedy },
  );
  const format = FORMATS.find((one) => one.isOne(head, file));
  if (format) return await format.open(file);
  const what = head.length === 0 ? "is empty" : "holds weights in no format that is read here";
  const titles = FORMATS.map(({ title }) => title).join(", ");
  throw new RocError("CHECKPOINT_INVALID", `${file} ${what}: those are ${titles}. Fetch the file again.`);
}
