import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { test } from "node:test";
import { rankEnvironment } from "../../src/torch/index.js";
import { runRanks, SKIP, startRanks } from "./distributed-support.js";

const RANK = new URL("./distributed-rank.js", import.meta.url);
const TORCHRUN = { RANK: "1", WORLD_SIZE: "4", LOCAL_RANK: "1", MASTER_ADDR: "a", MASTER_PORT: "29500" };

test("torchrun's variables are read, and the wrong one is named", () => {
  assert.equal(rankEnvironment({}), undefined);
  const { rank, worldSize, localRank, host, port, serves } = rankEnvironment(TORCHRUN) ?? {};
  assert.deepEqual([rank, worldSize, localRank, host, port, serves], [1, 4, 1, "a", 29500, false]);
  assert.equal(rankEnvironment({ ...TORCHRUN, RANK: "0" })?.serves, true);
  // The launcher keeps the store.
  assert.equal(rankEnvironment({ ...TORCHRUN, RANK: "0", TORCHELASTIC_USE_AGENT_STORE: "True" })?.serves, false);
  for (const [name, value] of [
    ["RANK", "4"],
    ["WORLD_SIZE", "0"],
    ["LOCAL_RANK", "one"],
    ["MASTER_ADDR", ""],
    ["MASTER_PORT", ""],
  ] as const) {
    assert.throws(() => rankEnvironment({ ...TORCHRUN, [name]: value }), {
      code: "USAGE",
      message: RegExp(`^${name} `),
    });
  }
});

for (const size of [2, 3]) {
  test(`sums, copies and gradients of ${size} processes are right`, { skip: SKIP }, async () => {
    for (const { code, stderr } of await runRanks(size, RANK, ["everything"]))
      assert.deepEqual([code, stderr], [0, ""]);
  });
}

test("a killed process ends the others with an error that names rank and operation", { skip: SKIP }, async () => {
  const ranks = await startRanks(2, RANK, ["forever"]);
  const [first, second] = ranks;
  assert.ok(first && second);
  second.child.stdout?.once("data", () => second.child.kill("SIGKILL"));
  await second.ended;
  const killed = performance.now();
  const { code, stderr } = await first.ended;
  assert.ok(performance.now() - killed < 5000);
  assert.equal(code, 1);
  assert.match(stderr, /^TRAINING Rank 0 of 2: all-reduce of 1 tensors failed: .*Another process has ended/);
});

test("a process that fails reports why to the others", { skip: SKIP }, async () => {
  const [first, second, third] = await runRanks(3, RANK, ["failing"]);
  assert.match(second?.stderr ?? "", /no such picture/);
  assert.match(first?.stderr ?? "", /^TRAINING Rank 0 of 3: .*Rank 1 ended: no such picture/);
  assert.match(third?.stderr ?? "", /^TRAINING Rank 2 of 3: .*Rank 1 ended: no such picture/);
});

test("work of rank 0 may take longer than the time-out; its end is noticed", { skip: SKIP }, async () => {
  // Mostly waiting: at once. The time-out is what a loaded machine may need to start two processes.
  const [long, busy, failing, killed] = await Promise.all([
    ...["long", "busy"].map((name) => runRanks(2, RANK, [name, "5000"])),
    ...["failingFirst", "killedFirst"].map((name) => runRanks(2, RANK, [name, "600000"])),
  ]);
  for (const { code, stderr } of [...(long ?? []), ...(busy ?? [])]) assert.deepEqual([code, stderr], [0, ""]);
  assert.deepEqual([long?.length, busy?.length], [2, 2]);
  const waiting = failing?.[1];
  assert.match(
    waiting?.stderr ?? "",
    /^TRAINING Rank 1 of 2: waiting for rank 0 failed: .*Rank 0 ended: no such picture/,
  );
  const left = killed?.[1];
  assert.match(left?.stderr ?? "", /^TRAINING Rank 1 of 2: waiting for rank 0 failed: .*Another process has ended/);
});

test("what makes no sense is refused, and the group is as before", { skip: SKIP }, async () => {
  for (const { code, stderr } of await runRanks(2, RANK, ["wrong"])) assert.deepEqual([code, stderr], [0, ""]);
});

test("no process waits for longer than the time-out", { skip: SKIP }, async () => {
  const TIMEOUT = "3000";
  const silent = async (): Promise<void> => {
    const [first, second] = await startRanks(2, RANK, ["silent", TIMEOUT]);
    const { code, stderr } = (await first?.ended) ?? {};
    second?.child.kill("SIGKILL");
    assert.equal(code, 1);
    assert.match(stderr ?? "", /^TRAINING Rank 0 of 2: all-reduce .*[Tt]imed out/);
  };
  const missing = async (): Promise<void> => {
    const [alone, absent] = await startRanks(2, RANK, ["forever", TIMEOUT]);
    absent?.child.kill("SIGKILL");
    assert.match((await alone?.ended)?.stderr ?? "", /^TRAINING Rank 0 of 2 found not all others at .* within 3 s/);
  };
  await Promise.all([silent(), missing()]);
});
