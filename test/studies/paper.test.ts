/** The paper's tables as data, our runs beside them, what is missing; and the leaderboard. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { parse } from "csv-parse/sync";
import { leaderboardCommand } from "../../src/cli/studies/leaderboard.js";
import { reproduceCommand } from "../../src/cli/studies/reproduce.js";
import { TABLES } from "../../src/studies/paper/published.js";
import { parseCell } from "../../src/studies/paper/types.js";
import type { RunSummary } from "../../src/eval/index.js";
import { answerOf, ratedFolder, runEval, temporary } from "../eval/support.js";

const commands = {
  reproduce: () => Promise.resolve(reproduceCommand),
  leaderboard: () => Promise.resolve(leaderboardCommand),
};
const run = (...argv: string[]) => runEval(argv, answerOf, { commands });

test("every table has a cell a column, each of a table's form, under the paper's captions", () => {
  assert.deepEqual(TABLES.map(({ name, rows, columns }) => [name, rows.length, columns.length]), [
    ["table1", 16, 3], ["table2", 11, 4], ["table3", 10, 4], ["table4", 18, 10], ["table5", 14, 5], ["table6", 3, 4],
  ]); // prettier-ignore
  for (const { rows, columns, name } of TABLES) {
    for (const { cells, label } of rows) {
      assert.equal(cells.length, columns.length, `${name}, ${label}`);
      for (const { value } of cells.map(parseCell)) assert.ok(value === null || (value > 0 && value < 1), `${name}, ${label}`); // prettier-ignore
    }
  }
  assert.equal(TABLES[5]?.caption, "Ablation studies on AVA and ICAA17K.");
  assert.throws(() => parseCell("0,5"), /no cell of a table: 0,5/);
});

test("the figures are the printed ones: known cells, and a digest of all", () => {
  const cell = (table: number, label: string, k: number, metric?: string) =>
    parseCell(TABLES[table - 1]?.rows.find((row) => row.label === label && row.metric === metric)?.cells[k] ?? "");
  assert.deepEqual(cell(1, "ROC4MLLM (Ours)", 2), { text: "0.319", value: 0.319, bold: true });
  assert.deepEqual(cell(1, "CALM (AAAI 2025)", 2), { text: "-", value: null, bold: false });
  assert.equal(cell(2, "QAligns (ICML 2024)", 2).value, 0.761);
  assert.equal(cell(3, "AesMamba (ACMMM 2024)", 3).value, 0.774);
  assert.equal(cell(4, "ROC4MLLM (Ours)", 1, "srcc").value, 0.61);
  assert.equal(cell(4, "MAINet (ACMMM 2024)", 1, "srcc").bold, true);
  assert.deepEqual(parseCell("0.895 (-4.3%)"), { text: "0.895 (-4.3%)", value: 0.895, bold: false, change: "-4.3%" });
  assert.equal(cell(6, "Regression w/o Loss Decoupling", 3).value, 0.88);
  const all = TABLES.map(({ rows }) => rows.map(({ label, cells }) => [label, ...cells]));
  // Of a state that equalled the paper's text cell by cell.
  assert.equal(createHash("sha256").update(JSON.stringify(all)).digest("hex").slice(0, 12), "28515bcc2714");
});

interface RunOf {
  readonly data: string;
  readonly strategy: string;
  readonly family?: string;
  readonly studio?: boolean;
  readonly date?: string;
  readonly limit?: number;
}

/** A folder of run folders whose figures are those of a made-up model, said to be of other data sets and strategies. */
async function runsFolder(t: TestContext, runs: Readonly<Record<string, RunOf>>): Promise<string> {
  const folder = join(await temporary(t), "runs");
  await mkdir(folder);
  const out = join(await temporary(t), "one");
  await runEval(["eval", "--data", await ratedFolder(t), "--out", out, "--resamples", "50"]);
  const summary = JSON.parse(await readFile(join(out, "summary.json"), "utf8")) as RunSummary;
  for (const [name, { data, strategy, family = "mplug_owl2", studio = false, date, limit }] of Object.entries(runs)) {
    await cp(out, join(folder, name), { recursive: true });
    const method = { family, strategy, prompt: "<image>", answer: "{overall}" };
    const provenance = { ...summary.provenance, data, method, studio, ...(date && { date }), ...(limit && { limit }) };
    await writeFile(join(folder, name, "summary.json"), JSON.stringify({ ...summary, provenance }));
  }
  return folder;
}

