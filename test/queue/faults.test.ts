/** What goes wrong around a queue costs the picture that it is of at most: a full Redis, clients that go, files that are not there, forged jobs. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { ScoreInputs, ScoreOptions } from "../../src/engine/index.js";
import type { Outcome } from "../../src/engine/types.js";
import { parseAddress } from "../../src/queue/address.js";
import { identityOf, keyOf, NAMES, PREFIX } from "../../src/queue/job.js";
import { connect, queueLibraries } from "../../src/queue/redis.js";
import { memoryOf } from "../../src/queue/room.js";
import { createServer } from "../../src/server/index.js";
import { ask, form, until } from "../server/support.js";
import { commands, FakeModel, NO_REDIS, pictures, redisFor, scoreOf, type RedisForTest } from "./redis.js";
import { all, opened, openedAlone, sha, working } from "./working.js";

const skip = NO_REDIS;

type Picture = ReturnType<typeof pictures>[number];

/** Writes down what it is asked, and answers at length. */
class Wordy extends FakeModel {
  readonly pixels: (number | undefined)[] = [];
  letters = 0;

  override async *score(inputs: ScoreInputs, options: ScoreOptions = {}): AsyncGenerator<Outcome, void, void> {
    this.pixels.push(options.maxPixels);
    for await (const outcome of super.score(inputs, options))
      yield "error" in outcome ? outcome : { ...outcome, answer: "a".repeat(this.letters) };
  }
}

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "queue-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Leaves a Redis so many bytes. @returns connection, and bytes that it has then */
async function leave(redis: RedisForTest, bytes: number) {
  const own = await commands(redis);
  const most = (await memoryOf(own)).used + bytes;
  await own.config("SET", "maxmemory", `${most}`);
  return { own, most };
}

/** Drops the one copy of a picture that there is. */
async function dropCopy(own: Awaited<ReturnType<typeof commands>>): Promise<void> {
  const [copy] = await own.keys(NAMES.picture("*", "*"));
  await own.unlink(copy ?? assert.fail());
}

/** Pictures of 100 kB that differ. */
function large(count: number): Picture[] {
  return pictures(count).map(({ name, data }) => ({ name, data: Buffer.concat([data, Buffer.alloc(100_000)]) }));
}

test(
  "what several send that a Redis cannot hold together comes through, and a part of it stays free",
  { skip, timeout: 60_000 },
  async (t) => {
    const redis = await redisFor(t);
    await working(redis, { model: new FakeModel(undefined, 10) });
    const { own, most } = await leave(redis, 4e6);
    const senders = await Promise.all([opened(redis), opened(redis), opened(redis)]);
    const some = large(60);
    let highest = 0;
    const timer = setInterval(() => void memoryOf(own).then(({ used }) => (highest = Math.max(highest, used))), 50);
    const found = await Promise.all(senders.map((sender, i) => all(sender.score(some.slice(20 * i, 20 * i + 20)))));
    clearInterval(timer);
    assert.equal(found.flat().filter((one) => "score" in one).length, 60);
    assert.ok(highest < most, `${highest} of ${most}`);
  },
);

test("a worker keeps a result where Redis is full: its picture makes room", { skip, timeout: 60_000 }, async (t) => {
  const redis = await redisFor(t);
  const { model } = await working(redis, { model: new FakeModel(undefined, 500) });
  const queued = await opened(redis);
  const own = await commands(redis);
  const scoring = all(queued.score(pictures(1)));
  await until(async () => (await queued.state()).active === 1);
  await own.config("SET", "maxmemory", "1mb");
  assert.ok("score" in ((await scoring)[0] as Outcome));
  assert.equal(model.computed.length, 1);
  // Another one starts there and says that it is alive.
  const { worker } = await working(redis);
  assert.equal((await queued.state()).workers, 2);
  await worker.close();
});

test("results that fill a Redis make room once they were received", { skip, timeout: 60_000 }, async (t) => {
  const redis = await redisFor(t);
  const model = new Wordy();
  model.letters = 100_000;
  await working(redis, { model });
  await leave(redis, 3e6);
  const notes: string[] = [];
  const queued = await opened(redis, { onNote: (note) => notes.push(note) });
  const found = await all(queued.score(large(40)));
  assert.equal(found.filter((one) => "score" in one).length, 40);
  assert.match(notes[0] ?? "", /little memory left.*results that were received make room/);
});

