/** Redis for tests, where the machine has one, and a model that computes nothing. */
import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, appendFileSync, constants, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestContext } from "node:test";
import type { Model, ScoreInputs, ScoreOptions, ScoreResult } from "../../src/engine/index.js";
import type { Outcome } from "../../src/engine/types.js";
import { namedInputs } from "../../src/engine/inputs.js";
import { scoreOne } from "../../src/engine/one.js";
import { parseAddress, type QueueAddress } from "../../src/queue/address.js";
import { connect } from "../../src/queue/redis.js";
import { ROOT } from "../support.js";

/** Path of the server: `REDIS_SERVER`, or on the path. */
function serverPath(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "redis-server"));
  return [process.env["REDIS_SERVER"] ?? "", ...folders].filter(Boolean).find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const FOUND = serverPath();

/** As `skip` of a test: why it cannot run here, or false. */
export const NO_REDIS = FOUND === undefined && "no Redis here; install it (Debian: redis-server) or set REDIS_SERVER";

export interface RedisForTest {
  readonly url: string;
  readonly address: QueueAddress;
  /** Kills it, and starts another at the same port, which knows nothing of what it had. */
  readonly restart: (pauseMs?: number) => Promise<void>;
  readonly kill: () => Promise<void>;
  /** Stops it, or lets it continue: its connections stay. */
  readonly freeze: (isFrozen: boolean) => void;
  /** Done before it ends, the latest first. */
  readonly before: (end: () => unknown) => void;
}

/** A Redis of the test's own, which keeps nothing on the disk. */
export async function redisFor(t: Pick<TestContext, "after">, ...settings: string[]): Promise<RedisForTest> {
  const folder = mkdtempSync(join(tmpdir(), "redis-"));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const address = parseAddress(url);
  let server: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    if (FOUND === undefined) throw new Error(String(NO_REDIS));
    const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder, ...settings]; // prettier-ignore
    server = spawn(FOUND, args, { stdio: ["ignore", "pipe", "inherit"] });
    for await (const text of server.stdout?.setEncoding("utf8") ?? []) if (/Ready to accept/.test(String(text))) break;
  };
  const kill = async (): Promise<void> => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
  };
  await start();
  const ends: (() => unknown)[] = [];
  t.after(async () => {
    for (const end of ends.reverse()) await end();
    await kill();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    url,
    address,
    kill,
    freeze: (isFrozen) => void server?.kill(isFrozen ? "SIGSTOP" : "SIGCONT"),
    before: (end) => void ends.push(end),
    restart: async (pauseMs = 0) => (await kill(), await sleep(pauseMs), await start()),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** A connection that ends with the test. */
export async function commands({ address, before }: RedisForTest) {
  const redis = await connect(address);
  before(() => redis.disconnect());
  return redis;
}

const JPEG = readFileSync(join(ROOT, "examples/photos/portrait-good.jpg"));

/** Pictures that begin as a JPEG does and differ. */
export function pictures(count: number, first = 0): { name: string; data: Buffer }[] {
  return Array.from({ length: count }, (_, i) => ({ name: `${first + i}.jpg`, data: Buffer.concat([JPEG.subarray(0, 2000), Buffer.from(`${first + i}`)]) })); // prettier-ignore
}

/** A model whose score follows from the picture's bytes, and that writes down every picture it has computed. */
export class FakeModel implements Model {
  readonly scale = { min: 1, max: 10 };
  readonly settings = { prompt: "fake" };
  /** Digests of what it has computed. */
  readonly computed: string[] = [];

  constructor(
    readonly digest = "0".repeat(64),
    readonly ms = 0,
    readonly log?: string,
  ) {}

  get name(): string {
    return `fake@${this.digest.slice(0, 8)}`;
  }

  async *score(inputs: ScoreInputs, options: ScoreOptions = {}): AsyncGenerator<Outcome, void, void> {
    for await (const { name, data } of namedInputs(inputs)) {
      const digest = createHash("sha256")
        .update(data as Uint8Array)
        .digest("hex");
      await sleep(this.ms);
      this.computed.push(digest);
      if (this.log !== undefined) appendFileSync(this.log, `${digest} ${process.pid}\n`);
      const embedding = options.embedding ? { embedding: Float32Array.of(scoreOf(digest), 0.5) } : {};
      yield { file: name, score: scoreOf(digest), scale: this.scale, std: 1, distribution: null, answer: "", model: this.name, ...embedding }; // prettier-ignore
    }
  }

  scoreOne(input: Parameters<Model["scoreOne"]>[0], options?: ScoreOptions): Promise<ScoreResult> {
    return scoreOne(this, input, options);
  }

  dispose(): void {
    // There is nothing to free.
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The score that a {@link FakeModel} gives. */
export function scoreOf(digest: string): number {
  return 1 + (parseInt(digest.slice(0, 6), 16) % 900) / 100;
}
