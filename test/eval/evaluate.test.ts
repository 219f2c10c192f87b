/** `evaluate()`, `compareRuns()` and `writeReport()` as a program calls them, with a made-up model. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  compareRuns,
  evaluate,
  writeReport,
  type EvaluateOptions,
  type EvaluationProgress,
  type EvaluationSpec,
} from "../../src/index.js";
import { writeTrainedOn } from "../../src/data/trained-on.js";
import type { Model } from "../../src/engine/index.js";
import { readSummary, readTable } from "../../src/eval/index.js";
import { fakeEngine, type Asked } from "../cli/support.js";
import { answerOf, RATED, ratedData, ratedFolder, temporary } from "./support.js";

interface Made {
  readonly options: EvaluateOptions & { readonly open: NonNullable<EvaluateOptions["open"]> };
  readonly scored: string[];
  readonly asked: Asked;
  readonly progress: EvaluationProgress[];
}

/** A made-up model, and everything that is reported. */
function made(origin: Partial<Model> = {}, answer = answerOf): Made {
  const [scored, progress]: [string[], EvaluationProgress[]] = [[], []];
  const asked: Asked = { disposed: false };
  const engine = fakeEngine(
    (file) => {
      assert.equal(asked.disposed, false, "a model that is gone was asked");
      scored.push(file);
      return answer(file);
    },
    asked,
    origin,
  );
  const onProgress = (one: EvaluationProgress): void => void progress.push(one);
  return { options: { open: (folder, how) => engine.load(folder, how), onProgress }, scored, asked, progress };
}

async function folders(t: TestContext): Promise<{ data: string; out: string; folder: string }> {
  const [data, folder] = [await ratedFolder(t), await temporary(t)];
  return { data, out: join(folder, "out"), folder };
}

test("evaluate: the result is what the files hold, and every picture and note is reported", async (t) => {
  const { data, out } = await folders(t);
  const { options, asked, progress } = made();
  const spec = { data, model: "somewhere", load: { dtype: "bfloat16" }, out, resamples: 20, report: true } as const;
  const { folder, summary, predictions, notes } = await evaluate(spec, options);
  assert.equal(folder, out);
  assert.deepEqual((await readdir(out)).sort(), ["predictions.csv", "report.html", "summary.json"]);
  assert.deepEqual(JSON.parse(JSON.stringify(summary)), await readSummary(out));
  assert.deepEqual(predictions, await readTable(join(out, "predictions.csv")));
  assert.deepEqual([asked.folder, asked.loaded?.dtype, asked.disposed], ["somewhere", "bfloat16", true]);
  const counts = progress.flatMap((one) => (one.type === "scored" ? [[one.done, one.total]] : []));
  assert.deepEqual(counts, Array.from({ length: RATED + 1 }, (_, done) => [done, RATED])); // prettier-ignore
  assert.match(notes.join("\n"), /^comments of 24 pictures are not compared/);
  assert.deepEqual(progress.flatMap((one) => (one.type === "note" ? [one.text] : [])), notes); // prettier-ignore
});

test("evaluate: what a signal stopped, the same call resumes, to the same files", async (t) => {
  const { data, out, folder } = await folders(t);
  const spec = { data, out, resamples: 20 };
  const whole = await evaluate({ ...spec, out: join(folder, "whole") }, made().options);
  const controller = new AbortController();
  const first = made();
  const stopping = (one: EvaluationProgress): void => {
    if (one.type === "scored" && one.done === 9) controller.abort();
  };
  const stopped = evaluate(spec, { ...first.options, signal: controller.signal, onProgress: stopping });
  await assert.rejects(stopped, { code: "ABORTED" });
  assert.equal(first.asked.disposed, true);
  assert.deepEqual(await readdir(out), ["predictions.partial.jsonl"]);
  const second = made();
  const { summary, predictions } = await evaluate(spec, second.options);
  assert.equal(second.scored.length, RATED - 9);
  assert.deepEqual(second.progress[1], { type: "scored", done: 10, total: RATED });
  assert.deepEqual({ ...summary, provenance: null }, { ...whole.summary, provenance: null });
  assert.deepEqual(predictions, whole.predictions);
  await assert.rejects(evaluate({ ...spec, out: join(folder, "none") }, { signal: AbortSignal.abort() }), { code: "ABORTED" }); // prettier-ignore
});

