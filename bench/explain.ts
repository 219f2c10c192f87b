/**
 * Which way of explaining a score is truer: pictures of the studio are spoilt in one known place, and each map is asked where that is.
 * Against it stand maps of random numbers and of the picture's edges, which know nothing of the model; and the maps of the same network
 * with random weights, which have to be others (Adebayo et al. 2018, "Sanity Checks for Saliency Maps").
 *
 *   npm run bench:explain [-- --pictures 60] [--seed 100] [--train 1200] [--steps 900] [--only demo|small] [--json] [--out FILE.json]
 *
 * --only computes one of the two models anew, and takes the other from --out. Two models: the demo weights, and a small network of Malu et al. trained here on spoilt studio pictures (of other seeds), whose rating is
 * the studio's less what the damage takes. A picture counts where the damage moves its score by a fortieth of the scale or more, up or
 * down: the demo weights like a dark patch for its contrast, and a map has to say that too.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { systemNamed } from "../src/baselines/registry.js";
import { loadBaseline, saveBaseline } from "../src/baselines/registry.js";
import { BaselineEstimator } from "../src/engine/baseline-estimator.js";
import { MllmEstimator } from "../src/engine/mllm-estimator.js";
import { DEMO_MODEL } from "../src/engine/demo.js";
import type { Estimator } from "../src/engine/estimator.js";
import { gridOf } from "../src/engine/explain/grid.js";
import { probePictures } from "../src/engine/explain/pictures.js";
import type { ExplainMethod, Grid, Replacement } from "../src/engine/explain/types.js";
import { loadParts } from "../src/engine/here.js";
import { Reader } from "../src/engine/reader.js";
import type { RgbImage } from "../src/image/index.js";
import { smoothed } from "../src/metrics/cells.js";
import { srcc } from "../src/metrics/scores.js";
import { mean } from "../src/metrics/statistics.js";
import { openCheckpointFolder } from "../src/models/places.js";
import { randomSource } from "../src/nn/index.js";
import { Random } from "../src/random.js";
import { compose } from "../src/studio/factors.js";
import { DAMAGES, spoil, type Damage, type Spoilt } from "../src/studio/spoil.js";
import { renderPhoto } from "../src/studio/render.js";
import { manualSeed, noGrad, randn, scope, type Tensor } from "../src/torch/index.js";
import { trainModel } from "../src/train/start/train-model.js";
import { RESULT_OPTIONS, writeResult } from "./results.js";

const { values: flags } = parseArgs({
  options: {
    pictures: { type: "string", default: "60" },
    seed: { type: "string", default: "100" },
    train: { type: "string", default: "1200" },
    steps: { type: "string", default: "900" },
    evaluations: { type: "string", default: "96" },
    only: { type: "string" },
    ...RESULT_OPTIONS,
  },
});
const [count, seed, trainCount, steps, evaluations] = [flags.pictures, flags.seed, flags.train, flags.steps, flags.evaluations].map(Number) as [number, number, number, number, number]; // prettier-ignore

const LONG_EDGE = 128;
/** Share of the scale by which the damage has to move a score, so that there is something to find. */
const MOVES = 1 / 40;
/** Pictures for the curves and the random weights, which cost more. */
const FEW = 12;
const RANDOMISED = 6;

interface Way {
  readonly name: string;
  readonly method: ExplainMethod;
  readonly replacement: Replacement;
  readonly evaluations: number;
}
const WAYS: readonly Way[] = [
  { name: "occlusion, mean", method: "occlusion", replacement: "mean", evaluations },
  { name: "occlusion, blur", method: "occlusion", replacement: "blur", evaluations },
  { name: "integrated gradients, mean", method: "gradient", replacement: "mean", evaluations },
  { name: "integrated gradients, blur", method: "gradient", replacement: "blur", evaluations },
  { name: "gradient times input, mean", method: "gradient", replacement: "mean", evaluations: 8 },
];

function studioPicture(seed: number, index: number): { picture: RgbImage; quality: number } {
  const composition = compose(seed, index, { patterns: false });
  const canvas = renderPhoto(composition, LONG_EDGE);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const pixels = new Uint8Array(canvas.width * canvas.height * 3);
  for (let i = 0, at = 0; at < pixels.length; i += 4, at += 3) pixels.set(data.subarray(i, i + 3), at);
  return { picture: { width: canvas.width, height: canvas.height, data: pixels }, quality: composition.latent };
}

