/** Broken weights, configs, label files, predictions, listings and pictures. */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import sharp from "sharp";
import type { Random } from "../../src/random.js";
import { readDataset } from "../../src/data/index.js";
import { readRows } from "../../src/eval/rows.js";
import { listRepo } from "../../src/hub/listing.js";
import { decodeImage } from "../../src/image/index.js";
import { readSidecar, writeSidecar } from "../../src/photos/xmp.js";
import { loadImages, loadModel } from "../../src/models/registry.js";
import { parseTemplates } from "../../src/roc/index.js";
import { scope } from "../../src/torch/index.js";
import { openBin, openCheckpoint, openSafetensors, openWeightsFile, type Checkpoint } from "../../src/weights/index.js";
import { fixture, ROOT } from "../support.js";
import { mutateBytes, mutateJson, mutateText } from "./mutate.js";
import type { FuzzReader } from "./run.js";

const scratch = mkdtempSync(join(tmpdir(), "roc-fuzz-files-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

const pick = <T>(random: Random, list: readonly T[]): T => list[random.int(list.length)] as T;

/** A broken file as JSON can hold it. */
interface Bytes {
  readonly name: string;
  readonly base64: string;
}

const encoded = (name: string, bytes: Uint8Array): Bytes => ({ name, base64: Buffer.from(bytes).toString("base64") });
const decoded = ({ base64 }: Bytes): Buffer => Buffer.from(base64, "base64");

/** Writes it where nothing else lies, and gives its path. */
function written(input: Bytes, folder = scratch): string {
  const file = join(folder, input.name);
  writeFileSync(file, decoded(input));
  return file;
}

/** What a checkpoint holds: dtype, shape and the bytes in hexadecimal, by name. */
function contents(checkpoint: Checkpoint): Record<string, [dtype: string, shape: number[], bytes: string]> {
  return scope(() =>
    Object.fromEntries(
      checkpoint.names().map((name) => {
        const tensor = checkpoint.tensor(name);
        const array = tensor.contiguous().toArray();
        const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
        return [name, [tensor.dtype, [...tensor.shape], bytes.toString("hex")]];
      }),
    ),
  );
}

const ENTRIES = {
  __metadata__: { format: "pt", note: "\u00e9" },
  "a.weight": { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] },
  "b.bias": { dtype: "F16", shape: [4], data_offsets: [24, 32] },
  "c.count": { dtype: "I64", shape: [], data_offsets: [32, 40] },
  "d.flags": { dtype: "BOOL", shape: [3], data_offsets: [40, 43] },
  "e.none": { dtype: "U8", shape: [0, 7], data_offsets: [43, 43] },
  "f.more": { dtype: "BF16", shape: [2, 1, 2], data_offsets: [43, 51] },
};

function safetensorsOf(header: string): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  const data = Uint8Array.from({ length: 51 }, (_, i) => (i >= 40 && i < 43 ? i % 2 : (7 * i) % 120));
  return Buffer.concat([length, Buffer.from(header), data]);
}

export const SAFETENSORS_READER: FuzzReader<Bytes> = {
  name: "safetensors",
  mutant(random) {
    const text = JSON.stringify(ENTRIES);
    const kind = random.int(3);
    if (kind === 0) return encoded("x.safetensors", mutateBytes(safetensorsOf(text), random));
    const header = kind === 1 ? mutateText(text, random) : JSON.stringify(mutateJson(ENTRIES, random));
    return encoded("x.safetensors", safetensorsOf(header));
  },
  async read(input) {
    using file = await openSafetensors(written(input));
    return contents(file);
  },
};

const BINS = ["shapes", "views", "types", "trainer", "wide", "module", "protocol4"].flatMap((name) =>
  [`${name}.bin`, `${name}-old.bin`].filter((file) => existsSync(fixture(`bin/${file}`))),
);

export const BIN_READER: FuzzReader<Bytes> = {
  name: "bin",
  mutant(random) {
    const name = pick(random, BINS);
    return encoded(name, mutateBytes(readFileSync(fixture(`bin/${name}`)), random));
  },
  async read(input) {
    using file = await openBin(written(input));
    return contents(file);
  },
};

