/**
 * Uploads at the same time: `roc4mllm serve` with the demo weights as a process of its own, and 1,000 clients that each send a
 * picture at once. Who is told 429 comes again after Retry-After, as clients should, until everybody has an answer.
 *
 *   npm run bench:serve [-- --clients 1000] [--queue 256] [--json] [--out FILE.json]
 *
 * What is measured: that none is lost, seconds from a client's first try to its score, the server's memory, and the delay of its
 * event loop while the model computes, as its own /metrics say.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Agent, fetch, FormData } from "undici";
import { RESULT_OPTIONS, writeResult } from "./results.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PHOTOS = ["portrait-good", "landscape-bad", "still-life-fair", "abstract-dull"];
/** How often the server's figures are read meanwhile. */
const LOOK_MS = 1000;

export interface ServeBench {
  readonly machine: string | undefined;
  readonly cores: number;
  /** Work on the machine when it began: processes that compute or wait for it. */
  readonly load: number;
  readonly clients: number;
  readonly queue: number;
  /** Clients that have the score of their picture. */
  readonly scored: number;
  /** Clients whose connection broke, or that had another answer. */
  readonly lost: number;
  /** Answers 429. */
  readonly refused: number;
  /** From a client's first try to its score. */
  readonly seconds: { readonly p50: number; readonly p99: number; readonly all: number };
  /** Of the tries that had a score at once: from sending to the answer. */
  readonly answered: { readonly p50: number; readonly p99: number };
  readonly picturesPerSecond: number;
  /** A few clients that ask one after another, each when it has its answer: the model computes all the time. */
  readonly steady: Steady;
  /** Of the server, bytes. */
  readonly memory: { readonly before: number; readonly most: number; readonly after: number };
  /** The server's event loop during the uploads, milliseconds: the percentile 99 of each second, and while nothing was asked. */
  readonly eventLoop: { readonly idle: number; readonly median: number; readonly highest: number };
}

interface Steady {
  readonly clients: number;
  readonly pictures: number;
  readonly picturesPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Percentile 99 of the delay of the server's event loop over all of it, milliseconds. */
  readonly eventLoop: number;
}

/** Clients of the steady part, and pictures that each sends. */
const [FEW, EACH] = [4, 50];

interface Server {
  readonly process: ChildProcess;
  readonly address: string;
}

async function start(queue: number): Promise<Server> {
  const program = `${ROOT}dist/src/cli/main.js`;
  const args = [program, "serve", "--model", "demo", "--port", "0", "--json", "--queue", `${queue}`, "--library", "/nonexistent/library.db"]; // prettier-ignore
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  return { process: child, address: (JSON.parse(line) as { address: string }).address };
}

/** One client, until it has its score. */
async function client(
  address: string,
  photo: Blob,
  agent: Agent,
): Promise<{ tries: number; first: number; last: number; ok: boolean }> {
  const first = performance.now();
  for (let tries = 1; ; tries++) {
    const sent = performance.now();
    const body = new FormData();
    body.append("file", photo, "photo.jpg");
    try {
      const response = await fetch(`${address}/v1/score`, { method: "POST", body, dispatcher: agent });
      const text = await response.text();
      const end = performance.now();
      if (response.status !== 429) {
        const ok = response.status === 200 && typeof (JSON.parse(text) as Scored).results[0]?.score === "number";
        return { tries, first: (end - first) / 1000, last: (end - sent) / 1000, ok };
      }
      // Not all at the same moment again.
      await sleep(Number(response.headers.get("retry-after")) * 1000 * (0.5 + Math.random()));
    } catch {
      return { tries, first: NaN, last: NaN, ok: false };
    }
  }
}

interface Scored {
  readonly results: readonly { readonly score?: number }[];
}

async function figure(address: string, name: string): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text();
  return Number(new RegExp(`^roc4mllm_${name} (.*)$`, "m").exec(text)?.[1]);
}

/** Looks at the server until it is told to stop. */
function watch(address: string): () => Promise<{ memory: number[]; delays: number[] }> {
  const [memory, delays]: [number[], number[]] = [[], []];
  let ends = false;
  const watching = (async () => {
    while (!ends) {
      await sleep(LOOK_MS);
      const text = await (await fetch(`${address}/metrics`)).text();
      memory.push(Number(/^roc4mllm_process_resident_bytes (.*)$/m.exec(text)?.[1]));
      delays.push(Number(/^roc4mllm_event_loop_delay_p99_seconds (.*)$/m.exec(text)?.[1]) * 1000);
    }
  })();
  return async () => {
    ends = true;
    await watching;
    return { memory, delays };
  };
}

