/** The table of `score`, its bar, and texts cut to columns of the terminal. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { plannedText } from "../../src/cli/studies/reproduce.js";
import type { PlannedRun } from "../../src/studies/paper/spec.js";
import { summaryText } from "../../src/cli/eval/summary-text.js";
import { ScoreTable, barParts, formatValue, wantsColors } from "../../src/cli/shared/table.js";
import { summaryLine } from "../../src/cli/shared/summary-line.js";
import { padEnd, printable, textWidth, truncateMiddle } from "../../src/cli/shared/width.js";
import type { RunSummary } from "../../src/eval/index.js";
import { failureFor, resultFor } from "./support.js";

const SCALE = { min: 1, max: 10 };

test("rows, as wide as the longest name", () => {
  const files = ["a.jpg", "a-longer-name.jpg", "broken.jpg"];
  const table = new ScoreTable({ files, columns: undefined, colors: false });
  const rows =
    table.row(resultFor("a.jpg", 6.4)) +
    table.row(resultFor("a-longer-name.jpg", 10)) +
    table.row(failureFor("broken.jpg"));
  assert.equal(
    rows,
    [
      "a.jpg               6.40 ± 1.25   ████████████░░░·····",
      "a-longer-name.jpg  10.00 ± 1.25   ████████████████████",
      "broken.jpg         failed: not an image (IMAGE_BROKEN)",
      "",
    ].join("\n"),
  );
});

test("a narrow terminal gets a shorter bar and cut names, and no row is wider than it", () => {
  const file = "a/very/long/folder/name/that/goes/on/IMG_1234.jpg";
  for (const columns of [48, 63, 64, 80]) {
    const row = new ScoreTable({ files: [file], columns, colors: false }).row(resultFor(file, 5.5)).trimEnd();
    assert.ok(textWidth(row) <= columns, `${textWidth(row)} columns of ${columns}`);
    assert.match(row, /^a\/.*…?.*1234\.jpg {2} /);
  }
});

test("scores of single aspects and the comment are below the row, in the width of the terminal", () => {
  const attributes = { light: 6.5, "colour harmony": 4.1, content: 10, "depth of field": null, composition: 3.333 };
  const comment = "The soft light is beautiful,\nbut the\u001b[2J horizon is tilted and the lower third is empty.";
  const result = { ...resultFor("a.jpg", 5), attributes, comment };
  const [row = "", ...below] = new ScoreTable({ files: ["a.jpg"], columns: 80, colors: false }).row(result).split("\n");
  assert.equal(
    row,
    new ScoreTable({ files: ["a.jpg"], columns: 80, colors: false }).row(resultFor("a.jpg", 5)).trimEnd(),
  );
  assert.deepEqual(below, [
    "  light 6.50, colour harmony 4.10, content 10.00, depth of field -,",
    "  composition 3.33",
    "  The soft light is beautiful, but the\ufffd[2J horizon is tilted and the lower third",
    "  is empty.",
    "",
  ]);
  const piped = new ScoreTable({ files: ["a.jpg"], columns: undefined, colors: false }).row(result);
  assert.equal(piped.split("\n").length, 4, "not cut where there is no terminal");
  const none = new ScoreTable({ files: ["a.jpg"], columns: 80, colors: false }).row({ ...result, comment: " " });
  assert.match(none, /\n {2}\(the model wrote no comment\)\n$/);
  const wide = { ...resultFor("a.jpg", 5), comment: "写真".repeat(60) };
  for (const columns of [40, 80]) {
    const lines = new ScoreTable({ files: ["a.jpg"], columns, colors: false }).row(wide).split("\n");
    assert.ok(lines.every((line) => textWidth(line) <= columns));
    assert.equal(lines.slice(1).join("").replaceAll(" ", ""), wide.comment);
  }
});

test("columns stay in line under wide names", () => {
  const files = ["富士山の写真.jpg", "cafe\u0301.jpg", "👩‍👩‍👧.png"];
  const table = new ScoreTable({ files, columns: 80, colors: false });
  const starts = files.map((file) => textWidth(table.row(resultFor(file, 5)).split("±")[0] ?? ""));
  assert.deepEqual(new Set(starts).size, 1);
});

test("colours follow the position on the scale", () => {
  const table = new ScoreTable({ files: [], columns: 80, colors: true });
  for (const [score, code] of [
    [2, 31],
    [5, 33],
    [8, 32],
  ] as const) {
    assert.ok(table.row(resultFor("a", score)).includes(`\x1b[${code}m`), `${score}`);
  }
  assert.ok(table.row(failureFor("a")).includes("\x1b[31m"));
});

test("colours are for terminals, and NO_COLOR and FORCE_COLOR are respected", () => {
  const write = (): void => undefined;
  assert.equal(wantsColors({ write, isTTY: true }, {}), true);
  assert.equal(wantsColors({ write }, {}), false);
  assert.equal(wantsColors({ write, isTTY: true }, { TERM: "dumb" }), false);
  assert.equal(wantsColors({ write, isTTY: true }, { NO_COLOR: "1", FORCE_COLOR: "1" }), false);
  assert.equal(wantsColors({ write, isTTY: true }, { NO_COLOR: "" }), true);
  assert.equal(wantsColors({ write }, { FORCE_COLOR: "1" }), true);
});

test("the bar: eighths of a column, one deviation beyond, clamped to the scale", () => {
  assert.deepEqual(barParts(1, 0, SCALE, 10), ["", "", "··········"]);
  assert.deepEqual(barParts(5.5, 1.8, SCALE, 10), ["█████", "░░", "···"]);
  assert.deepEqual(barParts(1.1125, 0, SCALE, 10), ["▏", "", "·········"]);
  assert.deepEqual(barParts(12, 3, SCALE, 10), ["██████████", "", ""]);
  assert.deepEqual(barParts(-3, 0.9, SCALE, 10), ["", "", "··········"]);
  for (let score = 1; score <= 10; score += 0.05) {
    assert.equal(barParts(score, 1.3, SCALE, 20).join("").length, 20, `${score}`);
  }
});

test("numbers have the decimals that the scale wants", () => {
  assert.equal(formatValue(6.456, SCALE), "6.46");
  assert.equal(formatValue(64.56, { min: 0, max: 100 }), "64.6");
});

test("the summary", () => {
  assert.equal(
    summaryLine({ scored: 12, failed: 1, milliseconds: 6500, scale: SCALE, model: "demo@1a2b" }),
    "12 photos scored from 1 to 10 by demo@1a2b, 1 failed, in 6.5 s (2.0 images/s)\n",
  );
  assert.equal(
    summaryLine({ scored: 2, failed: 0, milliseconds: 500, scale: SCALE, beyond: 1 }),
    "2 photos scored from 1 to 10 (which does not bound this model: 1 beyond it), in 0.5 s (4.0 images/s)\n",
  );
  assert.equal(summaryLine({ scored: 1, failed: 0, milliseconds: 500 }), "1 photo scored, in 0.5 s (2.0 images/s)\n");
});

test("widths in columns of the terminal", () => {
  const widths = { abc: 3, 日本語: 6, "cafe\u0301": 4, "👍🏽": 2, "👩‍👩‍👧": 2, ｶﾅ: 2, カナ: 4, 한글: 4, "→·": 2 };
  // Flags, keycaps, a picture asked for by U+FE0F, jamo in two code points, Yi, Fangzheng, a joiner alone, an escape sequence.
  const more = { "🇯🇵": 2, "1️⃣": 2, "❤️": 2, "\u1112\u1161": 2, ꀀ: 2, "𠀀": 2, "\u200d": 0, "\x1b[31mred\x1b[0m": 3 };
  for (const [text, width] of Object.entries({ ...widths, ...more })) assert.equal(textWidth(text), width, text);
});

test("the figures of an evaluation stay in line below wide names of attributes", () => {
  const interval = { value: 0.5, low: 0.4, high: 0.6, level: 0.95, resamples: 10, undefinedResamples: 0 };
  const figures = { srcc: interval, plcc: interval, krcc: interval, mae: interval, rmse: interval, count: 3 };
  const summary: Partial<RunSummary> = {
    ...{ scale: SCALE, count: 3, scored: 3, failures: {}, coverage: [], plccAfterLogisticFit: null },
    ...{ overall: figures, attributes: { 色の調和と光の質: figures, "\x1b[2J": figures } },
    accuracy: { threshold: 5, value: 1 },
    distributions: { count: 0, emd: null, kl: null },
  };
  const lines = summaryText(summary as RunSummary, "own").split("\n");
  const rows = lines.filter((line) => line.includes("0.500"));
  assert.deepEqual(rows.map((row) => textWidth(row.slice(0, row.indexOf("0.500")))), [18, 18, 18]); // prettier-ignore
  assert.ok(!lines.some((line) => line.includes("\x1b")));
});

test("names are cut in the middle, never over the width", () => {
  assert.equal(truncateMiddle("short.jpg", 12), "short.jpg");
  assert.equal(truncateMiddle("holiday/2024/IMG_1234.jpg", 16), "holida…_1234.jpg");
  for (const text of ["富士山の写真をたくさん撮りました.jpg", "abcdefghijklmnopqrstuvwxyz", "👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧"]) {
    for (const width of [8, 9, 10, 11, 12]) {
      const cut = truncateMiddle(text, width);
      assert.ok(textWidth(cut) <= width && textWidth(cut) >= width - 2, `${cut} in ${width}`);
      assert.equal(textWidth(padEnd(cut, width)), width);
    }
  }
});

test("a file name cannot command the terminal", () => {
  assert.equal(printable("a\x1b[2Jb\nc\u202egpj.exe"), "a�[2Jb�c�gpj.exe");
  const row = new ScoreTable({ files: ["\x1b[2J"], columns: 80, colors: false }).row(resultFor("\x1b[2J", 5));
  assert.ok(!row.includes("\x1b"));
});

test("a plan of runs names what several of them lack once", () => {
  const run = (name: string, notes: readonly string[]): PlannedRun => ({
    ...{ name, state: "to make", pictures: 1234, steps: null, parameters: null, memory: null, notes },
  });
  const text = plannedText([run("a", ["AVA is not here", "own"]), run("longer", ["AVA is not here"]), run("c", [])]);
  assert.equal(
    text,
    [
      "a       to make  1,234 pictures  ? steps  ? weights trained",
      "  own",
      "longer  to make  1,234 pictures  ? steps  ? weights trained",
      "c       to make  1,234 pictures  ? steps  ? weights trained",
      "2 runs: AVA is not here",
      "",
    ].join("\n"),
  );
});
