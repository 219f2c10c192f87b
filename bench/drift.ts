/**
 * How far scores move in another precision, bfloat16 and 8 bits, per family: the same weights in float32 and in it, on pictures of the studio.
 *
 *   npm run bench:drift [-- --pictures 64] [--out FILE.json]
 *
 * The demo is trained; the others are small models with random weights, whose score tokens' rows are drawn so large that scores
 * are spread over the scale. What is rounded, and how often, is as in a trained model; pictures are told apart far less, so the
 * SRCC is a lower bound.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DEMO_MODEL, load, saveCheckpoint, type LoadOptions } from "../src/engine/index.js";
import { srcc } from "../src/metrics/scores.js";
import { mean } from "../src/metrics/statistics.js";
import { factsOf, families } from "../src/models/families.js";
import { loadMllm } from "../src/models/registry.js";
import { addScoreTokens, DEFAULT_TEMPLATES } from "../src/roc/index.js";
import { encodePhoto, makePictures } from "../src/studio/index.js";
import { manualSeed, noGrad, randn, scope, torchVersion } from "../src/torch/index.js";
import { ROWS } from "../test/models/rows.js";
import { giveResult } from "./results.js";

/** All families, by what their models call themselves. */
export const FAMILIES: readonly string[] = [...new Set(families().map((type) => factsOf(type)?.modelTypes[0] ?? type))];

export interface Drift {
  readonly family: string;
  readonly weights: "trained" | "random";
  /** One of {@link PRECISIONS}. */
  readonly precision: string;
  readonly pictures: number;
  /** Of the differences from float32, on a scale from 1 to 10. */
  readonly largest: number;
  readonly mean: number;
  /** Of the scores themselves, in float32. */
  readonly spread: number;
  /** Between the scores in both precisions. */
  readonly srcc: number | null;
}

/** What is held against float32, by name. */
const PRECISIONS: Readonly<Record<string, LoadOptions>> = {
  bfloat16: { dtype: "bfloat16" },
  "int8, the rest bfloat16": { quantize: "int8", dtype: "bfloat16" },
  "int8, the rest float32": { quantize: "int8", dtype: "float32" },
};

/** Standard deviation of the logits of the random models' score tokens. */
const LOGITS = 2;

/** A checkpoint of a family with random weights and score tokens, in float32. */
async function randomCheckpoint(name: string, folder: string): Promise<string> {
  const row = ROWS.get(name);
  if (!row) throw new Error(`no family ${name}`);
  const { model, processor } = await loadMllm(await row.whole(join(folder, "base")));
  try {
    const { scoreIds } = addScoreTokens(model, processor.tokenizer);
    const parameters = [...model.parameters()];
    const head = (parameters.find(([key]) => key.endsWith("lm_head.weight")) ??
      parameters.find(([key]) => key.endsWith("embed_tokens.weight")))?.[1];
    if (!head) throw new Error(`${name} has no head`);
    manualSeed(3);
    noGrad(() =>
      scope(() => {
        const drawn = randn([scoreIds.length, head.size(1)]).mul(LOGITS / Math.sqrt(head.size(1)));
        head.narrow(0, scoreIds[0] ?? 0, scoreIds.length).copy_(drawn);
      }),
    );
    await saveCheckpoint(join(folder, "scoring"), { model, processor, templates: DEFAULT_TEMPLATES });
    return join(folder, "scoring");
  } finally {
    model.dispose();
  }
}

async function scoresOf(checkpoint: string, pictures: readonly Buffer[], options: LoadOptions): Promise<number[]> {
  using model = await load(checkpoint, { ...options, scale: { min: 1, max: 10 } });
  const scores: number[] = [];
  for await (const outcome of model.score(pictures)) {
    if ("error" in outcome) throw new Error(outcome.error.message);
    scores.push(outcome.score);
  }
  return scores;
}

/**
 * The drifts of some families' models.
 *
 * @param families names of test/models/rows.ts; the demo comes first
 * @param precisions names of {@link PRECISIONS}
 */
export async function measureDrift(
  count: number,
  families: readonly string[],
  precisions = Object.keys(PRECISIONS),
): Promise<Drift[]> {
  const { pictures } = makePictures({ seed: "drift", count, testFraction: 0, patterns: false });
  const photos = await Promise.all(pictures.map(({ composition }) => encodePhoto(composition, 256)));
  const root = mkdtempSync(join(tmpdir(), "roc-drift-"));
  const drifts: Drift[] = [];
  try {
    for (const family of ["demo", ...families]) {
      const isDemo = family === "demo";
      const checkpoint = isDemo ? DEMO_MODEL : await randomCheckpoint(family, join(root, family));
      const exact = await scoresOf(checkpoint, photos, { dtype: "float32" });
      for (const precision of precisions) {
        const moved = await scoresOf(checkpoint, photos, PRECISIONS[precision] ?? {});
        const differences = exact.map((score, i) => Math.abs(score - (moved[i] ?? NaN)));
        const centre = mean(exact);
        drifts.push({
          family: isDemo ? "llava" : family,
          weights: isDemo ? "trained" : "random",
          precision,
          pictures: count,
          largest: Math.max(...differences),
          mean: mean(differences),
          spread: Math.sqrt(mean(exact.map((score) => (score - centre) ** 2))),
          srcc: srcc(moved, exact),
        });
      }
    }
    return drifts;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

if (process.argv[1]?.endsWith("drift.js") === true) {
  const { values } = parseArgs({ options: { pictures: { type: "string", default: "64" }, out: { type: "string" } } });
  const drifts = await measureDrift(Number(values.pictures), FAMILIES);
  giveResult({ torch: torchVersion(), cpu: cpus()[0]?.model, drifts }, values.out);
}
