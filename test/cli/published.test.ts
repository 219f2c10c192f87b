/** Published scorers on the command line: from the hub's cache by name, in JSON, in a journal and in an evaluation. */
import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import sharp from "sharp";
import { evalCommand } from "../../src/cli/eval/eval.js";
import { scoreCommand } from "../../src/cli/score/score.js";
import { findModel } from "../../src/cli/shared/find-model.js";
import type { ScoreResult } from "../../src/engine/index.js";
import { fixture } from "../support.js";
import { jsonLines, realEngine, runCommand } from "./support.js";

const COMMANDS = { score: () => Promise.resolve(scoreCommand), eval: () => Promise.resolve(evalCommand) };

let root = "";
let unipercept = "";
before(async () => {
  root = await mkdtemp(join(tmpdir(), "published-cli-"));
  unipercept = await checkpoint("letters", join(root, "UniPercept"));
  for (const [i, background] of ["#c08040", "#20a0f0", "#101010", "#f0f0e0", "#903060", "#30c030"].entries()) {
    await sharp({ create: { width: 30, height: 40, channels: 3, background } }).toFile(await photo(i));
  }
  const rows = [0, 1, 2, 3, 4, 5].map((i) => `photos/${i}.png,${10 + 15 * i}`);
  await writeFile(join(root, "ratings.csv"), ["image,score", ...rows].join("\n"));
  await writeFile(join(root, "dataset.json"), JSON.stringify({ name: "six", scale: { min: 0, max: 100 } }));
});
after(() => rm(root, { recursive: true }));

async function photo(index: number): Promise<string> {
  await mkdir(join(root, "photos"), { recursive: true });
  return join(root, "photos", `${index}.png`);
}

async function checkpoint(
  kind: string,
  folder: string,
  filter: (file: string) => boolean = () => true,
): Promise<string> {
  for (const part of ["tokenizer", kind]) await cp(fixture(`published/${part}`), folder, { recursive: true, filter });
  return folder;
}

const run = (...argv: string[]) =>
  runCommand([...argv, "--threads", "1", "--dtype", "float32"], COMMANDS, { engine: realEngine });

test("results say scorer, aspect, prompt and source; a journal takes no other aspect", async () => {
  const photos = [await photo(0), await photo(1)];
  const kept = join(root, "kept");
  const argv = ["score", ...photos, "--model", unipercept, "--json"];
  const first = await run(...argv, "--aspect", "structure", "--resume", kept);
  assert.equal(first.code, 0, first.stderr);
  const [result] = jsonLines(first.stdout) as ScoreResult[];
  assert.deepEqual(Object.keys(result ?? {}), [
    "file",
    "score",
    "scale",
    "std",
    "distribution",
    "answer",
    "model",
    "scorer",
  ]);
  assert.deepEqual(result?.scale, { min: 0, max: 100 });
  const { name, aspect, prompt, source } = result?.scorer ?? {};
  assert.deepEqual([name, aspect], ["unipercept", "structure"]);
  assert.match(prompt ?? "", /structure and texture richness.*73-ec/s);
  assert.match(source ?? "", /UniPercept@34660ff/);
  const again = await run(...argv, "--aspect", "structure", "--resume", kept);
  assert.equal(again.stdout, first.stdout);
  assert.match(again.stderr, /2 of 2 scores were taken/);
  const other = await run(...argv, "--aspect", "quality", "--resume", kept);
  assert.equal(other.code, 2);
  assert.match(other.stderr, /scorer.*structure.*quality/s);
  const table = await run("score", ...photos, "--model", unipercept, "--aspect", "structure");
  assert.match(table.stdout, /0\.png +\d+\.\d ± \d+\.\d/);
  assert.match(table.stderr, /2 photos scored from 0 to 100 by UniPercept@\w+/);
});

test("wrong use is told by name", async () => {
  for (const [flags, message] of [
    [["--aspect", "beauty"], /--aspect .*beauty.*aesthetics, quality, structure/],
    [["--scorer", "nima"], /--scorer.*q-realign/s],
    [["--scorer", "hpsv3"], /hpsv3 scores with models of model_type qwen2_vl/],
    [["--text", "a cat"], /--text.*takes no text/],
    [["--sample", "-1"], /--sample/],
  ] as const) {
    const { code, stderr } = await run("score", await photo(0), "--model", unipercept, ...flags);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  }
});

test("eval asks the same, says it in its summary, and resumes no other prompt", async () => {
  const argv = ["eval", "--data", join(root, "ratings.csv"), "--split", "all", "--model", unipercept];
  const out = ["--out", join(root, "out"), "--resamples", "5"];
  const { code, stderr } = await run(...argv, ...out, "--aspect", "quality", "--report");
  assert.equal(code, 0, stderr);
  const summary = JSON.parse(await readFile(join(root, "out/summary.json"), "utf8")) as { provenance: { method: { scorer: { name: string; aspect: string } } } }; // prettier-ignore
  assert.deepEqual(
    [summary.provenance.method.scorer.name, summary.provenance.method.scorer.aspect],
    ["unipercept", "quality"],
  );
  assert.match(await readFile(join(root, "out/report.html"), "utf8"), /unipercept, quality \(thunderbolt215/);
  const other = await run(...argv, ...out, "--aspect", "structure");
  assert.equal(other.code, 2);
  assert.match(other.stderr, /scorer/);
});

test("from the hub's cache: HPSv3 with its base's small files, Q-Insight's folder", async () => {
  const cacheDir = join(root, "hub");
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const snapshot = async (repo: string): Promise<string> => {
    const folder = join(cacheDir, `models--${repo.replace("/", "--")}`);
    await mkdir(join(folder, "refs"), { recursive: true });
    await writeFile(join(folder, "refs/main"), commit);
    return join(folder, "snapshots", commit);
  };
  const bare = await snapshot("MizzenAI/HPSv3");
  await cp(fixture("published/hpsv3/HPSv3.safetensors"), join(bare, "HPSv3.safetensors"), { recursive: true });
  const base = await checkpoint(
    "hpsv3",
    await snapshot("Qwen/Qwen2-VL-7B-Instruct"),
    (file) => !file.endsWith(".safetensors"),
  );
  const context = {
    io: { stdin: process.stdin, stdout: { write: () => true }, stderr: { write: () => true }, env: {} },
    ...{ signal: new AbortController().signal, engine: realEngine, setExitCode: () => undefined },
  };
  const settings = { offline: true, cacheDir };
  const hpsv3 = await findModel("MizzenAI/HPSv3", {}, context, settings);
  assert.deepEqual([hpsv3.folder, hpsv3.base, hpsv3.checkpoint.home.path], [bare, base, base]);
  const { load } = await realEngine();
  using model = await load(hpsv3.checkpoint, { worker: false, threads: 1, text: "a boat" });
  assert.match(model.name, /^MizzenAI\/HPSv3@/);
  assert.equal(model.method?.scorer?.name, "hpsv3");
  assert.match(model.method.scorer.prompt, /Textual prompt - a boat\n/);
  const repo = await snapshot("ByteDance/Q-Insight");
  await checkpoint("reasoning", join(repo, "score_degradation"));
  const insight = await findModel("ByteDance/Q-Insight", {}, context, settings);
  assert.equal(insight.folder, join(repo, "score_degradation"));
});
