/** Downloads from a local server that simulates the hub, into the layout that Python reads; failures: faults.test.ts. */
import assert from "node:assert/strict";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { besideWeights } from "../../src/models/families.js";
import { downloadCommand } from "../../src/cli/checkpoint/download.js";
import { findModel } from "../../src/cli/shared/find-model.js";
import { downloadModel, hubSettings, neededFiles, resolveModel } from "../../src/hub/index.js";
import { folderWith, realEngine, runCommand } from "../cli/support.js";
import { checksum, COMMIT, fails, fakeHub, into } from "./support.js";

const WEIGHTS = { content: Buffer.alloc(300_000, "weights "), lfs: true };
const CONFIG = { content: Buffer.from('{"model_type": "llava"}') };
const FILES = { "config.json": CONFIG, "model.safetensors": WEIGHTS, "notes.md": { content: Buffer.from("# no") } };

test("everything that a model needs, once, in the layout that Python reads", async (t) => {
  const hub = await fakeHub(t, FILES);
  const given = into(t, hub);
  const progress: [number, number][] = [];
  const found = await downloadModel("owner/model", { ...given, onProgress: (...now) => progress.push(now) });
  assert.equal(found.folder, join(given.repo, "snapshots", COMMIT));
  assert.deepEqual(readdirSync(found.folder).sort(), ["config.json", "model.safetensors"]);
  for (const [path, file] of [
    ["config.json", CONFIG],
    ["model.safetensors", WEIGHTS],
  ] as const) {
    // prettier-ignore
    assert.ok(readFileSync(join(found.folder, path)).equals(file.content));
    assert.ok(lstatSync(join(found.folder, path)).isSymbolicLink());
    assert.equal(readlinkSync(join(found.folder, path)), join("../../blobs", checksum(file)));
  }
  assert.deepEqual(readdirSync(given.cacheDir).sort(), [".locks", "models--owner--model"]);
  assert.deepEqual(readdirSync(join(given.repo, "blobs")).sort(), [CONFIG, WEIGHTS].map(checksum).sort());
  assert.equal(readFileSync(join(given.repo, "refs/main"), "utf8"), COMMIT);
  const total = WEIGHTS.content.length + CONFIG.content.length;
  assert.deepEqual([found.fetched, progress.at(-1)], [total, [total, total]]);
  const again = await downloadModel("owner/model", given);
  assert.deepEqual([again.fetched, again.folder, hub.asked.length], [0, found.folder, 2]);
});

test("offline, or with an unreachable hub, the cache is used", async (t) => {
  const hub = await fakeHub(t, FILES);
  const given = into(t, hub);
  const offline = { ...given, settings: { ...given.settings, offline: true } };
  await assert.rejects(downloadModel("owner/model", offline), fails("FILE_NOT_FOUND", /HF_HUB_OFFLINE/));
  const { folder } = await downloadModel("owner/model", given);
  const cached = await downloadModel("owner/model", offline);
  assert.deepEqual([cached.folder, cached.commit, cached.fetched], [folder, COMMIT, 0]);
  assert.deepEqual(
    cached.files.map(({ path, size }) => [path, size]),
    [
      ["config.json", CONFIG.content.length],
      ["model.safetensors", WEIGHTS.content.length],
    ],
  );
  await hub.close();
  const notes: string[] = [];
  assert.equal(await resolveModel("owner/model", { ...given, onNote: (text) => notes.push(text) }), folder);
  assert.equal(notes.length, 1);
  assert.match(notes.join(), new RegExp(`^owner/model could not be fetched: .*; using the cached files .commit ${COMMIT}.\\.$`)); // prettier-ignore
  await assert.rejects(
    resolveModel("owner/absent", given),
    fails("NETWORK", /There is no folder owner\/absent.*HF_ENDPOINT/s),
  );
});

test("the card is fetched, whose title tells a scorer that its repository's name does not", async (t) => {
  const card = { content: Buffer.from("# Q-SiT-mini\n") };
  const hub = await fakeHub(t, { "config.json": CONFIG, "model.safetensors": WEIGHTS, "README.md": card, "docs/README.md": card }); // prettier-ignore
  const { folder } = await downloadModel("owner/model", into(t, hub));
  assert.deepEqual(readdirSync(folder).sort(), ["README.md", "config.json", "model.safetensors"]);
  assert.deepEqual(neededFiles(["README.md", "model.safetensors"], { exclude: ["*.md"] }), ["model.safetensors"]);
});

