/** What a newcomer sees first: the demo weights score the example photographs through the command line and the library. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "../support.js";

const run = promisify(execFile);
const DEMO = `${ROOT}models/demo`;

interface Line {
  readonly file: string;
  readonly score: number;
  readonly distribution: readonly number[];
}

async function scoreExamples(): Promise<Line[]> {
  const args = [`${ROOT}dist/src/cli/main.js`, "score", `${ROOT}examples/photos`, "--json"];
  const { stdout } = await run(process.execPath, args, { cwd: ROOT });
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

test("the demo weights score the example photos, the good ones above the bad ones, the same every time", async () => {
  const lines = await scoreExamples();
  assert.equal(lines.length, readdirSync(`${ROOT}examples/photos`).length);
  const scoreOf = (name: string): number => lines.find(({ file }) => file.endsWith(name))?.score ?? NaN;
  for (const good of ["landscape-good.jpg", "portrait-good.jpg"]) {
    for (const bad of ["landscape-bad.jpg", "abstract-dull.jpg", "architecture-garish.jpg"]) {
      assert.ok(scoreOf(good) > scoreOf(bad), `${good} ${scoreOf(good)} is above ${bad} ${scoreOf(bad)}`);
    }
  }
  for (const { distribution } of lines) {
    assert.ok(Math.abs(distribution.reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
  }
  assert.deepEqual(await scoreExamples(), lines);
});

test("the demo checkpoint is small and says what it is", () => {
  const bytes = readdirSync(DEMO).reduce((sum, name) => sum + statSync(`${DEMO}/${name}`).size, 0);
  assert.ok(bytes <= 8e6, `${bytes} bytes`);
  assert.match(readFileSync(`${DEMO}/README.md`, "utf8"), /demo/i);
});
