/**
 * How calibrated intervals hold: the demo weights are calibrated on studio pictures of one seed; coverage and width are those on
 * pictures of another, by predicted score and by scene, and under shifts: flaws at their worst, damaged files, another data set.
 *
 *   npm run bench:intervals [-- --calibration 2500] [--held-out 2500] [--shifted 500] [--seeds 7101,7202] [--work FOLDER] [--out FILE.json]
 *
 * With --work a stopped run resumes: pictures, scores and figures stay in that folder, to be called with the same options again.
 *
 * Of pictures that are composed with a flaw at its worst the raters' votes are known, as of all of the studio's. Damaged files keep
 * the rating of the undamaged picture: it is what a photographer would ask for, and not what raters would say of the file.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import sharp, { type Sharp } from "sharp";
import { readDataset } from "../src/data/read-dataset.js";
import type { LoadedDataset, Sample } from "../src/data/index.js";
import { voteStatistics } from "../src/data/ava.js";
import { DEMO_MODEL, load, type Model } from "../src/engine/index.js";
import { calibrate, type CalibrationResult } from "../src/eval/calibrate.js";
import { evaluate } from "../src/eval/evaluate.js";
import type { IntervalFigures } from "../src/metrics/interval-figures.js";
import { Random } from "../src/random.js";
import { compose, encodePhoto, makeRaters, votesOn, writeStudio, writeStudioFormats, type Factor } from "../src/studio/index.js"; // prettier-ignore
import { torchVersion } from "../src/torch/index.js";
import { once } from "./kept.js";
import { giveResult } from "./results.js";

const LEVEL = 0.9;
const LONG_EDGE = 160;

export interface IntervalsBenchOptions {
  /** Pictures that calibrate, that are held out, and of each shift. */
  readonly calibration: number;
  readonly heldOut: number;
  readonly shifted: number;
  readonly seeds: readonly [calibration: string, heldOut: string];
}

/** A set of pictures, and how the intervals fare on it. */
interface Fared {
  readonly name: string;
  /** Coverage less that of the held-out pictures. */
  readonly drop?: number;
  readonly figures: IntervalFigures;
}

const round = (value: number): number => Number(value.toFixed(4));