test("selected files: no other program's weights, .bin only without safetensors, globs", () => {
  const both = ["config.json", "model.safetensors", "pytorch_model.bin", "tf_model.h5", "onnx/model.onnx", "a.png"];
  assert.deepEqual(neededFiles(both), ["config.json", "model.safetensors"]);
  assert.deepEqual(neededFiles(["tokenizer.model", "pytorch_model-1-of-2.bin", "training_args.bin"]), [
    "tokenizer.model",
    "pytorch_model-1-of-2.bin",
  ]);
  assert.deepEqual(neededFiles(both, { include: ["*.bin", "onnx/*"] }), ["pytorch_model.bin", "onnx/model.onnx"]);
  assert.deepEqual(neededFiles(both, { exclude: ["model.*"] }), ["config.json", "pytorch_model.bin"]);
  const files = ["a.json", ".cache/b.json", "x/a.json", "x/y/ba.json", "x/y/a.bin", "x/y/a[1].bin"];
  const globs: [string, string[]][] = [
    ["*.json", ["a.json", ".cache/b.json", "x/a.json", "x/y/ba.json"]],
    ["?.json", ["a.json", ".cache/b.json", "x/a.json"]],
    ["x/*.json", ["x/a.json"]],
    ["x/**", ["x/a.json", "x/y/ba.json", "x/y/a.bin", "x/y/a[1].bin"]],
    ["**/a.json", ["a.json", "x/a.json"]],
    ["x/y/*.{json,bin}", ["x/y/ba.json", "x/y/a.bin", "x/y/a[1].bin"]],
    ["a\\[1\\].bin", ["x/y/a[1].bin"]],
    ["a", []],
  ];
  for (const [glob, expected] of globs) assert.deepEqual(neededFiles(files, { include: [glob] }), expected, glob);
});

for (const [name, listed, wanted] of [
  ["a variant beside .bin", ["model.fp16.safetensors", "pytorch_model.bin"], ["pytorch_model.bin"]],
  ["an adapter's folder beside .bin", ["lora/adapter_model.safetensors", "pytorch_model.bin"], ["pytorch_model.bin"]],
  [
    "another program's weights beside .bin",
    ["consolidated.safetensors", "original/model.safetensors", "pytorch_model.bin"],
    ["pytorch_model.bin"],
  ],
  ["a training state's beside .bin", ["checkpoint-9/model.safetensors", "pytorch_model.bin"], ["pytorch_model.bin"]],
  ["some other safetensors beside .bin", ["extra.safetensors", "pytorch_model.bin"], ["pytorch_model.bin"]],
  [
    "every format",
    [
      "model.safetensors",
      "model.safetensors.index.json",
      "model-00001-of-00002.safetensors",
      "pytorch_model.bin",
      "pytorch_model.bin.index.json",
      "model.fp16.safetensors",
    ],
    ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin.index.json"],
  ],
  [
    "shards of both formats",
    [
      "model.safetensors.index.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "pytorch_model.bin.index.json",
      "pytorch_model-00001-of-00001.bin",
    ],
    [
      "model.safetensors.index.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "pytorch_model.bin.index.json",
    ],
  ],
  [
    "shards of .bin beside a variant",
    ["model.fp16.safetensors", "pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin"],
    ["pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin"],
  ],
  ["a single variant", ["model.fp16.safetensors", "onnx/model.onnx"], ["model.fp16.safetensors"]],
  [
    "a single variant in shards",
    ["model.safetensors.index.fp16.json", "model.fp16-00001-of-00001.safetensors"],
    ["model.safetensors.index.fp16.json", "model.fp16-00001-of-00001.safetensors"],
  ],
  [
    "shards without an index",
    ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "pytorch_model.bin"],
    ["pytorch_model.bin"],
  ],
  [
    "nothing but shards without an index",
    ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
    ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
  ],
  [
    "a projector beside",
    ["mm_projector.bin", "model.safetensors", "training_args.bin"],
    ["mm_projector.bin", "model.safetensors"],
  ],
  [
    "only an adapter",
    ["adapter_config.json", "adapter_model.safetensors", "checkpoint-1/adapter_model.safetensors", "training_args.bin"],
    ["adapter_config.json", "adapter_model.safetensors"],
  ],
  [
    "tokenizers in subfolders",
    ["tokenizer/tokenizer.json", "tokenizer_2/vocab.json", "model.safetensors"],
    ["tokenizer/tokenizer.json", "tokenizer_2/vocab.json", "model.safetensors"],
  ],
  [
    "weights in subfolders only",
    ["llm/model.safetensors", "tower/model.safetensors", "tower/pytorch_model.bin"],
    ["llm/model.safetensors", "tower/model.safetensors"],
  ],
] as const) {
  test(`selected weights: ${name}`, () => assert.deepEqual(neededFiles(listed, { beside: besideWeights() }), wanted));
}

