/** What npm does to a command that it starts: it keeps flags, and it goes without taking the command along. */
import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { ROOT } from "../support.js";

/** As on a user's command line, and not within npm's test. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD|NODE_TEST)/i.test(name)),
);

function end(
  command: string,
  args: readonly string[],
  cwd = ROOT,
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // One that is not waited for yet is dead all the same.
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 600; tries++) {
    if (!isAlive(pid)) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

/** Starts npm; the command that it starts prints its process id once it is at work. */
async function startNpm(
  t: TestContext,
  args: readonly string[],
  cwd: string,
): Promise<{ npm: ChildProcess; pid: number }> {
  // Standard input that says nothing and stays open, whichever process ends.
  const silent = spawn("sleep", ["600"], { stdio: ["ignore", "pipe", "ignore"] });
  const npm = spawn("npm", args, { cwd, env, stdio: [silent.stdout, "pipe", "ignore"] });
  const [line] = (await once(createInterface({ input: npm.stdout }), "line")) as [string];
  const pid = Number(line);
  t.after(() => {
    silent.kill("SIGKILL");
    npm.kill("SIGKILL");
    if (isAlive(pid)) process.kill(pid, "SIGKILL");
  });
  return { npm, pid };
}

test("flags that npm took for itself are reported, and nothing runs without them", async () => {
  const cases: [string[], string][] = [
    [["start", "score", "x.jpg", "--sort"], "--sort"],
    [["start", "score", "x.jpg", "--max-pixels", "9", "--json"], "--json, --max-pixels"],
    [["start", "score", "x.jpg", "--max-pixels=9"], "--max-pixels"],
    [["start", "score", "x.jpg", "-m", "models/demo"], "-m"],
    [["start", "train", "x.yaml", "--no-lora-merge"], "--no-lora-merge"],
    [["start", "studio", "write", "x", "--count", "3"], "--count"],
    [["run", "train:demo", "--seed", "1"], "--seed"],
  ];
  for (const [args, flags] of cases) {
    const { code, stderr } = await end("npm", args);
    assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
    const taken = /npm took (.*) for itself, and nothing was done/.exec(stderr)?.[1]?.split(", ").sort().join(", ");
    assert.equal(taken, flags, args.join(" "));
    assert.match(stderr, args[0] === "start" ? /npm start -- / : /npm run train:demo -- /);
  }
  const { code, stdout } = await end("npm", ["start", "--", "score", "no-such-file.jpg", "--sort", "--json"]);
  assert.equal(code, 3);
  assert.match(stdout, /"code":"FILE_NOT_FOUND"/);
});

test("npm that is ended or killed takes a command along, through the shell between them too", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "roc-npm-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const main = `${ROOT}dist/src/cli/main.js`;
  // The second line keeps the shell: npm's own passes nothing to its child.
  const scripts = {
    direct: `exec node waits.mjs`,
    shell: `node waits.mjs; true`,
  };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "app", version: "1.0.0", scripts }));
  writeFileSync(
    join(folder, "waits.mjs"),
    `process.argv.splice(2, 9, "score", "-");
    const timer = setInterval(() => {
      if (process.listenerCount("SIGTERM") === 0) return;
      console.log(process.pid);
      clearInterval(timer);
    }, 50);
    await import(${JSON.stringify(pathToFileURL(main).href)});`,
  );
  for (const script of Object.keys(scripts)) {
    for (const signal of ["SIGTERM", "SIGKILL", "SIGHUP"] as const) {
      const { npm, pid } = await startNpm(t, ["run", "--silent", script], folder);
      npm.kill(signal);
      assert.ok(await untilGone(pid), `${script}, ${signal}`);
    }
  }
});

test("our own scripts have no shell between npm and the command", () => {
  const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as { scripts: Record<string, string> };
  const started = Object.entries(scripts).filter(([, text]) => /scripts\/(start|run|test|setup)\.mjs/.test(text));
  assert.ok(started.length >= 8);
  for (const [name, text] of started) assert.match(text, /^exec node /, name);
});

test("torchrun: the environment of every process, the program's own commands, the first failure", async () => {
  const roc4mllm = (...args: string[]): ReturnType<typeof end> =>
    end(process.execPath, [`${ROOT}dist/src/cli/main.js`, "torchrun", ...args]);
  const show = `const { RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT } = process.env;
    console.log([RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE, MASTER_ADDR, Number(MASTER_PORT) > 0].join());`;
  const program = ["--no-python", process.execPath, "-e"];
  const lines = ({ stdout }: { stdout: string }): string[] => stdout.trim().split("\n").sort();
  const two = await roc4mllm("--nproc_per_node", "2", ...program, show);
  assert.deepEqual([two.code, lines(two)], [0, ["0,0,2,2,127.0.0.1,true", "1,1,2,2,127.0.0.1,true"]]);
  const where = ["--nnodes=2", "--node-rank=1", "--master-addr=h", "--master-port=29500"];
  assert.deepEqual(lines(await roc4mllm("--nproc-per-node=2", ...where, ...program, show)), [
    "2,0,4,2,h,true",
    "3,1,4,2,h,true",
  ]);
  // The other one would wait for ever.
  const failing = `if (process.env.RANK === "1") process.exit(7); setInterval(() => {}, 1000);`;
  assert.equal((await roc4mllm("--nproc_per_node", "2", ...program, failing)).code, 7);
  assert.match((await roc4mllm("--standalone", "score", "--help")).stdout, /Usage: roc4mllm score/);
  assert.match((await roc4mllm("--nnodes", "2", "score", "x")).stderr, /need --master_addr and --master_port/);
  assert.match((await roc4mllm("--no-python", "no-such-program")).stderr, /process 0 does not start/);
});
