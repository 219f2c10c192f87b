/**
 * How well sets of the studio are compared: how often the best and the worst of a scene are found, and how many pairs are in the right
 * order.
 *
 *   npm run bench:compare [-- --pictures 600] [--seeds A,B,C] [--asked 30] [--model FOLDER] [--out FILE.json]
 *
 * The truth is the quality that the studio composed; what the mean of its raters finds is the ceiling of anything that is trained on
 * ratings. The seeds are of no training and were looked at once. Pictures of a set differ by 0.35 of a merit at most.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compare } from "../src/engine/compare.js";
import { DEMO_MODEL, load, type Model, type ScoreResult } from "../src/engine/index.js";
import { bestOf } from "../src/metrics/best-of.js";
import { setFigures, type RatedSet, type SetFigures } from "../src/metrics/sets.js";
import { torchVersion } from "../src/torch/index.js";
import { giveResult } from "./results.js";
import { writeSets, type StudioSet } from "./studio-sets.js";

const { values } = parseArgs({
  options: {
    pictures: { type: "string", default: "600" },
    seeds: { type: "string", default: "compare-1,compare-2,compare-3" },
    asked: { type: "string", default: "30" },
    model: { type: "string", default: DEMO_MODEL },
    out: { type: "string" },
  },
});

const ASK = "Which of these photos has the higher aesthetic quality?";
const BOOTSTRAP = { seed: 0, resamples: 2000 };

/** A set whose pictures have a score. */
interface Scored extends StudioSet {
  readonly scores: readonly ScoreResult[];
}

async function setsOf(seed: string, count: number, model: Model): Promise<Scored[]> {
  const sets = await writeSets(join(root, seed), seed, count);
  const files = sets.flatMap((set) => set.files);
  const scores: ScoreResult[] = [];
  for await (const outcome of model.score(files)) {
    if ("error" in outcome) throw new Error(outcome.error.message);
    scores.push(outcome);
    if (scores.length % 200 === 0) console.error(`${seed}: scored ${scores.length} of ${files.length}`);
  }
  return sets.map((set) => ({ ...set, scores: scores.splice(0, set.files.length) }));
}

/** What a picture is worth among its set, by a way to compare. */
const WAYS: Readonly<Record<string, (set: Scored) => readonly number[]>> = {
  "by distributions (what compare does)": ({ scores }) =>
    bestOf(scores).wins.map((row) => row.reduce((sum, chance) => sum + chance, 0)),
  "by the highest mean": ({ scores }) => scores.map(({ score }) => score),
  "by the raters' mean (the ceiling)": ({ ratings }) => ratings,
};

function figuresOf(sets: readonly Scored[], way: (set: Scored) => readonly number[]): SetFigures {
  return setFigures(sets.map((set): RatedSet => ({ predicted: way(set), truth: set.latents })), BOOTSTRAP); // prettier-ignore
}

/** How sure the best was, and how often it was right, in thirds of the sets. */
function calibration(sets: readonly Scored[]): { sure: number; right: number; sets: number }[] {
  const rows = sets.map(({ scores, latents }) => {
    const { order, best } = bestOf(scores);
    const first = order[0] ?? 0;
    return { sure: best[first] ?? 0, right: Number(latents[first] === Math.max(...latents)) };
  });
  rows.sort((a, b) => a.sure - b.sure);
  const third = Math.ceil(rows.length / 3);
  return [0, 1, 2].map((part) => {
    const some = rows.slice(part * third, (part + 1) * third);
    const mean = (key: "sure" | "right"): number => some.reduce((sum, row) => sum + row[key], 0) / some.length;
    return { sure: mean("sure"), right: mean("right"), sets: some.length };
  });
}

/** The first sets, asked in every order: what the answers find, and what the first place is given of two that are alike. */
async function asked(model: Model, sets: readonly Scored[]): Promise<object> {
  const found: RatedSet[] = [];
  let first = 0;
  for (const { files, latents } of sets) {
    const { best, places } = await compare(model, files, { ask: ASK });
    found.push({ predicted: best, truth: latents });
    const favour = places?.favour ?? [];
    // Of places 1 and 2, as the number of places differs.
    first += (favour[0] ?? 0) / ((favour[0] ?? 0) + (favour[1] ?? 0)) / sets.length;
  }
  return { question: ASK, figures: setFigures(found, BOOTSTRAP), firstOfTwoAlike: first };
}

const root = mkdtempSync(join(tmpdir(), "roc-bench-compare-"));
try {
  using model = await load(values.model);
  const seeds = values.seeds.split(",");
  const all: Record<string, Scored[]> = {};
  for (const seed of seeds) all[seed] = await setsOf(seed, Number(values.pictures), model);
  const sets = Object.values(all).flat();
  const of = (some: readonly Scored[]) =>
    Object.fromEntries(Object.entries(WAYS).map(([name, way]) => [name, figuresOf(some, way)]));
  const facts = { machine: cpus()[0]?.model, cores: cpus().length, torch: torchVersion(), model: model.name };
  giveResult(
    {
      ...{ ...facts, seeds, picturesOfASeed: Number(values.pictures) },
      figures: of(sets),
      bySeed: Object.fromEntries(seeds.map((seed) => [seed, of(all[seed] ?? [])])),
      calibration: calibration(sets),
      asked: await asked(model, sets.slice(0, Number(values.asked))),
    },
    values.out,
  );
} finally {
  rmSync(root, { recursive: true, force: true });
}
