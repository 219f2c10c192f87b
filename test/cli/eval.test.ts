/** `roc4mllm eval` from arguments to files, output and exit code, with a made-up model. */
import assert from "node:assert/strict";
import { appendFile, cp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { compareCommand } from "../../src/cli/eval/compare.js";
import { readSummary, readTable, type RunSummary } from "../../src/eval/index.js";
import { failureFor } from "./support.js";
import { answerOf, ratedFolder, runEval, temporary, type EvalOptions, type EvalRan } from "../eval/support.js";

test("a table on standard output, files in the folder, provenance on every number", async (t) => {
  const [data, out] = [await ratedFolder(t), join(await temporary(t), "out")];
  const { code, stdout, stderr, asked } = await runEval(["eval", "--data", data, "--out", out, "--resamples", "50"]);
  assert.match(stderr, /^note: comments of 24 pictures are not compared: --comments has some written[^\n]*\nWrote /);
  assert.equal(code, 0);
  assert.match(stdout, /^Made up, 1 to 5: 24 of 24 pictures\n\n +SRCC +PLCC +KRCC +MAE +RMSE\nscore +-?0\.\d{3} \[/);
  assert.match(stdout, /\nlight +-?0\.\d{3} \[/);
  assert.match(
    stdout,
    /\n95% intervals hold [01]\.\d{3} of the ratings\nEMD 0\.\d{3}, KL \d\.\d{3} of the votes of 24 pictures\n$/,
  );
  assert.deepEqual((await readdir(out)).sort(), ["predictions.csv", "summary.json"]);
  assert.match(asked.folder ?? "", /models[\\/]demo$/);
  assert.equal(asked.disposed, true);
  const { provenance, count, scale } = await readSummary(out);
  assert.deepEqual([count, scale], [24, { min: 1, max: 5 }]);
  const { kind, system, split, labels, version, torch, seed, resamples } = provenance;
  assert.deepEqual([kind, system, split, seed, resamples], ["model", "fake@0", "test", 0, 50]);
  assert.match(labels, /^[0-9a-f]{16}$/);
  assert.match(version, /^\d+\.\d+\.\d+/);
  assert.match(torch ?? "", /^2\./);
  const table = await readTable(join(out, "predictions.csv"));
  assert.deepEqual(table[0]?.distribution, answerOf(join(data, "p0.png")).distribution);
});

test("a stopped evaluation resumes with what is left and gives the same files", async (t) => {
  const [data, folder] = [await ratedFolder(t), await temporary(t)];
  const args = (name: string): string[] => ["eval", "--data", data, "--out", join(folder, name), "--resamples", "20"];
  await runEval(args("whole"));
  const controller = new AbortController();
  let count = 0;
  const stopping = (file: string) => {
    if (++count === 9) controller.abort();
    return answerOf(file);
  };
  const stopped = await runEval(args("parts"), stopping, { signal: controller.signal });
  assert.equal(stopped.code, 130);
  assert.deepEqual((await readdir(join(folder, "parts"))).sort(), ["predictions.partial.jsonl"]);
  await appendFile(join(folder, "parts", "predictions.partial.jsonl"), '{"id": "p');
  const second = await runEval(args("parts"));
  assert.equal(second.code, 0);
  assert.ok(second.scored.length >= 24 - 9 && second.scored.length < 24, `${second.scored.length}`);
  const [whole, parts] = await Promise.all(["whole", "parts"].map((name) => readSummary(join(folder, name))));
  assert.deepEqual({ ...parts, provenance: null }, { ...whole, provenance: null });
  const tables = ["whole", "parts"].map((name) => readFile(join(folder, name, "predictions.csv"), "utf8"));
  const [first, other] = await Promise.all(tables);
  assert.equal(first, other);
  assert.deepEqual((await readdir(join(folder, "parts"))).sort(), ["predictions.csv", "summary.json"]);
});

/** Asserts that `run` is refused, naming what differs and `--fresh`. */
async function refused(run: Promise<EvalRan>, names: RegExp): Promise<void> {
  const { code, stderr, scored } = await run;
  assert.equal(code, 2, stderr);
  assert.match(stderr, names);
  assert.match(stderr, /Give another --out, or --fresh to throw that away\./);
  assert.deepEqual(scored, []);
}

/** Stops after the first picture. */
async function stopped(args: readonly string[], options: EvalOptions = {}): Promise<void> {
  const controller = new AbortController();
  await runEval(args, (file) => (controller.abort(), answerOf(file)), { ...options, signal: controller.signal });
}

for (const state of ["interrupted", "finished"] as const) {
  test(`${state}, an evaluation of another model, data set, part or picture is not touched, unless --fresh`, async (t) => {
    const [data, folder] = [await ratedFolder(t), await temporary(t)];
    const out = join(folder, "out");
    const args = ["eval", "--data", data, "--out", out, "--resamples", "20"];
    const origin = { digest: "a".repeat(64), settings: { dtype: "float32", device: "cpu", prompt: "How good?" } };
    await (state === "finished" ? runEval(args, answerOf, { origin }) : stopped(args, { origin }));
    const before = await contents(out);
    const with_ = (other: object): EvalOptions => ({ origin: { ...origin, ...other } });
    await refused(runEval(args, answerOf, with_({ digest: "b".repeat(64) })), /checkpoint was "a{64}", now "b{64}"/);
    const half = { ...origin.settings, dtype: "float16" };
    await refused(runEval(args, answerOf, with_({ settings: half })), /dtype was "float32", now "float16"/);
    await refused(runEval([...args, "--split", "all"], answerOf, { origin }), /split was "test", now "all"/);
    await refused(runEval([...args, "--limit", "5"], answerOf, { origin }), /limit was not set, now 5/);
    await refused(runEval([...args, "--comments"], answerOf, { origin }), /comments was false, now true/);
    const copy = join(folder, "copy");
    await cp(data, copy, { recursive: true, preserveTimestamps: true });
    await refused(runEval([...args, "--images", copy], answerOf, { origin }), /images was ".*data", now ".*copy"/);
    const labels = join(data, "labels.jsonl");
    const text = await readFile(labels, "utf8");
    await writeFile(labels, text.replace("A sharp photo", "A dull photo"));
    await refused(runEval(args, answerOf, { origin }), /labels was/);
    await writeFile(labels, text);
    await writeFile(join(folder, "other.csv"), "id,score\np0.png,3\np1.png,4\n");
    await refused(runEval([...args, "--predictions", join(folder, "other.csv")]), /interrupted|kind was "model", now/);
    assert.deepEqual(await contents(out), before);
    // The same again is no harm.
    assert.equal((await runEval(args, answerOf, { origin })).code, 0);
    const fresh = await runEval([...args, "--fresh", "--limit", "5"], answerOf, with_({ digest: "b".repeat(64) }));
    assert.deepEqual([fresh.code, fresh.scored.length], [0, 5]);
    assert.equal((await readSummary(out)).provenance.limit, 5);
  });
}

async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  return Object.fromEntries(names.map((name, i) => [name, texts[i] ?? ""]));
}

test("a finished evaluation of pictures or predictions that have changed is not replaced", async (t) => {
  const [data, folder] = [await ratedFolder(t), await temporary(t)];
  const args = ["eval", "--data", data, "--out", join(folder, "model"), "--resamples", "20"];
  await runEval(args);
  await utimes(join(data, "p0.png"), 1e9, 1e9);
  await refused(runEval(args), /pictures was/);
  const file = join(folder, "other.csv");
  const own = ["eval", "--data", data, "--predictions", file, "--resamples", "20"];
  await writeFile(file, "id,score\np0.png,3\np1.png,4\n");
  await runEval(own);
  assert.equal((await runEval(own)).code, 3, "the same again: some pictures have no prediction");
  await writeFile(file, "id,score\np0.png,3\np1.png,2\n");
  await refused(runEval(own), /predictions was "[0-9a-f]{64}", now/);
  await refused(runEval([...own, "--predictions-scale", "0,10"]), /predictionsScale was not set/);
  assert.equal((await runEval([...own, "--fresh"])).code, 3);
});

test("a fresh evaluation that was stopped resumes without --fresh beside the finished one that it replaces", async (t) => {
  const [data, folder] = [await ratedFolder(t), await temporary(t)];
  const out = join(folder, "out");
  const args = ["eval", "--data", data, "--out", out, "--resamples", "20"];
  const [first, second] = ["a", "b"].map((digit) => ({ origin: { digest: digit.repeat(64) } }));
  await runEval([...args, "--report"], answerOf, first);
  await stopped([...args, "--fresh"], second);
  assert.equal((await readSummary(out)).provenance.settings?.["checkpoint"], "a".repeat(64));
  await refused(runEval(args, answerOf, first), /checkpoint was "b/);
  const report = await readFile(join(out, "report.html"), "utf8");
  const { code, scored } = await runEval(args, answerOf, second);
  assert.deepEqual([code, scored.length < 24], [0, true]);
  assert.equal((await readSummary(out)).provenance.settings?.["checkpoint"], "b".repeat(64));
  assert.notEqual(await readFile(join(out, "report.html"), "utf8"), report, "the page is of this evaluation too");
});

test("compare: other data are said, and a table of another evaluation than the summary is refused", async (t) => {
  const [data, folder] = [await ratedFolder(t), await temporary(t)];
  const [a, b] = [join(folder, "a"), join(folder, "b")];
  const args = ["eval", "--data", data, "--resamples", "20", "--out"];
  await runEval([...args, a]);
  await runEval([...args, b, "--split", "all", "--limit", "20"]);
  const compare = () =>
    runEval(["compare", a, b, "--resamples", "20"], answerOf, {
      commands: { compare: () => Promise.resolve(compareCommand) },
    });
  const { code, stderr } = await compare();
  assert.equal(code, 0);
  assert.match(stderr, /note: .* are not of the same data: split "test" and "all"; limit null and 20; labels/);
  // Stopped between the table and the summary.
  await runEval([...args, b, "--fresh"]);
  assert.equal((await compare()).stderr, "");
  const table = join(b, "predictions.csv");
  await writeFile(table, (await readFile(table, "utf8")).replace("p0.png,", "p0.png ,"));
  const other = await compare();
  assert.equal(other.code, 4);
  assert.match(other.stderr, /predictions\.csv is not the table that summary\.json was computed from/);
});

test("how the checkpoint computes reaches the engine", async (t) => {
  const [data, folder] = [await ratedFolder(t), await temporary(t)];
  const args = ["eval", "--data", data, "--out", join(folder, "out"), "--resamples", "20"];
  const { asked } = await runEval([...args, "--dtype", "bfloat16", "--device", "cuda", "--resize", "pad"]);
  const { dtype, device, resize } = asked.loaded ?? {};
  assert.deepEqual([dtype, device, resize], ["bfloat16", "cuda", "pad"]);
  const wrong = await runEval([...args, "--predictions", "x.csv", "--dtype", "bfloat16"]);
  assert.equal(wrong.code, 2);
});

test("a picture that cannot be read is a row with its reason, and the exit code is 3", async (t) => {
  const [data, out] = [await ratedFolder(t), join(await temporary(t), "out")];
  const answer = (file: string) => (file.endsWith("p3.png") ? failureFor(file) : answerOf(file));
  const { code, stdout } = await runEval(["eval", "--data", data, "--out", out, "--resamples", "20", "--json"], answer);
  assert.equal(code, 3);
  const summary = JSON.parse(stdout) as { count: number; scored: number; failures: object };
  assert.deepEqual([summary.count, summary.scored, summary.failures], [24, 23, { IMAGE_BROKEN: 1 }]);
  const rows = await readTable(join(out, "predictions.csv"));
  assert.equal(rows.length, 24);
  assert.equal(rows.find(({ id }) => id === "p3.png")?.error?.code, "IMAGE_BROKEN");
});

test("a score that is not finite counts as failed, with an exit code of its own", async (t) => {
  const [data, out] = [await ratedFolder(t), join(await temporary(t), "out")];
  const error = { code: "SCORE_NOT_FINITE", message: "the model gives NaN" } as const;
  const answer = (file: string) => (file.endsWith("p3.png") ? { file, error } : answerOf(file));
  const { code, stdout } = await runEval(["eval", "--data", data, "--out", out, "--resamples", "20"], answer);
  assert.equal(code, 10);
  assert.match(stdout, /23 of 24 pictures \(1 SCORE_NOT_FINITE\)/);
});

test("--predictions: our own table gives our own figures; the other format goes", async (t) => {
  const [data, folder] = [await ratedFolder(t), await temporary(t)];
  const own = join(folder, "own");
  const ran = ["eval", "--data", data, "--resamples", "20"];
  await runEval([...ran, "--out", own]);
  await runEval([...ran, "--out", own, "--format", "parquet"]);
  assert.deepEqual((await readdir(own)).sort(), ["predictions.parquet", "summary.json"]);
  const out = join(folder, "other");
  const file = join(own, "predictions.parquet");
  const { code, asked, stderr } = await runEval([...ran, "--out", out, "--predictions", file]);
  const notes = "note: comments of 24 pictures are not compared: there is none to compare with\n";
  assert.equal(
    stderr,
    `Read the scores from column predicted_score of ${file}, the pictures from id.\n${notes}Wrote ${out}\n`,
  );
  assert.equal(code, 0);
  assert.equal(asked.folder, undefined);
  const [mine, theirs] = await Promise.all([readSummary(own), readSummary(out)]);
  assert.deepEqual({ ...theirs, provenance: null }, { ...mine, provenance: null });
  assert.deepEqual([theirs.provenance.kind, theirs.provenance.unmatchedRows], ["predictions", 0]);
  assert.deepEqual(theirs.provenance.columns, { id: "id", score: "predicted_score" });
});

test("--comments are compared, under the parser's own name", async (t) => {
  const [data, out] = [await ratedFolder(t), join(await temporary(t), "out")];
  const answer = (file: string) => ({ ...answerOf(file), comment: "A beautiful soft light on a bridge." });
  const { stdout, asked } = await runEval(
    ["eval", "--data", data, "--out", out, "--resamples", "20", "--comments"],
    answer,
  );
  assert.equal(asked.options?.comments, true);
  assert.match(stdout, /\n24 comments: CIDEr 0\.\d{3}, CIDEr-D 0\.\d{3}, SPICE-lite \(own parser\) 0\.\d{3}\n$/);
  const { captions } = await readSummary(out);
  assert.equal(captions?.spice.parser, "SPICE-lite (own parser)");
  assert.ok((captions.spice.value ?? 0) > 0 && (captions.cider ?? 0) > 0);
});

test("wrong use is refused", async (t) => {
  const [data, folder] = [await ratedFolder(t), await temporary(t)];
  const file = join(folder, "predictions.csv");
  await writeFile(file, "id,score\np0,2\n");
  const cases: [argv: string[], code: number, message: RegExp][] = [
    [[], 2, /required option '--data/],
    [["--data", data, "--model", "m", "--predictions", file], 2, /--model and --predictions exclude one another/],
    [["--data", data, "--predictions", file, "--out", folder], 2, /would be replaced by the results/],
    [["--data", data, "--predictions", join(folder, "none.csv")], 3, /none\.csv does not exist/],
    [["--data", data, "--split", "train"], 4, /no picture in the split "train"; try --split all/],
    [["--data", data, "--split", "best"], 2, /Allowed choices are train, validation, test, all/],
    [["--data", data, "--resamples", "0"], 2, /Give a whole number from 1/],
    [["--data", join(folder, "none")], 3, /does not exist/],
  ];
  for (const [argv, code, message] of cases) {
    const ran = await runEval(["eval", ...argv]);
    assert.equal(ran.code, code, argv.join(" "));
    assert.match(ran.stderr, message);
    assert.deepEqual(ran.scored, []);
  }
});

test("rows of a predictions file that fit no picture, and scores off the scale, are noted", async (t) => {
  const [data, folder] = [await ratedFolder(t), await temporary(t)];
  const file = join(folder, "theirs.csv");
  await writeFile(file, `photo,q\n${Array.from({ length: 24 }, (_, i) => `p${i},${i * 4}`).join("\n")}\nstray,3\n`);
  const args = ["eval", "--data", data, "--predictions", file, "--resamples", "20", "--id-column", "photo", "--score-column", "q"]; // prettier-ignore
  const { code, stderr, stdout } = await runEval(args);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /note: of .*theirs\.csv, 1 of the rows belong to no picture of the test part, as stray\n/);
  assert.match(stderr, /note: 23 of 24 scores lie outside of 1 to 5; .*--predictions-scale/);
  assert.match(stdout, /24 of 24 pictures/);
  const scaled = await runEval([...args, "--predictions-scale", "0,100"]);
  assert.doesNotMatch(scaled.stderr, /outside/);
  for (const threshold of ["NaN", "1e999", "-Infinity", ""]) {
    const refused = await runEval(["eval", "--data", data, "--threshold", threshold]);
    assert.deepEqual([refused.code, refused.scored.length], [2, 0], threshold);
    assert.match(refused.stderr, /--threshold <score>' argument '.*' is invalid\. Give a number\.\n/);
  }
  const alone = await runEval(["eval", "--data", data, "--score-column", "q"]);
  assert.deepEqual([alone.code, alone.stderr.includes("go with --predictions")], [2, true]);
});

test("rated pictures without a file count as not scored, in every part of the result; with none there is an error", async (t) => {
  const [data, out] = [await ratedFolder(t), join(await temporary(t), "out")];
  for (const gone of ["p3.png", "p5.png"]) await rm(join(data, gone));
  const args = ["eval", "--data", data, "--out", out, "--resamples", "20", "--report"];
  const { code, stdout, stderr, scored } = await runEval([...args, "--json"]);
  assert.equal(code, 3);
  assert.equal(scored.length, 22);
  assert.match(stderr, /note: 2 of 24 rated pictures have no image file, as .*p3\.png; they count as not scored\n/);
  const summary = JSON.parse(stdout) as RunSummary;
  assert.deepEqual([summary.count, summary.scored, summary.failures], [24, 22, { FILE_NOT_FOUND: 2 }]);
  assert.equal(summary.provenance.missingImages, 2);
  const rows = await readTable(join(out, "predictions.csv"));
  assert.match(rows.find(({ id }) => id === "p5.png")?.error?.message ?? "", /looked for .*p5\.png/);
  assert.match(await readFile(join(out, "report.html"), "utf8"), /2 FILE_NOT_FOUND/);
  assert.equal((await runEval([...args, "--fresh", "--limit", "3"])).code, 0);
  for (let i = 0; i < 24; i++) await rm(join(data, `p${i}.png`), { force: true });
  const none = await runEval([...args, "--fresh"]);
  assert.equal(none.code, 4);
  assert.match(none.stderr, /Of the 24 rated pictures in the split "test" of Made up no file is there: looked for .*p0\.png\. Give their folder by --images/); // prettier-ignore
});

test("--predictions are evaluated without any picture, and with some", async (t) => {
  const [data, folder] = [await ratedFolder(t), await temporary(t)];
  const own = join(folder, "own");
  const ran = ["eval", "--data", data, "--resamples", "20", "--report"];
  await runEval([...ran, "--out", own]);
  await rm(join(data, "p3.png"));
  const theirs = [...ran, "--predictions", join(own, "predictions.csv")];
  const some = await runEval([...theirs, "--out", join(folder, "some")]);
  assert.equal(some.code, 0);
  assert.match(some.stderr, /note: 1 of 24 rated pictures have no image file, as .*p3\.png; they are evaluated by /);
  for (let i = 0; i < 24; i++) await rm(join(data, `p${i}.png`), { force: true });
  const none = await runEval([...theirs, "--out", join(folder, "none")]);
  assert.equal(none.code, 0, none.stderr);
  const [whole, ...others] = await Promise.all(["own", "some", "none"].map((name) => readSummary(join(folder, name))));
  for (const other of others) assert.deepEqual({ ...other, provenance: null }, { ...whole, provenance: null });
});

test("what is rated and was not predicted is said", async (t) => {
  const [data, folder] = [await ratedFolder(t), await temporary(t)];
  const lightless = (file: string) => ({ ...answerOf(file), attributes: {} });
  const { stderr } = await runEval(["eval", "--data", data, "--out", join(folder, "a"), "--resamples", "20"], lightless); // prettier-ignore
  assert.match(stderr, /note: rated, but not predicted: light\n/);
});

test("sets: the order of pairs, the best and the worst are in the summary, the table, the text and the page", async (t) => {
  const [data, out] = [await ratedFolder(t), join(await temporary(t), "out")];
  const labels = join(data, "labels.jsonl");
  const rows = (await readFile(labels, "utf8")).trimEnd().split("\n");
  const named = rows.map((row, i) => `${JSON.stringify({ ...(JSON.parse(row) as object), set: `s${i % 6}` })}\n`);
  await writeFile(labels, named.join(""));
  const { stdout } = await runEval(["eval", "--data", data, "--out", out, "--resamples", "50", "--report"]);
  assert.match(stdout, /\n6 sets of 24 pictures; intervals are over sets\n {2}order of 36 pairs \d\.\d{3} \[.*\]; by chance 0\.500/); // prettier-ignore
  assert.match(stdout, /\n {2}best of a set \d\.\d{3} \[.*\]; by chance 0\.250\n {2}worst of a set /);
  const { sets } = await readSummary(out);
  assert.deepEqual([sets?.sets, sets?.pictures, sets?.best.count], [6, 24, 6]);
  assert.equal((await readTable(join(out, "predictions.csv")))[1]?.set, "s1");
  assert.match(await readFile(join(out, "report.html"), "utf8"), /<h2[^>]*>Sets<\/h2>[^]*best of a set/);
});
