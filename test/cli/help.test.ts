/** Help, and the names of commands, need no libtorch: they are the first thing that a new user asks for. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { OUTLINE } from "../../src/cli/shared/outline.js";
import { ROOT } from "../support.js";

const MAIN = join(ROOT, "dist/src/cli/main.js");

const helps = new Map<string, Promise<string>>();

/** Standard output of a command where no addon can be loaded; each is asked once. */
function help(...args: string[]): Promise<string> {
  const asked = helps.get(args.join(" ")) ?? askHelp(args);
  helps.set(args.join(" "), asked);
  return asked;
}

function askHelp(args: readonly string[]): Promise<string> {
  const env = { ...process.env, ROC4MLLM_NATIVE: "/nowhere/roc4mllm.node" };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [MAIN, ...args, "--help"], { env }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${args.join(" ")} --help: ${stderr}`));
      else resolve(stdout);
    });
  });
}

test("every command has help without an addon", async () => {
  const all = await help();
  const names = [...all.matchAll(/^ {2}([a-z][a-z-]+)(?: |$)/gm)].map(([, name = ""]) => name);
  assert.ok(names.length >= 15, all);
  for (const name of names.filter((one) => one !== "help"))
    assert.match(await help(name), new RegExp(`Usage: .*${name}`));
});

test("the list of commands says what each of them says of itself", async () => {
  const list = (await help()).replace(/\s+/g, " ");
  const names = [...(await help()).matchAll(/^ {2}([a-z][a-z-]+)(?: |$)/gm)].map(([, name = ""]) => name);
  assert.deepEqual(names, [...Object.keys(OUTLINE), "help"]);
  for (const [name, [usage, description]] of Object.entries(OUTLINE)) {
    const own = (await help(name)).replace(/\s+/g, " ");
    const behind = usage === "" ? "[options] [command]" : usage;
    assert.ok(own.startsWith(`Usage: roc4mllm ${name} ${behind} ${description} `), own.slice(0, 200));
    assert.ok(list.includes(` ${`${name} ${usage}`.trim()} ${description} `), name);
  }
});
