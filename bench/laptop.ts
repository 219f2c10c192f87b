/**
 * What scoring one picture takes on this machine, by published size: seconds, and the most memory that the process has had.
 * Random weights of full size, in bfloat16 and float32; sizes up to 2B are measured, larger ones computed from the measured rates.
 *
 *   npm run bench:laptop [-- --rounds 3] [--threads 2] [--only Qwen2-VL-2B,...] [--folder DIR] [--out bench/results/laptop.json]
 *
 * Of each model one checkpoint is written into DIR (default: a temporary folder), at most 4.5 GB, and removed before the next.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { RocError } from "../src/errors.js";
import { openFolder } from "../src/files/index.js";
import { namesOf } from "../src/models/families.js";
import { planOf, rowsOf } from "../src/models/llavaonevision/anyres.js";
import { CheckpointFolder } from "../src/models/places.js";
import { loadModel } from "../src/models/registry.js";
import { fromTypedArray, manualSeed, randn, scope, torchVersion, type Tensor } from "../src/torch/index.js";
import { configFolder, saveSafetensors } from "../src/weights/index.js";
import { writeShapes, type Shape } from "./full-size-models.js";
import { median, Peer } from "./peer.js";
import { PUBLISHED, type PublishedSize } from "./published-sizes.js";
import { giveResult } from "./results.js";

/** Measured where nothing else is said: small enough for a laptop. */
const MEASURED = ["LLaVA-OneVision-0.5B", "Qwen3.5-0.8B", "InternVL3-1B", "InternVL3-2B", "Qwen3-VL-2B", "Qwen2-VL-2B"];
const DTYPES = { bfloat16: 2, float32: 4 } as const;
type Dtype = keyof typeof DTYPES;

/** The picture, in pixels. */
const PICTURE = { width: 640, height: 480 };
/** Tokens of a question and of what frames it. */
const WORDS = 40;

/** What a picture becomes: patches that the tower sees, rows of the language model, the model's inputs. */
interface Seen {
  readonly patches: number;
  readonly rows: number;
  readonly imageId: number;
  readonly shape: readonly number[];
  readonly grid?: readonly [number, number, number];
  readonly size?: readonly [number, number];
}

/** By Qwen's smart resize: sides to multiples of two patches. */
function qwen(patch: number, imageId: number): Seen {
  const [h, w] = [PICTURE.height, PICTURE.width].map((side) => 2 * Math.round(side / patch / 2)) as [number, number];
  return { patches: h * w, rows: (h * w) / 4, imageId, shape: [h * w, 6 * patch ** 2], grid: [1, h, w] };
}

function onevision(): Seen {
  const sides = [1, 2, 3, 4, 5, 6].map((count) => 384 * count);
  const pinpoints = sides.flatMap((height) => sides.map((width) => [height, width] as const));
  const rules = { size: 384, patches: 27, pinpoints, most: 9 };
  const plan = planOf(PICTURE, rules);
  const tiles = plan.down * plan.across + 1;
  const { height, width } = PICTURE;
  return { patches: tiles * 729, rows: rowsOf(plan, rules), imageId: 151646, shape: [1, tiles, 3, 384, 384], size: [height, width] }; // prettier-ignore
}

/** By `model_type`; InternVL's scorers squash a picture into one tile. */
const SEEN: Readonly<Record<string, Seen>> = {
  llava: { patches: 577, rows: 576, imageId: 32000, shape: [1, 3, 336, 336] },
  mplug_owl2: { patches: 1025, rows: 65, imageId: -200, shape: [1, 3, 448, 448] },
  qwen2_vl: qwen(14, 151655),
  qwen2_5_vl: qwen(14, 151655),
  qwen3_vl: qwen(16, 151655),
  qwen3_5: qwen(16, 248056),
  internvl: { patches: 1025, rows: 256, imageId: 151667, shape: [1, 3, 448, 448] },
  llava_onevision: onevision(),
};

