/** Downloads against a local server that plays the hub. */
import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { downloadCommand } from "../../src/cli/download.js";
import { findModel } from "../../src/cli/find-model.js";
import { run } from "../../src/cli/program.js";
import { isRocError, type ErrorCode } from "../../src/errors.js";
import { downloadModel, hubSettings, neededFiles, resolveModel, type DownloadOptions } from "../../src/hub/index.js";
import { folderWith } from "./cli-support.js";
import { checksum, COMMIT, fakeHub, type FakeHub } from "./hub-support.js";

const WEIGHTS = { content: Buffer.alloc(300_000, "weights "), lfs: true };
const CONFIG = { content: Buffer.from('{"model_type": "llava"}') };
const FILES = { "config.json": CONFIG, "model.safetensors": WEIGHTS, "README.md": { content: Buffer.from("# no") } };

const fails =
  (code: ErrorCode, message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(isRocError(error), String(error));
    assert.match(error.message, message);
    return error.code === code;
  };

function options(
  t: TestContext,
  hub: FakeHub,
  more: DownloadOptions["settings"] = {},
): DownloadOptions & { cacheDir: string } {
  const cacheDir = folderWith(t, {});
  const settings = { endpoint: hub.endpoint, cacheDir, token: undefined, offline: false, ...more };
  return { settings, retryDelay: 1, cacheDir };
}

test("everything that a model needs, once, in the layout that Python reads", async (t) => {
  const hub = await fakeHub(t, FILES);
  const given = options(t, hub);
  const progress: [number, number][] = [];
  const found = await downloadModel("owner/model", { ...given, onProgress: (...now) => progress.push(now) });
  const repo = join(given.cacheDir, "models--owner--model");
  assert.equal(found.folder, join(repo, "snapshots", COMMIT));
  assert.deepEqual(readdirSync(found.folder).sort(), ["config.json", "model.safetensors"]);
  assert.ok(readFileSync(join(found.folder, "model.safetensors")).equals(WEIGHTS.content));
  assert.ok(lstatSync(join(found.folder, "config.json")).isSymbolicLink());
  assert.equal(
    realpathSync(join(found.folder, "model.safetensors")),
    realpathSync(join(repo, "blobs", checksum(WEIGHTS))),
  );
  assert.equal(readFileSync(join(repo, "refs/main"), "utf8"), COMMIT);
  const total = WEIGHTS.content.length + CONFIG.content.length;
  assert.deepEqual([found.fetched, progress.at(-1)], [total, [total, total]]);
  const again = await downloadModel("owner/model", given);
  assert.deepEqual([again.fetched, again.folder, hub.asked.length], [0, found.folder, 2]);
});

test("a cut connection is taken up where it stopped, in the same call and in the next", async (t) => {
  const hub = await fakeHub(t, FILES);
  const given = options(t, hub);
  hub.cuts.set("model.safetensors", [100_000, 50_000]);
  await downloadModel("owner/model", given);
  const ranges = hub.asked.filter(({ path }) => path === "model.safetensors").map(({ range }) => range);
  assert.deepEqual(ranges, [undefined, "bytes=100000-", "bytes=150000-"]);

  const other = options(t, hub);
  const blob = join(other.cacheDir, "models--owner--model/blobs", checksum(WEIGHTS));
  mkdirSync(join(blob, ".."), { recursive: true });
  writeFileSync(`${blob}.incomplete`, WEIGHTS.content.subarray(0, 123));
  hub.asked.length = 0;
  const { folder } = await downloadModel("owner/model", other);
  assert.deepEqual(hub.asked.find(({ path }) => path === "model.safetensors")?.range, "bytes=123-");
  assert.ok(readFileSync(join(folder, "model.safetensors")).equals(WEIGHTS.content));
});