// ---- the small network ------------------------------------------------------------------------------------------------

/** Half of the pictures are spoilt; the damage takes two to four points of ten. */
async function trainSmall(folder: string): Promise<string> {
  mkdirSync(join(folder, "images"), { recursive: true });
  const lines = ["image,score"];
  for (let i = 0; i < trainCount; i++) {
    const { picture, quality } = studioPicture(seed + 1000, i);
    const spoilt = i % 2 === 0 ? spoil(picture, i + 7_000_000) : undefined;
    const taken = spoilt ? 3 : 0;
    const { data, width, height } = spoilt?.picture ?? picture;
    const name = `${i}.png`;
    await sharp(data, { raw: { width, height, channels: 3 } }).png({ compressionLevel: 1 }).toFile(join(folder, "images", name)); // prettier-ignore
    lines.push(`${name},${Math.min(10, Math.max(1, quality - taken)).toFixed(3)}`);
  }
  writeFileSync(join(folder, "labels.csv"), `${lines.join("\n")}\n`);
  writeFileSync(join(folder, "dataset.json"), JSON.stringify({ name: "spoilt", scale: { min: 1, max: 10 } })); // prettier-ignore
  const system = systemNamed("malu");
  const wanted = { scale: { min: 1, max: 10 }, tiny: true };
  const config = { ...system.configure(wanted), size: 64, depths: [1, 1, 1, 1], width: 8 };
  const start = join(folder, "start");
  const model = system.create(config, randomSource({ seed: 5 }));
  await saveBaseline(model, start);
  model.dispose();
  const train = { steps, batchSize: 16, optimizer: "adam", learningRate: 1e-3, seed: 0 } as const;
  const { checkpoint } = await trainModel({ model: start, train, data: { folder, validation: 0.1 }, out: join(folder, "run") }); // prettier-ignore
  return checkpoint;
}

// ---- maps and figures --------------------------------------------------------------------------------------------------

interface Subject {
  readonly name: string;
  readonly estimator: Estimator;
  /** Groups of parameters, those nearest to the score first. */
  readonly layers: () => Tensor[][];
}

interface Case extends Spoilt {
  readonly clean: RgbImage;
  /** 1 where the damage lifts the score, -1 where it lowers it. */
  readonly direction: 1 | -1;
  readonly grid: Grid;
  /** Whether more than half of a cell is damaged. */
  readonly truth: readonly boolean[];
}

type MapOf = (one: Case) => Promise<Float32Array>;

function mapsBy({ estimator }: Subject, way: Way): MapOf {
  const reader = new Reader(estimator, "bench", {});
  return async ({ picture, grid }) => {
    const pictures = await probePictures(picture, way.replacement, (one) => estimator.prepare(one));
    return reader.explain({ method: way.method, evaluations: way.evaluations, of: undefined, grid, pictures }).values;
  };
}

const randomMap: MapOf = async ({ grid }) => {
  const random = new Random(seed, "random map", randomCount++);
  return Float32Array.from({ length: grid.columns * grid.rows }, () => random.gaussian());
};
let randomCount = 0;

/** The strongest edges, as if they moved the score as the damage does. */
const edgeMap: MapOf = async ({ picture: { width, height, data }, grid: { columns, rows }, direction }) => {
  const map = new Float32Array(columns * rows);
  const grey = (x: number, y: number): number => data[(y * width + x) * 3 + 1] as number;
  for (let y = 0; y < height - 1; y++)
    for (let x = 0; x < width - 1; x++) {
      const cell = Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width);
      const edge = Math.abs(grey(x + 1, y) - grey(x, y)) + Math.abs(grey(x, y + 1) - grey(x, y));
      map[cell] = (map[cell] as number) + direction * edge;
    }
  return map;
};

function scoreOf(estimator: Estimator, pictures: readonly RgbImage[]): number[] {
  return estimator.estimate(pictures, { check: () => undefined }).map((one) => ("unclear" in one ? NaN : one.score));
}

