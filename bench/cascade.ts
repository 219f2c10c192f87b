/**
 * What a cascade of two judges loses: a small one looks at everything, and the best share by it goes to a large one.
 *
 *   npm run bench:cascade [-- --pictures 2400] [--seed NAME] [--steps 600] [--large FOLDER] [--small FOLDER] [--out FILE.json]
 *
 * On composed pictures whose ratings are the truth. The large judge is the demo weights; the small one, where none is given, a CLIP
 * with LAION's head of some ten thousand weights, trained on the part that is not measured.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readDataset, type Sample } from "../src/data/index.js";
import { DEMO_MODEL, load } from "../src/engine/index.js";
import { countOfShare, lostBest } from "../src/metrics/cascade.js";
import { srcc } from "../src/metrics/scores.js";
import { mean } from "../src/metrics/statistics.js";
import { writeStudio } from "../src/studio/index.js";
import { torchVersion } from "../src/torch/index.js";
import { trainModel } from "../src/train/start/train-model.js";
import { giveResult } from "./results.js";

const { values } = parseArgs({
  options: {
    pictures: { type: "string", default: "2400" },
    seed: { type: "string", default: "cascade" },
    steps: { type: "string", default: "600" },
    large: { type: "string", default: DEMO_MODEL },
    small: { type: "string" },
    out: { type: "string" },
  },
});

const KEPT = [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1];
const BEST = [0.01, 0.05, 0.1, 0.2];

interface Judge {
  readonly name: string;
  readonly scores: readonly number[];
  readonly secondsPerPicture: number;
}

async function judged(model: string, samples: readonly Sample[]): Promise<Judge> {
  using loaded = await load(model, { dtype: "float32" });
  const scores: number[] = [];
  const started = performance.now();
  for await (const result of loaded.score(samples.map(({ image }) => image))) {
    if ("error" in result) throw new Error(result.error.message);
    scores.push(result.score);
    if (scores.length % 200 === 0) console.error(`${loaded.name}: ${scores.length} scored`);
  }
  return { name: loaded.name, scores, secondsPerPicture: (performance.now() - started) / 1000 / samples.length };
}

/** The places of the best, by scores. */
function bestBy(scores: readonly number[], places: readonly number[], count: number): number[] {
  return places.toSorted((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0)).slice(0, count);
}

/** Mean true score of the tenth that is chosen: by one judge of all, or by the second of what the first lets through. */
function chosenTenth(
  truth: readonly number[],
  first: readonly number[],
  second: readonly number[],
  kept: number,
): number {
  const all = truth.map((_, i) => i);
  const contenders = bestBy(first, all, countOfShare(truth.length, kept));
  const chosen = bestBy(second, contenders, countOfShare(truth.length, 0.1));
  return mean(chosen.map((i) => truth[i] ?? NaN));
}

function rounded(value: number): number {
  return Math.round(1e4 * value) / 1e4;
}

const folder = mkdtempSync(join(tmpdir(), "roc-bench-cascade-"));
try {
  const studio = join(folder, "studio");
  await writeStudio(studio, { seed: values.seed, count: Number(values.pictures), longEdge: 128, testFraction: 0.4 });
  let { small } = values;
  if (small === undefined) {
    small = join(folder, "small");
    const train = { steps: Number(values.steps), batchSize: 32, learningRate: 0.002, optimizer: "adam", every: 200, precision: "float32" } as const; // prettier-ignore
    await trainModel({ model: "laion", tiny: true, bins: 0, data: { folder: studio }, train, out: small });
  }
  const { samples } = await readDataset({ folder: studio });
  const test = samples.filter(({ split }) => split === "test");
  const truth = test.map(({ score }) => score);
  const [first, second] = [await judged(small, test), await judged(values.large, test)];
  const shares = KEPT.map((kept) => ({
    kept,
    lost: Object.fromEntries(BEST.map((best) => [best, rounded(lostBest(truth, first.scores, best, kept))])),
    lostOfLargeJudges: Object.fromEntries(BEST.map((best) => [best, rounded(lostBest(second.scores, first.scores, best, kept))])), // prettier-ignore
    ...(kept >= 0.1 && { meanOfChosenTenth: rounded(chosenTenth(truth, first.scores, second.scores, kept)) }),
    secondsPerPicture: rounded(first.secondsPerPicture + kept * second.secondsPerPicture),
  }));
  const facts = ({ name, scores, secondsPerPicture }: Judge) => ({
    ...{ name, srcc: rounded(srcc(scores, truth) ?? NaN), secondsPerPicture: rounded(secondsPerPicture) },
    meanOfChosenTenth: rounded(chosenTenth(truth, scores, scores, 1)),
  });
  const result = {
    machine: { processor: cpus()[0]?.model, cores: cpus().length, node: process.version, libtorch: torchVersion() },
    settings: { seed: values.seed, pictures: test.length, small: values.small ?? "laion, tiny, trained", steps: Number(values.steps) }, // prettier-ignore
    small: facts(first),
    large: facts(second),
    best: { "mean of the true best tenth": rounded(chosenTenth(truth, truth, truth, 1)), "mean of all": rounded(mean(truth)) }, // prettier-ignore
    shares,
  };
  giveResult(result, values.out);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
