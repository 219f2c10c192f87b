/** `calibrate` by the commands, with the demo weights: the file, every format that shows its intervals, and what it does not hold for. */
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parse } from "csv-parse/sync";
import { DEMO_MODEL, load, readCalibration, type Calibration, type ScoreResult } from "../../src/engine/index.js";
import { calibrationPlace } from "../../src/engine/calibration-file.js";
import { calibrate } from "../../src/eval/calibrate.js";
import { readSummary } from "../../src/eval/summary-file.js";
import { isRocError } from "../../src/errors.js";
import { createServer } from "../../src/server/index.js";
import { openCheckpointFolder } from "../../src/models/places.js";
import { writeStudio, writeStudioFormats } from "../../src/studio/index.js";
import { runProgram } from "./program.js";
import { jsonLines } from "./support.js";

const COUNT = 30;
const folder = mkdtempSync(join(tmpdir(), "roc-calibrate-"));
const place = { cwd: folder, env: { XDG_DATA_HOME: join(folder, "home"), XDG_CONFIG_HOME: join(folder, "home") } };
const run = (...argv: string[]) => runProgram(argv, place);
const FILE = join(folder, "ck", "calibration.json");

before(async () => {
  await cp(DEMO_MODEL, join(folder, "ck"), { recursive: true });
  await writeStudio(join(folder, "studio"), { seed: "calibrate", count: COUNT, longEdge: 48, testFraction: 0 });
  await writeStudio(join(folder, "photos"), { seed: "photos", count: 3, longEdge: 48, testFraction: 0 });
  const { code, stdout, stderr } = await run("calibrate", "--model", "ck", "--data", "studio", "--split", "all", "--level", "0.8,0.5", "--method", "absolute", "--dtype", "float32"); // prettier-ignore
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^ck@[0-9a-f]{8} on studio, all: 30 pictures\n\nscore +80% +absolute, 30 pictures; by folds 0\.\d{3} covered/); // prettier-ignore
  assert.match(stdout, /by theme\n +abstract/);
  assert.match(stderr, /Wrote ck.calibration\.json\n$/);
});
after(() => rm(folder, { recursive: true, force: true }));

const score = (...argv: string[]) => run("score", "photos/images", "--model", "ck", "--dtype", "float32", ...argv);

test("the file says what it is of, and names a field that is wrong", async (t) => {
  const made = await readCalibration(join(folder, "ck"));
  assert.deepEqual([made.level, made.data.name, made.data.split, made.data.count], [0.8, "studio", "all", COUNT]);
  assert.deepEqual([made.settings["dtype"], made.settings["strategy"]], ["float32", "roc"]);
  assert.ok(!(await readdir(join(folder, "ck"))).some((name) => name.includes("partial")));
  const broken = join(folder, "broken.json");
  t.after(() => rm(broken));
  await writeFile(broken, JSON.stringify({ ...made, level: 2 }));
  await assert.rejects(readCalibration(broken), (error) => isRocError(error) && /broken\.json: field level/.test(error.message)); // prettier-ignore
  await writeFile(broken, JSON.stringify({ ...made, level: 0.7 }));
  await assert.rejects(readCalibration(broken), /a score lacks the level/);
  const [first, ...more] = made.scores["score"] ?? [];
  const withScore = (change: object): string => JSON.stringify({ ...made, scores: { score: [{ ...first, ...change }, ...more] } }); // prettier-ignore
  await writeFile(broken, withScore({ quantile: -0.2 }));
  await assert.rejects(readCalibration(broken), /broken\.json: field scores\.score\.0\.quantile: is below 0/);
  // A predicted interval that holds too much is made narrower.
  await writeFile(broken, withScore({ quantile: -0.2, method: "quantiles" }));
  assert.equal((await readCalibration(broken)).scores["score"]?.[0]?.quantile, -0.2);
});

/** By hand: the interval of a result. */
function interval({ score: value, scale }: ScoreResult, { scores }: Calibration, level: number): [number, number] {
  const quantile = scores["score"]?.find((one) => one.level === level)?.quantile ?? NaN;
  const reach = quantile * (scale.max - scale.min);
  return [Math.max(scale.min, value - reach), Math.min(scale.max, value + reach)];
}

