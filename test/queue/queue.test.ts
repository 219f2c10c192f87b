/** Workers and a queue in a Redis of the test's own: nothing is lost, nothing is computed twice, faults are told. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { scan } from "../../src/library/scan/scan.js";
import type { Outcome } from "../../src/engine/types.js";
import { isRocError } from "../../src/errors.js";
import { parseAddress } from "../../src/queue/address.js";
import { openQueue } from "../../src/queue/client.js";
import { identityOf, keyOf, NAMES, PREFIX } from "../../src/queue/job.js";
import { connect, queueLibraries } from "../../src/queue/redis.js";
import { createServer } from "../../src/server/index.js";
import { ask, form, until } from "../server/support.js";
import { ROOT } from "../support.js";
import { commands, FakeModel, NO_REDIS, pictures, redisFor, scoreOf, type RedisForTest } from "./redis.js";
import { all, opened, sha, working } from "./working.js";

const skip = NO_REDIS;

type Picture = ReturnType<typeof pictures>[number];

test(
  "pictures are scored by a worker in their order; what was scored costs nothing, under any name and for anybody",
  { skip },
  async (t) => {
    const redis = await redisFor(t);
    const { model } = await working(redis);
    const queued = await opened(redis);
    assert.deepEqual([queued.name, queued.digest, queued.scale], [model.name, model.digest, model.scale]);
    const some = pictures(20);
    const found = await all(queued.score([...some, ...some.slice(0, 5).map(({ data }) => ({ name: "copy", data }))]));
    assert.deepEqual(found.map((one) => ("error" in one ? one.error : [one.file, one.score])), [...some, ...some.slice(0, 5).map(({ data }) => ({ name: "copy", data }))].map(({ name, data }) => [name, scoreOf(sha(data))])); // prettier-ignore
    const other = await opened(redis);
    await all(other.score(some));
    assert.equal(model.computed.length, 20);
    assert.equal(new Set(model.computed).size, 20);
    const [{ embedding } = {} as never] = (await all(other.score([some[0] as never], { embedding: true }))) as { embedding?: Float32Array }[]; // prettier-ignore
    assert.deepEqual([...(embedding ?? [])], [Math.fround(scoreOf(sha((some[0] as { data: Buffer }).data))), 0.5]);
    assert.equal(
      (await all(queued.score([{ name: "notes.txt", data: Buffer.from("no picture") }])))[0]?.file,
      "notes.txt",
    );
  },
);

test(
  "two workers, killed at random moments: no picture is lost, none is kept twice, only what the dead had in hand is computed again",
  { skip, timeout: 120_000 },
  async (t) => {
    // prettier-ignore
    const redis = await redisFor(t);
    const folder = mkdtempSync(join(tmpdir(), "queue-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const log = join(folder, "computed");
    writeFileSync(log, "");
    const start = async () => {
      const child = spawn(process.execPath, [join(ROOT, "dist/test/queue/worker-process.js"), redis.url, log, "30", "1000"], { stdio: ["ignore", "pipe", "inherit"] }); // prettier-ignore
      t.after(() => child.kill("SIGKILL"));
      await once(child.stdout, "data");
      return child;
    };
    const computed = (): string[] => readFileSync(log, "utf8").split("\n").filter(Boolean).map((line) => line.split(" ")[0] ?? ""); // prettier-ignore
    let [first, second] = await Promise.all([start(), start()]);
    const queued = await opened(redis);
    const some = pictures(160);
    const scoring = all(queued.score(some));
    let kills = 0;
    // Moments that nobody has chosen.
    for (const share of [0.1, 0.35, 0.6].map((least) => least + Math.random() / 8)) {
      await until(() => computed().length >= share * some.length);
      await sleep(Math.random() * 30);
      const ended = once(first, "exit");
      first.kill("SIGKILL");
      await ended;
      kills += 1;
      [first, second] = [second, await start()];
    }
    const found = await scoring;
    assert.deepEqual(found.map((one) => ("score" in one ? one.score : one.error)), some.map(({ data }) => scoreOf(sha(data)))); // prettier-ignore
    const own = await commands(redis);
    assert.equal((await own.keys(`${PREFIX}:result:*`)).length, some.length, "one result each");
    const passes = computed();
    assert.equal(new Set(passes).size, some.length, "none is lost");
    const twice = passes.length - some.length;
    assert.ok(twice <= 4 * kills, `${twice} were computed again, of at most ${4 * kills} that were in hand`);
    // Taken over, found done or computed: the queue is empty. What is taken over waits again before it is active.
    await until(async () => {
      const { waiting, active } = await queued.state();
      return waiting + active === 0;
    });
    assert.equal((await queued.state()).failed, 0);
    const ended = once(second, "exit");
    second.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
  },
);

test("SIGTERM's close finishes what was taken and takes nothing more", { skip }, async (t) => {
  const redis = await redisFor(t);
  const { worker, model } = await working(redis, { model: new FakeModel(undefined, 40) });
  const queued = await opened(redis);
  const scoring = all(queued.score(pictures(12)));
  await until(() => model.computed.length > 0);
  await worker.close();
  const done = model.computed.length;
  assert.ok(done >= 4 && done < 12, `${done} of 12`);
  assert.deepEqual([worker.summary.scored, (await queued.state()).active], [done, 0]);
  const { model: next } = await working(redis);
  assert.equal((await scoring).length, 12);
  assert.equal(next.computed.length, 12 - done, "the next one does the rest");
});

test(
  "a Redis that is started again and knows nothing: what is waited for is sent again, and what was told of it",
  { skip, timeout: 60_000 },
  async (t) => {
    // prettier-ignore
    const redis = await redisFor(t);
    const { model } = await working(redis, { model: new FakeModel(undefined, 20) });
    const notes: string[] = [];
    const queued = await opened(redis, { onNote: (note) => notes.push(note) });
    const scoring = all(queued.score(pictures(40)));
    await until(() => model.computed.length > 5);
    await redis.restart(300);
    const found = await scoring;
    assert.equal(found.filter((one) => "score" in one).length, 40);
    assert.match(notes.join("\n"), /does not answer.*\n.*answers again/);
  },
);

test(
  "a Redis that stays away fails questions of a caller with little patience, and health says so",
  { skip },
  async (t) => {
    const redis = await redisFor(t);
    const { worker } = await working(redis);
    const notes: string[] = [];
    const queued = await opened(redis, { patienceMs: 100, onNote: (note) => notes.push(note) });
    const server = createServer({ model: queued, workers: { ahead: 8, state: () => queued.state() } });
    redis.before(() => server.close());
    const address = await server.listen({ host: "127.0.0.1", port: 0 });
    assert.equal((await ask(address, "/health")).status, 200);
    await worker.close();
    await redis.kill();
    const [one] = pictures(1) as [Picture];
    await until(async () => !(await queued.state()).up);
    const { status, body } = await ask(address, "/v1/score", { method: "POST", body: form([one.name, one.data]) });
    assert.deepEqual([status, body.error?.code], [503, "NETWORK"]);
    assert.ok(!JSON.stringify(body).includes("127.0.0.1"), "a client is not told where it is");
    assert.equal((await ask(address, "/health")).status, 503);
    assert.equal(notes.length, 1, "one note, also where nothing waited when it went");
  },
);

test("a Redis without memory is told, and scoring goes on when there is some", { skip, timeout: 60_000 }, async (t) => {
  const redis = await redisFor(t);
  await working(redis);
  const own = await commands(redis);
  const notes: string[] = [];
  const queued = await opened(redis, { onNote: (note) => notes.push(note) });
  await own.config("SET", "maxmemory", "1mb");
  const scoring = all(queued.score(pictures(10)));
  await until(() => notes.length > 0);
  assert.match(notes[0] ?? "", /no memory left \(maxmemory\)\. Raise it/);
  await own.config("SET", "maxmemory", "0");
  assert.equal((await scoring).filter((one) => "score" in one).length, 10);
  assert.match(notes.join("\n"), /there is room in Redis again/);
});

test(
  "what loses jobs is refused at the start, with a remedy: an evicting Redis, a wrong password, nobody there",
  { skip },
  async (t) => {
    const evicting = await redisFor(t, "--maxmemory-policy", "allkeys-lru");
    const fails = (address: RedisForTest["address"], code: string, message: RegExp) => assert.rejects(connect(address), (error) => isRocError(error) && error.code === code && message.test(error.message) && !error.message.includes("s3cret")); // prettier-ignore
    await fails(evicting.address, "CONFIG_INVALID", /maxmemory-policy noeviction/);
    const locked = await redisFor(t, "--requirepass", "an0ther");
    await fails(locked.address, "USAGE", /ROC4MLLM_QUEUE_PASSWORD/);
    await fails(parseAddress(locked.url.replace("//", "//:s3cret@")), "USAGE", /refuses user or password/);
    await (await connect(parseAddress(locked.url, { ROC4MLLM_QUEUE_PASSWORD: "an0ther" }))).quit();
    await locked.kill();
    await fails(locked.address, "NETWORK", /does not answer .*Start it/);
  },
);

test(
  "a queue is a checkpoint's own: another one is chosen by name, and a job for it is refused",
  { skip },
  async (t) => {
    const redis = await redisFor(t);
    await assert.rejects(
      openQueue({ address: redis.address }),
      /No worker has offered a checkpoint.*roc4mllm worker --queue/,
    );
    const { model } = await working(redis);
    await working(redis, { model: new FakeModel("1".repeat(64)) });
    await assert.rejects(openQueue({ address: redis.address }), /Several checkpoints are offered[^]*fake@00000000[^]*/);
    await assert.rejects(openQueue({ address: redis.address, model: "none" }), /Offered were:[^]*fake@11111111/);
    const queued = await opened(redis, { model: "fake@11111111" });
    assert.equal(queued.digest, "1".repeat(64));
    // Somebody writes into the other's queue.
    const { Queue } = await queueLibraries();
    const own = await commands(redis);
    const [one] = pictures(1) as [Picture];
    const there = new Queue(identityOf(model), { connection: own, prefix: PREFIX });
    const key = keyOf(queued.identity, sha(one.data), {});
    await there.add("score", { identity: queued.identity, digest: sha(one.data), asked: {} }, { jobId: key });
    await until(async () => (await there.getJobState(key)) === "failed");
    assert.match((await there.getJob(key))?.failedReason ?? "", /^refused: The job is for the checkpoint/);
    assert.equal(model.computed.length, 0);
  },
);

