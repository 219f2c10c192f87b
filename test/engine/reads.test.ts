/** A checkpoint's folder is opened once and passed on: each of its small files is read once, whoever looks at it. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { scoreCommand } from "../../src/cli/score/score.js";
import { describeCheckpoint } from "../../src/engine/describe.js";
import { DEMO_MODEL, load } from "../../src/engine/index.js";
import { realEngine, runCommand } from "../cli/support.js";
import { startFrom, startSettings, type TrainOptions } from "../../src/train/index.js";
import { checkedOptions } from "../../src/train/start/patterns.js";
import { ROOT } from "../support.js";

const SMALL = ["config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json", "roc_templates.json"]; // prettier-ignore

/** A copy of the demo's folder, and how often each of its files is opened. */
function watched(t: TestContext): { folder: string; counts: Map<string, number> } {
  const folder = mkdtempSync(join(tmpdir(), "reads-"));
  cpSync(DEMO_MODEL, folder, { recursive: true });
  const counts = new Map<string, number>();
  const { open } = fs;
  t.mock.method(fs, "open", (path: string, ...rest: [string | number]) => {
    if (dirname(path) === folder) counts.set(basename(path), (counts.get(basename(path)) ?? 0) + 1);
    return open(path, ...rest);
  });
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
    rmSync(folder, { recursive: true });
  });
  return { folder, counts };
}

function assertOnce(counts: ReadonlyMap<string, number>): void {
  assert.deepEqual(
    SMALL.map((name) => [name, counts.get(name)]),
    SMALL.map((name) => [name, 1]),
  );
}

test("score reads each small file of its checkpoint once: config.json was opened eight times", async (t) => {
  const { folder, counts } = watched(t);
  const photo = join(ROOT, "examples/photos/landscape-good.jpg");
  const commands = { score: () => Promise.resolve(scoreCommand) };
  const argv = ["score", photo, "--model", folder, "--json"];
  const { code, stderr } = await runCommand(argv, commands, { engine: realEngine });
  assert.equal(code, 0, stderr);
  assertOnce(counts);
});

test("so do load() and inspect checkpoint", async (t) => {
  const { folder, counts } = watched(t);
  (await load(folder, { worker: false })).dispose();
  assertOnce(counts);
  counts.clear();
  assert.deepEqual((await describeCheckpoint(folder)).problems, []);
  assertOnce(counts);
});

test("so does the start of a training, whose folder is opened once", async (t) => {
  const { folder, counts } = watched(t);
  const { openCheckpointFolder } = await import("../../src/models/places.js");
  const checkpoint = await openCheckpointFolder(folder);
  const options = { seed: 1, freeze: ["vision"] } as unknown as TrainOptions;
  await checkedOptions(checkpoint, {}, options);
  await startSettings(checkpoint);
  (await startFrom(checkpoint)).parts.model.dispose();
  assertOnce(counts);
});