async function casesOf({ estimator }: Subject, damages: readonly Damage[]): Promise<Case[]> {
  const cases: Case[] = [];
  const { min, max } = estimator.scale;
  for (let i = 0; i < count; i++) {
    const { picture: clean } = studioPicture(seed, i);
    const spoilt = spoil(clean, seed * 1000 + i, damages);
    const [before = 0, after = 0] = scoreOf(estimator, [await estimator.prepare(clean), await estimator.prepare(spoilt.picture)]); // prettier-ignore
    if (!(Math.abs(before - after) >= MOVES * (max - min))) continue;
    const direction = after > before ? 1 : -1;
    const grid = gridOf(clean);
    const { left, top, width, height } = spoilt.region;
    const within = (at: number, from: number, size: number): boolean => at >= from && at < from + size;
    const truth = Array.from({ length: grid.columns * grid.rows }, (_, cell) => {
      const [x, y] = [
        ((cell % grid.columns) + 0.5) / grid.columns,
        (Math.floor(cell / grid.columns) + 0.5) / grid.rows,
      ];
      return within(x, left, width) && within(y, top, height);
    });
    cases.push({ ...spoilt, clean, direction, grid, truth });
  }
  return cases;
}

/** How much a map says that each cell moves the score as the damage does; what is not seen does not. */
function evidence(map: Float32Array, { direction }: Case): number[] {
  return Array.from(map, (value) => (Number.isNaN(value) ? 0 : direction * value));
}

/** Share of pairs of a damaged and a whole cell whose order is right, equal ones counted half. */
function auc(scores: readonly number[], truth: readonly boolean[]): number {
  const order = [...scores.keys()].sort((a, b) => (scores[a] as number) - (scores[b] as number));
  let [sum, positives] = [0, 0];
  for (let start = 0; start < order.length;) {
    let end = start;
    while (end < order.length && scores[order[end] as number] === scores[order[start] as number]) end++;
    for (let i = start; i < end; i++)
      if (truth[order[i] as number] === true) [sum, positives] = [sum + (start + end + 1) / 2, positives + 1];
    start = end;
  }
  return (sum - (positives * (positives + 1)) / 2) / (positives * (order.length - positives));
}

/** Cells in the photo replaced by those of another picture. */
function mixed(picture: RgbImage, other: RgbImage, { columns, rows }: Grid, cells: ReadonlySet<number>): RgbImage {
  const { width, height } = picture;
  const data = Uint8Array.from(picture.data);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const cell = Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width);
      const at = (y * width + x) * 3;
      if (cells.has(cell)) data.set(other.data.subarray(at, at + 3), at);
    }
  return { width, height, data };
}

const SHARES = [0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1];

/** Area under a curve of shares and values. */
function area(values: readonly number[]): number {
  return SHARES.slice(1).reduce((sum, share, i) => sum + ((share - (SHARES[i] as number)) * ((values[i] as number) + (values[i + 1] as number))) / 2, 0); // prettier-ignore
}

/**
 * Repair: the cells that a map names first are put back as they were before the damage; the share of the change that is undone, as the
 * area under its curve. Deletion and insertion: those that lift the score most are taken from the picture, or brought into an empty one;
 * the areas in points of the score.
 */
async function curves(estimator: Estimator, one: Case, map: Float32Array) {
  const found = evidence(map, one);
  const byValue = (values: ArrayLike<number>): number[] =>
    Array.from(values, (_, cell) => cell).sort((a, b) => (values[b] as number) - (values[a] as number));
  const order = byValue(found);
  const blank = await blurOf(one.picture);
  const first = (list: readonly number[], share: number): Set<number> => new Set(list.slice(0, Math.round(share * list.length))); // prettier-ignore
  const good = byValue(map.map((value) => (Number.isNaN(value) ? 0 : value)));
  const run = async (from: RgbImage, to: RgbImage, list: readonly number[]): Promise<number[]> => {
    const pictures = SHARES.map((share) => mixed(from, to, one.grid, first(list, share)));
    return scoreOf(estimator, await Promise.all(pictures.map((picture) => estimator.prepare(picture))));
  };
  const repaired = await run(one.picture, one.clean, order);
  const [spoilt = 0, clean = 0] = [repaired[0], repaired.at(-1)];
  return {
    repair: area(repaired.map((score) => (score - spoilt) / (clean - spoilt))),
    deletion: area(await run(one.picture, blank, good)),
    insertion: area(await run(blank, one.picture, good)),
  };
}

