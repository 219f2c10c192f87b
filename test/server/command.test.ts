/** `roc4mllm serve` as a process: its address, its token, and its end. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { ERROR_CODES } from "../../src/errors.js";
import { runProgram } from "../cli/program.js";
import { ROOT } from "../support.js";
import { ask, form, photo, until } from "./support.js";

const TOKEN = "0123456789abcdef0123456789abcdef";
let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "serve-"));
});
after(() => rm(folder, { recursive: true }));

test("an address that others reach needs a token, of a file that its owner alone can read", async () => {
  const run = (...args: string[]) => runProgram(["serve", ...args, "--json"], { cwd: folder });
  const open = await run("--host", "0.0.0.0");
  assert.equal(open.code, 2);
  assert.match(open.stderr, /0\.0\.0\.0 can be reached from other machines.*--token-file/);
  assert.equal((await run("--token-file", "missing")).code, 3);
  await writeFile(join(folder, "token"), `${TOKEN}\n`, { mode: 0o644 });
  assert.match((await run("--token-file", "token")).stderr, /can be read or changed by others: chmod 600/);
  await writeFile(join(folder, "short"), "secret", { mode: 0o600 });
  assert.match((await run("--token-file", "short")).stderr, /16 or more signs/);
  assert.equal((await run("--token-file", ".")).code, 2);
  assert.equal((await run("--port", "70000")).code, 2);
});

interface Serving {
  readonly server: ChildProcess;
  readonly address: string;
  /** Its code or signal. */
  readonly ended: Promise<unknown[]>;
  /** What it has written to standard error so far. */
  readonly said: () => string;
}

/** A server that runs a program of the test beside its own. */
async function serving(program: string): Promise<Serving> {
  const beside = `data:text/javascript,${encodeURIComponent(program)}`;
  const args = ["--import", beside, `${ROOT}dist/src/cli/main.js`, "serve", "--model", "demo", "--port", "0", "--library", join(folder, "none.db"), "--json"]; // prettier-ignore
  const server = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(server, "exit");
  let said = "";
  server.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const [line] = (await once(createInterface(server.stdout), "line")) as [string];
  const { address } = JSON.parse(line) as { address: string };
  return { server, address, ended, said: () => said };
}

/** Ends the model's thread from outside, which nothing but a fault does. */
const KILLER = `
import threads from "node:worker_threads";
import { syncBuiltinESMExports } from "node:module";
let model;
threads.Worker = class extends threads.Worker {
  constructor(program, options) {
    super(program, options);
    if (options.name === "roc4mllm model") model = this;
  }
};
syncBuiltinESMExports();
process.on("SIGUSR2", () => void model.terminate());
`;

test("a server whose model's thread has ended answers what it can, and ends with a code that has it started anew", async () => {
  const { server, address, ended, said } = await serving(KILLER);
  await until(() => /note: \S*none\.db is not there yet; .*roc4mllm library scan FOLDER/.test(said()));
  const data = await photo("portrait-good");
  const pictures = Array.from({ length: 32 }, (_, i) => [`${i}.jpg`, data] as const);
  const accepted = ask(address, "/v1/score", { method: "POST", body: form(...pictures) });
  await until(async () => {
    const text = await (await fetch(`${address}/metrics`)).text();
    return Number(/^roc4mllm_computing_pictures (.*)$/m.exec(text)?.[1]) > 0;
  });
  server.kill("SIGUSR2");
  const { status, body } = await accepted;
  assert.deepEqual([status, body.error?.code], [500, "INTERNAL"]);
  assert.deepEqual(await ended, [ERROR_CODES.INTERNAL, null]);
  assert.match(said(), /The thread of the model has ended/);
});

/** Nobody waits for what is rejected here. */
const STRAY = `process.on("SIGUSR2", () => void Promise.reject(new Error("a stray fault")));`;

test("a fault that nobody waits for is written to standard error, and the server goes on", async () => {
  const { server, address, ended, said } = await serving(STRAY);
  server.kill("SIGUSR2");
  await until(() => /fault: Error: a stray fault/.test(said()));
  assert.equal((await ask(address, "/health")).status, 200);
  server.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
});

test("SIGTERM: what was accepted is answered, nothing more is taken, and the exit code is 0", async () => {
  await chmod(join(folder, "token"), 0o600);
  const args = [`${ROOT}dist/src/cli/main.js`, "serve", "--model", "demo", "--port", "0", "--token-file", join(folder, "token"), "--library", join(folder, "none.db"), "--json"]; // prettier-ignore
  const server = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(server, "exit");
  const [line] = (await once(createInterface(server.stdout), "line")) as [string];
  const { address, token } = JSON.parse(line) as { address: string; token: boolean };
  assert.match(address, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(token, true);
  const headers = { authorization: `Bearer ${TOKEN}` };
  const data = await photo("portrait-good");
  const pictures = Array.from({ length: 12 }, (_, i) => [`${i}.jpg`, data] as const);
  const accepted = ask(address, "/v1/score", { method: "POST", headers, body: form(...pictures) });
  await until(async () => {
    const text = await (await fetch(`${address}/metrics`, { headers })).text();
    return Number(/^roc4mllm_computing_pictures (.*)$/m.exec(text)?.[1]) > 0;
  });
  server.kill("SIGTERM");
  const { status, body } = await accepted;
  assert.deepEqual([status, body.results?.filter(({ score }) => score !== undefined).length], [200, 12]);
  assert.deepEqual(await ended, [0, null]);
  await assert.rejects(fetch(`${address}/health`));
});