test(
  "a sole picture whose copy was dropped is sent again into a Redis that others keep nearly full",
  { skip, timeout: 60_000 },
  async (t) => {
    const redis = await redisFor(t);
    const queued = await openedAlone(redis);
    const scoring = all(queued.score(large(1)));
    await until(async () => (await queued.state()).waiting === 1);
    const { own, most } = await leave(redis, 4e6);
    await dropCopy(own);
    for (let i = 0; (await memoryOf(own)).used < 0.85 * most; i++)
      await own.set(`of-others-${i}`, Buffer.alloc(50_000));
    await working(redis);
    assert.ok("score" in ((await scoring)[0] as Outcome));
  },
);

test(
  "a Redis that is frozen counts as away, and what waits is scored once it answers",
  { skip, timeout: 60_000 },
  async (t) => {
    const redis = await redisFor(t);
    const notes: string[] = [];
    const hasty = await openedAlone(redis, { patienceMs: 1000, onNote: (note) => notes.push(note) });
    const patient = await openedAlone(redis);
    const waiting = all(patient.score(pictures(1)));
    await until(async () => (await patient.state()).waiting === 1);
    redis.freeze(true);
    await assert.rejects(all(hasty.score(pictures(1, 1))), { code: "NETWORK" });
    assert.deepEqual([notes.length, (await hasty.state()).up], [1, false]);
    assert.match(notes[0] ?? "", /does not answer; it is tried again/);
    redis.freeze(false);
    await until(() => notes.length === 2);
    assert.match(notes[1] ?? "", /answers again/);
    await working(redis);
    assert.ok("score" in ((await waiting)[0] as Outcome));
    assert.ok("score" in ((await all(hasty.score(pictures(1, 1))))[0] as Outcome));
  },
);

test("a picture that cannot be sent again fails after the patience", { skip, timeout: 60_000 }, async (t) => {
  const redis = await redisFor(t);
  const queued = await openedAlone(redis, { patienceMs: 3000 });
  const failing = assert.rejects(all(queued.score(large(1))), { code: "OUT_OF_MEMORY" });
  await until(async () => (await queued.state()).waiting === 1);
  const own = await commands(redis);
  await dropCopy(own);
  const { worker: other } = await working(redis);
  await until(async () => (await queued.state()).waiting === 0);
  await other.close();
  await own.config("SET", "maxmemory", "1mb");
  await failing;
});

test("of two clients with the same picture one goes: the other is answered", { skip, timeout: 60_000 }, async (t) => {
  const redis = await redisFor(t);
  const queued = await openedAlone(redis, { forgets: true });
  const server = createServer({ model: queued, workers: { ahead: 4, state: () => queued.state() } });
  redis.before(() => server.close());
  const address = await server.listen({ host: "127.0.0.1", port: 0 });
  const [one] = pictures(1) as [Picture];
  const leaving = new AbortController();
  const post = (signal: AbortSignal | null = null) => ask(address, "/v1/score", { method: "POST", signal, body: form([one.name, one.data]) }); // prettier-ignore
  const left = post(leaving.signal).catch(() => undefined);
  const staying = post();
  const computing = async (): Promise<string> => /computing_pictures (\d+)/.exec(await (await fetch(`${address}/metrics`)).text())?.[1] ?? ""; // prettier-ignore
  await until(async () => (await queued.state()).waiting === 1 && (await computing()) === "2");
  leaving.abort();
  await left;
  await until(async () => (await computing()) === "1");
  await working(redis);
  assert.equal((await staying).status, 200);
  assert.equal(await computing(), "0", "no place is lost");
});

