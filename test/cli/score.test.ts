/** `score` from arguments to output and exit code, with a made-up engine. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../../src/cli/shared/program.js";
import { RocError } from "../../src/errors.js";
import { failureFor, folderWith, jsonLines, resultFor, runCli } from "./support.js";

const SCORES = [5, 8, 2];

function scoreByIndex(file: string, index: number): ReturnType<typeof resultFor> {
  return resultFor(file, SCORES[index] ?? 1);
}

test("--json prints one object per image with exactly the documented keys, in the order of the input", async (t) => {
  const folder = folderWith(t, { "a.jpg": "", "b.jpg": "", "c.jpg": "" });
  const { code, stdout } = await runCli(["score", folder, "--json"], scoreByIndex);
  assert.equal(code, 0);
  const wanted = ["a.jpg", "b.jpg", "c.jpg"].map((name, i) => resultFor(join(folder, name), SCORES[i] ?? 0));
  assert.deepEqual(jsonLines(stdout), wanted);
  const [first] = jsonLines(stdout);
  assert.deepEqual(Object.keys(first as object), ["file", "score", "scale", "std", "distribution", "answer", "model"]);
});

test("a photo that fails is an object of its own, the others are scored, and the exit code is 3", async (t) => {
  const folder = folderWith(t, { "a.jpg": "", "b.jpg": "", "c.jpg": "" });
  const { code, stdout, stderr, asked } = await runCli(["score", folder, "--json"], (file, index) =>
    index === 1 ? failureFor(file) : resultFor(file, 5),
  );
  assert.equal(code, 3);
  assert.deepEqual(jsonLines(stdout)[1], failureFor(join(folder, "b.jpg")));
  assert.equal(jsonLines(stdout).length, 3);
  assert.match(stderr, /2 photos scored from 1 to 10 by fake@0, 1 failed/);
  assert.equal(asked.disposed, true);
});

test("--sort prints the best first and failures last", async (t) => {
  const folder = folderWith(t, { "a.jpg": "", "b.jpg": "", "c.jpg": "", "d.jpg": "" });
  const { stdout } = await runCli(["score", folder, "--json", "--sort"], (file, index) =>
    index === 0 ? failureFor(file) : resultFor(file, SCORES[index - 1] ?? 0),
  );
  const order = jsonLines(stdout).map((line) => (line as { file: string }).file.slice(-5));
  assert.deepEqual(order, ["c.jpg", "b.jpg", "d.jpg", "a.jpg"]);
});

test("without --json it is a table on standard output and a summary on standard error", async (t) => {
  const folder = folderWith(t, { "a.jpg": "" });
  const { stdout, stderr } = await runCli(["score", folder], scoreByIndex);
  assert.equal(stdout, `${join(folder, "a.jpg")}   5.00 ± 1.25   ████████▉░░░········\n`);
  assert.match(stderr, /^1 photo scored from 1 to 10 by fake@0, in /);
});

test("options reach the engine; the model is the demo's unless another is named", async (t) => {
  const folder = folderWith(t, { "a.jpg": "" });
  const other = folderWith(t, {});
  const named = await runCli(["score", folder, "--model", other, "--max-pixels", "1000"], scoreByIndex);
  assert.equal(named.asked.folder, other);
  assert.equal(named.asked.options?.maxPixels, 1000);
  const bare = await runCli(["score", folder], scoreByIndex);
  assert.match(bare.asked.folder ?? "", /models[\\/]demo$/);
  assert.equal(bare.asked.options?.maxPixels, undefined);
});

test("--ask and --answer are questions; their answers are in the JSON, and below the row", async (t) => {
  const folder = folderWith(t, { "a.jpg": "" });
  const argv = ["score", folder, "--ask", "Why?", "--answer", "Light {light}.", "--ask", "<image> So?"];
  const answers = [
    { prompt: "<image>\nRate it.", answer: "Light 4.00.", scores: { light: 4 } },
    { prompt: "<image>\nWhy?", answer: "It is\ndark." },
    { prompt: "<image> So?", answer: "" },
  ];
  const score = (file: string): ReturnType<typeof resultFor> => ({ ...resultFor(file, 5), answers });
  const json = await runCli([...argv, "--json"], score);
  assert.deepEqual(json.asked.options?.questions, [{ answer: "Light {light}." }, { prompt: "Why?" }, { prompt: "<image> So?" }]); // prettier-ignore
  assert.deepEqual((jsonLines(json.stdout)[0] as Record<string, unknown>)["answers"], answers);
  const table = await runCli(argv, score);
  assert.match(table.stdout, /a\.jpg.*\n {2}Light 4\.00\.\n {2}Why\?\n {2}It is dark\.\n {2}So\?\n$/);
  assert.equal((await runCli(["score", folder], score)).asked.options?.questions, undefined);
  for (const [flag, value, message] of [
    ["--answer", "no score", /--answer.*must hold a placeholder/],
    ["--ask", "<image> <image>", /--ask.*exactly once/],
    ["--ask", " ", /--ask.*is empty/],
    ["--ask", "Describe the light. ".repeat(600), /^error: --ask "Describe .{0,100}…": Too big: .{0,100}$/m],
    ["--answer", "Light {light}, Farbe {Färbung}", /--answer.*holds "\{Färbung\}"/],
  ] as const) {
    const { code, stderr } = await runCli(["score", folder, flag, value], score);
    assert.equal(code, 2);
    assert.match(stderr, message);
  }
});

test("--batch is a number of photos or auto", async (t) => {
  const folder = folderWith(t, { "a.jpg": "" });
  const given = async (...args: string[]) => runCli(["score", folder, ...args], scoreByIndex);
  assert.equal((await given()).asked.loaded?.batchSize, undefined);
  assert.equal((await given("--batch", "8")).asked.loaded?.batchSize, 8);
  assert.equal((await given("--batch", "auto")).asked.loaded?.batchSize, "auto");
  for (const wrong of ["0", "1.5", "many", "4097"]) {
    const { code, stderr } = await given("--batch", wrong);
    assert.equal(code, 2);
    assert.match(stderr, /--batch.*1 to 4096/);
  }
});

test("a list on standard input", async (t) => {
  const folder = folderWith(t, { "a.jpg": "", "b.jpg": "" });
  const { stdout } = await runCli(["score", "-", "--json"], scoreByIndex, { stdin: join(folder, "b.jpg") });
  assert.deepEqual(jsonLines(stdout), [resultFor(join(folder, "b.jpg"), 5)]);
});

test("damaged photos are scored where that is allowed, and marked", async (t) => {
  const folder = folderWith(t, { "a.jpg": "", "b.jpg": "" });
  const answer = (file: string, index: number): ReturnType<typeof resultFor> => {
    const result = resultFor(file, 5);
    return index === 0 ? { ...result, damaged: "at least 26% of its data is lost" } : result;
  };
  const json = await runCli(["score", folder, "--json", "--allow-damaged"], answer);
  assert.equal(json.asked.options?.allowDamaged, true);
  const [first, second] = jsonLines(json.stdout) as Record<string, unknown>[];
  assert.equal(first?.["damaged"], "at least 26% of its data is lost");
  assert.ok(second && !("damaged" in second));
  const table = await runCli(["score", folder, "--allow-damaged"], answer);
  assert.match(table.stdout, /a\.jpg.*  damaged: at least 26% of its data is lost\n.*b\.jpg[^\n]*·\n$/);
  assert.equal((await runCli(["score", folder], answer)).asked.options?.allowDamaged, undefined);
});

test("wrong use: exit code 2, a message on standard error and with --json an object", async (t) => {
  const folder = folderWith(t, { "notes.txt": "" });
  const wrong = [
    ["score"],
    ["score", folder],
    ["score", "a.jpg", "--max-pixels", "many"],
    ["score", "a", "--nope"],
    ["paint"],
  ];
  for (const argv of wrong) {
    const { code, stderr, stdout } = await runCli([...argv, "--json"], scoreByIndex);
    assert.equal(code, 2, argv.join(" "));
    assert.match(stderr, /^error: /);
    const [object] = jsonLines(stdout) as { error: { code: string; message: string } }[];
    assert.equal(object?.error.code, "USAGE");
    assert.ok(object.error.message.length > 10);
    assert.equal((await runCli(argv, scoreByIndex)).stdout, "");
  }
});

test("no command at all: the help on standard error and exit code 2", async () => {
  const { code, stdout, stderr } = await runCli([], scoreByIndex);
  assert.equal(code, 2);
  assert.equal(stdout, "");
  assert.match(stderr, /Usage: roc4mllm/);
});

test("--help and --version go to standard output with exit code 0", async () => {
  const help = await runCli(["score", "--help"], scoreByIndex);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /the exit code is then 3/);
  const version = await runCli(["--version"], scoreByIndex);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
});

test("errors of ours have their own exit codes, others print a stack and give 70", async (t) => {
  const folder = folderWith(t, { "a.jpg": "" });
  const ours = await runCli(["score", folder, "--json"], () => {
    throw new RocError("CONFIG_INVALID", "config.json: no vision_config");
  });
  assert.equal(ours.code, 4);
  assert.equal(ours.stderr, "error: config.json: no vision_config\n");
  assert.deepEqual(jsonLines(ours.stdout), [
    { error: { code: "CONFIG_INVALID", message: "config.json: no vision_config" } },
  ]);
  const bug = await runCli(["score", folder], () => {
    throw new TypeError("x is not a function");
  });
  assert.equal(bug.code, 70);
  assert.match(bug.stderr, /bug of ours.*\nTypeError: x is not a function\n\s+at /);
  assert.equal(bug.asked.disposed, true);
});

test("what the system refuses is no bug of ours", async (t) => {
  const folder = folderWith(t, { "a.jpg": "" });
  const { code, stderr } = await runCli(["score", folder], () => {
    mkdirSync(join(folder, "a.jpg", "below"));
    throw new Error("not reached");
  });
  assert.equal(code, 3);
  assert.match(
    stderr,
    /^error: .*a\.jpg\/below: a part of the path is a file, not a folder \(mkdir, ENOTDIR\)\. Correct/,
  );
});

test("stopped by the user: exit code 130, and what was scored stays printed", async (t) => {
  const folder = folderWith(t, { "a.jpg": "", "b.jpg": "" });
  const controller = new AbortController();
  const { code, stdout, stderr, asked } = await runCli(
    ["score", folder, "--json"],
    (file) => {
      controller.abort();
      return resultFor(file, 5);
    },
    { signal: controller.signal },
  );
  assert.equal(code, 130);
  assert.equal(stderr, "error: Scoring was cancelled\n");
  assert.deepEqual(jsonLines(stdout), [
    resultFor(join(folder, "a.jpg"), 5),
    { error: { code: "ABORTED", message: "Scoring was cancelled" } },
  ]);
  assert.equal(asked.disposed, true);
});

test("only the named command is imported", async () => {
  const imported: string[] = [];
  const command = (name: string) => () => {
    imported.push(name);
    return Promise.reject(new RocError("NATIVE_UNAVAILABLE", "no libtorch"));
  };
  const write = (): void => undefined;
  const io = { stdin: process.stdin, stdout: { write }, stderr: { write }, env: {} };
  const outside = { io, signal: new AbortController().signal, engine: () => Promise.reject(new Error("not here")) };
  const code = await run(["b", "x"], { a: command("a"), b: command("b") }, outside);
  assert.deepEqual(imported, ["b"]);
  assert.equal(code, 5);
});

test("--comments: written ones are shown, and where the answers hold none that is said", async (t) => {
  const folder = folderWith(t, { "a.jpg": "" });
  const commented = (file: string) => ({ ...resultFor(file, 5), comment: "Soft light." });
  const method = { family: "llava", strategy: "roc", prompt: "<image>" } as const;
  const having = { method: { ...method, answer: "{overall} {comment}" } };
  const shown = await runCli(["score", folder, "--comments"], commented, { origin: having });
  assert.match(shown.stdout, /a\.jpg .*\n {2}Soft light\.\n$/);
  assert.doesNotMatch(shown.stderr, /note/);
  const lacking = { method: { ...method, answer: "{overall}" } };
  const none = await runCli(["score", folder, "--comments"], (file) => resultFor(file, 5), { origin: lacking });
  assert.match(none.stderr, /note: --comments: the answers of fake@0 hold no comment, so none is written\n/);
  assert.equal(none.code, 0);
});

test("a score that is not finite is a failed row with an exit code of its own, beside other failures too", async (t) => {
  const folder = folderWith(t, { "a.jpg": "", "b.jpg": "", "c.jpg": "" });
  const overflowing = (file: string, index: number) =>
    index === 0
      ? failureFor(file)
      : index === 1
        ? { file, error: { code: "SCORE_NOT_FINITE" as const, message: "weights are finite. Take --dtype float32" } }
        : resultFor(file, 5);
  const { code, stdout } = await runCli(["score", folder], overflowing);
  assert.equal(code, 10);
  assert.match(stdout, /b\.jpg .*failed: weights are finite\. Take --dtype float32 \(SCORE_NOT_FINITE\)/);
});
