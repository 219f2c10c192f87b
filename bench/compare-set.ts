/**
 * What showing a set's pictures together gains: the strategies `roc` and `set`, trained from the same weights on the same sets of the
 * studio for the same number of shown pictures, with the same losses, then compared on sets that neither has seen.
 *
 *   npm run bench:compare-set [-- --work FOLDER] [--seeds A,B,C] [--tune T] [--pictures 1600] [--shown 9600] [--held 600] [--most 3] [--out FILE.json]
 *
 * A seed has its own pictures to train on and its own held-out sets; of each strategy the learning rate is the better one on the
 * tuning seed, whose sets are in no figure. The same command resumes in the folder of `--work`: runs by their states, answers by file.
 */
import { mkdirSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readDataset } from "../src/data/index.js";
import { comparisonOf } from "../src/engine/compare.js";
import { DEMO_MODEL, load, type Model, type ScoreResult } from "../src/engine/index.js";
import { compareSets, setFigures, type RatedSet } from "../src/metrics/sets.js";
import { torchVersion } from "../src/torch/index.js";
import { trainModel } from "../src/train/start/train-model.js";
import { once } from "./kept.js";
import { giveResult } from "./results.js";
import { writeSets, type StudioSet } from "./studio-sets.js";

const { values } = parseArgs({
  options: {
    work: { type: "string", default: join(tmpdir(), "roc-bench-compare-set") },
    seeds: { type: "string", default: "together-1,together-2,together-3" },
    tune: { type: "string", default: "together-tuning" },
    pictures: { type: "string", default: "1600" },
    shown: { type: "string", default: "9600" },
    held: { type: "string", default: "600" },
    most: { type: "string", default: "3" },
    model: { type: "string", default: DEMO_MODEL },
    out: { type: "string" },
  },
});

const BOOTSTRAP = { seed: 0, resamples: 2000 };
type Strategy = "roc" | "set";

/** The pairs of a batch are compared by `roc`, those of each set by `set`. */
const LOSS = { l1: 1, ce: 1, emd: 0, thurstone: 1 };

/** Pictures of a set at most, the first: what the places are is then learned sooner. */
const MOST = Number(values.most);
/** Of a step: sets, or as many pictures as these show. */
const SETS_A_STEP = 6;
/** How often a set's prompt shows one picture alone (src/train/loop/objective.ts). */
const ALONE = 0.25;

/** The demo's own questions; its answer without the attributes. */
const TEMPLATES = {
  prompts: ["<image>\nCould you evaluate the aesthetics of this image?", "<image>\nHow good is this photo?"],
  answers: ["The aesthetic rate of the image is {overall}. "],
};

/** Those that are tried; `set` has an answer to learn that the weights have never given. */
const RATES: Readonly<Record<Strategy, readonly string[]>> = { roc: ["1e-4", "5e-4"], set: ["1e-3", "2e-3"] };

interface Run {
  readonly strategy: Strategy;
  readonly seed: string;
  readonly rate: string;
}

/** Sets of the studio, as far as a prompt here shows them. */
async function setsOf(folder: string, seed: string, count: number): Promise<StudioSet[]> {
  const sets = await writeSets(folder, seed, count);
  const first = <T>(all: readonly T[]): readonly T[] => all.slice(0, MOST);
  return sets.map(({ files, latents, ratings }) => ({ files: first(files), latents: first(latents), ratings: first(ratings) })); // prettier-ignore
}

/** The checkpoint of a run, trained or found. */
async function trained({ strategy, seed, rate }: Run): Promise<string> {
  const data = join(values.work, `${seed}-train`);
  const sets = await setsOf(data, `${seed} training`, Number(values.pictures));
  const dataset = await readDataset({ folder: data, kind: "csv" });
  const kept = new Set(sets.flatMap(({ files }) => files));
  const samples = dataset.samples.filter(({ image }) => kept.has(image)).map((sample) => ({ ...sample, split: "train" as const })); // prettier-ignore
  const mean = sets.reduce((sum, { files }) => sum + files.length, 0) / sets.length;
  const shownOfASet = ALONE + (1 - ALONE) * mean;
  const each = Math.round(SETS_A_STEP * shownOfASet);
  const steps = Math.round(Number(values.shown) / (strategy === "set" ? SETS_A_STEP * shownOfASet : each));
  const { checkpoint } = await trainModel(
    {
      ...{ model: values.model, strategy, loss: LOSS, out: join(values.work, `${seed}-${strategy}-${rate}`) },
      data: { dataset: { ...dataset, samples }, validation: 0 },
      ...(strategy === "roc" && { templates: TEMPLATES }),
      train: {
        ...{ steps, batchSize: strategy === "set" ? SETS_A_STEP : each, learningRate: Number(rate), every: 100 },
        // What a picture looks like the weights know; vision would take most of the time.
        freeze: ["vision"],
        ...{ schedule: "cosine", warmup: 0.05, weightDecay: 0.05, precision: "float32", flip: true },
      },
    },
    { threads: 1, onEvent: (event) => event.type === "step" && event.step % 50 === 0 && console.error(`${strategy} ${seed} ${rate}: step ${event.step} of ${steps}, loss ${event.loss.toFixed(3)}, of pairs ${event.terms["thurstone"]?.toFixed(3)}`) }, // prettier-ignore
  );
  return checkpoint;
}

