/** Downloads that are interrupted, refused, corrupted, aborted or killed, from a local server that simulates the hub. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { downloadModel } from "../../src/hub/index.js";
import { folderWith } from "../cli/support.js";
import { checksum, COMMIT, fails, fakeHub, into, type FakeHub } from "./support.js";

const WEIGHTS = { content: Buffer.alloc(300_000, "weights "), lfs: true };
const CONFIG = { content: Buffer.from('{"model_type": "llava"}') };
const FILES = { "config.json": CONFIG, "model.safetensors": WEIGHTS };
const BLOB = join("blobs", checksum(WEIGHTS));

/** The requests for the weights. */
function weightsAsked({ asked }: FakeHub): { range: string | undefined; sent: number }[] {
  return asked.filter(({ path }) => path === "model.safetensors").map(({ range, sent }) => ({ range, sent }));
}

/**
 * Each request for the weights resumes within the range already sent, and the last completes the file. Bytes that were
 * sent before a connection was lost may be lost with it.
 */
function assertResumes(asked: ReturnType<typeof weightsAsked>): void {
  let [start, end] = [0, 0];
  for (const { range, sent } of asked) {
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? "bytes=0-")?.[1]);
    assert.ok(from >= start && from <= end, `${range} after what came from ${start} to ${end}`);
    [start, end] = [from, from + sent];
  }
  assert.equal(end, WEIGHTS.content.length);
}

/** Writes a file into a repository's cache. */
function plant(repo: string, path: string, content: Buffer | string): void {
  mkdirSync(join(repo, path, ".."), { recursive: true });
  writeFileSync(join(repo, path), content);
}

test("a lost connection is resumed at its offset, in the same call and in the next", async (t) => {
  const hub = await fakeHub(t, FILES);
  hub.cuts.set("model.safetensors", [100_000, 50_000]);
  const { fetched } = await downloadModel("owner/model", into(t, hub));
  assert.equal(weightsAsked(hub).length, 3);
  assertResumes(weightsAsked(hub));
  assert.equal(fetched, WEIGHTS.content.length + CONFIG.content.length);

  const other = into(t, hub);
  plant(other.repo, `${BLOB}.incomplete`, WEIGHTS.content.subarray(0, 123));
  hub.asked.length = 0;
  const found = await downloadModel("owner/model", other);
  assert.deepEqual(weightsAsked(hub), [{ range: "bytes=123-", sent: 299_877 }]);
  assert.equal(found.fetched, 299_877 + CONFIG.content.length);
  assert.ok(readFileSync(join(found.folder, "model.safetensors")).equals(WEIGHTS.content));
});

test("an idle connection counts as lost", { timeout: 20_000 }, async (t) => {
  const hub = await fakeHub(t, FILES);
  hub.holds.set("model.safetensors", 120_000);
  const { folder } = await downloadModel("owner/model", { ...into(t, hub), idleTime: 200 });
  assert.ok(weightsAsked(hub).length >= 3);
  assertResumes(weightsAsked(hub));
  assert.ok(readFileSync(join(folder, "model.safetensors")).equals(WEIGHTS.content));
});

test("a server that ignores ranges sends the whole file again", async (t) => {
  const hub = await fakeHub(t, FILES);
  hub.ignoresRanges = true;
  hub.cuts.set("model.safetensors", [100_000]);
  const { folder } = await downloadModel("owner/model", into(t, hub));
  assert.ok(readFileSync(join(folder, "model.safetensors")).equals(WEIGHTS.content));
});

test("a connection that is lost repeatedly without a byte ends with a remedy, and retains what arrived", async (t) => {
  const hub = await fakeHub(t, FILES);
  const given = into(t, hub);
  hub.cuts.set("model.safetensors", [1000, ...new Array<number>(20).fill(0)]);
  await assert.rejects(
    downloadModel("owner/model", given),
    fails("NETWORK", /model\.safetensors.*the same command resumes/s),
  );
  assert.ok(statSync(join(given.repo, `${BLOB}.incomplete`)).size <= 1000);
  assert.equal(weightsAsked(hub).length, 5);
});

for (const [kind, path, spoilt] of [
  ["by SHA-256", "model.safetensors", Buffer.alloc(300_000, "x")],
  ["by git's hash", "config.json", Buffer.alloc(CONFIG.content.length, "x")],
  ["being shorter", "model.safetensors", WEIGHTS.content.subarray(1000)],
  ["being longer", "config.json", Buffer.alloc(CONFIG.content.length + 1, "x")],
] as const) {
  test(`wrong content is detected ${kind} and removed`, async (t) => {
    const hub = await fakeHub(t, FILES);
    const given = into(t, hub);
    hub.wrong.set(path, spoilt);
    await assert.rejects(
      downloadModel("owner/model", given),
      fails("CHECKPOINT_INVALID", new RegExp(`${path} .*the hub promised .*download it again`, "s")),
    );
    const left = readdirSync(join(given.repo, "blobs"));
    assert.ok(!left.some((name) => name.startsWith(checksum(FILES[path]))), "nothing of it is left");
    hub.wrong.clear();
    const { folder } = await downloadModel("owner/model", given);
    assert.ok(readFileSync(join(folder, path)).equals(FILES[path].content));
  });
}