async function steadily(address: string, photos: readonly Blob[], agent: Agent): Promise<Steady> {
  await figure(address, "event_loop_delay_p99_seconds");
  const started = performance.now();
  const one = async (): Promise<number[]> => {
    const seconds: number[] = [];
    for (let i = 0; i < EACH; i++)
      seconds.push((await client(address, photos[i % photos.length] as Blob, agent)).first);
    return seconds;
  };
  const seconds = (await Promise.all(Array.from({ length: FEW }, one))).flat();
  const picturesPerSecond = (1000 * seconds.length) / (performance.now() - started);
  const eventLoop = (await figure(address, "event_loop_delay_p99_seconds")) * 1000;
  return {
    clients: FEW,
    pictures: seconds.length,
    picturesPerSecond,
    p50: at(seconds, 0.5),
    p99: at(seconds, 0.99),
    eventLoop,
  };
}

export async function benchServe(clients: number, queue: number): Promise<ServeBench> {
  const [busy = 0] = loadavg();
  const { process: server, address } = await start(queue);
  const agent = new Agent({ connections: clients, headersTimeout: 600_000, bodyTimeout: 600_000 });
  try {
    const photos = PHOTOS.map((name) => new Blob([readFileSync(`${ROOT}examples/photos/${name}.jpg`)]));
    // What is done once only: modules that are loaded, memory that grows.
    for (const photo of photos) await client(address, photo, agent);
    await figure(address, "queue_pictures");
    await sleep(2 * LOOK_MS);
    const idle = (await figure(address, "event_loop_delay_p99_seconds")) * 1000;
    const steady = await steadily(address, photos, agent);
    const before = await figure(address, "process_resident_bytes");
    const stop = watch(address);
    const started = performance.now();
    const done = await Promise.all(Array.from({ length: clients }, (_, i) => client(address, photos[i % photos.length] as Blob, agent))); // prettier-ignore
    const all = (performance.now() - started) / 1000;
    const { memory, delays } = await stop();
    const good = done.filter(({ ok }) => ok);
    const figures = (values: readonly number[]): { p50: number; p99: number } => ({
      p50: at(values, 0.5),
      p99: at(values, 0.99),
    });
    return {
      ...{ machine: cpus()[0]?.model, cores: cpus().length, load: busy, clients, queue },
      scored: good.length,
      lost: clients - good.length,
      refused: done.reduce((sum, { tries }) => sum + tries - 1, 0),
      seconds: { ...figures(good.map(({ first }) => first)), all },
      answered: figures(good.map(({ last }) => last)),
      picturesPerSecond: good.length / all,
      steady,
      memory: { before, most: Math.max(...memory), after: memory.at(-1) ?? NaN },
      eventLoop: { idle, median: at(delays, 0.5), highest: Math.max(...delays) },
    };
  } finally {
    server.kill("SIGTERM");
    const [code] = (await once(server, "exit")) as [number | null];
    await agent.close();
    if (code !== 0) throw new Error(`The server ended with code ${code}.`);
  }
}

function at(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

export function serveTable({ machine, cores, load: busy, ...found }: ServeBench): string {
  const { seconds, answered, memory, eventLoop, steady } = found;
  const rows: readonly (readonly [string, string])[] = [
    ["clients at once", `${found.clients}, queue of ${found.queue}`],
    ["scored, lost", `${found.scored}, ${found.lost}`],
    ["answers 429", `${found.refused}`],
    [
      "first try to score, s",
      `p50 ${seconds.p50.toFixed(1)}, p99 ${seconds.p99.toFixed(1)}, all ${seconds.all.toFixed(1)}`,
    ],
    ["sent to score, s", `p50 ${answered.p50.toFixed(1)}, p99 ${answered.p99.toFixed(1)}`],
    ["pictures a second", found.picturesPerSecond.toFixed(1)],
    [
      `${steady.clients} clients in turn, s`,
      `p50 ${steady.p50.toFixed(2)}, p99 ${steady.p99.toFixed(2)}, ${steady.picturesPerSecond.toFixed(1)} pictures a second, event loop p99 ${steady.eventLoop.toFixed(1)} ms`,
    ],
    ["memory, MB", `before ${mega(memory.before)}, most ${mega(memory.most)}, after ${mega(memory.after)}`],
    [
      "event loop p99, ms",
      `idle ${eventLoop.idle.toFixed(1)}, median ${eventLoop.median.toFixed(1)}, highest ${eventLoop.highest.toFixed(1)}`,
    ],
  ];
  const lines = rows.map(([name, value]) => `${name.padEnd(24)}${value}`);
  return `${[`${cores} cores of ${machine}, load ${busy.toFixed(1)}`, ...lines].join("\n")}\n`;
}

function mega(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      clients: { type: "string", default: "1000" },
      queue: { type: "string", default: "256" },
      ...RESULT_OPTIONS,
    },
  });
  const found = await benchServe(Number(values.clients), Number(values.queue));
  const text = writeResult(found, values.out);
  process.stdout.write(values.json ? text : serveTable(found));
}
