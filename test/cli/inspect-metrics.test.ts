/** `inspect metrics` and `inspect captions`: what they print for what comes in, and when. */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { PassThrough, Readable } from "node:stream";
import { test } from "node:test";
import { importInspect } from "../../src/cli/inspect/inspect.js";
import { run } from "../../src/cli/shared/program.js";
import { RocError } from "../../src/errors.js";
import { jsonLines } from "./support.js";

interface Ran {
  code: number | undefined;
  stdout: string;
  stderr: string;
}

function start(argv: readonly string[], stdin: Readable, signal = new AbortController().signal) {
  const ran: Ran = { code: undefined, stdout: "", stderr: "" };
  const io = {
    stdin,
    stdout: { write: (text: string) => (ran.stdout += text) },
    stderr: { write: (text: string) => (ran.stderr += text) },
    env: {},
  };
  const engine = () => Promise.reject(new RocError("INTERNAL", "the engine is not needed here"));
  const done = run(["inspect", ...argv], { inspect: importInspect }, { io, signal, engine }).then((code) => {
    ran.code = code;
    return ran;
  });
  return { ran, done };
}

function inspect(argv: readonly string[], stdin: string | readonly Uint8Array[]): Promise<Ran> {
  return start(argv, Readable.from(typeof stdin === "string" ? [Buffer.from(stdin)] : stdin)).done;
}

test("a line of figures for every line, with exactly the documented keys", async () => {
  const { code, stdout, stderr } = await inspect(
    ["metrics"],
    '{"pred": [1, 2, 3, 4], "target": [1, 2, 4, 3]}\r\n\n{"target": [2, 2], "pred": [1, 3]}\n{"pred": [], "target": []}',
  );
  assert.deepEqual([code, stderr], [0, ""]);
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines.length, 3);
  assert.match(lines[0] ?? "", /^\{"srcc":0\.8\d*,"plcc":0\.8\d*,"krcc":0\.66\d*,"mae":0\.5,"rmse":0\.7071\d*\}$/);
  assert.equal(lines[1], '{"srcc":null,"plcc":null,"krcc":null,"mae":1,"rmse":1}');
  assert.equal(lines[2], '{"srcc":null,"plcc":null,"krcc":null,"mae":null,"rmse":null}');
});

test("an answer comes as soon as its line has ended", async () => {
  const stdin = new PassThrough();
  const { ran, done } = start(["metrics"], stdin);
  const answers = async (count: number): Promise<void> => {
    for (let i = 0; i < 1000 && jsonLines(ran.stdout).length < count; i++) await setImmediate();
    assert.equal(jsonLines(ran.stdout).length, count);
  };
  stdin.write('{"pred": [1], "target": [2]}\n{"pred": [1], ');
  await answers(1);
  stdin.write('"target": [3]}\n');
  await answers(2);
  stdin.end();
  assert.equal((await done).code, 0);
});

test("a bad line ends it with its number on standard error; lines before it are answered", async () => {
  const good = '{"pred": [1, 2], "target": [1, 2]}\n';
  const bad: [string, RegExp][] = [
    ["{", /line 3: not JSON/],
    ["[1, 2]", /line 3: .*object/],
    ['{"pred": [1, 2]}', /line 3: .*target/],
    ['{"pred": [1, "2"], "target": [1, 2]}', /line 3: .*pred\[1\]/],
    ['{"pred": [1, null], "target": [1, 2]}', /line 3: .*pred\[1\]/],
    ['{"pred": [1, NaN], "target": [1, 2]}', /line 3: not JSON/],
    ['{"pred": [1, 1e999], "target": [1, 2]}', /line 3: .*pred\[1\]/],
    ['{"pred": [1, 2], "target": [1]}', /line 3: .*2 predictions and 1 ratings/],
  ];
  for (const [line, message] of bad) {
    const { code, stdout, stderr } = await inspect(["metrics"], `${good}\n${line}\n${good}`);
    assert.equal(code, 2, line);
    assert.equal(jsonLines(stdout).length, 1, line);
    assert.match(stderr, message);
    assert.match(stderr, /^error: Standard input, line 3/);
  }
});

test("figures that pass the range of doubles are null", async () => {
  const { stdout } = await inspect(["metrics"], '{"pred": [1e308, -1e308], "target": [-1e308, 1e308]}\n');
  assert.doesNotMatch(stdout, /NaN|Infinity/);
  assert.deepEqual(Object.keys(jsonLines(stdout)[0] as object), ["srcc", "plcc", "krcc", "mae", "rmse"]);
});

