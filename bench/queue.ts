/**
 * What a queue costs: pictures a second that one client and a Redis on this machine take, without a model's time; two workers against one;
 * and from the measured rates, on paper, a thousand workers and ten million pictures.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createInterface } from "node:readline";
import { parseAddress } from "../src/queue/address.js";
import { openQueue } from "../src/queue/client.js";
import { connect } from "../src/queue/redis.js";
import { startWorker } from "../src/queue/worker.js";
import { FakeModel, pictures, redisFor } from "../test/queue/redis.js";
import { ROOT } from "../test/support.js";
import { median } from "./peer.js";
import { giveResult } from "./results.js";

const { values } = parseArgs({
  options: {
    out: { type: "string" },
    count: { type: "string", default: "1000" },
    photos: { type: "string", default: "60" },
  },
});
const [count, photos] = [Number(values.count), Number(values.photos)];
const ends: (() => unknown)[] = [];
const redis = await redisFor({ after: (end) => void ends.push(end as () => unknown) });
const own = await connect(redis.address);

/** Bytes that Redis holds. */
const memory = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await own.info("memory"))?.[1]);
/** Seconds of processor time that Redis has taken. */
const busy = async (): Promise<number> => {
  const info = await own.info("cpu");
  return ["sys", "user"].reduce(
    (sum, kind) => sum + Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(info)?.[1]),
    0,
  );
};

/** Rates of the queue alone: enqueued while nobody takes, then taken and finished by workers whose model takes no time. */
async function queueRates() {
  const address = parseAddress(redis.url);
  // Offers the checkpoint.
  await (await startWorker({ address, model: new FakeModel() })).close();
  const client = await openQueue({ address });
  const some = pictures(count);
  const [before, busyBefore, started] = [await memory(), await busy(), performance.now()];
  const scoring = (async () => {
    for await (const _ of client.score(some));
  })();
  while ((await client.state()).waiting < count) await new Promise((resolve) => setTimeout(resolve, 5));
  const enqueued = performance.now();
  const [held, busyHeld] = [await memory(), await busy()];
  const worker = await startWorker({ address, model: new FakeModel() });
  const taking = performance.now();
  await scoring;
  const ended = performance.now();
  const [after, busyAfter] = [await memory(), await busy()];
  const bytesOfPictures = some.reduce((sum, { data }) => sum + data.length, 0) / count;
  await worker.close();
  client.dispose();
  return {
    pictures: count,
    enqueuedPerSecond: (1000 * count) / (enqueued - started),
    takenAndFinishedPerSecond: (1000 * count) / (ended - taking),
    redisCpuSecondsPerPicture: {
      enqueue: (busyHeld - busyBefore) / count,
      takeAndFinish: (busyAfter - busyHeld) / count,
    },
    bytesPerWaitingJob: (held - before) / count - bytesOfPictures,
    bytesPerKeptResult: (after - before) / count,
  };
}

async function demoWorker(): Promise<ChildProcess> {
  const args = [join(ROOT, "dist/src/cli/main.js"), "worker", "--queue", redis.url, "--model", "demo", "--threads", "1", "--json"]; // prettier-ignore
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, OMP_NUM_THREADS: "1" } }); // prettier-ignore
  await once(createInterface(child.stdout), "line");
  return child;
}

/** Seconds for the demo weights, one thread a worker, to score pictures that the queue has not seen. */
async function demoSeconds(first: number): Promise<number> {
  const client = await openQueue({ address: redis.address, model: "demo" });
  const jpeg = readFileSync(join(ROOT, "examples/photos/portrait-good.jpg"));
  // The same pixels with other bytes behind them.
  const some = Array.from({ length: photos }, (_, i) => ({ name: `${i}.jpg`, data: Buffer.concat([jpeg, Buffer.from(`${first + i}`)]) })); // prettier-ignore
  const started = performance.now();
  for await (const outcome of client.score(some)) if ("error" in outcome) throw new Error(outcome.error.message);
  client.dispose();
  return (performance.now() - started) / 1000;
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

const rates = await queueRates();
let first = 0;
/** Seconds of three rounds, behind one that warms up what has just been started. */
async function rounds(): Promise<number[]> {
  const seconds: number[] = [];
  for (let round = 0; round < 4; round++) seconds.push(await demoSeconds((first += 1e6)));
  return seconds.slice(1);
}

const loadBefore = loadavg()[0];
const one = await demoWorker();
const before = await rounds();
const two = await demoWorker();
const both = await rounds();
await stop(two);
// Other work on the machine comes and goes: one worker is measured on both sides of two.
const alone = [...before, ...(await rounds())];
await stop(one);
const loadAfter = loadavg()[0];

/** On paper: Redis computes on one thread, so its processor time a picture bounds the pictures a second of all workers together. */
function onPaper(workers: number, total: number, secondsEach: number) {
  const { enqueue, takeAndFinish } = rates.redisCpuSecondsPerPicture;
  const perRedis = 1 / (enqueue + takeAndFinish);
  const wanted = workers / secondsEach;
  const clients = Math.ceil(wanted / rates.enqueuedPerSecond);
  const reached = Math.min(wanted, perRedis);
  const byOneScan = Math.min(reached, rates.enqueuedPerSecond);
  const narrowest = byOneScan < reached ? "the one process that sends" : wanted <= perRedis ? "the workers" : "one Redis' thread"; // prettier-ignore
  const window = Math.min(total, 8192 * clients);
  const keptFor24h = Math.min(total, reached * 86_400);
  return {
    workers,
    pictures: total,
    secondsAPictureOfAWorker: secondsEach,
    workersCouldPerSecond: wanted,
    oneRedisCouldPerSecond: perRedis,
    oneScan: { bottleneck: narrowest, hours: total / byOneScan / 3600 },
    manySenders: {
      bottleneck: wanted <= perRedis ? "the workers" : "one Redis' thread",
      hours: total / reached / 3600,
    },
    redisNeededForFullUse: Math.ceil(wanted / perRedis),
    clientsNeededToFeed: clients,
    redisGigabytes: (window * rates.bytesPerWaitingJob + keptFor24h * rates.bytesPerKeptResult) / 1e9,
  };
}

const result = {
  machine: { processor: cpus()[0]?.model, cores: cpus().length },
  note: "Shared with other work; the queue's rates are of one client and one worker process beside Redis on the same cores. By path: no picture's bytes are in the figures of memory.",
  rates,
  twoWorkers: {
    photos,
    oneSeconds: alone,
    twoSeconds: both,
    ratio: median(alone) / median(both),
    load: [loadBefore, loadAfter],
  },
  onPaper: [0.05, 0.2, 1, 5].map((seconds) => onPaper(1000, 1e7, seconds)),
};
own.disconnect();
for (const end of ends) await end();
giveResult(result, values.out);