test("evaluate: a folder of other settings is neither resumed nor replaced, unless fresh", async (t) => {
  const { data, out } = await folders(t);
  const spec: EvaluationSpec = { data, out, resamples: 20 };
  await evaluate(spec, made({ digest: "a".repeat(64) }).options);
  const before = await readFile(join(out, "summary.json"), "utf8");
  const changed: [EvaluationSpec, Partial<Model>, RegExp][] = [
    [spec, { digest: "b".repeat(64) }, /checkpoint was "a{64}", now "b{64}"/],
    [{ ...spec, limit: 5 }, { digest: "a".repeat(64) }, /limit was not set, now 5/],
    [{ ...spec, split: "all" }, { digest: "a".repeat(64) }, /split was "test", now "all"/],
    [{ ...spec, comments: true }, { digest: "a".repeat(64) }, /comments was false, now true/],
  ];
  for (const [other, origin, message] of changed) {
    const { options, scored } = made(origin);
    await assert.rejects(evaluate(other, options), { code: "USAGE", message });
    assert.deepEqual(scored, []);
  }
  assert.equal(await readFile(join(out, "summary.json"), "utf8"), before);
  const fresh = await evaluate({ ...spec, fresh: true, limit: 5 }, made({ digest: "b".repeat(64) }).options);
  assert.deepEqual([fresh.summary.count, fresh.predictions.length], [5, 5]);
});

test("evaluate: a loaded model and a data set that was read; the model stays the caller's", async (t) => {
  const { data, out, folder } = await folders(t);
  const { options, asked } = made({ digest: "a".repeat(64) });
  const model = await options.open("", {});
  const { summary } = await evaluate({ data: await ratedData(data), model, out, resamples: 20 });
  assert.equal(asked.disposed, false);
  assert.deepEqual([summary.scored, summary.provenance.data, summary.provenance.folder], [RATED, "Made up", data]);
  // Live parts have no digest: what another model predicted looks the same.
  const live = await made().options.open("", {});
  const out2 = join(folder, "live");
  await mkdir(out2);
  await writeFile(join(out2, "predictions.partial.jsonl"), "");
  const spec = { data, model: live, out: out2, resamples: 20 };
  await assert.rejects(evaluate(spec), {
    code: "USAGE",
    message: /live parts cannot be told from another\. .*--fresh/,
  });
  assert.equal((await evaluate({ ...spec, fresh: true })).summary.scored, RATED);
});

test("evaluate: pictures that the checkpoint was trained on are noted", async (t) => {
  const { data, out } = await folders(t);
  const { samples } = await ratedData(data);
  const sizes = await Promise.all(samples.slice(0, 3).map(async ({ image }) => ({ bytes: (await stat(image)).size })));
  const checkpoint = await temporary(t);
  await writeTrainedOn(checkpoint, samples.slice(0, 3), sizes);
  const { notes } = await evaluate({ data, out, resamples: 20 }, made({ folder: checkpoint }).options);
  assert.match(notes[0] ?? "", /^the checkpoint was trained on 3 of these 24 pictures: figures are better/);
});

test("evaluate: another system's predictions need no pictures and no model", async (t) => {
  const { data, out, folder } = await folders(t);
  for (let i = 0; i < RATED; i++) await rm(join(data, `p${i}.png`));
  const file = join(folder, "theirs.csv");
  await writeFile(file, `photo,q\n${Array.from({ length: RATED }, (_, i) => `p${i},${i / 6 + 1}`).join("\n")}\n`);
  const { options, progress, asked } = made();
  const spec = { data, predictions: file, idColumn: "photo", scoreColumn: "q", out, resamples: 20 };
  const { summary } = await evaluate(spec, options);
  assert.deepEqual([summary.provenance.kind, summary.scored, asked.folder], ["predictions", RATED, undefined]);
  assert.deepEqual(progress.find(({ type }) => type === "columns"), { type: "columns", file, id: "photo", score: "q" }); // prettier-ignore
  assert.ok(!progress.some(({ type }) => type === "scored"));
});

