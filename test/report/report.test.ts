/** The report: what the page says, that it needs nothing else, and the command that writes it. */
import assert from "node:assert/strict";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { reportCommand } from "../../src/cli/eval/report.js";
import type { Model } from "../../src/engine/index.js";
import { html } from "../../src/html/index.js";
import { writeReport } from "../../src/report/write-report.js";
import { failureFor } from "../cli/support.js";
import { answerOf, ratedFolder, runEval, temporary } from "../eval/support.js";

const commands = { report: () => Promise.resolve(reportCommand) };

/** A run folder; the picture p3.png failed. */
async function evaluated(t: TestContext): Promise<{ data: string; out: string }> {
  const [data, out] = [await ratedFolder(t), join(await temporary(t), "out")];
  const answer = (file: string) =>
    file.endsWith("p3.png") ? { ...failureFor(file), error: { code: "IMAGE_BROKEN" as const, message: "<i>cut</i> & off" } } : answerOf(file); // prettier-ignore
  await runEval(["eval", "--data", data, "--out", out, "--resamples", "20", "--report"], answer);
  return { data, out };
}

/** A page with every run of white space as one blank. */
async function pageOf(file: string): Promise<string> {
  return (await readFile(file, "utf8")).replace(/\s+/g, " ");
}

test("eval --report writes a page with every section and chart, each with a title, a description and its figures", async (t) => {
  const { out } = await evaluated(t);
  const page = await pageOf(join(out, "report.html"));
  assert.match(page, /^<!doctype html> <html lang="en">/);
  assert.match(page, /<title>fake@0 on Made up<\/title>/);
  assert.match(page, /23 of 24 pictures of the test part, scores from 1 to 5\./);
  const sections = ["agreement", "attributes", "spread", "pictures", "parts", "provenance"];
  assert.deepEqual([...page.matchAll(/<h2 id="(\w+)"/g)].map(([, id]) => id), sections); // prettier-ignore
  assert.deepEqual([...page.matchAll(/<li><a href="#(\w+)"/g)].map(([, id]) => id), sections); // prettier-ignore
  const charts = [...page.matchAll(/<figure class="card" id="([\w-]+)">([\s\S]*?)<\/figure>/g)];
  assert.deepEqual(charts.map(([, id]) => id), ["scatter", "residuals", "distributions", "ratings", "calibration"]); // prettier-ignore
  for (const [, id = "", body = ""] of charts) {
    assert.ok(body.includes(`aria-labelledby="${id}-t ${id}-d"`) && body.includes(`<title id="${id}-t">`), id);
    assert.match(body, /<details> <summary>The figures as a table<\/summary>/, id);
    assert.ok(!/NaN|undefined|Infinity/.test(body), id);
  }
});

test("the page holds the pictures and asks for nothing else", async (t) => {
  const { out } = await evaluated(t);
  const page = await pageOf(join(out, "report.html"));
  assert.doesNotMatch(page, /<script|<link|https?:|url\(|@import|\son\w+=/);
  assert.match(page, /http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:;/);
  const sources = [...page.matchAll(/<img src="([^"]{0,40})/g)].map(([, source]) => source);
  assert.equal(sources.length, 32);
  assert.ok(sources.every((source) => source?.startsWith("data:image/jpeg;base64,")));
  assert.equal([...page.matchAll(/<img [^>]*alt="Picture p\d+\.png, (city|sea)"/g)].length, 32);
});

test("distances of the distributions, comments, and only what was scored too high under that title", async (t) => {
  const [data, folder] = [await ratedFolder(t), await temporary(t)];
  const [file, out] = [join(folder, "theirs.jsonl"), join(folder, "out")];
  const long = "a wide, calm view ".repeat(12);
  const rows = [
    { id: "p1.png", score: 9, distribution: [0, 0, 0, 1, 1], comment: "<i>Sharp</i>" },
    { id: "p2.png", score: 8, distribution: [0, 1, 1, 0, 0], comment: long },
  ];
  await writeFile(file, rows.map((row) => JSON.stringify(row)).join("\n"));
  await runEval(["eval", "--data", data, "--predictions", file, "--out", out, "--resamples", "20", "--report"]);
  const page = await pageOf(join(out, "report.html"));
  assert.match(page, /<dt>EMD<\/dt> <dd>0\.\d{3}<\/dd> <dd>KL /);
  assert.match(page, /<span class="said">&lt;i&gt;Sharp&lt;\/i&gt;<\/span>/);
  assert.ok(page.includes("calm view…") || page.includes("calm…") || /a wide, [^<]{100,140}…/.test(page));
  assert.ok(!page.includes(long) && page.includes("Scored too high") && !page.includes("Scored too low"));
});