function seenBy({ config }: PublishedSize): Seen {
  const seen = SEEN[String(config["model_type"])];
  if (!seen) throw new RocError("USAGE", `bench: no inputs for a ${String(config["model_type"])}.`);
  const [imageId] = [config["image_token_id"], config["image_token_index"]].filter((id) => typeof id === "number");
  return { ...seen, imageId: imageId ?? seen.imageId };
}

function inputsOf({ rows, imageId, shape, grid, size }: Seen): Map<string, Tensor> {
  manualSeed(1);
  const ids = (values: readonly number[]) => fromTypedArray(BigInt64Array.from(values, BigInt), [1, values.length]);
  const words = Array.from({ length: WORDS / 2 }, (_, i) => 10 + i);
  return new Map(
    Object.entries({
      input_ids: ids([...words, ...new Array<number>(rows).fill(imageId), ...words]),
      pixel_values: randn([...shape]),
      ...(grid && { image_grid_thw: ids(grid) }),
      ...(size && { image_sizes: ids(size) }),
    }),
  );
}

/** Of a model by its config alone. */
interface Outline {
  readonly shapes: readonly Shape[];
  readonly parameters: number;
  /** Multiplications of the matrices for one picture. */
  readonly products: number;
}

async function outlineOf(folder: string, size: PublishedSize): Promise<Outline> {
  const only = await configFolder(openFolder(folder));
  using model = await loadModel(new CheckpointFolder(folder, only), { outline: true });
  const { partOf, isVocabulary } = namesOf(model);
  const { patches, rows } = seenBy(size);
  const shapes = [...model.parameters()].map(([name, { shape }]) => ({ name, shape, init: initOf(name, shape) }));
  let [parameters, products] = [0, 0];
  for (const [name, { numel }] of model.parameters()) {
    parameters += numel;
    if (!isVocabulary(name)) products += numel * (partOf(name) === "language" ? rows + WORDS : patches);
  }
  return { shapes, parameters, products };
}

/** Numbers that stay finite through any depth. */
function initOf(name: string, shape: readonly number[]): Shape["init"] {
  if (shape.length > 1) return { std: 0.02 };
  return /norm|ln_|layernorm|lambda|ls[12]$/i.test(name) && !name.endsWith("bias") ? "ones" : "zeros";
}

/** One row of the table. */
export interface LaptopRow {
  readonly model: string;
  readonly family: string;
  readonly parameters: number;
  readonly dtype: Dtype;
  readonly how: "measured" | "computed";
  /** Of one picture, from its pixels to the logits. */
  readonly seconds: number;
  /** The most memory of the process, pages of the mapped file among it. */
  readonly peakBytes: number;
  /** Measured: until the model is there. */
  readonly loadSeconds?: number;
}

/** What bench/results/laptop.json holds. */
export interface LaptopBench {
  readonly cpu: string | undefined;
  readonly threads: number;
  readonly torch: string;
  readonly rounds: number;
  readonly picture: typeof PICTURE;
  readonly rows: readonly LaptopRow[];
}

interface Answer {
  readonly seconds: number;
  readonly peak: number;
}

interface Options {
  readonly rounds?: number;
  readonly threads?: number;
  readonly sizes?: Readonly<Record<string, PublishedSize>>;
  readonly measured?: readonly string[];
  /** Where checkpoints are written. */
  readonly folder?: string;
}

type Row = LaptopRow & { readonly products: number };

