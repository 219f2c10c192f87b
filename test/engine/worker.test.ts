/** A model in a worker thread: the same results, errors and facts as on this thread, and what happens when one of the two goes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import workerThreads, { Worker } from "node:worker_threads";
import { compare } from "../../src/engine/compare.js";
import { DEMO_MODEL, load, type LoadOptions, type Model } from "../../src/engine/index.js";
import type { Outcome } from "../../src/engine/types.js";
import { packError, unpackError } from "../../src/engine/wire.js";
import { isRocError, RocError } from "../../src/errors.js";
import { openCheckpointFolder, packCheckpoint, unpackCheckpoint } from "../../src/models/places.js";
import { ROOT } from "../support.js";

const PHOTOS = ["abstract-dull", "landscape-good", "portrait-good", "still-life-fair"].map((name) =>
  join(ROOT, `examples/photos/${name}.jpg`),
);

const INDEX = pathToFileURL(join(ROOT, "dist/src/index.js")).href;

let root = "";
before(async () => {
  root = await mkdtemp(join(tmpdir(), "engine-worker-"));
});
after(() => rm(root, { recursive: true }));

async function all(outcomes: AsyncIterable<Outcome>): Promise<Outcome[]> {
  const found: Outcome[] = [];
  for await (const outcome of outcomes) found.push(outcome);
  return found;
}

/** The workers that are made during a test. */
function watched(t: TestContext): Worker[] {
  const made: Worker[] = [];
  const plain = workerThreads.Worker;
  workerThreads.Worker = class extends plain {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      made.push(this);
    }
  };
  syncBuiltinESMExports();
  t.after(() => {
    workerThreads.Worker = plain;
    syncBuiltinESMExports();
  });
  return made;
}

function factsOf({ name, scale, digest, settings, folder, method }: Model): object {
  return { name, scale, digest, settings, folder, method };
}

test("results and facts are those of a model on this thread, to the last digit; of whatever batch size", async (t) => {
  const workers = watched(t);
  const inputs = [...PHOTOS, "no such file", { name: "none", data: Buffer.from("text") }, { name: "bytes", data: await readFile(PHOTOS[0] ?? "") }]; // prettier-ignore
  for (const batchSize of [1, 3]) {
    const options: LoadOptions = { batchSize, scale: { min: 0, max: 100 }, threads: 1 };
    using here = await load(DEMO_MODEL, { ...options, worker: false });
    assert.equal(workers.length, 0);
    using there = await load(DEMO_MODEL, options);
    assert.equal(workers.splice(0).length, 1);
    assert.deepEqual(factsOf(there), factsOf(here));
    assert.deepEqual(await all(there.score(inputs)), await all(here.score(inputs)));
    assert.deepEqual(await there.scoreOne(PHOTOS[1] ?? ""), await here.scoreOne(PHOTOS[1] ?? ""));
    assert.deepEqual(await compare(there, PHOTOS), await compare(here, PHOTOS));
  }
});

test("errors of loading are the same in both ways", async () => {
  const changed = async (name: string, file: string, content: string): Promise<string> => {
    const folder = join(root, name);
    await cp(DEMO_MODEL, folder, { recursive: true });
    await writeFile(join(folder, file), content);
    return folder;
  };
  const config = JSON.parse(await readFile(join(DEMO_MODEL, "config.json"), "utf8")) as Record<string, unknown>;
  const calls: [string | URL, LoadOptions][] = [
    [join(root, "nowhere"), {}],
    [await changed("list", "config.json", "[]"), {}],
    [await changed("unknown", "config.json", JSON.stringify({ ...config, model_type: "other", score_id: 3 })), {}],
    [await changed("family", "config.json", JSON.stringify({ ...config, model_type: "other" })), {}],
    [await changed("far", "config.json", JSON.stringify({ ...config, output_last_id: 10 ** 6 })), {}],
    [await changed("weights", "model.safetensors", "none"), {}],
    [await changed("tokenizer", "tokenizer.json", "{}"), {}],
    [await changed("texts", "roc_templates.json", "{}"), {}],
    [await changed("pictures", "preprocessor_config.json", "{"), {}],
    [DEMO_MODEL, { device: "cuda:99" }],
    [DEMO_MODEL, { device: "tpu" }],
    [DEMO_MODEL, { visionTower: root }],
    [DEMO_MODEL, { threads: 0 }],
    [DEMO_MODEL, { batchSize: 0 }],
    [DEMO_MODEL, { scale: { min: 3, max: 1 } }],
    [DEMO_MODEL, { signal: AbortSignal.abort() }],
    [new URL("https://example.com/model"), {}],
  ];
  const errorOf = async (folder: string | URL, options: LoadOptions): Promise<unknown> => {
    const error: unknown = await load(folder, options).then(
      (model) => model.dispose(),
      (thrown: unknown) => thrown,
    );
    assert.ok(isRocError(error), `${String(folder)}: ${String(error)}`);
    return [error.code, error.message, error.exitCode];
  };
  for (const [folder, options] of calls) {
    assert.deepEqual(await errorOf(folder, options), await errorOf(folder, { ...options, worker: false }));
  }
});