interface JsonCell {
  readonly published: number | null;
  readonly ours: { readonly value: number; readonly low: number; readonly high: number; readonly run: string } | null;
  readonly difference: number | null;
  readonly needs: string | null;
}
interface JsonTable {
  readonly studio: boolean;
  readonly rows: readonly { readonly method: string; readonly cells: readonly JsonCell[] }[];
  readonly needs: readonly { readonly mark: string; readonly text: string; readonly command: string | null }[];
}

async function json(...argv: string[]): Promise<JsonTable> {
  const { code, stdout, stderr } = await run(...argv, "--json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as JsonTable;
}

test("runs are found by what their summaries say; the latest counts; the rest is noted", async (t) => {
  const folder = await runsFolder(t, {
    old: { data: "AVA", strategy: "roc", date: "2026-01-01" },
    recent: { data: "AVA", strategy: "roc", date: "2026-02-01" },
    coupled: { data: "ICAA17K", strategy: "coupled" },
    part: { data: "AVA", strategy: "direct", limit: 10 },
    copy: { data: "AVA", strategy: "direct", studio: true },
    other: { data: "Holidays", strategy: "roc" },
  });
  const { stdout, stderr } = await run("reproduce", "table6", "--runs", folder, "--json");
  assert.match(
    stderr,
    /^note: .*other is of no data set of the paper.*\nnote: .*part is of no data set.*\nnote: 1 of 4 runs are left out, being on the studio's synthetic copies.*\n$/,
  );
  const { rows, needs } = JSON.parse(stdout) as JsonTable;
  const [baseline, without, ours] = rows;
  assert.deepEqual(baseline?.cells.map((cell) => cell.ours), [null, null, null, null]); // prettier-ignore
  assert.deepEqual(without?.cells.map((cell) => cell.ours?.run.split("/").at(-1)), [undefined, undefined, "coupled", "coupled"]); // prettier-ignore
  const [cell] = ours?.cells ?? [];
  assert.match(cell?.ours?.run ?? "", /recent$/);
  assert.ok(cell?.ours && cell.ours.low <= cell.ours.value && cell.ours.value <= cell.ours.high);
  assert.ok(Math.abs((cell.difference ?? NaN) - (cell.ours.value - 0.833)) < 1e-12);
  assert.deepEqual(needs.map(({ text }) => text), [
    'AVA, and a checkpoint of mPLUG-Owl2 trained there by the strategy "direct"',
    'ICAA17K, and a checkpoint of mPLUG-Owl2 trained there by the strategy "direct"',
    'AVA, and a checkpoint of mPLUG-Owl2 trained there by the strategy "coupled"',
    'ICAA17K, and a checkpoint of mPLUG-Owl2 trained there by the strategy "roc"',
  ]); // prettier-ignore
  assert.equal(needs[0]?.command, "roc4mllm eval --data AVA/ --model CHECKPOINT --out RUNS/ava-mplug_owl2-direct");
});

test("--studio takes the synthetic copies' runs only, and makes no difference to the published", async (t) => {
  const folder = await runsFolder(t, {
    real: { data: "AVA", strategy: "roc" },
    copy: { data: "AVA", strategy: "roc", studio: true, family: "llava" },
    studio: { data: "studio", strategy: "direct", family: "llava" },
  });
  const table = await json("reproduce", "table6", "--runs", folder, "--studio", "--backbone", "llava");
  const cells = table.rows.map(({ cells: [first] }) => first);
  assert.deepEqual(cells.map((cell) => cell?.ours?.run.split("/").at(-1)), ["studio", undefined, "copy"]); // prettier-ignore
  assert.deepEqual(cells.map((cell) => cell?.difference), [null, null, null]); // prettier-ignore
  assert.match(table.needs[1]?.text ?? "", /AVA \(the studio's synthetic copy\), and a checkpoint of LLaVA 1\.5/);
  assert.match(table.needs[1]?.command ?? "", /--data STUDIO\/ava\//);
  const { stdout } = await run("reproduce", "table6", "--runs", folder, "--studio", "--backbone", "llava");
  assert.match(
    stdout,
    /Ours: on the studio's synthetic copies of the data sets, which do not compare.*LLaVA 1\.5 instead of mPLUG-Owl2\.\n/,
  );
});

test("attributes and a registry; a figure that a run lacks is named", async (t) => {
  const folder = await runsFolder(t, {
    para: { data: "PARA", strategy: "roc" },
    own: { data: "my AADB", strategy: "direct" },
  });
  const summary = JSON.parse(await readFile(join(folder, "para", "summary.json"), "utf8")) as RunSummary;
  const attributes = { compositionScore: summary.attributes["light"], colorScore: summary.attributes["light"] };
  await writeFile(join(folder, "para", "summary.json"), JSON.stringify({ ...summary, attributes }));
  const registry = { runs: [{ dataset: "para", backbone: "mplug_owl2", strategy: "roc", folder: "para" }, { dataset: "aadb", method: "musiq", folder: "own" }] }; // prettier-ignore
  await writeFile(join(folder, "runs.json"), JSON.stringify(registry));
  const { rows, needs } = await json("reproduce", "table4", "--runs", folder);
  const [plccRow, srccRow] = rows.slice(-2);
  const at = (cells: readonly JsonCell[] | undefined) => cells?.slice(6).map(({ ours }) => ours?.value);
  const { plcc, srcc } = summary.attributes["light"] ?? {};
  assert.deepEqual(at(plccRow?.cells), [plcc?.value, plcc?.value, undefined, undefined]);
  assert.deepEqual(at(srccRow?.cells), [srcc?.value, srcc?.value, undefined, undefined]);
  assert.match(needs.find(({ mark }) => mark === plccRow?.cells[8]?.needs)?.text ?? "", /para has no DoF \(dofScore\)/);
  const holistic = await json("reproduce", "table3", "--runs", join(folder, "runs.json"));
  const musiq = holistic.rows.find(({ method }) => method.startsWith("MUSIQ"));
  assert.deepEqual(musiq?.cells.map(({ ours }) => ours?.value), [undefined, undefined, summary.overall.srcc?.value, summary.overall.plcc?.value]); // prettier-ignore
});

test("classical systems are found by their names, an attribute by the run that took it for the score", async (t) => {
  const system = { strategy: "outputs" };
  const folder = await runsFolder(t, {
    "aadb-nima": { data: "AADB", family: "nima", ...system },
    "aadb-musiq": { data: "AADB", family: "musiq", ...system },
    "aadb-musiq-Light": { data: "AADB, Light", family: "musiq", ...system },
    "ava-direct-q-instruct": { data: "AVA", family: "llava", strategy: "direct" },
  });
  const file = join(folder, "aadb-nima", "summary.json");
  const summary = JSON.parse(await readFile(file, "utf8")) as RunSummary;
  await writeFile(file, JSON.stringify({ ...summary, attributes: { Light: summary.attributes["light"] } }));
  const holistic = await json("reproduce", "table3", "--runs", folder, "--only", "NIMA", "musiq", "EAT");
  const runs = (cells: readonly JsonCell[] | undefined) => cells?.map(({ ours }) => ours?.run.split("/").at(-1));
  assert.deepEqual(holistic.rows.map(({ cells }) => runs(cells)), [
    [undefined, undefined, "aadb-nima", "aadb-nima"],
    [undefined, undefined, "aadb-musiq", "aadb-musiq"],
    [undefined, undefined, undefined, undefined],
  ]); // prettier-ignore
  const attributes = await json("reproduce", "table4", "--runs", folder, "--only", "nima", "musiq");
  const light = attributes.rows.map(({ cells }) => cells[2]?.ours);
  const own = summary.attributes["light"];
  assert.deepEqual(light.map((ours) => [ours?.value, ours?.run.split("/").at(-1)]), [
    [own?.plcc?.value, "aadb-nima"], [own?.srcc?.value, "aadb-nima"],
    [summary.overall.plcc?.value, "aadb-musiq-Light"], [summary.overall.srcc?.value, "aadb-musiq-Light"],
  ]); // prettier-ignore
  const table1 = await json("reproduce", "table1", "--runs", folder);
  const filled = table1.rows.filter(({ cells }) => cells.some(({ ours }) => ours)).map(({ method }) => method);
  assert.deepEqual(filled, ["Q-Instruct (CVPR 2024)"], "a published fine-tune fills no row of its base");
  const needs = table1.needs.map(({ text, command }) => `${text} | ${command}`).join("\n");
  assert.match(needs, /or NIMA trained there \| roc4mllm reproduce table1 --run --only "NIMA" --data DATA/);
  assert.match(needs, /CALM has neither public code nor public weights/);
  assert.match(needs, /begun as AesExpert \| .*-aes-expert/);
  const unknown = await run("reproduce", "table1", "--runs", folder, "--only", "Kong");
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /--only.*table1 has no row of Kong; its methods are NIMA, BIAA/);
  const board = await run("leaderboard", "--dataset", "aadb", "--runs", folder);
  assert.equal([...board.stdout.matchAll(/^ .*\*/gm)].length, 2, "runs of an attribute are of no overall score");
});

test("a run lacks its data set: a note names the folder; a folder that is named and is none ends the command", async (t) => {
  const folder = await temporary(t);
  await mkdir(join(folder, "data", "AADB"), { recursive: true });
  const making = ["reproduce", "table3", "--run", "--work", join(folder, "work"), "--json"];
  const { code, stdout, stderr } = await run(...making, "--data", join(folder, "data"), "--only", "NIMA", "MUSIQ");
  assert.equal(code, 0, stderr);
  assert.equal((JSON.parse(stdout) as { rows: unknown[] }).rows.length, 2);
  const notes = stderr.split("\n").filter((line) => line.startsWith("note: "));
  assert.equal(notes.length, 3, stderr);
  assert.match(notes[0] ?? "", /^note: The runs on PARA are left out: .*data\/PARA is not there \(--data FOLDER/);
  assert.match(notes[1] ?? "", /aadb-nima is left out: NIMA begins with weights\//);
  for (const option of ["--data", "--weights"]) {
    const refused = await run(...making, option, join(folder, "nowhere"), "--only", "NIMA");
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, new RegExp(`\\(${option}\\): there is no folder .*nowhere`));
  }
});

test("on the studio a published fine-tune is not made, and its row says why, as that of a method without code", async (t) => {
  const work = await temporary(t);
  const making = ["reproduce", "table1", "--studio", "--run", "--work", work, "--only", "Q-Instruct", "CALM"];
  const { code, stdout, stderr } = await run(...making);
  assert.equal(code, 0, stderr);
  const why = "begins with published weights, of which the studio has no small ones";
  assert.match(stderr, new RegExp(`note: Q-Instruct is left out: it ${why}; its predictions fill the row`));
  assert.match(stderr, /note: CALM is left out: it has neither/);
  assert.match(stdout, new RegExp(`begun as Q-Instruct: Q-Instruct ${why}`));
});

test("a registry's entry that its folder contradicts is refused by name, not put into a cell of another", async (t) => {
  const folder = await runsFolder(t, {
    para: { data: "PARA", strategy: "roc" },
    part: { data: "PARA", strategy: "roc", limit: 5 },
    copy: { data: "PARA", strategy: "roc", studio: true },
  });
  const para = { dataset: "para", backbone: "mplug_owl2", strategy: "roc", folder: "para" };
  for (const [entry, why] of [
    [{ ...para, dataset: "aadb" }, /its data set is PARA, not AADB/],
    [{ ...para, strategy: "level" }, /its strategy is roc, not level/],
    [{ ...para, backbone: "llava" }, /its backbone is mplug_owl2, not llava/],
    [{ ...para, folder: "part" }, /of the first 5 pictures only/],
    [{ ...para, folder: "copy" }, /it is of the studio's synthetic copy \("studio": true\)/],
    [{ ...para, studio: true }, /it is not of the studio's synthetic copy/],
  ] as const) {
    await writeFile(join(folder, "runs.json"), JSON.stringify({ runs: [entry] }));
    for (const command of [["reproduce", "table4"], ["leaderboard"]]) {
      const { code, stderr } = await run(...command, "--runs", folder);
      assert.equal(code, 4, stderr);
      assert.match(stderr, /runs\.json: the run folder .* fits no such cell/);
      assert.match(stderr, why);
    }
  }
  const summary = JSON.parse(await readFile(join(folder, "para", "summary.json"), "utf8")) as RunSummary;
  const provenance = { ...summary.provenance, split: "train" };
  await writeFile(join(folder, "para", "summary.json"), JSON.stringify({ ...summary, provenance }));
  await writeFile(join(folder, "runs.json"), JSON.stringify({ runs: [para] }));
  assert.match((await run("reproduce", "table4", "--runs", folder)).stderr, /the split "train", not "test"/);
});

test("text, CSV and LaTeX say the same", async (t) => {
  const folder = await runsFolder(t, { ava: { data: "AVA", strategy: "roc" } });
  const table = await json("reproduce", "table1", "--runs", folder);
  const { ours, difference } = table.rows.at(-1)?.cells[0] ?? {};
  assert.ok(ours && typeof difference === "number");
  const text = (await run("reproduce", "table1", "--runs", folder)).stdout;
  assert.match(text, /^Table 1: Comparison of 16 methods on the AVA dataset/);
  const sign = difference < 0 ? "−" : "+";
  const [value, change] = [ours.value.toFixed(3), Math.abs(difference).toFixed(3)];
  assert.ok(text.includes(`\n  ours                  ${value} ${sign}${change}  `), text);
  assert.ok(text.includes(`[${ours.low.toFixed(3)}, ${ours.high.toFixed(3)}]`));
  assert.match(text, /\nROC4MLLM \(Ours\) +0\.833\* +0\.832\* +0\.319\*\n/);
  assert.match(text, /\n\(a\) needs AVA, and the method's ONNX file or its predictions/);
  const csv = parse<Record<string, string>>((await run("reproduce", "table1", "--runs", folder, "--csv")).stdout, { columns: true }); // prettier-ignore
  assert.equal(csv.length, 16 * 3);
  const line = csv.find(({ method, metric }) => method === "ROC4MLLM (Ours)" && metric === "srcc");
  assert.deepEqual([line?.["published"], Number(line?.["ours"]), line?.["needs"]], ["0.833", ours.value, ""]);
  const latex = (await run("reproduce", "table1", "--runs", folder, "--latex")).stdout;
  assert.match(
    latex,
    /ROC4MLLM \(Ours\) & \\textbf\{0\.833\} & \\textbf\{0\.832\} & \\textbf\{0\.319\} \\\\\n\\quad ours & /,
  );
  assert.ok(latex.includes(`\\quad ours & ${value} ($${sign.replace("−", "-")}${change}$) {\\scriptsize [`), latex);
  assert.match(latex, /\\caption\{Comparison of 16 methods/);
  assert.equal([...latex.matchAll(/\\begin\{(\w+)\}/g)].length, [...latex.matchAll(/\\end\{(\w+)\}/g)].length);
  assert.doesNotMatch(latex, /[↑↓−%]|(?<!\\)_/u);
});

test("comments: an own parser's SPICE bears its name and makes no difference", async (t) => {
  const folder = await runsFolder(t, { written: { data: "AVA-Captions", strategy: "roc" } });
  const file = join(folder, "written", "summary.json");
  const summary = JSON.parse(await readFile(file, "utf8")) as RunSummary;
  const captions = { count: 3, cider: 0.2, ciderD: 0.08, spice: { parser: "SPICE-lite (own parser)", value: 0.07 } };
  await writeFile(file, JSON.stringify({ ...summary, captions }));
  const { rows } = await json("reproduce", "table5", "--runs", folder);
  const filled = rows.filter(({ cells }) => cells.some(({ ours }) => ours));
  assert.equal(filled.length, 1, "the row with comments, not the one without");
  const [cider, spice] = filled[0]?.cells.slice(3) ?? [];
  assert.deepEqual([cider?.ours?.value, cider?.ours?.low], [0.08, null]);
  assert.ok(Math.abs((cider?.difference ?? NaN) + 0.005) < 1e-12);
  assert.deepEqual(spice?.ours, { value: 0.07, low: null, high: null, run: join(folder, "written"), by: "SPICE-lite (own parser)" }); // prettier-ignore
  assert.equal(spice.difference, null);
});

test("the leaderboard: sorted, with sources, ours marked, the studio's left out", async (t) => {
  const folder = await runsFolder(t, {
    ava: { data: "AVA", strategy: "roc" },
    copy: { data: "AVA", strategy: "direct", studio: true },
  });
  const { stdout, stderr } = await run("leaderboard", "--dataset", "ava", "--runs", folder);
  assert.match(stderr, /note: 1 of \d runs are left out, being on the studio's synthetic copies of the data sets\n/);
  assert.match(stdout, /^AVA\n/);
  assert.match(stdout, /\n {2}3 ROC4MLLM +0\.833 +0\.832 +0\.319 +ROC4MLLM, AAAI 2026, Table 1\n/);
  assert.match(stdout, / 1 RvTC with Qwen2-VL-2B .*second-hand, not checked at the source/);
  assert.equal([...stdout.matchAll(/mplug_owl2, roc \* +-?0\.\d{3} \[-?0\.\d{3}, -?0\.\d{3}\]/g)].length, 1);
  assert.doesNotMatch(stdout, /direct/);
  const all = JSON.parse((await run("leaderboard", "--json")).stdout) as Record<
    string,
    { srcc: number; source: string }[]
  >;
  assert.deepEqual(Object.entries(all).map(([name, entries]) => [name, entries.length]), [["ava", 26], ["tad66k", 10], ["icaa17k", 9], ["para", 10], ["aadb", 10]]); // prettier-ignore
  for (const entries of Object.values(all)) {
    assert.deepEqual(
      entries,
      entries.toSorted((a, b) => b.srcc - a.srcc),
    );
    assert.ok(entries.every(({ source }) => source.length > 5));
  }
});

test("wrong use is refused", async (t) => {
  const folder = await temporary(t);
  await writeFile(join(folder, "runs.json"), '{"runs": [{"dataset": "ava", "folder": "x"}]}');
  for (const [argv, code, message] of [
    [["reproduce", "table7"], 2, /There is no table7; give one of table1, table2/],
    [["reproduce", "table1", "--json", "--latex"], 2, /cannot be used with/],
    [["reproduce", "table1", "--backbone", "gpt"], 2, /Allowed choices are mplug_owl2, llava, qwen2_vl/],
    [["reproduce", "table1", "--runs", join(folder, "none")], 3, /none \(--runs\) cannot be read/],
    [["reproduce", "table1", "--runs", folder], 4, /runs\.json: runs\.0: needs a method, or a backbone and a strategy/],
    [["leaderboard", "--dataset", "cifar"], 2, /Allowed choices are ava, tad66k/],
  ] as const) {
    const ran = await run(...argv);
    assert.equal(ran.code, code, argv.join(" "));
    assert.match(ran.stderr, message);
  }
});