test("a partial file that is too large is started anew", async (t) => {
  const hub = await fakeHub(t, FILES);
  const given = into(t, hub);
  plant(given.repo, `${BLOB}.incomplete`, Buffer.alloc(300_001));
  await downloadModel("owner/model", given);
  assert.deepEqual(weightsAsked(hub), [{ range: undefined, sent: 300_000 }]);
});

test("a damaged blob is fetched again, and a plain file is accepted instead of a link", async (t) => {
  const hub = await fakeHub(t, FILES);
  const given = into(t, hub);
  plant(given.repo, BLOB, "damaged");
  plant(given.repo, `snapshots/${COMMIT}/config.json`, CONFIG.content);
  symlinkSync("../../blobs/gone", join(given.repo, `snapshots/${COMMIT}/model.safetensors`));
  const { folder } = await downloadModel("owner/model", given);
  assert.deepEqual(
    hub.asked.map(({ path }) => path),
    ["model.safetensors"],
  );
  assert.ok(readFileSync(join(folder, "model.safetensors")).equals(WEIGHTS.content));
});

test("files of the same content, and empty ones", async (t) => {
  const same = { content: Buffer.alloc(200_000, "same"), lfs: true };
  const names = ["a/model.safetensors", "b/model.safetensors", "c/model.safetensors"];
  const empty = { content: Buffer.alloc(0) };
  const hub = await fakeHub(t, { ...Object.fromEntries(names.map((name) => [name, same])), "empty.txt": empty });
  const { folder, fetched } = await downloadModel("owner/model", into(t, hub));
  assert.equal(fetched, 200_000);
  for (const name of names) assert.ok(readFileSync(join(folder, name)).equals(same.content));
  assert.equal(readFileSync(join(folder, "empty.txt")).length, 0);
});

test("a busy hub is asked again, but not forever", async (t) => {
  const hub = await fakeHub(t, FILES);
  hub.refusals.set("api", [503, 429]).set("config.json", [500, 429, 502]);
  const { fetched } = await downloadModel("owner/model", into(t, hub));
  assert.equal(fetched, WEIGHTS.content.length + CONFIG.content.length);
  hub.refusals.set("api", new Array<number>(20).fill(503));
  await assert.rejects(downloadModel("owner/model", into(t, hub)), fails("NETWORK", /owner\/model.*503/s));
  hub.refusals.clear();
  hub.refusals.set("config.json", new Array<number>(20).fill(429));
  await assert.rejects(downloadModel("owner/model", into(t, hub)), fails("NETWORK", /config\.json.*429/s));
});

test("the token is sent only to the hub, and refusals name a remedy", async (t) => {
  const hub = await fakeHub(t, FILES);
  // A mirror's tokens may lack the hub's prefix.
  hub.secret = "mirror-secret";
  await assert.rejects(downloadModel("owner/model", into(t, hub)), fails("NETWORK", /HTTP 401.*spelling.*HF_TOKEN/s));
  const given = into(t, hub, { token: "mirror-secret" });
  hub.tokens.length = 0;
  await downloadModel("owner/model", given);
  assert.ok(hub.tokens.length >= 4 && hub.tokens.every((token) => token === "mirror-secret"), String(hub.tokens));
  assert.deepEqual(
    hub.asked.map(({ path, token }) => [path, token]).sort(),
    [
      ["config.json", "mirror-secret"],
      ["model.safetensors", undefined],
    ],
    "the token is not sent to a redirect's target",
  );
  await assert.rejects(downloadModel("owner/other", given), fails("NETWORK", /owner\/other.*404.*spelling/s));
  hub.refusals.set("api", [403]);
  await assert.rejects(downloadModel("owner/model", given), fails("NETWORK", /HTTP 403.*gated.*accept.*HF_TOKEN/s));
});

test("one file's failure stops the others", { timeout: 20_000 }, async (t) => {
  const hub = await fakeHub(t, FILES);
  hub.holds.set("model.safetensors", 1000);
  hub.refusals.set("config.json", [403]);
  await assert.rejects(downloadModel("owner/model", into(t, hub)), fails("NETWORK", /config\.json.*403/s));
});