test(
  "by path, a file that is not there or lies elsewhere fails, and the rest is scored; a refusal is forgotten",
  { skip, timeout: 60_000 },
  async (t) => {
    const redis = await redisFor(t);
    const folder = folderFor(t);
    const root = join(folder, "photos");
    mkdirSync(root);
    const [one, two, three] = pictures(3) as [Picture, Picture, Picture];
    const at = (name: string): string => join(root, name);
    writeFileSync(at("a.jpg"), one.data);
    writeFileSync(at("gone.jpg"), two.data);
    writeFileSync(join(folder, "secret.jpg"), three.data);
    symlinkSync("../secret.jpg", at("link.jpg"));
    const { worker } = await working(redis);
    const first = await opened(redis, { byPath: true });
    await assert.rejects(all(first.score([at("a.jpg"), at("gone.jpg")])), /without --root/);
    await until(async () => (await first.state()).waiting === 0);
    await worker.close();
    const second = await opened(redis, { byPath: true });
    const scoring = all(second.score([at("a.jpg"), at("gone.jpg"), at("link.jpg")]));
    await until(async () => (await second.state()).waiting === 3);
    rmSync(at("gone.jpg"));
    await working(redis, { roots: [root] });
    const found = await scoring;
    assert.deepEqual(found.map((one) => ("error" in one ? one.error.code : one.score)), [scoreOf(sha(one.data)), "FILE_NOT_FOUND", "FILE_UNREADABLE"]); // prettier-ignore
    // The same contents at a place that workers read.
    writeFileSync(at("gone.jpg"), two.data);
    writeFileSync(at("copy.jpg"), three.data);
    const again = await all(second.score([at("gone.jpg"), at("copy.jpg")]));
    assert.deepEqual(again.map((one) => "score" in one && one.score), [two, three].map(({ data }) => scoreOf(sha(data)))); // prettier-ignore
  },
);

test("a database that Redis does not have is refused, and the first is not taken for it", { skip }, async (t) => {
  const redis = await redisFor(t);
  await (await connect(parseAddress(`${redis.url}/3`))).quit();
  await assert.rejects(connect(parseAddress(`${redis.url}/99`)), { code: "USAGE", message: /has no such database/ });
});

test("a file that is too large for a queue names what helps", { skip }, async (t) => {
  const redis = await redisFor(t);
  await working(redis);
  const path = join(folderFor(t), "large.jpg");
  writeFileSync(path, pictures(1)[0]?.data ?? "");
  truncateSync(path, 65 * 2 ** 20);
  const failing = async (): Promise<string> => {
    const [outcome] = await all((await opened(redis)).score(path));
    return outcome && "error" in outcome ? outcome.error.message : "";
  };
  assert.match(await failing(), /more than 64 MiB.*library scan --retry/);
  await leave(redis, 3e6);
  truncateSync(path, 5 * 2 ** 20);
  assert.match(await failing(), /as its Redis has little memory \(maxmemory\)/);
});

test("forged jobs: a pipe is not waited for, and no picture is larger than the worker takes", { skip }, async (t) => {
  const redis = await redisFor(t);
  const root = folderFor(t);
  const pipe = join(root, "pipe.jpg");
  execFileSync("mkfifo", [pipe]);
  const model = new Wordy();
  await working(redis, { model, roots: [root], maxPixels: 1e6 });
  const [{ data }] = pictures(1) as [Picture];
  const [digest, identity, own] = [sha(data), identityOf(model), await commands(redis)];
  const { Queue } = await queueLibraries();
  const queue = new Queue(identity, { connection: own, prefix: PREFIX });
  const answer = async (asked: Record<string, number>, path?: string): Promise<string> => {
    const key = keyOf(identity, digest, asked);
    await own.set(NAMES.picture(identity, key), data);
    await queue.add("score", { identity, digest, asked, ...(path !== undefined && { path }) }, { jobId: key });
    await until(async () => (await own.exists(NAMES.result(identity, key))) === 1);
    return (await own.get(NAMES.result(identity, key))) ?? "";
  };
  assert.match(await answer({}, pipe), /FILE_UNREADABLE.*it is a pipe/);
  assert.match(await answer({ maxPixels: 1e15 }), /"score":/);
  assert.match(await answer({ maxPixels: 1000 }), /"score":/);
  assert.deepEqual(model.pixels, [1e6, 1000]);
});
