/** The answers follow from the figures: planted predictions of known quality give the words that they must. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Random } from "../../src/random.js";
import { armName, armsOf, type Arm } from "../../src/studies/claims/runs.js";
import { answerOf, claimsOf, verdictOf, type Claim } from "../../src/studies/claims/claims.js";
import { type ExperimentConfig } from "../../src/studies/claims/config.js";
import { readExperiment } from "../../src/studies/claims/experiment.js";
import { resultsOf } from "../../src/studies/claims/results.js";
import { RESULT_FILES, writeResults } from "../../src/studies/claims/write-results.js";
import { readFinished, type Finished, type FinishedRun } from "../../src/studies/claims/finished-runs.js";
import { experimentJobs } from "../../src/studies/claims/jobs.js";
import { KeptRuns } from "../../src/studies/claims/kept-runs.js";
import { ROOT } from "../support.js";

const PICTURES = 80;
const OPTIONS = { seed: 1, resamples: 200 };
const random = new Random("truth");
const TRUTH = Array.from({ length: PICTURES }, () => 5.5 + 1.3 * random.gaussian());
const ATTRIBUTES = ["ColorHarmony", "Light"];

let config: ExperimentConfig;
let folder: string;
before(async () => {
  config = await readExperiment(join(ROOT, "configs/studio/claims.yaml"));
  folder = await mkdtemp(join(tmpdir(), "experiment-claims-"));
});
after(() => rm(folder, { recursive: true }));

/** The planted runs have two attributes. */
function withTwoAttributes(): ExperimentConfig {
  const { attributes } = config.conditions;
  assert.ok(attributes);
  const answers = [`It is {overall}, ${ATTRIBUTES.map((name) => `{${name}}`).join(", ")}.`];
  return { ...config, conditions: { ...config.conditions, attributes: { ...attributes, answers } } };
}

/** Every run finished, each arm with the noise that is given for it. */
function finished(noiseOf: (arm: Arm) => number, of: (arm: Arm) => boolean = () => true): Finished {
  const arms = armsOf(config)
    .filter(of)
    .map((arm) => {
      const name = armName(arm, config);
      return { ...arm, name, runs: config.seeds.map((seed) => runOf(arm, name, seed, noiseOf(arm))) };
    });
  const truth = { score: TRUTH, ...Object.fromEntries(ATTRIBUTES.map((name) => [name, TRUTH])) };
  return { pictures: TRUTH.map((_, row) => String(row)), truth, arms, missing: [] };
}

function runOf(arm: Arm, name: string, seed: number, noise: number): FinishedRun {
  const seen = (what: string): number[] => {
    const stream = new Random(name, seed, what);
    return TRUTH.map((value) => value + noise * stream.gaussian());
  };
  const names = arm.condition === "attributes" ? ["score", ...ATTRIBUTES] : ["score"];
  const scores = Object.fromEntries(names.map((what) => [what, seen(what)]));
  const predictions = {
    key: `${arm.backbone}, seed ${seed}`,
    scores,
    ...(arm.condition === "comment" && { ciderD: TRUTH.map((_, row) => (row < 20 ? 1 + row / 20 : null)) }),
  };
  const spent = { steps: 10, trainSeconds: 1.5, readSeconds: 0.5 };
  return {
    ...arm,
    ...spent,
    seed,
    name: `${name}/seed-${seed}`,
    failed: 0,
    revisions: [seed > 1 ? "b" : "a"],
    predictions,
  };
}

type Noise = Readonly<Record<string, number>>;
const claims = (found: Finished): Claim[] => claimsOf(config, found, OPTIONS);
const answers = (found: Finished): string[] => claims(found).map(({ answer }) => answer);

test("as the paper says: regression and decoupling win, comments disturb nothing", () => {
  const noise: Noise = { roc: 0.3, coupled: 0.6, level: 1.2, direct: 1.4 };
  const [regression, decoupling, disturbance, numbers] = claims(finished(({ strategy }) => noise[strategy] ?? NaN));
  assert.equal(regression?.answer, "yes");
  assert.equal(decoupling?.answer, "yes");
  assert.equal(disturbance?.answer, "not shown");
  assert.equal(numbers?.answer, "not shown");
  assert.match(regression?.text ?? "", /^Yes\. SRCC higher: roc \(score\) against level \(score\) \(\+0\.\d{4}\)/);
  const shown = ({ findings }: Claim): string[] =>
    findings.filter(({ backbone }) => backbone === "all").map(({ a, b, scores }) => `${a} ${b} ${scores}`);
  assert.ok(regression && shown(regression).includes("coupled (attributes) level (attributes) attributes"));
  assert.equal(shown(regression).length, 8);
  // Holistic under each condition, and the attributes.
  const whole = decoupling?.findings.filter(({ backbone }) => backbone === "all") ?? [];
  assert.deepEqual(
    whole.map(({ a, scores }) => `${a} ${scores}`),
    ["roc (score) holistic", "roc (comment) holistic", "roc (attributes) holistic", "roc (attributes) attributes"],
  );
  assert.equal(Object.keys(whole[0]?.differences.srcc?.runs ?? {}).length, 2 * config.seeds.length);
  assert.match(whole[0]?.text ?? "", /6 of 6 runs with that sign: higher\.$/);
});

