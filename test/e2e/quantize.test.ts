/** The program in 8 bits: score, eval, quantize, inspect; what is kept of one precision is not taken for another. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ScoreResult } from "../../src/engine/index.js";
import { ERROR_CODES } from "../../src/errors.js";
import { writeStudio } from "../../src/studio/index.js";
import { runProgram } from "../cli/program.js";
import { ROOT } from "../support.js";

const DEMO = join(ROOT, "models", "demo");
const PHOTO = join(ROOT, "examples", "photos", "portrait-good.jpg");

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-quantize-"));
  await writeStudio(join(folder, "studio"), { count: 8, longEdge: 32, testFraction: 0.5 });
});
after(() => rm(folder, { recursive: true, force: true }));

const cli = (...args: string[]) => runProgram(args, { cwd: folder, env: { HF_HUB_OFFLINE: "1" } });

async function scoreOf(...args: string[]): Promise<ScoreResult> {
  const { stdout, stderr, code } = await cli("score", PHOTO, "--json", ...args);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as ScoreResult;
}

test("quantize writes a checkpoint that scores as --quantize int8 does; inspect tells what it is", async () => {
  const made = await cli("quantize", DEMO, "--out", "int8", "--json");
  assert.equal(made.code, 0, made.stderr);
  const { source, digest } = JSON.parse(made.stdout) as { source: string; digest: string };
  assert.deepEqual((await readdir(folder)).sort(), ["int8", "studio"]);
  const [direct, stored] = [await scoreOf("--quantize", "int8"), await scoreOf("--model", "int8")];
  assert.deepEqual([direct.quantization, direct.dtype], ["int8", "bfloat16"]);
  assert.deepEqual({ ...stored, model: direct.model }, direct);
  assert.match(stored.model, /^int8@/);
  const { stderr } = await cli("score", PHOTO, "--model", "int8");
  assert.match(stderr, /1 photo scored from 1 to 10 by int8@[0-9a-f]{8} in int8 and bfloat16/);
  const { stdout: told } = await cli("inspect", "checkpoint", "int8");
  assert.match(told, /^quantised +int8, from demo@[0-9a-f]{8}$/m);
  const inspected = JSON.parse((await cli("inspect", "checkpoint", "int8", "--json")).stdout) as Record<
    string,
    unknown
  >;
  assert.deepEqual(inspected["quantization"], { method: "int8", source, digest });
  const again = await cli("quantize", "int8", "--out", "again");
  assert.equal(again.code, ERROR_CODES.USAGE);
  assert.match(again.stderr, /is in 8 bits already/);
});

test("scores that are kept of one precision are not resumed in another", async () => {
  const kept = ["score", PHOTO, "--resume", "kept"];
  assert.equal((await cli(...kept, "--dtype", "bfloat16")).code, 0);
  const other = await cli(...kept, "--quantize", "int8");
  assert.equal(other.code, ERROR_CODES.USAGE);
  assert.match(other.stderr, /quantization was not set, now "int8"/);
  assert.equal((await cli("score", PHOTO, "--resume", "kept8", "--quantize", "int8")).code, 0);
  const { stderr } = await cli("score", PHOTO, "--resume", "kept8", "--quantize", "int8");
  assert.match(stderr, /1 of 1 scores were taken/);
});

test("eval in 8 bits; what is no model of ours has no such option", async () => {
  const data = ["eval", "--data", "studio", "--split", "all", "--resamples", "10"];
  const done = await cli(...data, "--model", DEMO, "--quantize", "int8", "--out", "eval8", "--json");
  assert.equal(done.code, 0, done.stderr);
  const { provenance } = JSON.parse(done.stdout) as { provenance: { settings: Record<string, unknown> } };
  assert.equal(provenance.settings["quantization"], "int8");
  const other = await cli(...data, "--model", DEMO, "--out", "eval8");
  assert.equal(other.code, ERROR_CODES.USAGE);
  assert.match(other.stderr, /quantization was "int8", now not set/);
  const predictions = await cli(...data, "--predictions", "p.csv", "--quantize", "int8");
  assert.match(predictions.stderr, /--quantize, .*go with --model/);
  assert.match((await cli("score", PHOTO, "--quantize", "int4")).stderr, /int8/);
});

test("a checkpoint in 8 bits cannot be trained, and says so before anything is written", async () => {
  const { code, stderr } = await cli("train", "--data", "studio", "--model", "int8", "--out", "run", "--steps", "1");
  assert.equal(code, ERROR_CODES.USAGE);
  assert.match(
    stderr,
    /int8 is in int8, which cannot be changed. Take the checkpoint that it was made of \(demo@[0-9a-f]{8}\)/,
  );
  assert.deepEqual(await readdir(join(folder, "run")), []);
});