test("an abort ends the loading at once, and its thread", async (t) => {
  const workers = watched(t);
  const controller = new AbortController();
  const loading = load(DEMO_MODEL, { signal: controller.signal });
  while (workers.length === 0) await sleep(1);
  const ended = once(workers[0] as Worker, "exit");
  controller.abort(new Error("enough"));
  await assert.rejects(loading, (error) => isRocError(error) && error.code === "ABORTED" && /demo/.test(error.message));
  await ended;
});

test("calls at the same time, one of which is aborted", async () => {
  using model = await load(DEMO_MODEL, { batchSize: 4 });
  const [first = ""] = PHOTOS;
  const expected = await model.scoreOne(first);
  const controller = new AbortController();
  const endless = (function* () {
    for (;;) yield first;
  })();
  let count = 0;
  const scoring = async (): Promise<void> => {
    for await (const _ of model.score(endless, { signal: controller.signal })) if (++count === 3) controller.abort();
  };
  const aborted = assert.rejects(scoring(), { code: "ABORTED" });
  const singles = await Promise.all(Array.from({ length: 12 }, () => model.scoreOne(first)));
  for (const { file, score } of singles) {
    assert.equal(file, first);
    assert.ok(Math.abs(score - expected.score) <= 1e-5);
  }
  await aborted;
  assert.equal(count, 3);
  assert.equal((await all(model.score(PHOTOS))).length, PHOTOS.length);
});

test("what is written for nobody any more is written no further, and what waits behind it comes at once", async () => {
  using model = await load(DEMO_MODEL);
  const [first = ""] = PHOTOS;
  const questions = Array.from({ length: 40 }, () => ({ prompt: "Tell me more.", maxTokens: 40 }));
  const written = async (most: number): Promise<number> => {
    const leaver = new AbortController();
    let pieces = 0;
    const onText = (): void => void (++pieces === most && leaver.abort());
    const call = model.scoreOne(first, { questions, onText, signal: leaver.signal });
    if (Number.isFinite(most)) await assert.rejects(call, { code: "ABORTED" });
    else await call;
    // Behind it: the worker has one thing to do at a time.
    await model.scoreOne(first);
    return pieces;
  };
  const whole = await written(Infinity);
  assert.ok(whole > 200, `${whole} pieces`);
  const begun = await written(3);
  assert.ok(begun < whole / 2, `${begun} of ${whole} pieces`);
  assert.equal(model.lost?.aborted, false);
});

test("a thread that dies fails what is asked and all that comes later, with one clear error", async (t) => {
  const workers = watched(t);
  using model = await load(DEMO_MODEL);
  const results = all(model.score(new Array<string>(300).fill(PHOTOS[0] ?? "")));
  const single = model.scoreOne(PHOTOS[1] ?? "");
  const failed = Promise.all(
    [results, single].map((call) => assert.rejects(call, { code: "INTERNAL", message: /thread of the model has ended.*Load the model again/ })), // prettier-ignore
  );
  assert.equal(model.lost?.aborted, false);
  await workers[0]?.terminate();
  await failed;
  await assert.rejects(model.scoreOne(PHOTOS[0] ?? ""), { code: "INTERNAL", message: /has ended/ });
  assert.ok(model.lost.aborted && isRocError(model.lost.reason) && /has ended/.test(model.lost.reason.message));
  model.dispose();
  // Another one is not concerned.
  using other = await load(DEMO_MODEL);
  assert.equal((await other.scoreOne(PHOTOS[0] ?? "")).file, PHOTOS[0]);
});

test("dispose() ends the thread; the model says that it is disposed", async (t) => {
  const workers = watched(t);
  const model = await load(DEMO_MODEL);
  await model.scoreOne(PHOTOS[0] ?? "");
  const ended = once(workers[0] as Worker, "exit");
  model.dispose();
  model.dispose();
  // It would not be waited for.
  workers[0]?.ref();
  await ended;
  assert.equal(model.lost?.aborted, false);
  await assert.rejects(model.scoreOne(PHOTOS[0] ?? ""), {
    code: "USAGE",
    message: /demo@.* is disposed; load it again/,
  });
});

/** Runs a program of its own; it has to end by itself. */
async function program(code: string): Promise<string> {
  const file = join(root, "program.mjs");
  const index = JSON.stringify(INDEX);
  await writeFile(file, `import { DEMO_MODEL, load } from ${index};\n${code}`);
  const child = spawn(process.execPath, [file, ...PHOTOS], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (out += text)); // prettier-ignore
  assert.deepEqual(await once(child, "close"), [0, null], out);
  return out;
}