test("score: JSON, another level and scale, the table, CSV and a gallery", async () => {
  const made = await readCalibration(FILE);
  for (const level of [0.8, 0.5]) {
    const found = jsonLines((await score("--json", "--level", `${level}`)).stdout) as ScoreResult[];
    assert.equal(found.length, 3);
    for (const one of found) {
      const { low = NaN, high = NaN, level: shown } = one.interval ?? {};
      assert.equal(shown, level);
      assert.ok(one.scale.min <= low && low < high && high <= one.scale.max);
      const [wantedLow, wantedHigh] = interval(one, made, level);
      assert.ok(Math.abs(low - wantedLow) + Math.abs(high - wantedHigh) < 1e-9);
    }
  }
  const plain = jsonLines((await score("--json")).stdout) as ScoreResult[];
  const hundred = jsonLines((await score("--json", "--scale", "0,100")).stdout) as ScoreResult[];
  plain.forEach(({ interval: own }, i) => assert.ok(Math.abs((((own?.low ?? NaN) - 1) / 9) * 100 - (hundred[i]?.interval?.low ?? NaN)) < 1e-4)); // prettier-ignore
  const { stdout, stderr } = await score("--csv", "scores.csv", "--html", "scores.html");
  assert.match(stdout, /^\S+ +\d\.\d\d ± \d\.\d\d +\[\d\.\d\d, \d\.\d\d\] +█/);
  assert.match(stderr, /\nIntervals hold 80% of the ratings of pictures like those of studio, all \(/);
  const rows = parse<Record<string, string>>(await readFile(join(folder, "scores.csv"), "utf8"), { columns: true });
  assert.deepEqual(rows.map(({ low, level }) => [Number(low), level]), plain.map((one) => [one.interval?.low, "0.8"])); // prettier-ignore
  const html = await readFile(join(folder, "scores.html"), "utf8");
  assert.match(html, /<p class="quiet">\d\.\d\d to \d\.\d\d in 80%<\/p>/);
});

test("score --resume keeps scores without intervals, and gives them those of the day", async () => {
  const first = await score("--json", "--resume", "saved");
  assert.doesNotMatch(await readFile(join(folder, "saved"), "utf8"), /interval/);
  const again = await score("--json", "--resume", "saved");
  assert.match(again.stderr, /3 of 3 scores were taken/);
  const intervals = (stdout: string) => (jsonLines(stdout) as ScoreResult[]).map((one) => one.interval);
  assert.deepEqual(intervals(again.stdout), intervals(first.stdout));
  const other = await score("--json", "--resume", "saved", "--level", "0.5");
  assert.deepEqual(intervals(other.stdout).map((one) => one?.level), [0.5, 0.5, 0.5]); // prettier-ignore
});

test("what the calibration does not hold for has no interval, and says why; what was asked for is an error", async () => {
  const other = await run("score", "photos/images", "--model", "ck", "--resize", "pad", "--dtype", "float32", "--json");
  assert.equal(other.code, 0);
  assert.ok(jsonLines(other.stdout).every((one) => !("interval" in (one as object))));
  assert.match(other.stderr, /note: not calibrated: ck.calibration\.json is of other settings: resize was null, now "pad"; results have no intervals/); // prettier-ignore
  const asked = await run("score", "photos/images", "--model", "ck", "--resize", "pad", "--dtype", "float32", "--interval"); // prettier-ignore
  assert.deepEqual([asked.code, asked.stdout], [2, ""]);
  assert.match(asked.stderr, /error: not calibrated: .*resize was null.*roc4mllm calibrate --model ck --data DIR/);
  const demo = await run("score", "photos/images", "--interval");
  assert.match(demo.stderr, /error: no calibration: there is no .*demo.calibration\.json.*roc4mllm calibrate --model .* --calibration FILE/); // prettier-ignore
  assert.equal((await run("score", "photos/images")).stdout.includes("["), false);
  const named = await run("score", "photos/images", "--dtype", "float32", "--calibration", FILE, "--json");
  assert.equal((jsonLines(named.stdout) as ScoreResult[])[0]?.interval?.level, 0.8);
  assert.match((await score("--level", "0.9")).stderr, /has no intervals of level 0\.9 \(--level\), but of 0\.8, 0\.5\..* calibrate --model ck --data DIR --out \S+ --level 0\.8,0\.5,0\.9/); // prettier-ignore
});

test("a broken calibration costs the intervals alone, unless they were asked for; another checkpoint's is named", async (t) => {
  const kept = await readFile(FILE);
  t.after(() => writeFile(FILE, kept));
  await writeFile(FILE, "{");
  const { code, stderr } = await score();
  assert.equal(code, 0);
  assert.match(stderr, /note: not calibrated, results have no intervals: .*calibration\.json is not JSON/);
  assert.equal((await score("--interval")).code === 0, false);
  const made = JSON.parse(kept.toString()) as Calibration;
  await writeFile(FILE, JSON.stringify({ ...made, checkpoint: { name: "x@1", digest: "0".repeat(64) } }));
  assert.match((await score()).stderr, /not calibrated: .* is of another checkpoint, x@1/);
});

test("refused: too few pictures with the number, a folder that is not the user's", async () => {
  const few = await run("calibrate", "--model", "ck", "--data", "studio", "--split", "all", "--limit", "8", "--out", "few.json"); // prettier-ignore
  assert.equal(few.code === 0, false);
  assert.match(few.stderr, /holds 90% of the ratings needs 9 pictures with a score and a rating; there are 8\./);
  // Nothing was scored for it.
  assert.ok(!(await readdir(folder)).some((name) => name.startsWith("few.json")));
  const own = await run("calibrate", "--data", "studio", "--split", "all");
  assert.match(own.stderr, /models.demo belongs to the package\. Name a file by --out/);
  for (const level of ["1.5", "x", "0.9,", "0.9,half"])
    assert.match((await run("calibrate", "--data", "studio", "--level", level)).stderr, /Give shares between 0 and 1, as 0\.9/); // prettier-ignore
});

test("calibrate and eval take the checkpoint that scores where none is named", async () => {
  const env = { ROC4MLLM_MODEL: "ck" };
  for (const [command, ...argv] of [
    ["calibrate", "--limit", "12", "--out", "of-default.json"],
    ["eval", "--limit", "2", "--out", "of-default"],
  ] as const) {
    const { code, stdout, stderr } = await runProgram([command, "--data", "studio", "--split", "all", ...argv], {
      ...place,
      env: { ...place.env, ...env },
    });
    assert.equal(code, 0, stderr);
    assert.match(command === "eval" ? await readFile(join(folder, "of-default/summary.json"), "utf8") : stdout, /ck@[0-9a-f]{8}/); // prettier-ignore
  }
});

test("a stopped calibration resumes with what is left", async () => {
  using model = await load(join(folder, "ck"), { calibration: false, worker: false });
  const spec = { model, data: join(folder, "studio"), split: "all", out: join(folder, "resumed.json") } as const;
  const stop = new AbortController();
  const onProgress = (progress: { type: string; done?: number }): void => {
    if (progress.type === "scored" && progress.done === 12) stop.abort();
  };
  await assert.rejects(calibrate(spec, { signal: stop.signal, onProgress }));
  const seen: number[] = [];
  await calibrate(spec, { onProgress: (one) => one.type === "scored" && seen.push(one.done) });
  assert.ok((seen[0] ?? 0) >= 11 && seen.at(-1) === COUNT, seen.join(" "));
  const { date: _, ...resumed } = await readCalibration(spec.out);
  const { date: __, ...whole } = (await calibrate({ ...spec, out: join(folder, "whole.json") })).calibration;
  assert.deepEqual(resumed, whole);
});

test("eval reports coverage, width, scores and scenes, of pictures that did not calibrate; an earlier calibration is named", async () => {
  const calibrated = await run("calibrate", "--model", "ck", "--data", "studio", "--split", "all", "--level", "0.8", "--limit", "12", "--dtype", "float32", "--out", "part.json"); // prettier-ignore
  assert.equal(calibrated.code, 0, calibrated.stderr);
  assert.doesNotMatch(calibrated.stderr, /replaced/);
  const made = await readCalibration(join(folder, "part.json"));
  assert.match(made.data.pictures ?? "", /^[0-9a-f]{96}$/);
  const evaluated = (...argv: string[]) => run("eval", "--data", "studio", "--model", "ck", "--dtype", "float32", "--split", "all", "--out", "run", "--fresh", "--resamples", "20", ...argv); // prettier-ignore
  const { stdout, stderr } = await evaluated("--calibration", "part.json");
  assert.match(
    stdout,
    /calibrated 80% intervals hold 0\.\d{3} \[0\.\d{3}, [01]\.\d{3}\] of the ratings, mean width \d/,
  );
  assert.match(stdout, /by predicted score\n +1\/5: .* of [34]\n[^]*by theme\n +abstract/);
  assert.match(stderr, /note: the intervals were calibrated on 12 of these 30 pictures: .* on the other 18\n/);
  assert.equal((await readSummary(join(folder, "run"))).intervals?.["score"]?.count, 18);
  const own = await evaluated();
  assert.match(
    own.stderr,
    /note: the intervals were calibrated on these very pictures, all 30 of them: .*is not measured\..*--split/,
  );
  assert.doesNotMatch(own.stdout, /calibrated 80%/);
  assert.equal((await readSummary(join(folder, "run"))).intervals, undefined);
  // As earlier versions wrote it; and what is there already is named before it is replaced.
  const { pictures: _, ...data } = made.data;
  await writeFile(join(folder, "part.json"), JSON.stringify({ ...made, data }));
  const before = await evaluated("--calibration", "part.json");
  assert.match(before.stderr, /note: the calibration, of studio, all, does not say which pictures it was made of/);
  assert.equal((await readSummary(join(folder, "run"))).intervals?.["score"]?.count, 30);
  const again = await run("calibrate", "--model", "ck", "--data", "studio", "--split", "all", "--limit", "9", "--out", "part.json"); // prettier-ignore
  assert.match(again.stderr, /note: part\.json is there already and will be replaced: it has intervals of 80% for ck@[0-9a-f]{8}, from 12 pictures of studio, all, made on \d{4}-/); // prettier-ignore
  await writeFile(join(folder, "mine.txt"), "mine");
  const refused = await run("calibrate", "--model", "ck", "--data", "studio", "--split", "all", "--limit", "9", "--out", "mine.txt"); // prettier-ignore
  assert.equal(refused.code, 2);
  assert.match(
    refused.stderr,
    /mine\.txt is there already and is no calibration that roc4mllm wrote: it stays as it is/,
  );
});

test("aspects have intervals, from training on PARA's files to score and eval; each width names its scale", async () => {
  await writeStudioFormats(join(folder, "para"), { formats: ["para"], seed: "para", count: 40, longEdge: 48 });
  const trained = await run(..."train --data para --model nima --tiny --out aspects --seed 5 --steps 2 --every 2 --batch 8 --lr 0.02 --optimizer sgd --precision float32 --validation 0.2".split(" ")); // prettier-ignore
  assert.equal(trained.code, 0, trained.stderr);
  const { code, stdout, stderr } = await run("calibrate", "--model", "aspects", "--data", "para", "--split", "all", "--level", "0.6", "--dtype", "float32"); // prettier-ignore
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /\nlightScore +60% +absolute, \d+ pictures; by folds \d\.\d{3} covered, \d\.\d\d wide on 1 to 5\n/,
  );
  const { scores } = await readCalibration(join(folder, "aspects/step-00000002"));
  const scored = await run("score", "photos/images", "--model", "aspects", "--dtype", "float32", "--json");
  const results = jsonLines(scored.stdout) as ScoreResult[];
  assert.equal(results.length, 3);
  for (const { scale, attributes = {}, attributeIntervals = {} } of results) {
    assert.deepEqual(Object.keys(attributeIntervals), Object.keys(attributes));
    assert.ok("lightScore" in attributes);
    for (const [name, { low, high, level }] of Object.entries(attributeIntervals)) {
      const reach = (scores[name]?.[0]?.quantile ?? NaN) * (scale.max - scale.min);
      const wanted = [-reach, reach].map((by) =>
        Math.min(scale.max, Math.max(scale.min, (attributes[name] ?? NaN) + by)),
      );
      assert.ok(Math.abs(low - (wanted[0] ?? NaN)) + Math.abs(high - (wanted[1] ?? NaN)) < 1e-9 && level === 0.6, name);
    }
  }
  // The weights by their own file are the same checkpoint.
  const byFile = await run("score", "photos/images", "--model", "aspects/step-00000002/model.safetensors", "--dtype", "float32", "--json"); // prettier-ignore
  assert.deepEqual((jsonLines(byFile.stdout) as ScoreResult[]).map((one) => one.interval), results.map((one) => one.interval)); // prettier-ignore
  const evaluated = await run("eval", "--data", "para", "--model", "aspects", "--dtype", "float32", "--split", "all", "--out", "para-run", "--resamples", "20"); // prettier-ignore
  assert.match(evaluated.stdout, /mean width \d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\] on 1 to 5\n/);
  assert.match(evaluated.stdout, /\n {2}lightScore: \d\.\d{3}, mean width \d\.\d{3} on 1 to 5\n/);
  assert.deepEqual((await readSummary(join(folder, "para-run"))).intervals?.["lightScore"]?.scale, { min: 1, max: 5 });
});