test("the other way round, and in part: the words follow the numbers", () => {
  const turned: Noise = { roc: 1.4, coupled: 1.2, level: 0.3, direct: 0.3 };
  assert.equal(answers(finished(({ strategy }) => turned[strategy] ?? NaN))[0], "no, the other way round");
  const partly: Noise = { roc: 0.5, coupled: 0.5, level: 1.4, direct: 0.5 };
  assert.equal(answers(finished(({ strategy }) => partly[strategy] ?? NaN))[0], "in part");
  const mixed: Noise = { roc: 0.4, coupled: 1.5, level: 0.9, direct: 0.9 };
  assert.equal(answers(finished(({ strategy }) => mixed[strategy] ?? NaN))[0], "mixed");
  const disturbed = finished(({ condition }) => (condition === "comment" ? 1.5 : 0.4));
  assert.equal(answers(disturbed)[2], "yes");
  const numbered = finished(({ scoreTokens }) => (scoreTokens === 101 ? 0.2 : 1.2));
  assert.equal(answers(numbered)[3], "in part");
});

test("what is not finished is not known", () => {
  assert.deepEqual(answers(finished(() => 1, () => false)), new Array(4).fill("not known")); // prettier-ignore
  const [regression, decoupling] = claims(finished(() => 1, ({ strategy }) => strategy === "roc")); // prettier-ignore
  assert.deepEqual([regression?.answer, decoupling?.answer], ["not known", "not known"]);
  // A single backbone represents all.
  const llava = claims(finished(() => 1, ({ backbone }) => backbone === "llava")); // prettier-ignore
  assert.deepEqual(new Set(llava[0]?.findings.map(({ backbone }) => backbone)), new Set(["all"]));
});

test("a verdict needs the whole interval on one side", () => {
  assert.equal(verdictOf({ low: 0.001, high: 0.2 }), "higher");
  assert.equal(verdictOf({ low: -0.2, high: -0.001 }), "lower");
  assert.equal(verdictOf({ low: -0.001, high: 0.2 }), "not told apart");
  assert.equal(verdictOf(null), "not known");
});

test("answers by verdicts", () => {
  assert.equal(answerOf([]), "not known");
  assert.equal(answerOf(["not known"]), "not known");
  assert.equal(answerOf(["higher", "higher"]), "yes");
  assert.equal(answerOf(["higher", "not known"]), "yes");
  assert.equal(answerOf(["higher", "not told apart"]), "in part");
  assert.equal(answerOf(["not told apart"]), "not shown");
  assert.equal(answerOf(["higher", "lower"]), "mixed");
  assert.equal(answerOf(["lower", "not told apart"]), "no, the other way round");
});

test("results, summary and plots are written, and hold the figures", async () => {
  const small = { ...withTwoAttributes(), resamples: 50 };
  const done = finished(({ strategy }) => (strategy === "roc" ? 0.4 : 1));
  const environment = { node: "v0", torch: "0", threads: 1, cpu: "none", cores: 2, system: "none", revision: null };
  const bases = Object.fromEntries(
    ["llava", "qwen2-vl"].map((name) => [name, { folder: "step-1", steps: 5, seconds: 1, loss: 2.25 }]),
  );
  const results = resultsOf(small, done, { bases, environment, seconds: 90, pictures: { train: 10, test: PICTURES } });
  await writeResults(folder, results, done);
  assert.deepEqual(new Set(await readdir(folder)), new Set(Object.values(RESULT_FILES)));
  const text = (name: keyof typeof RESULT_FILES): Promise<string> => readFile(join(folder, RESULT_FILES[name]), "utf8");
  const read = JSON.parse(await text("results")) as typeof results;
  assert.deepEqual(read, JSON.parse(JSON.stringify(results)));
  assert.deepEqual(read.provenance.trainedBy, ["a", "b"]);
  assert.equal(read.arms.length, armsOf(config).length);
  assert.ok(read.arms.every(({ attributes, condition }) => (attributes !== null) === (condition === "attributes")));
  assert.ok(read.arms.every(({ figures, condition }) => (figures.ciderD !== null) === (condition === "comment")));
  const predictions = JSON.parse(await text("predictions")) as { predicted: Record<string, number[]> };
  assert.equal(predictions.predicted["llava/score/roc/seed-1 score"]?.length, PICTURES);
  const page = await text("summary");
  for (const { question, text: answer } of results.claims) assert.ok(page.includes(question) && page.includes(answer));
  assert.ok(page.includes(results.arms[0]?.figures.srcc?.value.toFixed(3) ?? "?"));
  for (const name of ["strategies", "attributes", "differences", "scoreTokens"] as const) {
    const svg = await text(name);
    assert.match(svg, /^<svg xmlns="[^"]+" viewBox="0 0 \d+ \d+"/);
    assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
  }
  assert.match(await text("scoreTokens"), /N = 101/);
});

