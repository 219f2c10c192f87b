/** Ranks that end before all are connected are noticed, not waited for. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { PeerWatch, ranksHere } from "../../src/torch/peer-watch.js";
import { endOf, SKIP } from "./distributed-support.js";

const ENV = { MASTER_ADDR: "127.0.0.1", WORLD_SIZE: "2" };
const LINUX = process.platform === "linux" ? false : "processes of others are found on Linux only";

/** When a watch that looks at these ranks, one look after another, takes which rank for gone. */
async function watchOf(looks: readonly (readonly number[])[], env: NodeJS.ProcessEnv, absent: number) {
  let count = 0;
  const look = (): Set<number> => new Set(looks[Math.min(count++, looks.length - 1)]);
  using watch = new PeerWatch(env, () => undefined, { look, interval: 1, absent });
  while (count < looks.length) await sleep(1);
  return watch.gone;
}

test("a rank that was here and is gone, or that must be here and does not come, is named", async () => {
  const rank0 = { ...ENV, RANK: "0" };
  const never = 1e9;
  assert.equal(await watchOf([[0], [0, 1], [0, 1], [0]], rank0, never), 1);
  assert.equal(await watchOf([[0], [0], [0]], rank0, never), undefined, "it may come");
  assert.equal(await watchOf([[0], [0], [0]], rank0, -1), 1, "all are on this machine, and it is not");
  assert.equal(await watchOf([[0], [0], [0]], { ...rank0, MASTER_ADDR: "10.0.0.1" }, -1), undefined, "another machine");
  assert.equal(await watchOf([[0], [0]], { ...rank0, MASTER_ADDR: "10.0.0.1", LOCAL_WORLD_SIZE: "2" }, -1), 1);
  assert.equal(await watchOf([[], [], []], rank0, -1), undefined, "nothing can be seen here");
});

test("a rank that is killed before all are connected ends the others", { skip: SKIP || LINUX }, async () => {
  // Instead of rank 0: it is killed when rank 1 has found it, so that rank 1 has seen it.
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const env = { ...process.env, ...ENV, MASTER_PORT: String(address.port) };
  const first = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { env: { ...env, RANK: "0" } });
  try {
    await once(first, "spawn");
    assert.deepEqual(ranksHere(env), new Set([0]));
    // Would wait for ten minutes.
    const args = [fileURLToPath(new URL("./distributed-rank.js", import.meta.url)), "forever", "600000"];
    const second = spawn(process.execPath, args, { env: { ...env, RANK: "1" }, stdio: ["ignore", "pipe", "pipe"] });
    const ended = endOf(second);
    const [socket] = (await once(server, "connection")) as [{ destroy: () => void }];
    // As the system closes the sockets of a killed process.
    first.kill("SIGKILL");
    server.close();
    socket.destroy();
    const { code, stderr } = await ended;
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^TRAINING Rank 1 of 2: rank 0 has ended before all were together\. Start all processes again/,
    );
    assert.deepEqual(ranksHere(env), new Set());
  } finally {
    first.kill("SIGKILL");
    server.close();
  }
});
