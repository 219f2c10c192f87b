import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import sharp from "sharp";
import type { Sample } from "../../src/data/index.js";
import { RocError } from "../../src/errors.js";
import type { Mllm } from "../../src/models/types.js";
import { openLatestState, train, type Objective, type TrainEvent, type TrainOptions } from "../../src/train/index.js";
import type { SavedState } from "../../src/train/index.js";
import { PixelCache } from "../../src/train/data/pixels.js";
import { fromTypedArray, liveTensors, scope, tensor, zeros, type Tensor } from "../../src/torch/index.js";

const OPTIONS: TrainOptions = {
  seed: 3,
  steps: 6,
  batchSize: 4,
  accumulation: 1,
  learningRate: 0.05,
  schedule: "constant",
  warmup: 0,
  weightDecay: 0,
  betas: [0.9, 0.999],
  maxNorm: 100,
  flip: false,
  precision: "float32",
  every: 2,
};

let folder = "";
let samples: Sample[] = [];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-loop-"));
  samples = Array.from({ length: 8 }, (_, i) => ({
    id: String(i),
    image: join(folder, `${i}.png`),
    score: i,
    split: "train",
  }));
  for (const { image, score } of samples) {
    await sharp(Uint8Array.of(score, 0, 0), { raw: { width: 1, height: 1, channels: 3 } })
      .png()
      .toFile(image);
  }
});
after(() => rm(folder, { recursive: true, force: true }));

/** Weights of a straight line from a picture's red to its score. */
let line: Tensor = tensor([0.5, 0]);
let run = 0;
beforeEach(() => {
  renewLine();
  run += 1;
});
after(() => line.dispose());

/** Frees the one before at once: a collected one would be missed by who counts tensors. */
function renewLine(): void {
  line.dispose();
  line = tensor([0.5, 0]);
}

/** Everything of a model that the loop uses. */
function lineModel(): Mllm {
  return { device: "cpu", parameters: () => new Map([["line", line]]) } as unknown as Mllm;
}

/** @param failAt forward at which the loss becomes NaN */
function lineObjective(failAt = Infinity): Objective {
  let forwards = 0;
  return {
    loss(pictures) {
      forwards += 1;
      const reds = fromTypedArray(
        Float32Array.from(pictures, ({ image }) => image.data[0] ?? 0),
        [pictures.length],
      );
      const scores = fromTypedArray(
        Float32Array.from(pictures, ({ sample }) => sample.score),
        [pictures.length],
      );
      const error = reds.mul(line.select(0, 0)).add(line.select(0, 1)).sub(scores).pow(2).mean();
      const loss = forwards >= failAt ? error.mul(NaN) : error;
      return { loss, terms: { error } };
    },
    predict: (images) => images.map(({ data }) => (data[0] ?? 0) * (line.toNumbers()[0] ?? 0)),
  };
}

interface Changes {
  readonly save?: (folder: string) => Promise<void>;
  readonly objective?: Objective;
  readonly options?: Partial<TrainOptions>;
  readonly minutes?: number;
  readonly validation?: readonly Sample[];
  readonly signal?: AbortSignal;
  readonly resume?: SavedState;
}

function runFolder(): string {
  return join(folder, `run-${run}`);
}

function start({ objective = lineObjective(), options, ...task }: Changes = {}): AsyncIterable<TrainEvent> {
  const pixels = new PixelCache({ prepare: ({ stored }) => stored });
  const parts = { model: lineModel(), objective, train: samples, validation: samples, pixels, run: runFolder() };
  return train({ ...parts, save: () => Promise.resolve(), ...task }, { ...OPTIONS, ...options });
}