test("a connection that is cut again and again without a byte ends with what to do, and keeps what came", async (t) => {
  const hub = await fakeHub(t, FILES);
  const given = options(t, hub);
  hub.cuts.set("model.safetensors", [1000, ...new Array<number>(20).fill(0)]);
  await assert.rejects(
    downloadModel("owner/model", given),
    fails("NETWORK", /model\.safetensors.*the same command goes on/s),
  );
  const blob = join(given.cacheDir, "models--owner--model/blobs", `${checksum(WEIGHTS)}.incomplete`);
  assert.equal(readFileSync(blob).length, 1000);
});

for (const [kind, path] of [
  ["SHA-256", "model.safetensors"],
  ["git's hash", "config.json"],
] as const) {
  test(`wrong content is found by ${kind} and removed`, async (t) => {
    const hub = await fakeHub(t, FILES);
    const given = options(t, hub);
    const right = FILES[path].content;
    hub.wrong.set(path, Buffer.alloc(right.length, "x"));
    await assert.rejects(
      downloadModel("owner/model", given),
      fails("CHECKPOINT_INVALID", /checksum .* promised .*download it again/s),
    );
    const blobs = join(given.cacheDir, "models--owner--model/blobs");
    assert.ok(!readdirSync(blobs).some((name) => name.startsWith(checksum(FILES[path]))), "nothing of it is left");
    hub.wrong.clear();
    const { folder } = await downloadModel("owner/model", given);
    assert.ok(readFileSync(join(folder, path)).equals(right));
  });
}

test("the token is sent, and refusals say what to do", async (t) => {
  const hub = await fakeHub(t, FILES);
  hub.secret = "hf_secret";
  await assert.rejects(downloadModel("owner/model", options(t, hub)), fails("NETWORK", /HTTP 401.*HF_TOKEN/s));
  await downloadModel("owner/model", options(t, hub, { token: "hf_secret" }));
  assert.ok(hub.asked.every(({ token }) => token === "hf_secret"));
  await assert.rejects(
    downloadModel("owner/other", options(t, hub, { token: "hf_secret" })),
    fails("NETWORK", /404.*spelling/s),
  );
});

test("offline, and with no hub to reach, the cache is what there is", async (t) => {
  const hub = await fakeHub(t, FILES);
  const given = options(t, hub);
  const offline = { ...given, settings: { ...given.settings, offline: true } };
  await assert.rejects(downloadModel("owner/model", offline), fails("FILE_NOT_FOUND", /HF_HUB_OFFLINE/));
  const { folder } = await downloadModel("owner/model", given);
  assert.equal((await downloadModel("owner/model", offline)).folder, folder);
  await hub.close();
  assert.equal(await resolveModel("owner/model", given), folder);
  await assert.rejects(
    resolveModel("owner/absent", given),
    fails("NETWORK", /There is no folder owner\/absent.*HF_ENDPOINT/s),
  );
});

test("an abort leaves what came, and the next call goes on", async (t) => {
  const hub = await fakeHub(t, { ...FILES, "model.safetensors": { content: Buffer.alloc(5_000_000, 1), lfs: true } });
  const given = options(t, hub);
  const controller = new AbortController();
  const onProgress = (bytes: number): void => void (bytes > 100_000 && controller.abort());
  await assert.rejects(
    downloadModel("owner/model", { ...given, signal: controller.signal, onProgress }),
    fails("ABORTED", /stopped/),
  );
  const { folder } = await downloadModel("owner/model", given);
  assert.equal(readFileSync(join(folder, "model.safetensors")).length, 5_000_000);
});

test("a repository cannot write outside of its folder", async (t) => {
  const hub = await fakeHub(t, { ...FILES, "../evil.json": { content: Buffer.from("{}") } });
  const given = options(t, hub);
  await assert.rejects(downloadModel("owner/model", given), fails("CHECKPOINT_INVALID", /evil\.json.*leaves/));
  assert.ok(!existsSync(join(given.cacheDir, "evil.json")));
});