/** Neither of the two replacements: a Gaussian blur of a tenth of the picture. */
async function blurOf({ width, height, data }: RgbImage): Promise<RgbImage> {
  const raw = { width, height, channels: 3 } as const;
  const blurred = await sharp(data, { raw })
    .blur(Math.max(width, height) / 10)
    .raw()
    .toBuffer();
  return { width, height, data: blurred };
}

/** Mean with a 95% interval over resampled pictures. */
function interval(values: readonly number[]) {
  const random = new Random(seed, "bootstrap");
  const means = Array.from({ length: 1000 }, () => mean(values.map(() => values[random.int(values.length)] as number))).sort((a, b) => a - b); // prettier-ignore
  const round = (value: number | undefined): number => Number((value ?? NaN).toFixed(4));
  return { mean: round(mean(values)), low: round(means[25]), high: round(means[974]) };
}

async function figures(subject: Subject, name: string, mapOf: MapOf, cases: readonly Case[]) {
  const began = performance.now();
  const maps: Float32Array[] = [];
  for (const one of cases) maps.push(await mapOf(one));
  const secondsPerPicture = (performance.now() - began) / 1000 / cases.length;
  const found = maps.map((map, i) => evidence(map, cases[i] as Case));
  const points = found.map((scores, i) => {
    const worst = scores.reduce((best, value, cell) => (value > (scores[best] as number) ? cell : best), 0);
    return cases[i]?.truth[worst] === true ? 1 : 0;
  });
  const aucs = found.map((scores, i) => auc(scores, cases[i]?.truth ?? []));
  const smooth = found.map((scores, i) =>
    auc([...smoothed({ values: scores, ...(cases[i] as Case).grid })], cases[i]?.truth ?? []),
  );
  const some = await Promise.all(
    cases.slice(0, FEW).map((one, i) => curves(subject.estimator, one, maps[i] as Float32Array)),
  );
  const byDamage = Object.fromEntries(
    DAMAGES.flatMap((damage) => {
      const own = aucs.filter((_, i) => cases[i]?.damage === damage);
      return own.length === 0 ? [] : [[damage, { pictures: own.length, auc: Number(mean(own).toFixed(3)) }]];
    }),
  );
  process.stderr.write(
    `bench: ${subject.name}, ${name}: AUC ${mean(aucs).toFixed(3)}, smoothed ${mean(smooth).toFixed(3)}, pointing ${mean(points).toFixed(2)}\n`,
  );
  return {
    name,
    ...{ auc: interval(aucs), aucSmoothed: interval(smooth), pointing: interval(points), byDamage, secondsPerPicture },
    repair: interval(some.map(({ repair }) => repair)),
    deletion: interval(some.map(({ deletion }) => deletion)),
    insertion: interval(some.map(({ insertion }) => insertion)),
  };
}

// ---- random weights ------------------------------------------------------------------------------------------------------

function randomise(parameters: readonly Tensor[]): void {
  noGrad(() =>
    scope(() => {
      for (const parameter of parameters) {
        const deviation = parameter.numel > 1 ? parameter.to("float32").std().item() : 0;
        const fresh = randn(parameter.shape, { dtype: "float32" }).mul(Math.max(deviation, 0.02));
        const centre = parameter.to("float32").mean();
        parameter.copy_(fresh.add(centre).to({ dtype: parameter.dtype, device: parameter.device }));
      }
    }),
  );
}