async function collect(events: AsyncIterable<TrainEvent>): Promise<TrainEvent[]> {
  const all: TrainEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** The step of the validation with the lowest error, the last of equal ones; all have the same SRCC. */
function nearest(events: readonly TrainEvent[]): number | undefined {
  const validations = events.filter((event) => event.type === "validation");
  assert.ok(validations.every(({ srcc }) => srcc === validations[0]?.srcc));
  const least = Math.min(...validations.map(({ mae }) => mae ?? Infinity));
  return validations.findLast(({ mae }) => mae === least)?.step;
}

test("a run streams its steps, validations and states, learns, and leaves no tensor behind", async () => {
  const before = liveTensors();
  const events = await collect(start());
  assert.deepEqual(
    events.map(({ type }) => type),
    ["start", ...Array.from({ length: 3 }, () => ["step", "step", "validation", "checkpoint"]).flat(), "end"],
  );
  const losses = events.filter((event) => event.type === "step").map(({ loss }) => loss);
  assert.ok((losses.at(-1) ?? NaN) < (losses[0] ?? NaN));
  const saved = await openLatestState(runFolder());
  assert.equal(saved?.state.step, 6);
  assert.deepEqual([saved?.state.epoch, saved?.state.batch], [3, 0], "two batches an epoch");
  // All predictions rank the pictures perfectly, so that the error tells the validations apart.
  assert.equal(saved?.state.best?.step, nearest(events));
  assert.equal(line.requiresGrad, false);
  assert.equal(liveTensors(), before);
});

test("two accumulated half batches make the step of a whole one", async () => {
  await collect(start({ options: { batchSize: 4 } }));
  const whole = line.toNumbers();
  run += 1;
  renewLine();
  await collect(start({ options: { batchSize: 2, accumulation: 2 } }));
  for (const [i, value] of line.toNumbers().entries()) assert.ok(Math.abs(value - (whole[i] ?? NaN)) < 1e-6);
});

test("a loss that is not a number ends the run with the last state named and whole", async () => {
  const events: TrainEvent[] = [];
  await assert.rejects(
    (async () => {
      for await (const event of start({ objective: lineObjective(4) })) events.push(event);
    })(),
    { code: "TRAINING", message: /Step 4: The loss is NaN.*last good state is .*step-00000002/ },
  );
  assert.equal((await openLatestState(runFolder()))?.state.step, 2);
});

/** A straight line whose forward fails at some step. */
function failing(failAt: number, fail: () => void): Objective {
  const objective = lineObjective();
  let forwards = 0;
  return {
    ...objective,
    loss(...input) {
      forwards += 1;
      if (forwards === failAt) fail();
      return objective.loss(...input);
    },
  };
}

test("where memory runs out, the steps since the last state are saved, and the error says what to do", async () => {
  const before = liveTensors();
  // 4 EiB: libtorch's own error, not one of ours.
  const objective = failing(4, () => void zeros([2 ** 60]));
  await assert.rejects(collect(start({ objective })), (error: RocError) => {
    assert.equal(error.code, "OUT_OF_MEMORY");
    assert.match(error.message, /^Step 4: out of memory\. The last good state is .*step-00000003.*--recompute.*alloc/);
    return true;
  });
  const saved = await openLatestState(runFolder());
  assert.equal(saved?.state.step, 3);
  assert.equal(liveTensors(), before);
  const events = await collect(start({ resume: saved }));
  assert.deepEqual([events[0]?.type === "start" && events[0].step, events.at(-1)?.type], [3, "end"]);
});

test("a full disk ends the run with the state before it whole", { skip: !existsSync("/dev/full") }, async () => {
  // Every write to this device fails as on a full disk.
  const save = (folder: string): Promise<void> =>
    folder.includes("step-00000004") ? writeFile("/dev/full", "weights") : Promise.resolve();
  await assert.rejects(collect(start({ save })), {
    code: "FILE_UNWRITABLE",
    message: /step 4 cannot be written.*ENOSPC.*Make room/,
  });
  assert.equal((await openLatestState(runFolder()))?.state.step, 2);
  assert.equal(
    (await collect(start({ resume: (await openLatestState(runFolder())) as SavedState }))).at(-1)?.type,
    "end",
  );
});

test("a run stops where validations do not get better for long, and a resumed one knows", async () => {
  const options = { every: 1, patience: 2, keepLast: 3 };
  const events = await collect(start({ options }));
  const end = events.at(-1);
  // All predictions rank the pictures perfectly: no SRCC is better than the first.
  assert.ok(end?.type === "end" && end.step === 3 && end.reason === "patience" && end.best?.step === nearest(events));
  assert.deepEqual((await readdir(runFolder())).sort(), [
    ...["best", "latest"],
    ...[1, 2, 3].map((step) => `step-0000000${step}`),
  ]);
  const saved = await openLatestState(runFolder());
  const again = await collect(start({ options, resume: saved as SavedState }));
  assert.deepEqual(
    again.map(({ type }) => type),
    ["start", "end"],
  );
  // Killed after the second validation, it stops at the third.
  run += 1;
  renewLine();
  for await (const event of start({ options })) if (event.type === "checkpoint" && event.step === 2) break;
  const half = await openLatestState(runFolder());
  const rest = await collect(start({ options, resume: half as SavedState }));
  assert.equal(rest.at(-1)?.step, 3);
});

test("of validations of one SRCC that with the lower error is the best, then the later one; a resumed run knows", async () => {
  /** All orders are right; the error of each validation is given. */
  const erring = (...errors: readonly number[]): Objective => {
    let asked = 0;
    const predict = (images: Parameters<Objective["predict"]>[0]): number[] =>
      images.map(({ data }) => (data[0] ?? 0) + (errors[Math.floor(asked++ / samples.length)] ?? NaN));
    return { ...lineObjective(), predict };
  };
  const options = { every: 1, steps: 4 };
  const events = await collect(start({ options, objective: erring(2, 1, 1, 3) }));
  const found = events.filter((event) => event.type === "validation").map(({ best, mae }) => [best, mae]);
  assert.deepEqual(found, [[true, 2], [true, 1], [true, 1], [false, 3]]); // prettier-ignore
  const whole = await openLatestState(runFolder());
  assert.equal(whole?.state.best?.step, 3);
  run += 1;
  renewLine();
  for await (const event of start({ options, objective: erring(2, 1) }))
    if (event.type === "checkpoint" && event.step === 2) break;
  const half = await openLatestState(runFolder());
  await collect(start({ options, objective: erring(1, 3), resume: half as SavedState }));
  const resumed = await openLatestState(runFolder());
  assert.deepEqual([resumed?.state.best, resumed?.state.stale], [whole.state.best, whole.state.stale]);
});

test("the signal ends the run after writing a state", async () => {
  const stop = new AbortController();
  await assert.rejects(
    (async () => {
      for await (const event of start({ signal: stop.signal }))
        if (event.type === "step" && event.step === 3) stop.abort();
    })(),
    { code: "ABORTED" },
  );
  assert.equal((await openLatestState(runFolder()))?.state.step, 3);
});

test("a time budget shortens a run to what fits, and the schedule with it", async () => {
  const options = { steps: 1_000_000, every: 1_000_000, schedule: "linear" } as const;
  const events = await collect(start({ options, minutes: 0.02, validation: [] }));
  const steps = events.filter((event) => event.type === "step");
  const last = steps.at(-1);
  assert.ok(last && last.step < 1_000_000 && last.step === last.totalSteps);
  assert.ok(last.learningRate < 0.02 * OPTIONS.learningRate, "linear decay reached its end");
  assert.equal(events.at(-1)?.type, "end");
});

test("a reader who stops reading frees everything", async () => {
  const before = liveTensors();
  for await (const event of start()) if (event.type === "step") break;
  assert.equal(liveTensors(), before);
  scope(() => assert.equal(line.grad, null));
});

test("weights that are no longer finite are not saved: the last good state stays", async () => {
  // The rate of the first step is 0, so that its state is good.
  const options = { learningRate: 1e38, warmup: 1, maxNorm: Infinity, every: 1 };
  await assert.rejects(collect(start({ options, validation: [] })), {
    code: "TRAINING",
    message:
      /^After step 2: The norm of the trained weights is \w+\..*lower learning rate.*--precision float32.*state is .*step-00000001/,
  });
  assert.equal((await openLatestState(runFolder()))?.state.step, 1);
});

test("a validation with answers that were not understood, or without an SRCC, is never the best", async () => {
  const predictions = (change: (value: number, i: number) => number): Objective => {
    const objective = lineObjective();
    return { ...objective, predict: (images) => objective.predict(images).map(change) };
  };
  for (const change of [(value: number, i: number) => (i === 0 ? NaN : value), () => 5]) {
    run += 1;
    renewLine();
    const events = await collect(start({ objective: predictions(change), options: { patience: 1 } }));
    const validations = events.filter((event) => event.type === "validation");
    assert.ok(validations.length === 3 && validations.every(({ best }) => !best));
    assert.equal((await openLatestState(runFolder()))?.state.best, null);
    assert.ok(!(await readdir(runFolder())).includes("best"));
  }
});

test("a validation score that is not finite ends the run with the last good state", async () => {
  const objective = lineObjective();
  let validations = 0;
  const predict: Objective["predict"] = (images) => {
    if (++validations > 2) throw new RocError("SCORE_NOT_FINITE", "The model gives NaN.");
    return objective.predict(images);
  };
  await assert.rejects(collect(start({ objective: { ...objective, predict } })), {
    code: "TRAINING",
    message:
      /^The validation after step 4: The model gives NaN\. The last good state is .*step-00000002.*learning rate/,
  });
  assert.equal((await openLatestState(runFolder()))?.state.step, 2);
});