test("results give their runs back where the work folder is gone, but not to another experiment", async () => {
  const own = withTwoAttributes();
  const kept = await KeptRuns.read(own, folder);
  const lost = { ...own, work: join(folder, "nothing-there") };
  const planted = finished(({ strategy }) => (strategy === "roc" ? 0.4 : 1));
  const { arms, missing, truth } = await readFinished(lost, kept);
  assert.deepEqual(missing, []);
  const near = (a: readonly (number | null)[], b: readonly (number | null)[] = []): boolean => a.length === b.length && a.every((value, i) => Math.abs((value ?? NaN) - (b[i] ?? NaN)) < 1e-4 || (value === null && b[i] === null)); // prettier-ignore
  assert.ok(Object.entries(planted.truth).every(([name, rated]) => near(rated, truth[name])));
  for (const [i, arm] of planted.arms.entries()) {
    assert.deepEqual(arms[i]?.runs.map(({ name, predictions: { key } }) => [name, key]), arm.runs.map(({ name, predictions: { key } }) => [name, key])); // prettier-ignore
    for (const [at, { predictions }] of arm.runs.entries()) {
      const read = arms[i]?.runs[at]?.predictions;
      assert.ok(Object.entries(predictions.scores).every(([name, scored]) => near(scored, read?.scores[name])));
      assert.ok(near(predictions.ciderD ?? [], read?.ciderD ?? []));
    }
  }
  const bases = (seeds: number[]): number => experimentJobs({ ...lost, seeds }, undefined, kept.runs)[0].length;
  assert.deepEqual([bases([1, 2]), bases([1, 4])], [0, 2]);
  const other = { ...own, train: { ...config.train, steps: 7 } };
  await assert.rejects(KeptRuns.read(other, folder), {
    code: "USAGE",
    message: /other settings: train was .*"steps":600.* now .*"steps":7/,
  });
  const base = join(lost.work, "base/llava");
  await mkdir(base, { recursive: true });
  const record = { folder: "step-1", steps: 5, seconds: 2, loss: 2.25 };
  await writeFile(join(base, "base.json"), JSON.stringify(record));
  await kept.checkBases(lost);
  await writeFile(join(base, "base.json"), JSON.stringify({ ...record, loss: 2.251 }));
  await assert.rejects(kept.checkBases(lost), { code: "USAGE", message: /llava came out otherwise here/ });
  kept.checkPictures(planted);
  const rated = { ...planted.truth, score: TRUTH.map((value) => value + 0.001) };
  const refused = (held: Partial<Finished>, message: RegExp): void =>
    assert.throws(() => kept.checkPictures({ ...planted, ...held }), { code: "DATA_INVALID", message });
  refused({ truth: rated }, /predictions\.json: "truth\.score" is not that of the pictures here/);
  refused({ truth: { ...planted.truth, other: TRUTH } }, /truth\.other/);
  refused({ pictures: planted.pictures.toReversed() }, /"pictures"/);
  refused({ sets: planted.pictures }, /"sets"/);
});

