/** Training in two processes: the weights of one with the double batch, through kills and signals. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { writeStudio } from "../../src/studio/index.js";
import { saveCheckpoint } from "../../src/engine/index.js";
import { LOSS_PRESETS } from "../../src/roc/index.js";
import { createDemo } from "../../src/studies/demo/create.js";
import { openSafetensors } from "../../src/weights/index.js";
import { adamError, type AdamRuns, firstMomentError, secondMomentError, sumError } from "../rounding.js";
import { endOf, SKIP, startRanks, type Ended, type Rank } from "../torch/distributed-support.js";

const MAIN = new URL("../../src/cli/main.js", import.meta.url);
const TINY = {
  ...{ imageSize: 28, patch: 14, resize: "stretch" as const, visionWidth: 32, visionLayers: 2, visionHeads: 2 },
  ...{ textWidth: 32, textLayers: 2, textHeads: 2, vocabulary: 300 },
} as const;
const STEPS = 5;
const SETTINGS =
  `--seed 5 --steps ${STEPS} --every 2 --accumulate 2 --lr 1e-4 --schedule cosine --flip --decay 0.1 ` +
  "--precision float32 --loss paper-ava --validation 0.2 --threads 1 --json";
/** Sums of a step are over the rows of its pictures: both halves of two batches of 4, some 40 tokens each. */
const ROWS = 2 * 4 * 40;
const ALL_STEPS = Array.from({ length: STEPS }, (_, i) => i + 1);
/** A state after every step, all retained. */
const EVERY_STATE = ["--every", "1", "--keep-last", String(STEPS)];
const ADAM = { learningRate: 1e-4, steps: STEPS, betas: [0.9, 0.999] } as const;

interface Event {
  readonly type: string;
  readonly step: number;
  readonly loss: number;
  readonly gradientNorm: number;
}

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-distributed-"));
  // 26 for training: of an epoch's last batch of 4, which has 2 pictures, rank 1 gets none.
  await writeStudio(join(folder, "studio"), { count: 32, longEdge: 32 });
  const { parts } = await createDemo(join(folder, "tokenizer"), 1, TINY, LOSS_PRESETS["paper-ava"]);
  await saveCheckpoint(join(folder, "start"), parts);
  parts.model.dispose();
});
after(() => rm(folder, { recursive: true, force: true }));

function argsOf(run: string, batch: number, more: readonly string[] = []): string[] {
  const paths = { data: "studio", model: "start", out: run };
  const given = Object.entries(paths).flatMap(([name, path]) => [`--${name}`, join(folder, path)]);
  return ["train", ...given, "--batch", String(batch), ...SETTINGS.split(" "), ...more];
}

/** Two processes; `onEvent` sees the events of rank 0. */
async function inTwo(
  run: string,
  more: readonly string[] = [],
  onEvent: (event: Event, ranks: readonly Rank[]) => void = () => undefined,
): Promise<readonly [Ended, Ended]> {
  const ranks = await startRanks(2, MAIN, argsOf(run, 2, more));
  const [first, second] = ranks;
  assert.ok(first && second);
  let line = "";
  first.child.stdout?.on("data", (text: string) => {
    const lines = (line + text).split("\n");
    line = lines.pop() ?? "";
    for (const whole of lines) onEvent(JSON.parse(whole) as Event, ranks);
  });
  return [await first.ended, await second.ended];
}

function eventsOf({ stdout }: Ended): Event[] {
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as Event); // prettier-ignore
}

async function lastState(run: string, file: string, step = STEPS): Promise<Map<string, Float32Array>> {
  using saved = await openSafetensors(join(folder, run, `step-0000000${step}`, file));
  return new Map(
    saved.names().map((name) => {
      using tensor = saved.tensor(name);
      return [name, tensor.toFloat32Array()];
    }),
  );
}

async function filesOf(run: string): Promise<string[]> {
  const names = await readdir(join(folder, run));
  return names.map((name) => name.replace(/^events\..*/, "events")).sort();
}

/** Of the worst number of a file: its distance over what rounding allows. */
function worstOf(
  found: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Float32Array>,
  bound: (name: string, value: number, index: number) => number,
): number {
  assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort());
  let worst = 0;
  for (const [name, values] of expected) {
    const other = found.get(name);
    assert.equal(other?.length, values.length, name);
    for (const [i, value] of values.entries()) {
      const distance = Math.abs(value - (other?.[i] ?? NaN));
      if (distance > 0) worst = Math.max(worst, distance / bound(name, value, i));
    }
  }
  return worst;
}

/** The attention, MLP or the like that a weight is part of. */
function blockOf(name: string): string {
  return name.split(".").slice(0, -2).join(".");
}

/**
 * The largest entries of blocks' gradients, by Adam's second moments. Gradients of a block are sums of products with the same
 * terms from above: what is left of them may be rounding alone (that of a key's bias, which moves no attention weight),
 * their partial sums are of the size of the block's others.
 */
function largestGradients(states: ReadonlyMap<string, Float32Array>): Map<string, number> {
  const largest = new Map<string, number>();
  for (const [state, values] of states) {
    if (!state.endsWith(".exp_avg_sq")) continue;
    const block = blockOf(state.replace(/\.exp_avg_sq$/, ""));
    const most = Math.sqrt(Math.max(...values) / (1 - ADAM.betas[1]));
    largest.set(block, Math.max(largest.get(block) ?? 0, most));
  }
  return largest;
}