test("a hundred thousand items in one line", async () => {
  const values = Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 100_000);
  const { code, stdout } = await inspect(["metrics"], JSON.stringify({ pred: values, target: values }));
  assert.equal(code, 0);
  const [line] = jsonLines(stdout);
  assert.ok(Math.abs((line as { krcc: number }).krcc - 1) < 1e-9);
});

const CORPUS = {
  hypotheses: { b: "a red sky", "1": "soft light\u2028here" },
  references: { b: ["a red sky"], "1": ["soft light here", "light"] },
  tokenized: true,
};

test("captions: one object, pretty-printed or not, or one per line", async () => {
  const single = await inspect(["captions"], JSON.stringify(CORPUS));
  assert.deepEqual([single.code, single.stderr], [0, ""]);
  const [scores] = jsonLines(single.stdout);
  assert.deepEqual(Object.keys(scores as object), ["cider", "cider_d", "per_item"]);
  const { per_item: items } = scores as { per_item: Record<string, { cider: number; cider_d: number }> };
  assert.deepEqual(Object.keys(items).sort(), ["1", "b"]);
  assert.ok(Math.abs((items["b"]?.cider ?? 0) - 7.5) < 1e-9 && Math.abs((items["b"]?.cider_d ?? 0) - 7.5) < 1e-9);
  const pretty = await inspect(["captions"], `\n${JSON.stringify(CORPUS, null, 2)}\n`);
  assert.equal(pretty.stdout, single.stdout);
  const lines = await inspect(["captions"], `${JSON.stringify(CORPUS)}\n${JSON.stringify(CORPUS)}\n`);
  assert.equal(lines.stdout, single.stdout.repeat(2));
});

test("captions: tokenized is off unless it is on", async () => {
  const corpus = { hypotheses: { a: "A SKY!", b: "x" }, references: { a: ["a sky"], b: ["y"] } };
  const { stdout } = await inspect(["captions"], JSON.stringify(corpus));
  assert.ok((jsonLines(stdout)[0] as { cider: number }).cider > 0);
  const exact = await inspect(["captions"], JSON.stringify({ ...corpus, tokenized: true }));
  assert.equal((jsonLines(exact.stdout)[0] as { cider: number }).cider, 0);
});

test("captions: errors name the line and what is missing", async () => {
  const bad: [string, RegExp][] = [
    ["{", /line 1: not JSON/],
    ['{"hypotheses": {"a": ["x"]}, "references": {}}', /line 1: .*hypotheses\.a/],
    ['{"hypotheses": {"a": "x"}, "references": {"a": []}}', /line 1: .*"a" has no references/],
    ['{"hypotheses": {"a": "x"}, "references": {"a": "x"}}', /line 1: .*references\.a/],
    ['{"hypotheses": {"a": "x"}, "references": {"a": ["x"]}, "tokenized": "yes"}', /line 1: .*tokenized/],
    ['{"hypotheses": {"__proto__": "x"}, "references": {"__proto__": ["x"]}}', /line 1: .*__proto__ cannot be an id/],
  ];
  for (const [text, message] of bad) {
    const { code, stdout, stderr } = await inspect(["captions"], text);
    assert.deepEqual([code, stdout], [2, ""], text);
    assert.match(stderr, message);
  }
});

test("characters that are cut between two chunks stay whole", async () => {
  const bytes = Buffer.from(`${JSON.stringify({ ...CORPUS, hypotheses: { b: "\u00e9t\u00e9", "1": "x" } })}\n`);
  const chunks = Array.from(bytes, (byte) => Uint8Array.of(byte));
  assert.equal((await inspect(["captions"], chunks)).stdout, (await inspect(["captions"], bytes.toString())).stdout);
});

test("Ctrl-C ends a subcommand that waits for input", async () => {
  const stopped = new AbortController();
  const { done } = start(["metrics"], new PassThrough(), stopped.signal);
  await setImmediate();
  stopped.abort();
  assert.equal((await done).code, 130);
});

test("the group: help lists the subcommands, an unknown one is wrong use", async () => {
  const help = await inspect(["--help"], "");
  assert.equal(help.code, 0);
  assert.match(help.stdout, /metrics .*\n.*captions /);
  const subcommand = await inspect(["metrics", "--help"], "");
  assert.equal(subcommand.code, 0);
  assert.match(subcommand.stdout, /one|line/);
  for (const argv of [[], ["paint"], ["metrics", "--nope"], ["metrics", "file"]]) {
    const { code, stdout } = await inspect(argv, "");
    assert.deepEqual([code, stdout], [2, ""], argv.join(" "));
  }
});