/** What a model says of each set's pictures: each by itself, or shown together where it was trained so. */
interface Answers {
  readonly alone: number[][];
  readonly together: number[][];
}

async function answersOf(
  name: string,
  checkpoint: () => Promise<string>,
  sets: readonly StudioSet[],
): Promise<Answers> {
  return once(values.work, name, async () => {
    using model = await load(await checkpoint(), { worker: false, threads: 1, dtype: "float32" });
    const answers: Answers = { alone: [], together: [] };
    for (const { files } of sets) {
      const alone = await scored(model, files);
      const { results } = await comparisonOf(model, files, alone);
      answers.alone.push(alone.map(({ score }) => score));
      answers.together.push(results.map(({ score }) => score));
    }
    return answers;
  });
}

async function scored(model: Model, files: readonly string[]): Promise<ScoreResult[]> {
  const results: ScoreResult[] = [];
  for await (const outcome of model.score(files)) {
    if ("error" in outcome) throw new Error(outcome.error.message);
    results.push(outcome);
  }
  return results;
}

function rated(sets: readonly StudioSet[], predicted: readonly (readonly number[])[]): RatedSet[] {
  return sets.map(({ latents }, i) => ({ predicted: predicted[i] ?? [], truth: latents }));
}

async function heldOut(seed: string): Promise<StudioSet[]> {
  return setsOf(join(values.work, `${seed}-held`), `${seed} held out`, Number(values.held));
}

async function answersOfRun(run: Run, sets: readonly StudioSet[]): Promise<Answers> {
  return answersOf(`${run.seed}-${run.strategy}-${run.rate}-answers`, () => trained(run), sets);
}

/** The learning rate whose run orders most pairs of the tuning seed. */
async function chosenRate(strategy: Strategy): Promise<{ rate: string; pairs: Record<string, number> }> {
  const sets = await heldOut(values.tune);
  const pairs: Record<string, number> = {};
  for (const rate of RATES[strategy]) {
    const { together } = await answersOfRun({ strategy, seed: values.tune, rate }, sets);
    pairs[rate] = setFigures(rated(sets, together), BOOTSTRAP).pairs.interval?.value ?? NaN;
  }
  const [rate = ""] = Object.keys(pairs).sort((a, b) => (pairs[b] ?? 0) - (pairs[a] ?? 0));
  return { rate, pairs };
}

/** The ways on the held-out sets of one seed. */
async function waysOf(seed: string, rates: Record<Strategy, string>): Promise<Record<string, RatedSet[]>> {
  const sets = await heldOut(seed);
  const [roc, set] = [
    await answersOfRun({ strategy: "roc", seed, rate: rates.roc }, sets),
    await answersOfRun({ strategy: "set", seed, rate: rates.set }, sets),
  ];
  const demo = await answersOf(`${seed}-demo-answers`, () => Promise.resolve(values.model), sets);
  return {
    [START]: rated(sets, demo.alone),
    [ROC]: rated(sets, roc.alone),
    [TOGETHER]: rated(sets, set.together),
    [ALONE_OF_SET]: rated(sets, set.alone),
    [CEILING]: rated(sets, sets.map(({ ratings }) => ratings)), // prettier-ignore
  };
}

const START = "the weights that both start from, each picture alone";
const ROC = "roc, each picture alone";
const TOGETHER = "set, pictures together";
const ALONE_OF_SET = "set, each picture alone";
const CEILING = "the raters' mean (the ceiling)";

function figuresOf(ways: Readonly<Record<string, RatedSet[]>>) {
  const less = (a: string, b: string) => [`${a} less ${b}`, compareSets(ways[a] ?? [], ways[b] ?? [], BOOTSTRAP)];
  return {
    figures: Object.fromEntries(Object.entries(ways).map(([way, sets]) => [way, setFigures(sets, BOOTSTRAP)])),
    differences: Object.fromEntries([
      less(TOGETHER, ROC),
      less(TOGETHER, ALONE_OF_SET),
      less(ALONE_OF_SET, ROC),
      less(ROC, START),
      less(TOGETHER, START),
    ]) as Record<string, ReturnType<typeof compareSets>>,
  };
}

mkdirSync(values.work, { recursive: true });
const tuned = { set: await chosenRate("set"), roc: await chosenRate("roc") };
const rates = { roc: tuned.roc.rate, set: tuned.set.rate };
const seeds = values.seeds.split(",");
const bySeed: Record<string, Record<string, RatedSet[]>> = {};
for (const seed of seeds) bySeed[seed] = await waysOf(seed, rates);
const ways = Object.keys(Object.values(bySeed)[0] ?? {});
const pooled = Object.fromEntries(ways.map((way) => [way, seeds.flatMap((seed) => bySeed[seed]?.[way] ?? [])]));
giveResult(
  {
    ...{ machine: cpus()[0]?.model, cores: cpus().length, torch: torchVersion() },
    ...{ loss: LOSS, trainingPictures: Number(values.pictures), picturesShown: Number(values.shown), mostInASet: MOST },
    ...{ tuned: { seed: values.tune, ...tuned }, seeds, ...figuresOf(pooled) },
    bySeed: Object.fromEntries(seeds.map((seed) => [seed, figuresOf(bySeed[seed] ?? {})])),
  },
  values.out,
);