test("two processes with batches of 2 end with the weights of one with batches of 4", { skip: SKIP }, async () => {
  const child = spawn(process.execPath, [fileURLToPath(MAIN), ...argsOf("one", 4, EVERY_STATE)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const one = await endOf(child);
  assert.equal(one.code, 0, one.stderr);
  const [first, second] = await inTwo("two", EVERY_STATE);
  assert.equal(first.code, 0, first.stderr);
  assert.deepEqual([second.code, second.stdout, second.stderr], [0, "", ""], "rank 1 says nothing");
  const [ours, expected] = [eventsOf(first), eventsOf(one)];
  const states = await lastState("one", "optimizer.safetensors");
  const largest = largestGradients(states);
  const runs = (name: string): AdamRuns => ({
    ...ADAM,
    gradientError: sumError(ROWS, largest.get(blockOf(name)) ?? 0),
  });
  const steps = await Promise.all(ALL_STEPS.map((step) => lastState("one", "optimizer.safetensors", step)));
  const squares = (name: string, i: number): number[] =>
    steps.map((state) => state.get(`${name}.exp_avg_sq`)?.[i] ?? NaN);
  const weights = worstOf(
    await lastState("two", "model.safetensors"),
    await lastState("one", "model.safetensors"),
    (name, weight, i) => adamError(runs(name), weight, squares(name, i)),
  );
  assert.ok(weights < 1, `weights: ${weights} of what rounding allows`);
  const moments = worstOf(await lastState("two", "optimizer.safetensors"), states, (state, value) => {
    const [name, moment] = [state.replace(/\.\w+$/, ""), state.replace(/^.*\./, "")];
    if (moment === "exp_avg") return firstMomentError(runs(name));
    return moment === "exp_avg_sq" ? secondMomentError(runs(name), value) : 0;
  });
  assert.ok(moments < 1, `moments: ${moments} of what rounding allows`);
  assert.deepEqual(
    ours.map(({ type, step }) => [type, step]),
    expected.map(({ type, step }) => [type, step]),
  );
  for (const [i, event] of expected.entries()) {
    if (event.type !== "step") continue;
    for (const figure of ["loss", "gradientNorm"] as const) {
      const bound = event.step * sumError(ROWS, event[figure]);
      assert.ok(Math.abs((ours[i]?.[figure] ?? NaN) - event[figure]) < bound, `${figure} ${event.step}`);
    }
  }
  assert.deepEqual(await filesOf("two"), await filesOf("one"));
});

test(
  "with sharded states and recomputed layers, killed and stopped, they end with the same bytes",
  { skip: SKIP },
  async () => {
    const more = ["--shard-optimizer", "--recompute"];
    const [killed] = await inTwo("three", more, ({ type, step }, ranks) => {
      if (type === "step" && step === 3) ranks[1]?.child.kill("SIGKILL");
    });
    assert.equal(killed.code, 7);
    assert.match(killed.stderr, /Rank 0 of 2: .* failed: .*Start all processes again together/s);
    // A signal to one of them stops both, after writing a state.
    const [first, second] = await inTwo("three", more, ({ type, step }, ranks) => {
      if (type === "step" && step === 3) ranks[1]?.child.kill("SIGTERM");
    });
    assert.deepEqual([first.code, second.code], [130, 130], first.stderr + second.stderr);
    assert.equal(eventsOf(first)[0]?.step, 2);
    const [last] = await inTwo("three", more);
    assert.equal(last.code, 0, last.stderr);
    assert.ok((eventsOf(last)[0]?.step ?? 0) >= 3);
    for (const file of ["model.safetensors", "optimizer.safetensors"]) {
      const found = await lastState("three", file);
      for (const [name, values] of await lastState("two", file)) assert.deepEqual(found.get(name), values, name);
    }
    const metrics = await readFile(join(folder, "three", "metrics.jsonl"), "utf8");
    const steps = metrics.trimEnd().split("\n").map((line) => JSON.parse(line) as Event).filter(({ type }) => type === "step"); // prettier-ignore
    assert.deepEqual(steps.map(({ step }) => step), [1, 2, 3, 4, 5]); // prettier-ignore
  },
);

test("processes whose torchrun is killed end with a state", { skip: SKIP }, async () => {
  const args = [
    fileURLToPath(MAIN),
    "torchrun",
    "--nproc_per_node",
    "2",
    ...argsOf("orphans", 2, ["--every", "100000"]),
  ];
  // The last one counts. More than are done before the processes have noticed.
  const long = ["--steps", "100000"];
  const launcher = spawn(process.execPath, [...args, ...long], { stdio: ["ignore", "pipe", "pipe"] });
  launcher.stdout.on("data", (text: Buffer) => {
    if (text.includes('"step":3')) launcher.kill("SIGKILL");
  });
  // Its output is open for as long as one of the processes lives.
  const ended = await endOf(launcher);
  assert.match(ended.stderr, /Stopped after step \d+\. The same command resumes from there/);
  const names = await readdir(join(folder, "orphans"));
  assert.ok(names.includes("latest") && !names.includes("run.lock"), names.join());
});