test("evaluate: a spec that is not as documented is refused, naming the field, before anything is read", async () => {
  const none = { data: "no such folder" };
  const cases: [object, RegExp][] = [
    [{}, /evaluate\(\): data: give the folder of a data set/],
    [{ ...none, resamples: 0 }, /resamples: .*>=1/],
    [{ ...none, resamples: 1.5 }, /resamples: /],
    [{ ...none, seed: -1 }, /seed: .*>=0/],
    [{ ...none, seed: 2 ** 53 }, /seed: /],
    [{ ...none, limit: NaN }, /limit: /],
    [{ ...none, threshold: Infinity }, /threshold: /],
    [{ ...none, split: "best" }, /split: .*"test"/],
    [{ ...none, format: "xlsx" }, /format: .*"csv"/],
    [
      { ...none, predictions: "p.csv", predictionsScale: { min: 5, max: 1 } },
      /predictionsScale: min must be below max/,
    ],
    [{ ...none, scoreColum: "q" }, /scoreColum/],
    [{ ...none, model: "m", predictions: "p.csv" }, /--model and --predictions exclude one another/],
    [{ ...none, predictions: "p.csv", load: { dtype: "bfloat16" } }, /--dtype go with --model/],
    [{ ...none, scoreColumn: "q" }, /--score-column .* go with --predictions/],
    [{ ...none, onnxSettings: { size: [2, 2] } }, /go with --onnx/],
  ];
  for (const [spec, message] of cases) {
    const found = await evaluate(spec as EvaluationSpec).catch((error: unknown) => error);
    assert.equal((found as { code?: string }).code, "USAGE", JSON.stringify(spec));
    assert.match((found as Error).message, message);
  }
  await assert.rejects(evaluate(none), { code: "FILE_NOT_FOUND" });
});

test("compareRuns: figures with p, and what is not the same about the data", async (t) => {
  const { data, folder } = await folders(t);
  const [a, b] = [join(folder, "a"), join(folder, "b")];
  await evaluate({ data, out: a, resamples: 20 }, made().options);
  const worse = (file: string) => ({ ...answerOf(file), score: 5 });
  await evaluate({ data, out: b, resamples: 20, limit: 20, split: "all" }, made({}, worse).options);
  const { count, leftOut, differences, mismatches } = await compareRuns(a, b, { resamples: 20 });
  assert.deepEqual([count, leftOut], [20, RATED - 20]);
  assert.ok(differences.mae && differences.mae.p > 0 && differences.srcc === null);
  assert.deepEqual(mismatches.slice(0, 2), ['split "test" and "all"', "limit null and 20"]);
  assert.deepEqual((await compareRuns(a, a, { score: "light", resamples: 20 })).mismatches, []);
  await assert.rejects(compareRuns(a, b, { resamples: 0 }), { code: "USAGE", message: /compareRuns\(\): resamples: / });
  await assert.rejects(compareRuns(a, join(folder, "none")), { code: "FILE_NOT_FOUND" });
});

test("writeReport: a page of the folder, its size; a signal ends it as ABORTED", async (t) => {
  const { data, out, folder } = await folders(t);
  await evaluate({ data, out, resamples: 20 }, made().options);
  const page = join(folder, "page.html");
  const { file, bytes } = await writeReport(out, { out: page });
  assert.deepEqual([file, bytes], [page, (await stat(page)).size]);
  assert.equal((await writeReport(out)).file, join(out, "report.html"));
  await assert.rejects(writeReport(out, { signal: AbortSignal.abort() }), { code: "ABORTED" });
});
