/** What `npm test` says at its end, and which files it takes for numerical. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { ROOT } from "../support.js";

const folder = mkdtempSync(join(tmpdir(), "roc-summary-"));
after(() => rmSync(folder, { recursive: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

const TEST = 'import { test } from "node:test";';
const FILES = {
  "good.mjs": `${TEST} test("fine", () => {}); test("also fine", () => {});`,
  "bad.mjs": `${TEST} test("fine", () => {}); test("off by 1.1e-6", () => { throw new Error("no"); });
    test("outer", async (t) => { await t.test("inner", () => { throw new Error("no"); }); });
    test("later", { todo: true }, () => { throw new Error("no"); });`,
  "broken.mjs": "import './not-there.mjs';",
};

function summaryFor(names: readonly string[]): string {
  const reporter = pathToFileURL(`${ROOT}scripts/test-summary.mjs`).href;
  const args = ["--test", `--test-reporter=${reporter}`, "--test-reporter-destination=stdout", ...names];
  // A test that runs tests: without its variable of the runner, which would make them tests of this one.
  const env = { ...process.env };
  delete env["NODE_TEST_CONTEXT"];
  return spawnSync(process.execPath, args, { cwd: folder, env, encoding: "utf8" }).stdout;
}

test("the summary counts tests and names them with their files", () => {
  write(FILES);
  assert.equal(summaryFor(["good.mjs"]), "test: all 2 tests passed\n");
  const text = summaryFor(["good.mjs", "bad.mjs", "broken.mjs"]);
  assert.match(text, /^\ntest: 3 of \d+ tests failed, in 2 files:\n/);
  assert.match(text, / {2}bad\.mjs\n {4}✖ off by 1\.1e-6\n {4}✖ inner\n/);
  assert.match(text, / {2}broken\.mjs\n {4}✖ the file itself/);
  assert.doesNotMatch(text, /fine|later|outer/);
});

/** Apart, or this file itself would be one of those that import it. */
const BOUNDS = "../rounding.js";

interface TestFiles {
  readonly longestFirst: (files: readonly string[]) => string[];
  readonly numericalFiles: (root: string, files: readonly string[]) => string[];
  readonly testFiles: (root: string) => string[];
}

test("numerical are files of rooms that compute, or with a bound, that reach libtorch by import or as a program", async () => {
  const { longestFirst, numericalFiles, testFiles } = (await import(`${ROOT}scripts/test-files.mjs`)) as TestFiles;
  write({
    "test/nn/a.test.ts": "",
    "test/nn/b.test.ts": "",
    "test/nn/c.test.ts": "",
    "test/nn/d.test.ts": "",
    "test/cli/e.test.ts": "",
    "test/cli/f.test.ts": "",
    "test/e2e/g.test.ts": "",
    "dist/src/torch/native.js": "",
    "dist/src/torch/index.js": 'export { native } from "./native.js";',
    "dist/src/rank.js": 'const load = () => import("./torch/index.js");',
    "dist/test/nn/support.js": 'import "../../src/torch/index.js";',
    "dist/test/nn/a.test.js": 'import { x } from "./support.js";',
    "dist/test/nn/b.test.js": 'const RANK = new URL("../../src/rank.js", import.meta.url);',
    "dist/test/nn/c.test.js": 'import fs from "node:fs";',
    "dist/test/cli/e.test.js": 'import { x } from "../nn/support.js";',
    "dist/test/cli/f.test.js": `import { x } from "../nn/support.js"; import "${BOUNDS}";`,
    "dist/test/rounding.js": "",
  });
  const files = testFiles(folder);
  const named = ["cli/e", "cli/f", "e2e/g", "nn/a", "nn/b", "nn/c", "nn/d"].map((name) => `dist/test/${name}.test.js`);
  const [, f = "", g = "", a = "", b = ""] = named;
  assert.deepEqual(files, named);
  assert.deepEqual(numericalFiles(folder, files), [f, a, b]);
  assert.deepEqual(longestFirst(files), [g, ...named.filter((file) => file !== g)]);
});