/** Weights of other programs: Keras', Caffe's, and the index of TensorFlow's. */
const FOREIGN = [
  ...["keras1.h5", "keras2.h5", "caffe-v1.caffemodel", "caffe-v2/net.caffemodel"],
  ...["tensorflow/model-7.index"],
];

const FOREIGN_READER: FuzzReader<Bytes> = {
  name: "weights",
  mutant(random) {
    const name = pick(random, FOREIGN);
    return encoded(basename(name), mutateBytes(readFileSync(fixture(`weights/${name}`)), random));
  },
  async read(input) {
    const data = "model-7.data-00000-of-00001";
    if (!existsSync(join(scratch, data))) copyFileSync(fixture(`weights/tensorflow/${data}`), join(scratch, data));
    using file = await openWeightsFile(written(input));
    return contents(file);
  },
};

/** A file of a folder, broken: by its structure where it is JSON, else by its bytes. */
function mutantIn(folder: string, file: string, random: Random): Bytes {
  const bytes = readFileSync(join(folder, file));
  const isJson = file.endsWith(".json") && random.int(4) > 0;
  if (isJson) return encoded(file, Buffer.from(JSON.stringify(mutateJson(JSON.parse(bytes.toString()), random))));
  return encoded(file, mutateBytes(bytes, random));
}

const copies = new Map<string, string>();

/** A copy of a folder without its pictures, with one file replaced for as long as `work` takes. */
async function inFolder<T>(from: string, input: Bytes, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = copies.get(from) ?? mkdtempSync(join(scratch, "folder-"));
  if (!copies.has(from)) await cp(from, folder, { recursive: true, filter: (path) => !path.endsWith(".jpg") });
  copies.set(from, folder);
  try {
    written(input, folder);
    return await work(folder);
  } finally {
    writeFileSync(join(folder, input.name), readFileSync(join(from, input.name)));
  }
}

const SHARDED = fixture("mplugowl2/tiny");
const INDEX = "pytorch_model.bin.index.json";

const INDEX_READER: FuzzReader<Bytes> = {
  name: "index",
  mutant: (random) => mutantIn(SHARDED, INDEX, random),
  read: (input) =>
    inFolder(SHARDED, input, async (folder) => {
      using checkpoint = await openCheckpoint(folder);
      return checkpoint.names().length;
    }),
};

/** Models that are small enough to be built again and again. */
const MODELS = [
  "llava/tiny",
  "mplugowl2/tiny",
  "qwen2vl/tied",
  "qwen2vl/untied",
  "qwen2_5vl/tied",
  "qwen3vl/tied",
  "llava_onevision/tied",
  "qwen35/tied",
  "internvl/hf",
];

interface InFixture extends Bytes {
  readonly folder: string;
}

const CONFIG_READER: FuzzReader<InFixture> = {
  name: "config.json",
  mutant(random) {
    const folder = pick(random, MODELS);
    return { folder, ...mutantIn(fixture(folder), "config.json", random) };
  },
  read: (input) =>
    inFolder(fixture(input.folder), input, async (folder) => {
      const model = await loadModel(folder);
      model.dispose();
    }),
};

const PROCESSORS = [
  { config: "models/demo", processor: join(ROOT, "models/demo/preprocessor_config.json") },
  { config: "test/fixtures/qwen2vl/tied", processor: fixture("qwen2vl/tokenizer/preprocessor_config.json") },
];

