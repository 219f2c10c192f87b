/** `roc4mllm data check` from arguments to output and exit code. */
import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { dataCommand } from "../../src/cli/data/data.js";
import type { DataReport } from "../../src/data/index.js";
import { datasetFolder, paint } from "../data/support.js";
import { runCommand } from "./support.js";

const runData = (argv: readonly string[]): ReturnType<typeof runCommand> =>
  runCommand(["data", ...argv], { data: () => Promise.resolve(dataCommand) });

const IMAGES = ["a.jpg", "b.jpg", "sub/c.jpg", "d.jpg"];

test("a sound data set: tables, no problem, exit code 0", async (t) => {
  const folder = await datasetFolder(t, "own-csv");
  await paint(folder, IMAGES);
  const { code, stdout, stderr } = await runData(["check", folder]);
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.match(stdout, /^Harbour, scores from 1 to 5\n/);
  assert.match(stdout, /\ntrain +2 +0\n/);
  assert.match(stdout, /\nscore +train +2 +3\.000 +3\.600 +4\.200 +0\.600\n/);
  assert.match(stdout, /No problem found\.\n\nnote: Ignored in training unless an answer template names them .*: attributes \(\{composition\}, \{light\}\); comments of 2 pictures \(\{comment\}\)\.\n/); // prettier-ignore
  assert.match(stdout, /All 4 existing images were decoded, compared by content, and across splits by appearance\.\n$/); // prettier-ignore
});

test("problems are listed with their pictures, and the exit code is 4", async (t) => {
  const folder = await datasetFolder(t, "own-csv");
  await paint(folder, IMAGES.slice(0, 3));
  await writeFile(join(folder, "b.jpg"), "broken");
  const { code, stdout } = await runData(["check", folder]);
  assert.equal(code, 4);
  assert.match(stdout, /\nRated pictures without an image file: 1\n {2}d\.jpg \(test\): looked for .*d\.jpg\n/);
  assert.match(stdout, /\nImages that cannot be read: 1\n {2}b\.jpg \(train\): /);
  const quick = await runData(["check", folder, "--no-decode"]);
  assert.doesNotMatch(quick.stdout, /cannot be read/);
  assert.match(quick.stdout, /none was decoded/);
});

test("--json is the whole report, non-finite labels included; --report writes the page", async (t) => {
  const folder = await datasetFolder(t, "tad66k");
  const page = join(folder, "page.html");
  const file = join(folder, "merge", "train.csv");
  await writeFile(file, (await readFile(file, "utf8")).replace("3.2", "nan").replace("5.431818", "11"));
  const { code, stdout, stderr } = await runData(["check", folder, "--json", "--report", page, "--limit", "1"]);
  assert.equal(code, 4);
  assert.equal(stderr, `Wrote ${page}\n`);
  const report = JSON.parse(stdout) as DataReport;
  assert.deepEqual(
    report.problems.map(({ kind, findings }) => [kind, findings.length]),
    [
      ["missing-image", 5],
      ["non-finite", 1],
      ["out-of-range", 1],
    ],
  );
  assert.deepEqual(report.problems[2]?.findings[0], {
    pictures: [{ id: "100001a.jpg", split: "train", image: join(folder, "images", "100001a.jpg") }],
    column: "score",
    detail: "score is 11, outside 1 to 10",
  });
  assert.match(await readFile(page, "utf8"), /<h1>Labels of TAD66K<\/h1>/);
});

test("--kind, --images and --column reach the reader", async (t) => {
  const folder = await datasetFolder(t, "icaa17k");
  await paint(folder, ["elsewhere/complementary/orange_blue/four.jpg"]);
  const argv = ["check", folder, "--kind", "icaa17k", "--images", "elsewhere", "--column", "MOS", "--json"];
  const report = JSON.parse((await runData(argv)).stdout) as DataReport;
  assert.deepEqual([report.images, report.columns.map(({ name }) => name)], [1, ["score", "color"]]);
  assert.equal(report.columns[0]?.splits.test.max, 6.720342636108398);
});

test("a broken or absent label file is an error with its own exit code, with --json an object too", async (t) => {
  const folder = await datasetFolder(t, "para");
  const file = join(folder, "annotation", "PARA-GiaaTest.csv");
  await writeFile(file, (await readFile(file, "utf8")).replace("2.74", "two"));
  const broken = await runData(["check", folder, "--json"]);
  assert.equal(broken.code, 4);
  assert.match(broken.stderr, /^error: .*GiaaTest\.csv, line 2, column "aestheticScore_mean": "two" is not a number/);
  assert.equal((JSON.parse(broken.stdout) as { error: { code: string } }).error.code, "DATA_INVALID");
  await rm(file);
  assert.equal((await runData(["check", folder])).code, 3);
});

test("wrong use is exit code 2; the help says what the exit codes mean", async (t) => {
  const folder = await datasetFolder(t, "para");
  for (const argv of [
    ["check"],
    ["check", folder, "--kind", "flickr"],
    ["check", folder, "--limit", "some"],
    ["heal"],
    [],
  ]) {
    assert.equal((await runData(argv)).code, 2, argv.join(" "));
  }
  const help = await runData(["check", "--help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /Exit code: 0 where nothing was found, 4 where something was/);
});