test("an index is fetched first and decides which shards are needed, in either format", async (t) => {
  const weight_map = { a: "first.bin", b: "second.safetensors" };
  const index = { content: Buffer.from(JSON.stringify({ weight_map })) };
  const names = ["first.bin", "second.safetensors", "pytorch_model-00001-of-00002.bin", "lora/model.safetensors"];
  const others = Object.fromEntries(names.map((name) => [name, { content: Buffer.from(name), lfs: true }]));
  const hub = await fakeHub(t, { "config.json": CONFIG, "pytorch_model.bin.index.json": index, ...others });
  const given = into(t, hub);
  const { files, fetched } = await downloadModel("owner/model", given);
  assert.deepEqual(
    files.map(({ path }) => path),
    ["config.json", "first.bin", "pytorch_model.bin.index.json", "second.safetensors"],
  );
  assert.equal(fetched, files.reduce((sum, { size }) => sum + size, 0)); // prettier-ignore
  assert.equal(hub.asked.length, 4, "the index once");

  hub.files.delete("first.bin");
  await assert.rejects(downloadModel("owner/model", given), fails("CHECKPOINT_INVALID", /lacks first\.bin, which/));
  hub.files.set("pytorch_model.bin.index.json", { content: Buffer.from('{"weight_map": 7}') });
  await assert.rejects(downloadModel("owner/model", given), fails("CHECKPOINT_INVALID", /index\.json.*weight_map/));
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
  const old = await hubSettings({ HUGGINGFACE_HUB_CACHE: "~/old", HF_TOKEN_PATH: join(home, "token"), TRANSFORMERS_OFFLINE: "1" }); // prettier-ignore
  assert.deepEqual([old.cacheDir, old.token, old.offline], [join(homedir(), "old"), "from-file", true]);
  assert.equal((await hubSettings({ HF_HOME: home, HUGGING_FACE_HUB_TOKEN: "older" })).token, "older");
});

test("a name is a folder, a repository, or an error", async (t) => {
  const folder = folderWith(t, {});
  assert.equal(await resolveModel(folder), folder);
  await assert.rejects(
    resolveModel("no-such-folder"),
    fails("FILE_NOT_FOUND", /no folder no-such-folder.*owner\/name/),
  );
  await assert.rejects(resolveModel("a/b/c"), fails("FILE_NOT_FOUND", /owner\/name/));
  await assert.rejects(downloadModel("../../evil"), fails("USAGE", /\.\.\/\.\.\/evil.*owner\/name/));
  await assert.rejects(downloadModel("owner/model", { revision: "../evil" }), fails("USAGE", /revision.*evil/));
  const settings = { endpoint: "mirror", offline: false };
  await assert.rejects(downloadModel("owner/model", { settings }), fails("USAGE", /HF_ENDPOINT.*mirror/));
});

test("the command prints the folder, or everything as JSON", async (t) => {
  const hub = await fakeHub(t, FILES);
  const cacheDir = folderWith(t, {});
  const before = process.env["HF_ENDPOINT"];
  process.env["HF_ENDPOINT"] = hub.endpoint;
  t.after(() => (before === undefined ? delete process.env["HF_ENDPOINT"] : (process.env["HF_ENDPOINT"] = before)));
  const argv = ["download", "owner/model", "--cache-dir", cacheDir];
  const commands = { download: () => Promise.resolve(downloadCommand) };
  const first = await runCommand(argv, commands, { engine: realEngine });
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout.trim(), join(cacheDir, "models--owner--model/snapshots", COMMIT));
  const again = await runCommand([...argv, "--json"], commands, { engine: realEngine });
  assert.equal(again.code, 0);
  assert.equal((JSON.parse(again.stdout) as { fetched: number }).fetched, 0);
});

test("a repository without weights is fetched with a note, and is not a model", async (t) => {
  const gguf = { content: Buffer.alloc(9), lfs: true };
  const hub = await fakeHub(t, { "config.json": CONFIG, "model.gguf": gguf, "training_args.bin": gguf });
  const given = into(t, hub);
  await assert.rejects(
    resolveModel("owner/model", given),
    fails("CHECKPOINT_INVALID", /no weights that can be loaded/),
  );
  assert.equal(hub.asked.length, 0, "before anything is fetched");
  const before = process.env["HF_ENDPOINT"];
  process.env["HF_ENDPOINT"] = hub.endpoint;
  t.after(() => (before === undefined ? delete process.env["HF_ENDPOINT"] : (process.env["HF_ENDPOINT"] = before)));
  const argv = ["download", "owner/model", "--cache-dir", given.cacheDir];
  const commands = { download: () => Promise.resolve(downloadCommand) };
  const { code, stdout, stderr } = await runCommand(argv, commands, { engine: realEngine });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /owner\/model has no weights that can be loaded/);
  assert.match(stdout, /snapshots/);
});

test("score takes a name on the hub, and fetches the vision tower that an original LLaVA names", async (t) => {
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
  const { folder, visionTower } = await findModel("owner/model", {}, context);
  assert.equal(folder, join(home, "models--owner--model/snapshots", COMMIT));
  assert.equal(visionTower, folder);
  const again = await findModel(folder, { visionTower: folder }, context);
  assert.deepEqual([again.folder, again.visionTower, again.base], [folder, folder, undefined]);
  assert.equal(again.checkpoint.home.path, folder);
});