test("which files: no other program's weights, .bin only without safetensors, globs", () => {
  const both = ["config.json", "model.safetensors", "pytorch_model.bin", "tf_model.h5", "onnx/model.onnx", "a.png"];
  assert.deepEqual(neededFiles(both), ["config.json", "model.safetensors"]);
  assert.deepEqual(neededFiles(["tokenizer.model", "pytorch_model-1-of-2.bin", "training_args.bin"]), [
    "tokenizer.model",
    "pytorch_model-1-of-2.bin",
  ]);
  assert.deepEqual(neededFiles(both, { include: ["*.bin", "onnx/*"] }), ["pytorch_model.bin", "onnx/model.onnx"]);
  assert.deepEqual(neededFiles(both, { exclude: ["model.*"] }), ["config.json", "pytorch_model.bin"]);
});

test("the environment of Python's huggingface_hub", async (t) => {
  const home = folderWith(t, { token: "from-file\n" });
  assert.deepEqual(await hubSettings({ HF_HOME: home, HF_ENDPOINT: "http://mirror/", HF_HUB_OFFLINE: "1" }), {
    endpoint: "http://mirror",
    cacheDir: join(home, "hub"),
    token: "from-file",
    offline: true,
  });
  const set = await hubSettings({ HF_HOME: home, HF_HUB_CACHE: "/elsewhere", HF_TOKEN: "t", HF_HUB_OFFLINE: "0" });
  assert.deepEqual([set.cacheDir, set.token, set.offline], ["/elsewhere", "t", false]);
});

test("a name is a folder, a repository, or an error", async (t) => {
  const folder = folderWith(t, {});
  assert.equal(await resolveModel(folder), folder);
  await assert.rejects(
    resolveModel("no-such-folder"),
    fails("FILE_NOT_FOUND", /no folder no-such-folder.*owner\/name/),
  );
  await assert.rejects(resolveModel("a/b/c"), fails("FILE_NOT_FOUND", /owner\/name/));
});

test("the command prints the folder, or everything as JSON", async (t) => {
  const hub = await fakeHub(t, FILES);
  const cacheDir = folderWith(t, {});
  const out = { stdout: "", stderr: "" };
  const io = {
    stdin: process.stdin,
    stdout: { write: (text: string) => (out.stdout += text) },
    stderr: { write: (text: string) => (out.stderr += text) },
    env: {},
  };
  const outside = { io, signal: new AbortController().signal, engine: () => import("../../src/engine/index.js") };
  const before = process.env["HF_ENDPOINT"];
  process.env["HF_ENDPOINT"] = hub.endpoint;
  t.after(() => (before === undefined ? delete process.env["HF_ENDPOINT"] : (process.env["HF_ENDPOINT"] = before)));
  const argv = ["download", "owner/model", "--cache-dir", cacheDir];
  const commands = { download: () => Promise.resolve(downloadCommand) };
  assert.equal(await run(argv, commands, outside), 0, out.stderr);
  assert.equal(out.stdout.trim(), join(cacheDir, "models--owner--model/snapshots", COMMIT));
  out.stdout = "";
  assert.equal(await run([...argv, "--json"], commands, outside), 0);
  assert.equal((JSON.parse(out.stdout) as { fetched: number }).fetched, 0);
});

test("score takes a name on the hub, and fetches what an original LLaVA names as its tower", async (t) => {
  const hub = await fakeHub(t, {
    ...FILES,
    "config.json": { content: Buffer.from('{"model_type": "llava", "mm_vision_tower": "owner/model"}') },
  });
  const home = folderWith(t, {});
  const changed = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: home };
  const before = Object.keys(changed).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, changed);
  t.after(() => before.forEach(([name, value]) => (value === undefined ? delete process.env[name] : (process.env[name] = value)))); // prettier-ignore
  const io = { stdin: process.stdin, stdout: { write: () => true }, stderr: { write: () => true }, env: {} };
  const context = { io, signal: new AbortController().signal, engine: () => import("../../src/engine/index.js"), setExitCode: () => undefined }; // prettier-ignore
  const { folder, visionTower } = await findModel("owner/model", undefined, context);
  assert.equal(folder, join(home, "models--owner--model/snapshots", COMMIT));
  assert.equal(visionTower, folder);
  assert.deepEqual(await findModel(folder, folder, context), { folder, visionTower: folder });
});