test("a process ends by itself after scoring, without dispose(), and before it", async () => {
  const one = await program(
    "const model = await load(DEMO_MODEL);\nconsole.log((await model.scoreOne(process.argv[2])).file);",
  );
  assert.equal(one.trim(), PHOTOS[0]);
  assert.equal(await program("await load(DEMO_MODEL);"), "");
  const left = await program(
    "const model = await load(DEMO_MODEL);\nfor await (const { file } of model.score(process.argv.slice(2))) { console.log(file); break; }",
  );
  assert.equal(left.trim(), PHOTOS[0]);
});

test("errors keep code, message and cause between threads; what is no error of ours keeps its stack", () => {
  const cause = new Error("underneath");
  const ours = unpackError(structuredClone(packError(new RocError("DEVICE_LOST", "gone", { cause }))));
  assert.ok(isRocError(ours) && ours.code === "DEVICE_LOST" && ours.message === "gone");
  assert.match(String((ours.cause as Error).stack), /underneath/);
  const bug = new TypeError("x is not a function");
  const other = unpackError(structuredClone(packError(bug)));
  assert.ok(!isRocError(other));
  assert.deepEqual([other.message, other.stack], [bug.message, bug.stack]);
  assert.equal(unpackError(packError("text")).message, "text");
});

test("what this thread has read of a checkpoint the other one does not read again", async () => {
  const folder = join(root, "packed");
  await cp(DEMO_MODEL, folder, { recursive: true });
  const opened = await openCheckpointFolder(folder);
  const config = await opened.config();
  const packed = structuredClone(await packCheckpoint(opened));
  await rm(folder, { recursive: true });
  const there = unpackCheckpoint(packed);
  assert.deepEqual(await there.config(), config);
  assert.deepEqual([there.path, there.home.path, there.adapter], [folder, folder, undefined]);
  await assert.rejects(there.home.json("roc_templates.json"), { code: "FILE_NOT_FOUND" });
});

test("a model that is disposed while it scores ends the calls that run, and the program continues", async () => {
  for (const batchSize of [1, 4]) {
    const out = await program(
      `const model = await load(DEMO_MODEL, { batchSize: ${batchSize} });
       let count = 0;
       try {
         for await (const _ of model.score(Array(40).fill(process.argv[2]))) if (++count === 1) model.dispose();
       } catch (error) {
         console.log(error.code, count);
       }
       console.log("continues");`,
    );
    assert.equal(out, "USAGE 1\ncontinues\n");
  }
  const model = await load(DEMO_MODEL, { worker: false });
  const call = model.score(new Array<string>(3).fill(PHOTOS[0] ?? ""))[Symbol.asyncIterator]();
  await call.next();
  model.dispose();
  await assert.rejects(call.next(), (error) => isRocError(error) && error.code === "USAGE");
});

test("Node's own flags are not the worker's: code of the command line, modules that are imported before", async () => {
  const preload = join(root, "preload.mjs");
  await writeFile(preload, "console.log('preload');");
  const code = `import { DEMO_MODEL, load } from ${JSON.stringify(INDEX)};
    console.log((await (await load(DEMO_MODEL)).scoreOne(process.argv[1])).file);`;
  const flags = ["--import", pathToFileURL(preload).href, "--input-type=module", "-e", code, PHOTOS[0] ?? ""];
  const child = spawn(process.execPath, flags, { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  assert.deepEqual(await once(child, "close"), [0, null], out);
  assert.equal(out, `preload\n${PHOTOS[0]}\n`);
});

test("options that cannot be sent, of callers without types, are left out; a signal that is none is refused", async () => {
  const odd = { scale: { min: 0, max: 1, f: () => 0 }, log: () => 0 } as LoadOptions;
  using model = await load(DEMO_MODEL, odd);
  assert.deepEqual(model.scale, { min: 0, max: 1 });
  const asked = { log: () => 0, questions: [{ prompt: "What is it?", maxTokens: 1 }] } as object;
  const { answers } = await model.scoreOne(PHOTOS[0] ?? "", asked);
  assert.equal(answers?.length, 1);
  const refused = (error: unknown): boolean => isRocError(error) && error.code === "USAGE" && /signal is 5/.test(error.message); // prettier-ignore
  await assert.rejects(load(DEMO_MODEL, { signal: 5 } as object), refused);
  const names = ["device", "dtype", "quantize", "visionTower", "base", "resize", "scorer", "aspect", "promptSource", "text", "sample", "scale", "onNote", "worker", "pack", "threads", "batchSize"]; // prettier-ignore
  for (const name of names) {
    for (const value of name === "sample" || name === "threads" ? ["x", []] : [3.5, {}]) {
      const code = { code: "USAGE", message: new RegExp(`${name} is |The ${name} `) };
      await assert.rejects(load(DEMO_MODEL, { [name]: value }), code, `${name}: ${JSON.stringify(value)}`);
    }
  }
  await assert.rejects(load(DEMO_MODEL, null as unknown as object), { code: "USAGE", message: /options are null/ });
});
