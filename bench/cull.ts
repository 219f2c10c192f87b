/**
 * Culling of a composed card: precision and recall of the grouping by pairs, and how often the keeper of a group is the one
 * that was composed best.
 *
 *   npm run bench:cull [-- --pictures 2000] [--seed NAME] [--model FOLDER] [--out FILE.json]
 *
 * The card's truth is the composer's (src/studio/bursts.ts). The likeness that grouping asks for was chosen on cards of other seeds
 * ("tune", "tune2"); the seed here was looked at once. Keepers are judged in the groups that were found.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DEMO_MODEL, load } from "../src/engine/index.js";
import { groupPhotos } from "../src/library/culling/groups.js";
import { planCulling, type CullingPhoto } from "../src/library/culling/plan.js";
import { readShots } from "../src/library/culling/read.js";
import { shotsOf } from "../src/library/culling/shots.js";
import { bestOf, type Judged } from "../src/metrics/best-of.js";
import { mean } from "../src/metrics/statistics.js";
import { writeCard, type CardPicture } from "../src/studio/bursts.js";
import { torchVersion } from "../src/torch/index.js";
import { giveResult } from "./results.js";

interface Pairs {
  /** Pairs that belong together and were joined; that were joined and do not; that belong together and were not. */
  readonly right: number;
  readonly wrong: number;
  readonly missed: number;
}

type Scored = CullingPhoto & { readonly picture: CardPicture };

/** Pairs by what happened: of pictures of two events under the name of the first. */
function pairsOf(photos: readonly Scored[]): Record<string, Pairs> {
  const groups = groupPhotos(photos);
  const found = new Map(groups.flatMap((group, index) => group.map(({ file }) => [file, index] as const)));
  const counts: Record<string, Record<keyof Pairs, number>> = {};
  for (const [i, a] of photos.entries())
    for (const b of photos.slice(i + 1)) {
      const [joined, belongs] = [found.get(a.file) === found.get(b.file), a.picture.group === b.picture.group];
      if (!joined && !belongs) continue;
      const count = (counts[a.picture.event] ??= { right: 0, wrong: 0, missed: 0 });
      count[!joined ? "missed" : belongs ? "right" : "wrong"]++;
    }
  return counts;
}

function summed(pairs: readonly Pairs[]): Pairs & { precision: number; recall: number } {
  const sum = (key: keyof Pairs): number => pairs.reduce((total, one) => total + one[key], 0);
  const [right, wrong, missed] = [sum("right"), sum("wrong"), sum("missed")];
  return { right, wrong, missed, precision: right / (right + wrong), recall: right / (right + missed) };
}

/** Rules for a keeper: the index of the one that is kept. */
const RULES: Readonly<Record<string, (scores: readonly Judged[]) => number>> = {
  "won comparisons (what cull takes)": (scores) => bestOf(scores).order[0] ?? 0,
  "highest chance to be best": (scores) => highest(bestOf(scores).best),
  "highest mean": (scores) => highest(scores.map(({ score }) => score)),
};

function highest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}

interface Keepers {
  /** Share of the groups whose keeper is the best composed. */
  readonly rate: number;
  /** Standard error of the rate. */
  readonly error: number;
  /** Mean quality that is lost against the best composed, on the studio's scale from 1 to 10. */
  readonly lost: number;
}

/** How a rule does on groups; without one, what a random pick would get. */
function keepersOf(groups: readonly (readonly Scored[])[], rule?: (scores: readonly Judged[]) => number): Keepers {
  const chances = groups.map((group) => {
    const latents = group.map(({ picture }) => picture.latent);
    const best = Math.max(...latents);
    const picked = rule ? [latents[rule(group.map(({ score }) => score))] ?? NaN] : latents;
    return {
      right: picked.filter((latent) => latent === best).length / picked.length,
      lost: best - picked.reduce((sum, latent) => sum + latent, 0) / picked.length,
    };
  });
  const rate = mean(chances.map(({ right }) => right));
  return { rate, error: Math.sqrt((rate * (1 - rate)) / groups.length), lost: mean(chances.map(({ lost }) => lost)) };
}

/** How sure the keepers were, and how often they were right, in three parts of the groups. */
function calibration(groups: readonly (readonly Scored[])[]): { sure: number; right: number; groups: number }[] {
  const rows = groups.map((group) => {
    const { order, best } = bestOf(group.map(({ score }) => score));
    const kept = group[order[0] ?? 0]?.picture.latent;
    return {
      sure: best[order[0] ?? 0] ?? 0,
      right: Number(kept === Math.max(...group.map((one) => one.picture.latent))),
    };
  });
  rows.sort((a, b) => a.sure - b.sure);
  const third = Math.ceil(rows.length / 3);
  return [0, 1, 2].map((part) => {
    const some = rows.slice(part * third, (part + 1) * third);
    const mean = (key: "sure" | "right"): number => some.reduce((sum, row) => sum + row[key], 0) / some.length;
    return { sure: mean("sure"), right: mean("right"), groups: some.length };
  });
}

const { values } = parseArgs({
  options: {
    pictures: { type: "string", default: "2000" },
    seed: { type: "string", default: "cull" },
    model: { type: "string", default: DEMO_MODEL },
    out: { type: "string" },
  },
});

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const started = performance.now();
  return [await work(), (performance.now() - started) / 1000];
}

const folder = mkdtempSync(join(tmpdir(), "roc-bench-cull-"));
try {
  const count = Number(values.pictures);
  const [card, composing] = await timed(() => writeCard(folder, { seed: values.seed, count }));
  console.error(`composed ${count} pictures in ${composing.toFixed(0)} s`);
  const [read, reading] = await timed(() => readShots(shotsOf(card.map(({ file }) => join(folder, file)))));
  using model = await load(values.model);
  const pictures = new Map(card.map((picture) => [join(folder, picture.file), picture]));
  const [photos, scoring] = await timed(async () => {
    const scored: Scored[] = [];
    for await (const result of model.score(read.photos.map(({ file }) => file))) {
      if ("error" in result) throw new Error(result.error.message);
      const at = scored.length;
      scored.push({ ...read.photos[at]!, score: result, picture: pictures.get(result.file)! });
      if (scored.length % 200 === 0) console.error(`scored ${scored.length}`);
    }
    return scored;
  });
  const [plan, planning] = await timed(async () => planCulling(photos));
  const shuffled = planCulling(photos.toReversed());
  const pairs = pairsOf(photos);
  const groups = groupPhotos(photos).filter((group) => group.length > 1);
  const moments = groups.filter((group) => new Set(group.map(({ picture }) => picture.latent)).size > 1);
  const result = {
    ...{
      machine: cpus()[0]?.model,
      cores: cpus().length,
      torch: torchVersion(),
      model: model.name,
      seed: values.seed,
      pictures: count,
    },
    grouping: { ...summed(Object.values(pairs)), byEvent: pairs, groups: groups.length },
    sameWhenReversed: JSON.stringify(plan) === JSON.stringify(shuffled),
    keepers: {
      groups: moments.length,
      photosInThem: moments.reduce((sum, group) => sum + group.length, 0),
      random: keepersOf(moments),
      ...Object.fromEntries(Object.entries(RULES).map(([name, rule]) => [name, keepersOf(moments, rule)])),
      calibration: calibration(moments),
    },
    seconds: { reading, scoring, planning },
  };
  giveResult(result, values.out);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