test("results that lack something are refused with file and field, or their run is run again", async () => {
  const [results, predictions] = await Promise.all([RESULT_FILES.results, RESULT_FILES.predictions].map(async (name) => JSON.parse(await readFile(join(folder, name), "utf8")) as Record<string, unknown>)); // prettier-ignore
  const broken = await mkdtemp(join(tmpdir(), "experiment-broken-"));
  type Change = Record<string, unknown>;
  const read = async (change: (results: Change, predictions: Change) => void): Promise<KeptRuns> => {
    const both = structuredClone([results, predictions]) as [Change, Change];
    change(...both);
    await writeFile(join(broken, RESULT_FILES.results), JSON.stringify(both[0]));
    await writeFile(join(broken, RESULT_FILES.predictions), JSON.stringify(both[1]));
    return KeptRuns.read(withTwoAttributes(), broken);
  };
  const part = (whole: Change, name: string): Change => whole[name] as Change;
  const refused = (change: Parameters<typeof read>[0], message: RegExp): Promise<void> =>
    assert.rejects(read(change), { code: "DATA_INVALID", message });
  const RUN = "llava/attributes/roc/seed-1";
  try {
    await refused((_, all) => part(all, "predicted")[`${RUN} score`] = [5, 6], /predictions\.json: predicted\["llava\/attributes\/roc\/seed-1 score"\] has 2 values for 80 pictures\. Restore it/); // prettier-ignore
    await refused((_, all) => part(all, "truth")["score"] = [], /truth\["score"\] has 0 values/); // prettier-ignore
    await refused((_, all) => part(all, "ciderD")["llava/comment/roc/seed-1"] = [], /ciderD\["llava\/comment\/roc\/seed-1"\] has 0/); // prettier-ignore
    await refused((_, all) => all["sets"] = ["a"], /sets has 1 values/); // prettier-ignore
    await refused((all) => part(all, "provenance")["bases"] = {}, /claims\.json: provenance\.bases lacks llava/); // prettier-ignore
    await assert.rejects(read((all) => part(all, "provenance")["config"] = {}), { code: "CONFIG_INVALID", message: /claims\.json: field provenance\.config\.conditions/ }); // prettier-ignore
    await refused((all) => (all["arms"] as Change[])[0]!["trainSeconds"] = [], /trainSeconds and readSeconds of llava/); // prettier-ignore
    await assert.rejects(KeptRuns.read(config, join(broken, RESULT_FILES.results)), { code: "USAGE", message: /is no folder\. Name the one that holds claims\.json/ }); // prettier-ignore
    const some = await read((_, all) => delete part(all, "predicted")[`${RUN} Light`]);
    assert.ok(!some.runs.has(RUN) && some.runs.has("llava/attributes/roc/seed-2"));
    const none = await read((_, all) => part(all, "predicted")[`${RUN} score`] = TRUTH.map(() => null)); // prettier-ignore
    assert.equal(none.runs.get(RUN)?.failed, PICTURES);
  } finally {
    await rm(broken, { recursive: true });
  }
});

test("results of an earlier version, without the comments' figures, give back what has no comments", async () => {
  const file = join(folder, RESULT_FILES.predictions);
  const { ciderD, ...older } = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  assert.ok(ciderD);
  await writeFile(file, JSON.stringify(older));
  const { runs } = await KeptRuns.read(withTwoAttributes(), folder);
  assert.ok(runs.has("llava/score/roc/seed-1") && !runs.has("llava/comment/roc/seed-1"));
});

test("with sets: the best of a set is a verdict of its own, and a set shown together is compared with its pictures alone", async () => {
  const own = await readExperiment(join(ROOT, "configs/studio/claims-2.yaml"));
  const plain = config;
  try {
    config = own;
    const sets = TRUTH.map((_, row) => String(Math.floor(row / 4)));
    const noise: Noise = { set: 0.1, roc: 0.8, coupled: 0.8, level: 0.8, direct: 3 };
    const found = { ...finished(({ strategy }) => noise[strategy] ?? NaN), sets };
    const all = claimsOf(own, found, { ...OPTIONS, sets });
    assert.equal(all.length, 4);
    const [regression, , , together] = all;
    assert.match(together?.question ?? "", /^Does showing a set together/);
    assert.equal(together?.answer, "yes");
    const whole = together?.findings.filter(({ backbone }) => backbone === "all") ?? [];
    assert.deepEqual(whole.map(({ a, b, by, verdict }) => [a, b, by, verdict]), [["set (sets)", "roc (score)", "srcc", "higher"], ["set (sets)", "roc (score)", "best", "higher"]]); // prettier-ignore
    assert.match(regression?.text ?? "", /Sets whose best is found higher: roc \(score\) against direct \(score\)/);
    // The condition of sets has no strategy to be compared within it.
    assert.ok(
      all.flatMap(({ findings }) => findings).every(({ a, b }) => a !== "roc (sets)" && b !== "coupled (sets)"),
    );
  } finally {
    config = plain;
  }
});