/** Rank correlation of maps with those of the trained weights, from the score down, layer by layer, until all weights are random. */
async function sanity(subject: Subject, way: Way, cases: readonly Case[], reload: () => Promise<Subject>) {
  const mapOf = mapsBy(subject, way);
  const trained: Float32Array[] = [];
  for (const one of cases) trained.push(await mapOf(one));
  const fresh = await reload();
  manualSeed(seed);
  const groups = fresh.layers();
  const stages: object[] = [];
  for (const [stage, group] of groups.entries()) {
    randomise(group);
    const random = mapsBy(fresh, way);
    const correlations: number[] = [];
    for (const [i, one] of cases.entries()) {
      const map = await random(one);
      const both = [...map.keys()].filter(
        (cell) => !Number.isNaN(map[cell]) && !Number.isNaN((trained[i] as Float32Array)[cell]),
      );
      const value = srcc(both.map((cell) => map[cell] as number), both.map((cell) => (trained[i] as Float32Array)[cell] as number)); // prettier-ignore
      if (value !== null && Number.isFinite(value)) correlations.push(value);
    }
    stages.push({ randomised: `${stage + 1} of ${groups.length}`, maps: correlations.length, srcc: interval(correlations), absolute: interval(correlations.map(Math.abs)) }); // prettier-ignore
  }
  fresh.estimator.dispose();
  return { name: way.name, stages };
}

/** Parameters in so many groups, the last in the network first. */
function grouped(parameters: readonly Tensor[], groups: number): Tensor[][] {
  const reversed = parameters.toReversed();
  const size = Math.ceil(reversed.length / groups);
  return Array.from({ length: groups }, (_, i) => reversed.slice(i * size, (i + 1) * size));
}

async function demo(): Promise<Subject> {
  const { parts } = await loadParts(await openCheckpointFolder(DEMO_MODEL), {});
  const all = [...parts.model.parameters()];
  // The vision tower last: it is farthest from the score.
  const order = [...all.filter(([name]) => /vision/.test(name)), ...all.filter(([name]) => !/vision/.test(name))];
  return { name: "demo", estimator: new MllmEstimator(parts, undefined), layers: () => grouped(order.map(([, tensor]) => tensor), 4) }; // prettier-ignore
}

async function small(checkpoint: string): Promise<Subject> {
  const model = await loadBaseline(checkpoint);
  return { name: "small network, trained on spoilt pictures", estimator: new BaselineEstimator(model, undefined), layers: () => grouped([...model.parameters().values()], 4) }; // prettier-ignore
}

async function study(make: () => Promise<Subject>, damages: readonly Damage[]) {
  const subject = await make();
  const cases = await casesOf(subject, damages);
  process.stderr.write(`bench: ${subject.name}: the damage moves the score of ${cases.length} of ${count} pictures\n`);
  const rows: object[] = [];
  for (const way of WAYS) rows.push(await figures(subject, way.name, mapsBy(subject, way), cases));
  rows.push(await figures(subject, "random numbers", randomMap, cases));
  rows.push(await figures(subject, "edges of the picture", edgeMap, cases));
  const sane: object[] = [];
  for (const way of WAYS.filter(({ replacement }) => replacement === "mean").slice(0, 2))
    sane.push(await sanity(subject, way, cases.slice(0, RANDOMISED), make));
  subject.estimator.dispose();
  return {
    model: subject.name,
    spoilt: count,
    counted: cases.length,
    lowered: cases.filter(({ direction }) => direction < 0).length,
    damages,
    rows,
    sanity: sane,
  };
}

/** Studies of other models in the file of an earlier run. */
function othersIn(file: string | undefined, found: readonly object[]): object[] {
  if (file === undefined || !existsSync(file)) return [];
  const { studies } = JSON.parse(readFileSync(file, "utf8")) as { studies: { model: string }[] };
  return studies.filter(({ model }) => !found.some((one) => "model" in one && one.model === model));
}

const start = performance.now();
const folder = mkdtempSync(join(tmpdir(), "roc-explain-"));
try {
  const studies: object[] = [];
  if (flags.only !== "small") studies.push(await study(demo, DAMAGES));
  if (flags.only !== "demo") {
    const checkpoint = await trainSmall(folder);
    studies.push(await study(() => small(checkpoint), DAMAGES));
  }
  const options = { pictures: count, seed, trainPictures: trainCount, steps, evaluations, longEdge: LONG_EDGE };
  const machine = { machine: cpus()[0]?.model, cores: cpus().length };
  const own = { ...options, seconds: (performance.now() - start) / 1000 };
  const found = studies.map((one) => ({ ...one, ...own }));
  const result = { ...machine, studies: flags.only === undefined ? found : [...othersIn(flags.out, found), ...found] };
  const text = writeResult(result, flags.out);
  if (flags.json) process.stdout.write(text);
} finally {
  rmSync(folder, { recursive: true });
}