test(
  "paths are read only below --root, whatever leads out of it, and only with the content that was named",
  { skip },
  async (t) => {
    const redis = await redisFor(t);
    const folder = mkdtempSync(join(tmpdir(), "queue-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const [inside, outside] = [join(folder, "photos"), join(folder, "secret.jpg")];
    const [one, two] = pictures(2) as [Picture, Picture];
    await import("node:fs/promises").then(({ mkdir }) => mkdir(inside));
    writeFileSync(join(inside, "a.jpg"), one.data);
    writeFileSync(outside, two.data);
    symlinkSync(outside, join(inside, "link.jpg"));
    const { model, worker } = await working(redis, { roots: [inside] });
    const queued = await opened(redis, { byPath: true });
    const [found] = await all(queued.score(join(inside, "a.jpg")));
    assert.equal(found && "score" in found && found.score, scoreOf(sha(one.data)));
    assert.equal((await (await commands(redis)).keys(`${PREFIX}:picture:*`)).length, 0, "no bytes travel");
    for (const path of [outside, join(inside, "link.jpg"), join(inside, "../secret.jpg")]) {
      const [outcome] = await all(queued.score(path));
      assert.ok(outcome && "error" in outcome);
      assert.equal(outcome.error.code, "FILE_UNREADABLE");
      assert.match(outcome.error.message, /below none of the worker's --root folders.*--retry/);
    }
    await worker.close();
    await working(redis, { model });
    rmSync(join(inside, "link.jpg"));
    writeFileSync(join(inside, "b.jpg"), two.data);
    await assert.rejects(all(queued.score(join(inside, "b.jpg"))), /without --root/);
    assert.equal(model.computed.length, 1);
  },
);

test("serve with a queue answers 429 beyond its limit, and takes back what clients have left", { skip }, async (t) => {
  const redis = await redisFor(t);
  const { worker, model } = await working(redis);
  const queued = await opened(redis, { forgets: true });
  await worker.close();
  const server = createServer({
    model: queued,
    workers: { ahead: 4, state: () => queued.state() },
    limits: { queue: 4 },
  });
  redis.before(() => server.close());
  const address = await server.listen({ host: "127.0.0.1", port: 0 });
  const some = pictures(5);
  const leaving = new AbortController();
  const post = (at: number, signal: AbortSignal | null = null) => ask(address, "/v1/score", { method: "POST", signal, body: form([some[at]?.name ?? "", some[at]?.data ?? Buffer.alloc(0)]) }); // prettier-ignore
  const left = post(0, leaving.signal).catch(() => undefined);
  const waiting = [1, 2, 3].map((at) => post(at));
  await until(async () => (await queued.state()).waiting === 4);
  assert.equal((await post(4)).status, 429);
  leaving.abort();
  await left;
  await until(async () => (await queued.state()).waiting === 3);
  const { model: next } = await working(redis);
  assert.deepEqual(
    (await Promise.all(waiting)).map(({ status }) => status),
    [200, 200, 200],
  );
  assert.deepEqual([model.computed.length, next.computed.length], [0, 3]);
});

test(
  "a library is scanned through the queue, with the workers' perceptual hashes left to them",
  { skip },
  async (t) => {
    const redis = await redisFor(t);
    const folder = mkdtempSync(join(tmpdir(), "queue-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const files = pictures(6).map(({ name, data }) => (writeFileSync(join(folder, name), data), join(folder, name)));
    const { model } = await working(redis);
    const queued = await opened(redis, { looks: true });
    const asked = { model: queued, files, folders: [folder], hashOf: (one: Outcome) => queued.hashOf(one) };
    const first = await scan({ ...asked, library: join(folder, "a.db") });
    assert.deepEqual([first.scored, first.failed, model.computed.length], [6, 0, 6]);
    // Another library of the same photos costs no forward pass.
    const again = await scan({ ...asked, library: join(folder, "b.db") });
    assert.deepEqual([again.scored, model.computed.length], [6, 6]);
    const own = await commands(redis);
    assert.equal((await own.keys(NAMES.picture(queued.identity, "*"))).length, 0, "pictures go when they are scored");
  },
);
