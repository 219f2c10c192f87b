/** An experiment's file, and the runs that follow from it. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parse, stringify } from "yaml";
import { armName, armsOf, runsOf } from "../../src/studies/claims/runs.js";
import { settingsOf, trainOptions } from "../../src/studies/claims/config.js";
import { readExperiment } from "../../src/studies/claims/experiment.js";
import { ROOT } from "../support.js";

const CLAIMS = join(ROOT, "configs/studio/claims.yaml");

let folder: string;
before(async () => (folder = await mkdtemp(join(tmpdir(), "experiment-config-"))));
after(() => rm(folder, { recursive: true }));

type Values = Record<string, unknown>;

/** The committed file with some keys changed. */
async function changed(change: (values: Values) => void): Promise<string> {
  const values = parse(await readFile(CLAIMS, "utf8")) as Values;
  change(values);
  const file = join(folder, "changed.yaml");
  await writeFile(file, stringify(values));
  return file;
}

test("the committed experiment: every strategy, condition and backbone, three seeds, N beside", async () => {
  const config = await readExperiment(CLAIMS);
  const runs = runsOf(config);
  assert.ok(config.seeds.length >= 3);
  assert.deepEqual(new Set(config.strategies), new Set(["direct", "level", "coupled", "roc"]));
  assert.deepEqual(
    new Set(runs.filter(({ strategy }) => strategy === "roc").map(({ scoreTokens }) => scoreTokens)),
    new Set([5, 10, 20, 50, 101]),
  );
  const plain = armsOf(config).filter(({ scoreTokens }) => scoreTokens === 10);
  assert.equal(plain.length, 2 * 3 * 4);
  assert.equal(runs.length, (plain.length + 4) * 3);
  assert.equal(new Set(runs.map(({ name }) => name)).size, runs.length);
  // All arms of a seed before the next seed.
  assert.deepEqual(
    runs.map(({ seed }) => seed),
    config.seeds.flatMap((seed) => armsOf(config).map(() => seed)),
  );
  assert.equal(runs.find(({ scoreTokens }) => scoreTokens === 50)?.name, "llava/score/roc-n50/seed-1");
  assert.ok(runs.every((run) => run.name.startsWith(`${armName(run, config)}/`)));
});

test("runs differ only in strategy and seed", async () => {
  const config = await readExperiment(CLAIMS);
  const [first, second] = [trainOptions(config.train, 1), trainOptions(config.train, 2)];
  assert.deepEqual({ ...first, seed: 2 }, second);
});

test("a condition may be kept to some backbones and strategies", async () => {
  const file = await changed((values) => {
    const { comment } = values["conditions"] as Record<string, Values>;
    Object.assign(comment ?? {}, { backbones: ["llava"], strategies: ["roc"] });
  });
  const names = armsOf(await readExperiment(file)).map((arm) => `${arm.backbone}/${arm.condition}/${arm.strategy}`);
  assert.deepEqual(
    names.filter((name) => name.includes("/comment/")),
    ["llava/comment/roc"],
  );
});

test("other seeds: the same arms, in folders of their own", async () => {
  const [whole, other] = [await readExperiment(CLAIMS), await readExperiment(CLAIMS, { seeds: [7, 9] })];
  assert.deepEqual(armsOf(other), armsOf(whole));
  assert.deepEqual(new Set(runsOf(other).map(({ seed }) => seed)), new Set([7, 9]));
  assert.notEqual(other.work, whole.work);
  assert.notEqual(other.out, whole.out);
});

test("a scaled experiment is smaller, in folders of its own", async () => {
  const [whole, small] = [await readExperiment(CLAIMS), await readExperiment(CLAIMS, { scale: 0.02 })];
  assert.equal(small.train.steps, Math.round(whole.train.steps * 0.02));
  assert.ok(small.studio.pictures < whole.studio.pictures / 10);
  assert.notEqual(small.work, whole.work);
  assert.notEqual(small.out, whole.out);
  assert.deepEqual(
    runsOf(small).map(({ name }) => name),
    runsOf(whole).map(({ name }) => name),
  );
});

test("only what finished work depends on counts as a setting", async () => {
  const settings = settingsOf(await readExperiment(CLAIMS));
  const more = await changed((values) => Object.assign(values, { seeds: [1, 2, 3, 4], minutes: 10, workers: 1 }));
  assert.deepEqual(settingsOf(await readExperiment(more)), settings);
  const other = await changed((values) => Object.assign(values["train"] as Values, { steps: 7 }));
  assert.notDeepEqual(settingsOf(await readExperiment(other)), settings);
});

test("what is wrong is named", async () => {
  const mistakes: [(values: Values) => void, RegExp][] = [
    [(values) => Object.assign(values, { stepz: 1 }), /changed\.yaml.*stepz/],
    [(values) => Object.assign(values["train"] as Values, { steps: 0 }), /train\.steps/],
    [
      (values) => Object.assign((values["conditions"] as Record<string, Values>)["score"] ?? {}, { backbones: ["x"] }),
      /conditions\.score\.backbones: x is none of llava, qwen2-vl/,
    ],
    [
      (values) => Object.assign((values["conditions"] as Record<string, Values>)["score"] ?? {}, { answers: ["none"] }),
      /conditions\.score.*placeholder/,
    ],
    [(values) => Object.assign(values["ablation"] as Values, { condition: "y" }), /ablation\.condition: y/],
  ];
  for (const [change, message] of mistakes) {
    await assert.rejects(readExperiment(await changed(change)), { code: "CONFIG_INVALID", message });
  }
  await assert.rejects(readExperiment(join(folder, "none.yaml")), { code: "FILE_NOT_FOUND" });
});
