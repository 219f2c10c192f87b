/** The examples of docs/library.md: a server, a training, an evaluation, a check of data, a table of the paper. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { DEMO_MODEL, load } from "roc4mllm";
import { ROOT } from "../support.js";

const PHOTO = `${ROOT}examples/photos/portrait-good.jpg`;

async function expectedScore(): Promise<number> {
  using model = await load(DEMO_MODEL);
  return (await model.scoreOne(PHOTO)).score;
}

test("the server scores what is posted, refuses what is no picture, and stops", async (t) => {
  const server = spawn(process.execPath, [`${ROOT}dist/examples/server.js`, "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => server.kill("SIGKILL"));
  const [line] = (await once(server.stdout.setEncoding("utf8"), "data")) as [string];
  const url = `http://localhost:${/port (\d+)/.exec(line)?.[1]}/score`;
  const post = async (body: Uint8Array): Promise<[number, { score?: number; code?: string; error?: string }]> => {
    const response = await fetch(url, { method: "POST", body });
    return [response.status, (await response.json()) as { score?: number }];
  };
  const answers = await Promise.all([
    post(readFileSync(PHOTO)),
    post(Buffer.from("no picture")),
    post(Buffer.alloc(0)),
  ]);
  assert.deepEqual(
    answers.map(([status, { code }]) => [status, code]),
    [
      [200, undefined],
      [422, "IMAGE_UNSUPPORTED"],
      [422, "FILE_EMPTY"],
    ],
  );
  assert.equal(answers[0][1].score, await expectedScore());
  assert.equal((await fetch(url)).status, 404);
  assert.equal((await post(Buffer.alloc(33 * 1024 * 1024)))[0], 413);
  server.kill("SIGTERM");
  assert.deepEqual(await once(server, "exit"), [0, null]);
});

test("a training prints its plan, its steps and the SRCC of the checkpoint; started again it is at its end", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "roc-example-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const run = () => promisify(execFile)(process.execPath, [`${ROOT}dist/examples/train.js`, folder]);
  const { stdout } = await run();
  assert.match(stdout, /^\d+ pictures, \d+ parameters, \d+\.\d MB\nstep 1 of 6: loss \d/);
  const [, srcc, checkpoint = ""] = /^SRCC (-?\d\.\d{4}) in (.*)$/m.exec(stdout) ?? [];
  assert.ok(stdout.includes(`step ${Number(checkpoint.slice(-8))}: SRCC ${srcc}`), stdout);
  using model = await load(checkpoint);
  assert.ok(Number.isFinite((await model.scoreOne(PHOTO)).score));
  const again = await run();
  assert.doesNotMatch(again.stdout, /^step/m);
  assert.ok(again.stdout.endsWith(`SRCC ${srcc} in ${checkpoint}\n`), again.stdout);
});

test("evaluation: figures of the demo weights and of another system, the same again from the same folder", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "evaluated-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const program = `${ROOT}dist/examples/evaluate.js`;
  const { stdout } = await promisify(execFile)(process.execPath, [program, folder]);
  assert.match(
    stdout,
    /^(\d+) of \1 pictures scored by demo@[0-9a-f]{8}\nSRCC 0\.\d{3} \[.*\], MAE \d\.\d{3}\nMAE less/,
  );
  assert.match(stdout, /\nMAE less that of the mean: -?\d\.\d{3}, p = [01]\.\d{3}\n/);
  const files = ["predictions.csv", "report.html", "summary.json"];
  assert.deepEqual(readdirSync(join(folder, "run")).sort(), files);
  assert.equal((await promisify(execFile)(process.execPath, [program, folder])).stdout, stdout);
});

test("a check of data: what is wrong with it, and the exit code that says so", async () => {
  const program = `${ROOT}dist/examples/check-data.js`;
  const found = promisify(execFile)(process.execPath, [program]);
  const { code, stdout } = (await assert.rejects(found), await found.catch((error: unknown) => error)) as { code: number; stdout: string }; // prettier-ignore
  assert.equal(code, 4);
  assert.match(stdout, /^studio: \d+ to train on, \d+ to test on\nlabel score, from 1 to 10\n/);
  assert.match(stdout, /\nmissing-image: 1, as looked for .*\nunreadable-image: 1, as /);
  const none = await promisify(execFile)(process.execPath, [program, "no such folder"]).catch(
    (error: unknown) => error,
  );
  assert.deepEqual([(none as { code: number }).code, (none as { stdout: string }).stdout], [3, ""]);
});

test("a table of the paper is printed; rehearsed, it has figures of ours, which are not made twice", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "roc-example-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [`${ROOT}dist/examples/reproduce.js`, ...args], { cwd: folder });
  const published = await run("table2");
  assert.match(published.stdout, /^Table 2: .*\n/);
  assert.doesNotMatch(published.stdout, /^ {2}ours +-?\d/m);
  assert.match(published.stdout, /^\(a\) needs TAD66K/m);
  const rehearsal = ["table1", "rehearsal", "NIMA", "ROC4MLLM"];
  const rehearsed = await run(...rehearsal);
  assert.match(rehearsed.stdout, /^ {2}ours +-?\d\.\d{3} /m);
  assert.equal(rehearsed.stderr.match(/^\S+: \d+ s, \d left$/gm)?.length, 2);
  const again = await run(...rehearsal);
  assert.equal(again.stdout, rehearsed.stdout);
  assert.doesNotMatch(again.stderr, /left$/m);
  await assert.rejects(run("table7"), /There is no table7; give one of table1, /);
});

test("a folder's library, its best photos, and what culling would write; nothing is scored twice or written", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "roc-example-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const photos = join(folder, "photos");
  cpSync(`${ROOT}examples/photos`, photos, { recursive: true });
  const run = () =>
    promisify(execFile)(process.execPath, [`${ROOT}dist/examples/library.js`, photos, join(folder, "photos.db")]);
  const { stdout } = await run();
  const best = (await expectedScore()).toFixed(2);
  assert.match(stdout, new RegExp(`^6 photos, 6 of them scored now\\nportrait-good\\.jpg ${best}\\n.*\\n.*\\n`));
  assert.match(stdout, /0 groups, \d sidecars; the best: portrait-good\.jpg\n$/);
  assert.match((await run()).stdout, /^6 photos, 0 of them scored now\n/);
  assert.ok(readdirSync(photos).every((name) => !name.endsWith(".xmp")));
});