test("a single file of weights has its calibration beside it; a file of a folder of ours, in that folder", async () => {
  const alone = join(folder, "alone.safetensors");
  await cp(join(folder, "aspects/step-00000002/model.safetensors"), alone);
  assert.equal(await calibrationPlace(await openCheckpointFolder(alone)), `${alone}.calibration.json`);
  const kept = join(folder, "aspects/step-00000002");
  assert.equal(await calibrationPlace(await openCheckpointFolder(join(kept, "model.safetensors"))), join(kept, "calibration.json")); // prettier-ignore
});

test("the library's list and export, and the server, give the intervals that score gives", async () => {
  const [first] = (jsonLines((await score("--json")).stdout) as ScoreResult[]).toSorted((a, b) => b.score - a.score);
  await run("library", "scan", "photos/images", "--model", "ck", "--dtype", "float32");
  const listed = await run("library", "list", "--json", "--calibration", "ck");
  const photos = jsonLines(listed.stdout) as ScoreResult[];
  assert.deepEqual(photos[0]?.interval, first?.interval);
  assert.equal((jsonLines((await run("library", "list", "--json")).stdout)[0] as ScoreResult).interval, undefined);
  assert.match((await run("library", "list", "--calibration", FILE)).stdout, /± \d\.\d\d +\[\d\.\d\d, \d\.\d\d\] +█/);
  const csv = parse<Record<string, string>>((await run("library", "export", "-", "--csv", "--calibration", "ck")).stdout, { columns: true }); // prettier-ignore
  assert.deepEqual([Number(csv[0]?.["high"]), csv[0]?.["level"]], [first?.interval?.high, "0.8"]);
  using model = await load(join(folder, "ck"), { dtype: "float32" });
  const library = join(folder, "home/roc4mllm/library.db");
  const server = createServer({ model, library });
  const file = await readFile(
    join(folder, "photos", "images", (await readdir(join(folder, "photos", "images")))[0] ?? ""),
  );
  const scored = await server.inject({ method: "POST", url: "/v1/score", payload: { images: [file.toString("base64")] } }); // prettier-ignore
  const [result] = scored.json<{ results: ScoreResult[] }>().results;
  assert.equal(result?.interval?.level, 0.8);
  const page = await server.inject({ url: "/v1/library/photos" });
  assert.deepEqual(page.json<{ photos: { score?: ScoreResult }[] }>().photos[0]?.score?.interval, first?.interval);
  const [about] = (await server.inject({ url: "/v1/models" })).json<{ data: { calibration: unknown }[] }>().data;
  assert.deepEqual(about?.calibration, { level: 0.8, data: "studio", pictures: COUNT });
  await server.close();
});