/** @param work folder of what a stopped run has left; default: a new one, which is removed */
export async function benchIntervals(options: IntervalsBenchOptions, work?: string) {
  const folder = work ?? (await mkdtemp(join(tmpdir(), "roc-intervals-")));
  await mkdir(folder, { recursive: true });
  try {
    const { calibration: made, figures, expected } = await once(folder, "calibrated", () => calibratedDemo(folder, options)); // prettier-ignore
    using model = await load(DEMO_MODEL, { dtype: "float32", calibration: join(folder, "calibration.json") });
    const held = await fared(model, "held-out pictures of another seed", await heldOut(folder, options), folder);
    const shifts: Fared[] = [];
    for (const [name, data] of Object.entries(await shiftsOf(folder, options)))
      shifts.push({ ...(await fared(model, name, data, folder)) });
    const base = held.figures.coverage?.value ?? NaN;
    const dropped = shifts.map((one) => ({ ...one, drop: round(base - (one.figures.coverage?.value ?? NaN)) }));
    const where = { machine: cpus()[0]?.model, cores: cpus().length, torch: torchVersion(), node: process.version };
    const about = { ...where, model: model.name, ...options, longEdge: LONG_EDGE, level: LEVEL };
    const chosen = { ...made.scores["score"]?.[0], expected: expected[0]?.map(round) };
    return { ...about, chosen, byFolds: figures["score"]?.[0] ?? null, heldOutPictures: held.figures, shifts: dropped };
  } finally {
    if (work === undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function calibratedDemo(
  folder: string,
  { calibration: count, seeds: [seed] }: IntervalsBenchOptions,
): Promise<CalibrationResult> {
  const data = join(folder, "calibration");
  await writeStudio(data, { seed, count, longEdge: LONG_EDGE });
  const out = join(folder, "calibration.json");
  return calibrate({ model: DEMO_MODEL, data, split: "all", levels: [LEVEL], load: { dtype: "float32" }, out });
}

async function fared(model: Model, name: string, data: LoadedDataset, folder: string): Promise<Fared> {
  return once(folder, name, async () => {
    const out = join(folder, "runs", name.replace(/\W+/g, "-"));
    const { summary } = await evaluate({ data, split: "all", model, out, resamples: 10 });
    const figures = summary.intervals?.["score"];
    if (!figures) throw new Error(`bench: ${name} has no intervals`);
    return { name, figures };
  });
}

async function heldOut(
  folder: string,
  { heldOut: count, seeds: [, seed] }: IntervalsBenchOptions,
): Promise<LoadedDataset> {
  const data = join(folder, "held-out");
  await writeStudio(data, { seed, count, longEdge: LONG_EDGE });
  return readDataset({ folder: data });
}

async function shiftsOf(folder: string, options: IntervalsBenchOptions): Promise<Record<string, LoadedDataset>> {
  const { shifted: count, seeds } = options;
  const all = await readDataset({ folder: join(folder, "held-out") });
  const plain = { ...all, samples: all.samples.slice(0, count), rated: all.samples.slice(0, count) };
  const koniq = join(folder, "koniq10k");
  await writeStudioFormats(koniq, { formats: ["koniq10k"], seed: seeds[1], count, longEdge: LONG_EDGE });
  return {
    "noise at its worst (votes on it)": await flawed(folder, "noise", options),
    "motion blur at its worst (votes on it)": await flawed(folder, "motion", options),
    "noise of 20 of 255 (rating of the undamaged)": await damaged(folder, plain, "noisy", noisy),
    "blur of 2 pixels (rating of the undamaged)": await damaged(folder, plain, "blurred", (picture) => picture.blur(2)),
    "JPEG of quality 10 (rating of the undamaged)": await damaged(folder, plain, "jpeg", (picture) => picture, 10),
    "another data set: KonIQ-10k's quality, pictures with patterns": await readDataset({ folder: koniq }),
  };
}

function dataOf(name: string, samples: readonly Sample[]): LoadedDataset {
  return { name, scale: { min: 1, max: 10 }, samples, missing: [], rated: samples, notes: [] };
}

/** New pictures with one flaw at its worst, voted on as they are. */
async function flawed(
  folder: string,
  factor: Factor,
  { shifted: count, seeds: [, seed] }: IntervalsBenchOptions,
): Promise<LoadedDataset> {
  const to = join(folder, factor);
  await mkdir(to, { recursive: true });
  const raters = makeRaters(seed);
  const samples: Sample[] = [];
  for (let index = 0; index < count; index++) {
    const composition = compose(seed, index, { merits: { [factor]: 0 } });
    const image = join(to, `${index}.jpg`);
    await writeFile(image, await encodePhoto(composition, LONG_EDGE));
    const { mean } = voteStatistics(votesOn(seed, index, composition.latent, raters));
    samples.push({ id: `${index}`, image, score: mean, theme: composition.scene, split: "test" });
  }
  return dataOf(factor, samples);
}

/** Gaussian noise of a standard deviation of 20 of 255 in every pixel and channel. */
async function noisy(picture: Sharp, index: number): Promise<Sharp> {
  const { data, info } = await picture.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const random = new Random("noise", index);
  const raw = { width: info.width, height: info.height, channels: info.channels };
  return sharp(
    Uint8ClampedArray.from(data, (value) => value + 20 * random.gaussian()),
    { raw },
  );
}

/** Copies of files with damages, under the ratings that they had. */
async function damaged(
  folder: string,
  data: LoadedDataset,
  name: string,
  damage: (picture: Sharp, index: number) => Sharp | Promise<Sharp>,
  quality = 92,
): Promise<LoadedDataset> {
  const to = join(folder, name);
  await mkdir(to, { recursive: true });
  const samples: Sample[] = [];
  for (const [index, sample] of data.samples.entries()) {
    const image = join(to, basename(sample.image));
    await (await damage(sharp(sample.image), index)).jpeg({ quality }).toFile(image);
    samples.push({ id: sample.id, image, score: sample.score, ...(sample.theme !== undefined && { theme: sample.theme }), split: "test" }); // prettier-ignore
  }
  return dataOf(name, samples);
}

if (process.argv[1]?.endsWith("intervals.js")) {
  const { values } = parseArgs({
    options: {
      calibration: { type: "string", default: "2500" },
      "held-out": { type: "string", default: "2500" },
      shifted: { type: "string", default: "500" },
      seeds: { type: "string", default: "7101,7202" },
      work: { type: "string" },
      out: { type: "string" },
    },
  });
  const [first = "", second = ""] = values.seeds.split(",");
  const counts = { calibration: Number(values.calibration), heldOut: Number(values["held-out"]), shifted: Number(values.shifted) }; // prettier-ignore
  giveResult(await benchIntervals({ ...counts, seeds: [first, second] }, values.work), values.out);
}