async function measure(
  model: string,
  size: PublishedSize,
  folder: string,
  options: Required<Pick<Options, "rounds" | "threads">>,
): Promise<Row[]> {
  // prettier-ignore
  const { shapes, parameters, products } = await outlineOf(folder, size);
  process.stderr.write(`bench: writing ${model}, ${((2 * parameters) / 1e9).toFixed(1)} GB\n`);
  writeShapes(join(folder, "model.safetensors"), shapes);
  const inputs = join(folder, "inputs.safetensors");
  await saveSafetensors(inputs, scope(() => inputsOf(seenBy(size)))); // prettier-ignore
  const worker = fileURLToPath(new URL("full-size-worker.js", import.meta.url));
  const rows: Row[] = [];
  for (const dtype of Object.keys(DTYPES) as Dtype[]) {
    const peer = new Peer(worker, [folder, inputs, String(options.threads), JSON.stringify({ dtype })], process.execPath); // prettier-ignore
    try {
      const load = await peer.ask<Answer>("load");
      // The first one pages the weights in.
      let last = await peer.ask<Answer>("prefill");
      const seconds: number[] = [];
      for (let round = 0; round < options.rounds; round++) {
        last = await peer.ask<Answer>("prefill");
        seconds.push(last.seconds);
      }
      const family = String(size.config["model_type"]);
      const figures = { seconds: median(seconds), peakBytes: last.peak, loadSeconds: load.seconds };
      rows.push({ model, family, parameters, dtype, how: "measured", ...figures, products });
      process.stderr.write(`bench: ${model} in ${dtype}: ${figures.seconds.toFixed(2)} s, ${(last.peak / 1e9).toFixed(2)} GB\n`); // prettier-ignore
    } finally {
      await peer.close();
    }
  }
  return rows;
}

/** By the rate of multiplications and the memory beside the weights that were measured, in the same dtype. */
async function compute(model: string, size: PublishedSize, folder: string, measured: readonly Row[]): Promise<Row[]> {
  const { parameters, products } = await outlineOf(folder, size);
  return (Object.keys(DTYPES) as Dtype[]).map((dtype) => {
    const like = measured.filter((row) => row.dtype === dtype);
    const bytes = DTYPES[dtype];
    return {
      ...{ model, family: String(size.config["model_type"]), parameters, dtype, how: "computed" as const, products },
      seconds: products * median(like.map((row) => row.seconds / row.products)),
      peakBytes: bytes * parameters + median(like.map((row) => row.peakBytes - bytes * row.parameters)),
    };
  });
}

/** Measures the small sizes, one at a time, and computes the others; those of families that are not known are left out. */
export async function benchLaptop({
  rounds = 3,
  threads = cpus().length,
  sizes = PUBLISHED,
  measured = MEASURED,
  folder,
}: Options = {}): Promise<LaptopBench> {
  const place = folder ?? mkdtempSync(join(tmpdir(), "roc-laptop-"));
  const rows: Row[] = [];
  try {
    const first = (name: string): number => (measured.includes(name) ? 0 : 1);
    for (const name of Object.keys(sizes).sort((a, b) => first(a) - first(b))) {
      const size = sizes[name];
      if (!size) continue;
      const own = join(place, name);
      mkdirSync(own, { recursive: true });
      try {
        writeFileSync(join(own, "config.json"), JSON.stringify(size.config));
        rows.push(...(await (first(name) === 0 ? measure(name, size, own, { rounds, threads }) : compute(name, size, own, rows)))); // prettier-ignore
      } finally {
        rmSync(own, { recursive: true, force: true });
      }
    }
  } finally {
    if (folder === undefined) rmSync(place, { recursive: true, force: true });
  }
  const plain = rows.map(({ products: _, ...row }): LaptopRow => row);
  return { cpu: cpus()[0]?.model, threads, torch: torchVersion(), rounds, picture: PICTURE, rows: plain };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      threads: { type: "string", default: String(cpus().length) },
      only: { type: "string" },
      folder: { type: "string" },
      out: { type: "string" },
    },
  });
  const only = values.only?.split(",");
  const unknown = only?.find((name) => !Object.hasOwn(PUBLISHED, name));
  if (unknown !== undefined) throw new RocError("USAGE", `--only: known are ${Object.keys(PUBLISHED).join(", ")}.`);
  const found = await benchLaptop({
    ...{ rounds: Number(values.rounds), threads: Number(values.threads) },
    ...(only && { measured: only, sizes: Object.fromEntries(Object.entries(PUBLISHED).filter(([name]) => only.includes(name))) }), // prettier-ignore
    ...(values.folder !== undefined && { folder: values.folder }),
  });
  giveResult(found, values.out);
}
