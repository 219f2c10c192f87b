/** The examples that docs/library.md tells people to copy: a model in a worker thread, and a server around it. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";
import { DEMO_MODEL, load } from "roc4mllm";
import { ROOT } from "../support.js";

const PHOTO = `${ROOT}examples/photos/portrait-good.jpg`;

async function expectedScore(): Promise<number> {
  using model = await load(DEMO_MODEL);
  return (await model.scoreOne(PHOTO)).score;
}

test("a worker thread scores, and ends with the program", async () => {
  const file = `${ROOT}dist/examples/worker.js`;
  const { stdout } = await promisify(execFile)(process.execPath, [file, PHOTO]);
  assert.ok(stdout.startsWith(`${PHOTO}: ${(await expectedScore()).toFixed(2)} ± `), stdout);
  const missing = promisify(execFile)(process.execPath, [file, "no such file"]);
  await assert.rejects(missing, /no such file: there is no such file/);
});

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