test("an abort retains what arrived, and the next call resumes", { timeout: 20_000 }, async (t) => {
  const hub = await fakeHub(t, FILES);
  const given = into(t, hub);
  hub.holds.set("model.safetensors", 100_000);
  const controller = new AbortController();
  const onProgress = (bytes: number): void => void (bytes > 100_000 && setTimeout(() => controller.abort(), 50));
  await assert.rejects(
    downloadModel("owner/model", { ...given, signal: controller.signal, onProgress }),
    fails("ABORTED", /stopped.*resumes/s),
  );
  const { size } = statSync(join(given.repo, `${BLOB}.incomplete`));
  assert.ok(size > 0 && size <= 100_000, String(size));
  hub.holds.clear();
  const { folder } = await downloadModel("owner/model", given);
  assert.equal(weightsAsked(hub).at(-1)?.range, `bytes=${size}-`);
  assert.ok(readFileSync(join(folder, "model.safetensors")).equals(WEIGHTS.content));
});

test("an abort does not wait for the next attempt", { timeout: 20_000 }, async (t) => {
  const hub = await fakeHub(t, FILES);
  for (const path of ["api", "config.json"]) {
    hub.refusals.set(path, [503]);
    const download = downloadModel("owner/model", {
      ...into(t, hub),
      retryDelay: 60_000,
      signal: AbortSignal.timeout(200),
    });
    await assert.rejects(download, fails("ABORTED", /stopped/));
  }
});

test("an expired lock of another machine is ignored, a fresh one is respected", async (t) => {
  const hub = await fakeHub(t, FILES);
  const given = into(t, hub);
  const [folder, lock] = [join(given.cacheDir, ".locks/models--owner--model"), "roc4mllm.lock"];
  plant(folder, lock, "elsewhere 1");
  const then = Date.now() / 1000 - 61;
  utimesSync(join(folder, lock), then, then);
  await downloadModel("owner/model", { ...given, signal: AbortSignal.timeout(5000) });
  assert.deepEqual(readdirSync(folder), []);
  const held = into(t, hub);
  plant(join(held.cacheDir, ".locks/models--owner--model"), "roc4mllm.lock", "elsewhere 1");
  const stopped = downloadModel("owner/model", { ...held, signal: AbortSignal.timeout(500) });
  await assert.rejects(stopped, fails("ABORTED", /stopped/));
});

test("a killed process leaves what arrived, and the next one resumes at once", { timeout: 30_000 }, async (t) => {
  const hub = await fakeHub(t, FILES);
  const given = into(t, hub);
  hub.holds.set("model.safetensors", 100_000);
  const module = new URL("../../src/hub/index.js", import.meta.url).href;
  const code = `import { downloadModel } from ${JSON.stringify(module)}; await downloadModel("owner/model");`;
  const env = { ...process.env, HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: given.cacheDir };
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { env, stdio: "ignore" });
  const part = join(given.repo, `${BLOB}.incomplete`);
  while ((statSync(part, { throwIfNoEntry: false })?.size ?? 0) < 100_000) await wait(20);
  child.kill("SIGKILL");
  await once(child, "exit");
  hub.holds.clear();
  const { folder } = await downloadModel("owner/model", given);
  assert.deepEqual(weightsAsked(hub).at(-1), { range: "bytes=100000-", sent: 200_000 });
  assert.ok(readFileSync(join(folder, "model.safetensors")).equals(WEIGHTS.content));
});

test("concurrent downloads fetch everything once", async (t) => {
  const hub = await fakeHub(t, FILES);
  const given = into(t, hub);
  hub.cuts.set("model.safetensors", [100_000]);
  const all = await Promise.all([1, 2, 3].map(() => downloadModel("owner/model", given)));
  assert.deepEqual(all.map(({ fetched }) => fetched).sort(), [0, 0, WEIGHTS.content.length + CONFIG.content.length]);
  assert.equal(weightsAsked(hub).length, 2);
  assertResumes(weightsAsked(hub));
});

test("a cache that cannot be written is not reported as a network error", async (t) => {
  const hub = await fakeHub(t, FILES);
  const cacheDir = join(folderWith(t, { file: "" }), "file");
  const given = into(t, hub, { cacheDir });
  await assert.rejects(downloadModel("owner/model", given), fails("FILE_UNWRITABLE", /cache .*file.*HF_HUB_CACHE/s));
});

test("a repository cannot write outside of its folder", async (t) => {
  const hub = await fakeHub(t, { ...FILES, "../evil.json": { content: Buffer.from("{}") } });
  const given = into(t, hub);
  await assert.rejects(downloadModel("owner/model", given), fails("CHECKPOINT_INVALID", /evil\.json.*leaves/));
  assert.deepEqual(readdirSync(given.cacheDir), []);
});

test("a listing without hashes: those of the files' headers are used", async (t) => {
  const hub = await fakeHub(t, FILES);
  hub.withoutOids = true;
  hub.wrong.set("config.json", Buffer.alloc(CONFIG.content.length, "x"));
  const given = into(t, hub);
  await assert.rejects(downloadModel("owner/model", given), fails("CHECKPOINT_INVALID", /config\.json.*promised/s));
  hub.wrong.clear();
  const { folder } = await downloadModel("owner/model", given);
  assert.ok(readFileSync(join(folder, "config.json")).equals(CONFIG.content));
});