const PREPROCESSOR_READER: FuzzReader<InFixture> = {
  name: "preprocessor_config.json",
  mutant(random) {
    const { config, processor } = pick(random, PROCESSORS);
    return { folder: config, ...mutantIn(join(processor, ".."), "preprocessor_config.json", random) };
  },
  async read(input) {
    const folder = mkdtempSync(join(scratch, "processor-"));
    try {
      await cp(join(ROOT, input.folder, "config.json"), join(folder, "config.json"));
      written(input, folder);
      const images = await loadImages(folder);
      const pixels = new Uint8Array(40 * 30 * 3).fill(7);
      scope(() => void images.images([{ width: 40, height: 30, data: pixels }]));
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

const TEMPLATES = JSON.parse(readFileSync(join(ROOT, "models/demo/roc_templates.json"), "utf8")) as unknown;

const TEMPLATES_READER: FuzzReader = {
  name: "roc_templates.json",
  mutant: (random) => mutateJson(TEMPLATES, random),
  read: (input) => parseTemplates(input, "roc_templates.json"),
};

const DATASETS =
  ["aadb", "ava-captions", "flickr-aes", "flive", "icaa17k", "kadid10k", "koniq10k", "own-csv", "own-jsonl", "para", "tad66k"] // prettier-ignore
    .map((name) => `datasets/${name}`)
    .concat("studio/ava")
    .map((folder) => {
      const entries = readdirSync(fixture(folder), { recursive: true, withFileTypes: true });
      const files = entries.filter((one) => one.isFile() && !one.name.endsWith(".jpg"));
      return { folder, files: files.map((one) => relative(fixture(folder), join(one.parentPath, one.name))).sort() };
    });

const DATASET_READER: FuzzReader<InFixture> = {
  name: "dataset",
  mutant(random) {
    const { folder, files } = pick(random, DATASETS);
    return { folder, ...mutantIn(fixture(folder), pick(random, files), random) };
  },
  read: (input) =>
    inFolder(fixture(input.folder), input, async (folder) => (await readDataset({ folder })).samples.length),
};

const ROWS = Array.from({ length: 4 }, (_, i) => ({
  id: `${i}.jpg`,
  score: i / 2,
  note: `a "b", ${i}`,
  list: [i, 0.5],
}));
const TABLES: readonly { name: string; bytes: () => Buffer }[] = [
  { name: "x.csv", bytes: () => Buffer.from('id,score,note\n1.jpg,0.5,"a ""b"", 1"\n2.jpg,1,c\n3.jpg,,\n') },
  { name: "x.csv", bytes: () => Buffer.from("id;score\n1.jpg;0,5\n2.jpg;1\n") },
  { name: "x.jsonl", bytes: () => Buffer.from(ROWS.map((row) => `${JSON.stringify(row)}\n`).join("")) },
  { name: "x.json", bytes: () => Buffer.from(JSON.stringify(ROWS).replace("0.5", "NaN")) },
  ...["brotli", "gzip", "zstd"].map((name) => ({
    name: "x.parquet",
    bytes: () => readFileSync(fixture(`predictions/${name}.parquet`)),
  })),
];

const PREDICTIONS_READER: FuzzReader<Bytes> = {
  name: "predictions",
  mutant(random) {
    const { name, bytes } = pick(random, TABLES);
    return encoded(name, mutateBytes(bytes(), random));
  },
  read: (input) => readRows(written(input)).then((rows) => rows.length),
};

const HASH = "0123456789abcdef0123456789abcdef01234567";
const ANSWERS = {
  info: { _id: "1", id: "owner/model", sha: HASH, private: false, gated: false, lastModified: "2026-01-01T00:00:00Z" },
  tree: [
    { type: "directory", path: "onnx", size: 0, oid: HASH },
    { type: "file", path: "config.json", size: 10, oid: HASH },
    {
      type: "file",
      path: "model.safetensors",
      size: 10,
      oid: HASH,
      lfs: { oid: "a".repeat(64), size: 10, pointerSize: 130 },
    },
  ],
};

const LISTING_READER: FuzzReader<{ info: string; tree: string; link: string }> = {
  name: "listing",
  mutant(random) {
    const texts = [ANSWERS.info, ANSWERS.tree].map((answer) =>
      random.int(3) === 0 ? mutateText(JSON.stringify(answer), random) : JSON.stringify(mutateJson(answer, random)),
    );
    const link = random.int(4) === 0 ? mutateText('<http://hub/next?page=2>; rel="next"', random) : "";
    return { info: texts[0] ?? "", tree: texts[1] ?? "", link: link.replace(/[^\x20-\x7e]/g, "") };
  },
  async read({ info, tree, link }) {
    const fetch = (url: string): Promise<Response> => {
      const headers = { "content-type": "application/json", ...(link && { link }) };
      return Promise.resolve(new Response(String(url).includes("/tree/") ? tree : info, { headers }));
    };
    const settings = { endpoint: "http://hub", cacheDir: "", token: undefined, offline: false };
    const { files } = await listRepo("owner/model", "main", settings, fetch as typeof globalThis.fetch, {
      retryDelay: 0,
    });
    return files.length;
  },
};

/** Small pictures of every format. */
const PICTURES: Promise<readonly { name: string; bytes: Uint8Array }[]> = (async () => {
  const raw = { width: 24, height: 18, channels: 3 } as const;
  const pixels = Uint8Array.from({ length: 24 * 18 * 3 }, (_, i) => (i * 37) % 256);
  const image = () => sharp(pixels, { raw });
  const made = await Promise.all([
    image().jpeg().toBuffer(),
    image().jpeg({ progressive: true }).toBuffer(),
    image().png().toBuffer(),
    image().png({ progressive: true, palette: true }).toBuffer(),
    image().webp().toBuffer(),
    image().webp({ lossless: true }).toBuffer(),
    image().tiff({ compression: "lzw" }).toBuffer(),
    image().tiff({ compression: "none" }).toBuffer(),
    image().gif().toBuffer(),
  ]);
  const files = ["animated.gif", "cmyk.jpg", "gray16.png", "palette-transparent.png", "ultra-hdr-grey.jpg"];
  return [
    ...made.map((bytes, i) => ({ name: `made-${i}`, bytes })),
    ...files.map((name) => ({ name, bytes: readFileSync(fixture(`image/${name}`)) })),
  ];
})();
const pictures = await PICTURES;

const HEICS = readdirSync(fixture("photos")).filter((name) => name.endsWith(".heic")).sort(); // prettier-ignore

/** Broken by what holds the picture, which is at its beginning, or anywhere. */
const HEIC_READER: FuzzReader<Bytes> = {
  name: "heic",
  mutant(random) {
    const bytes = readFileSync(fixture(`photos/${pick(random, HEICS)}`));
    const head = Math.min(bytes.length, 1024);
    if (random.int(2) === 0) return encoded("x.heic", mutateBytes(bytes, random));
    return encoded("x.heic", Buffer.concat([mutateBytes(bytes.subarray(0, head), random), bytes.subarray(head)]));
  },
  async read(input) {
    const { width, height } = await decodeImage(decoded(input), { maxPixels: MOST_PIXELS });
    return [width, height];
  },
};

const SIDECAR = `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:digiKam="http://www.digikam.org/ns/1.0/" xmp:Rating="4">
  <xmp:Label>Green</xmp:Label><digiKam:PickLabel>3</digiKam:PickLabel>
  <dc:subject xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Bag><rdf:li>sea &amp; sky</rdf:li></rdf:Bag></dc:subject>
 </rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`;

/** A sidecar is read, and what is written into one that was read is read again. */
const XMP_READER: FuzzReader<Bytes> = {
  name: "xmp",
  mutant: (random) =>
    encoded(
      "x.jpg.xmp",
      random.int(2) === 0 ? mutateBytes(Buffer.from(SIDECAR), random) : Buffer.from(mutateText(SIDECAR, random)),
    ),
  async read(input) {
    const file = written(input);
    const { ours: _, ...found } = await readSidecar(file);
    writeFileSync(join(scratch, "x.jpg"), "");
    const { kept } = await writeSidecar(join(scratch, "x.jpg"), { rating: 2, label: "Red" }, "appended", { by: "person" });
    const after = await readSidecar(file);
    rmSync(file);
    if (after.rating !== 2 || after.label !== "Red") throw new Error("what was written is not read");
    return [found, kept.length];
  }, // prettier-ignore
};

/** More would take memory and time that a test has not; what is above is another test's (image-budget). */
const MOST_PIXELS = 2e7;

const IMAGE_READER: FuzzReader<Bytes> = {
  name: "image",
  mutant(random) {
    const { name, bytes } = pick(random, pictures);
    return encoded(name, mutateBytes(bytes, random));
  },
  async read(input) {
    const { width, height } = await decodeImage(decoded(input), { maxPixels: MOST_PIXELS });
    return [width, height];
  },
};

export const FILE_READERS: readonly FuzzReader[] = [
  SAFETENSORS_READER,
  BIN_READER,
  FOREIGN_READER,
  INDEX_READER,
  CONFIG_READER,
  PREPROCESSOR_READER,
  TEMPLATES_READER,
  DATASET_READER,
  PREDICTIONS_READER,
  LISTING_READER,
  IMAGE_READER,
  HEIC_READER,
  XMP_READER,
] as readonly FuzzReader[];