test("failures stand on the page, with what they say as text", async (t) => {
  const { out } = await evaluated(t);
  const page = await pageOf(join(out, "report.html"));
  assert.match(page, /<b>Without a score: 1 of 24 pictures<\/b>, left out of the figures: 1 IMAGE_BROKEN\./);
  assert.match(page, /p3\.png: &lt;i&gt;cut&lt;\/i&gt; &amp; off/);
});

test("report: from the folder alone, curves of a training run, pictures that are gone", async (t) => {
  const { data, out } = await evaluated(t);
  const lines = Array.from({ length: 700 }, (_, i) => {
    const step = { type: "step", step: i + 1, loss: 2 / (i + 1), learningRate: 1e-4 };
    const validation = { type: "validation", step: i + 1, srcc: i / 700, mae: 1 };
    return `${JSON.stringify(step)}\n${(i + 1) % 100 === 0 ? `${JSON.stringify(validation)}\n` : ""}`;
  });
  await writeFile(join(out, "metrics.jsonl"), `${lines.join("")}{"type": "st`);
  await rm(join(data, "p1.png"));
  const file = join(out, "..", "page.html");
  const { code, stdout, stderr } = await runEval(["report", out, "--out", file, "--json"], answerOf, { commands });
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), { file, bytes: (await stat(file)).size });
  const page = await pageOf(file);
  assert.deepEqual([...page.matchAll(/id="training-(\w+)">/g)].map(([, id]) => id), ["loss", "srcc", "mae", "rate"]); // prettier-ignore
  assert.match(page, /From 2 at step 1 to 0\.002857 at step 700\./);
  assert.match(page, /<div class="no-picture">no picture<\/div>/);
});

test("the largest errors are explained by the model that was evaluated, and by no other", async (t) => {
  const { data, out } = await evaluated(t);
  const asked: string[] = [];
  const values = Float32Array.from({ length: 16 }, (_, i) => (i - 8) / 100);
  const facts = { method: "occlusion", of: null, score: 3, without: 2, scale: { min: 1, max: 5 }, replacement: "mean", columns: 4, rows: 4, photo: { width: 8, height: 8 }, evaluations: 9 } as const; // prettier-ignore
  const model = {
    name: "fake@0",
    explain: async (file: string) => {
      asked.push(file);
      return { file, model: "fake@0", values, ...facts };
    },
  } as unknown as Model;
  const done: number[] = [];
  const { file } = await writeReport(out, { explain: 3, model, onProgress: (count) => void done.push(count) });
  const page = await pageOf(file);
  assert.match(page, /<h2 id="explained"[^>]*>What moved the scores that are farthest off/);
  assert.equal([...page.matchAll(/<img src="data:image\/jpeg[^>]*alt="Picture p\d+\.png: blue parts lift/g)].length, 3);
  assert.deepEqual([done, asked.length], [[1, 2, 3], 3]);
  assert.ok(asked.every((one) => one.startsWith(data)));
  await assert.rejects(writeReport(out, { explain: 3, model: { ...model, name: "other@1" } }), /is of fake@0, and the model is other@1/); // prettier-ignore
  await assert.rejects(writeReport(out, { explain: 3 }), /Name it by --model/);
});

test("a folder that is no run, or was changed, is named", async (t) => {
  const { out } = await evaluated(t);
  const report = (folder: string) => runEval(["report", folder], answerOf, { commands });
  const none = await report(join(out, "none"));
  assert.equal(none.code, 3);
  assert.match(none.stderr, /summary\.json does not exist\. Give the folder that roc4mllm eval wrote/);
  await rm(join(out, "predictions.csv"));
  assert.match((await report(out)).stderr, /has no predictions\.csv or \.parquet/);
  await writeFile(join(out, "predictions.csv"), "a,b\n1,2\n");
  const changed = await report(out);
  assert.equal(changed.code, 4);
  assert.match(changed.stderr, /predictions\.csv is not the table that summary\.json was computed from/);
  const summary = await readFile(join(out, "summary.json"), "utf8");
  await writeFile(join(out, "summary.json"), summary.replace('"scored": 23', '"scored": "many"'));
  const wrong = await report(out);
  assert.equal(wrong.code, 4);
  assert.match(wrong.stderr, /summary\.json: scored: /);
});

test("what is put into a template is escaped, markup and lists of it are not", () => {
  const cell = html`<td>${"<b>&\"'"}</td>`;
  assert.equal(html`<tr title="${'"'}">${[cell, false, null, undefined, 3]}</tr>`.text, '<tr title="&quot;"><td>&lt;b&gt;&amp;&quot;&#39;</td>3</tr>'); // prettier-ignore
});
