/** Which pictures are computed together, in which order, and what a fault among them costs. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, test } from "node:test";
import sharp from "sharp";
import { Batches, type BatchReader } from "../../src/engine/batches.js";
import { createModel } from "../../src/engine/model.js";
import { scoreAll, type PipelineParts } from "../../src/engine/pipeline.js";
import type { Model, Outcome, ScoreInputs, ScoreOptions, ScoreResult } from "../../src/engine/types.js";
import { isOutOfMemory, isRocError, RocError, type ErrorCode } from "../../src/errors.js";
import { Random } from "../../src/random.js";
import type { RocTemplates } from "../../src/roc/index.js";
import { liveTensors, scope } from "../../src/torch/index.js";
import { fakeParts } from "../roc/support.js";

const ONE: RocTemplates = { prompts: ["<image>\nHow good?"], answers: ["The rate is {overall}. "] };

afterEach(() => assert.equal(liveTensors(), 0));

type Size = readonly [width: number, height: number];

/** A picture's file; its grey level tells it from others. */
async function png([width, height]: Size, grey: number): Promise<Buffer> {
  const background = { r: grey, g: (grey * 7) % 256, b: (grey * 29) % 256 };
  return sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toBuffer();
}

async function pictures(sizes: readonly Size[]): Promise<{ name: string; data: Buffer }[]> {
  return Promise.all(sizes.map(async (size, i) => ({ name: `${i}`, data: await png(size, (i * 17) % 256) })));
}

const BROKEN = { name: "broken", data: Buffer.from("no picture") };

/** Says which pictures it was given together; the score is the picture's number. */
class FakeReader implements BatchReader {
  readonly batches: string[][] = [];
  /** What it is computing. */
  running: { end: () => void }[] = [];

  constructor(
    readonly depth = 1,
    private readonly byHand = false,
  ) {}

  async read(given: Parameters<BatchReader["read"]>[0]): Promise<Outcome[]> {
    this.batches.push(given.map(({ file }) => file));
    if (this.byHand) await new Promise<void>((end) => this.running.push({ end }));
    return given.map(({ file }) => resultOf(file));
  }
}

function resultOf(file: string): ScoreResult {
  return { file, score: 1, scale: { min: 1, max: 10 }, std: null, distribution: null, answer: "", model: "fake" };
}

/** @param delay milliseconds that preparing a picture takes beside the decoding */
function pipeline(size: number, reader: BatchReader, delay = (): number => 0): PipelineParts {
  const prepare: PipelineParts["prepare"] = async (picture) => {
    await sleep(delay());
    return "stored" in picture ? picture.stored : picture;
  };
  const ended = { signal: new AbortController().signal, error: () => new Error("disposed") };
  return { batches: new Batches(size, reader), prepare, ended };
}

async function all(outcomes: AsyncIterable<Outcome>): Promise<Outcome[]> {
  const found: Outcome[] = [];
  for await (const outcome of outcomes) found.push(outcome);
  return found;
}

const filesOf = (outcomes: readonly Outcome[]): string[] => outcomes.map(({ file }) => file);

test("pictures of equal shape are computed together, however long each takes to prepare; results are in order", async () => {
  const [a, b] = [[4, 4], [6, 2]] as const; // prettier-ignore
  const inputs = await pictures([a, a, b, a, b, b, a, a, b, b, a, a, [9, 9], a, b]);
  const names = inputs.map(({ name }) => name);
  const expected = [
    ["0", "1", "3"],
    ["2", "4", "5"],
    ["6", "7", "10"],
    ["8", "9", "14"],
  ];
  for (let seed = 0; seed < 8; seed++) {
    const random = new Random(seed);
    const reader = new FakeReader(1 + (seed % 2));
    const parts = pipeline(3, reader, () => random.int(15));
    assert.deepEqual(filesOf(await all(scoreAll(parts, inputs, {}))), names);
    // Full ones as they fill up, then what is left: the odd one alone, since it would be padded too much.
    const full = reader.batches.filter(({ length }) => length === 3);
    assert.deepEqual(full.toSorted((x, y) => Number(x[0]) - Number(y[0])), expected); // prettier-ignore
    assert.deepEqual(reader.batches.filter(({ length }) => length < 3).toSorted(), [["11", "13"], ["12"]]);
  }
});

test("a picture with a shape of its own among many does not wait until the end, and memory does not grow", async () => {
  const [a, b] = await Promise.all([png([4, 4], 1), png([9, 2], 2)]);
  const reader = new FakeReader();
  let asked = 0;
  const source = (function* () {
    for (;;) yield { name: `${asked}`, data: asked++ === 1 ? b : a };
  })();
  let taken = 0;
  let most = 0;
  for await (const { file } of scoreAll(pipeline(4, reader), source, {})) {
    assert.equal(file, `${taken++}`);
    most = Math.max(most, asked - taken);
    if (taken === 100) break;
  }
  assert.ok(most <= 17, `${most} pictures ahead`);
  assert.deepEqual(reader.batches.find((batch) => batch.includes("1")), ["1"]); // prettier-ignore
});

test("pictures that are left over are padded to one another where that costs little", async () => {
  const reader = new FakeReader();
  const inputs = await pictures([[10, 10], [11, 10], [10, 11], [30, 30], [31, 30], [4, 4]]); // prettier-ignore
  await all(scoreAll(pipeline(8, reader), inputs, {}));
  assert.deepEqual(reader.batches, [["0", "1", "2"], ["3", "4"], ["5"]]);
});

test("broken pictures cost their own place only", async () => {
  const reader = new FakeReader();
  const good = await pictures(new Array<Size>(5).fill([4, 4]));
  const inputs = [
    BROKEN,
    ...good.slice(0, 2),
    BROKEN,
    { name: "none", data: "/no/such/file" },
    ...good.slice(2),
    BROKEN,
  ];
  const outcomes = await all(scoreAll(pipeline(3, reader), inputs, {}));
  assert.deepEqual(reader.batches, [["0", "1", "2"], ["3", "4"]]); // prettier-ignore
  assert.deepEqual(
    outcomes.map((outcome) => ("error" in outcome ? outcome.error.code : outcome.file)),
    ["IMAGE_UNSUPPORTED", "0", "1", "IMAGE_UNSUPPORTED", "FILE_NOT_FOUND", "2", "3", "4", "IMAGE_UNSUPPORTED"],
  );
});

test("neither a source that hangs nor a picture that never ends holds back what is there", async () => {
  const [first, second] = await pictures([[4, 4], [4, 4]]); // prettier-ignore
  for (const last of ["source", "picture"]) {
    const endless = new Readable({ read: () => undefined });
    const source = async function* () {
      yield first;
      yield second;
      if (last === "picture") yield { name: "endless", data: endless };
      await new Promise(() => undefined);
    };
    const controller = new AbortController();
    const results: Outcome[] = [];
    const scoring = async (): Promise<void> => {
      const inputs = source() as AsyncIterable<{ name: string; data: Buffer }>;
      for await (const outcome of scoreAll(pipeline(8, new FakeReader()), inputs, { signal: controller.signal })) {
        if (results.push(outcome) === 2) setImmediate(() => controller.abort());
      }
    };
    await assert.rejects(scoring(), { code: "ABORTED" });
    assert.deepEqual(filesOf(results), ["0", "1"], last);
  }
});

test("calls at the same time share batches; one that leaves takes its waiting pictures along", async () => {
  const reader = new FakeReader(1, true);
  const parts = pipeline(4, reader);
  const inputs = await pictures(new Array<Size>(9).fill([4, 4]));
  const next = async (): Promise<void> => {
    while (reader.running.length === 0) await sleep(1);
    reader.running.shift()?.end();
  };
  const first = scoreAll(parts, inputs.slice(0, 2), {})[Symbol.asyncIterator]();
  const one = first.next();
  while (reader.batches.length === 0) await sleep(1);
  // While that is computed, three others come: of them one leaves.
  const controller = new AbortController();
  const left = all(scoreAll(parts, inputs.slice(2, 4), { signal: controller.signal }));
  const others = [all(scoreAll(parts, inputs.slice(4, 7), {})), all(scoreAll(parts, inputs.slice(7), {}))];
  await sleep(50);
  controller.abort();
  await assert.rejects(left, { code: "ABORTED" });
  await next();
  await one;
  const running = Promise.all(others);
  for (let i = 0; i < 2; i++) await next();
  const results = await running;
  assert.deepEqual(results.map(filesOf), [["4", "5", "6"], ["7", "8"]]); // prettier-ignore
  assert.equal((await first.next()).value?.file, "1");
  assert.deepEqual(reader.batches[0], ["0", "1"]);
  assert.deepEqual(
    reader.batches.map(({ length }) => length),
    [2, 4, 1],
  );
  assert.deepEqual(reader.batches.slice(1).flat().sort(), ["4", "5", "6", "7", "8"]);
});

test("a single picture of another shape is not starved by a call that always has full batches", async () => {
  const reader = new FakeReader(2, true);
  const parts = pipeline(2, reader);
  const [a, b] = await Promise.all([png([4, 4], 1), png([9, 2], 2)]);
  let count = 0;
  const flood = (function* () {
    for (;;) yield { name: `a${count++}`, data: a };
  })();
  const controller = new AbortController();
  const flooding = all(scoreAll(parts, flood, { signal: controller.signal }));
  while (reader.batches.length < 2) await sleep(1);
  const single = all(scoreAll(parts, { name: "b", data: b }, {}));
  let computed = 0;
  while (!reader.batches.some((batch) => batch.includes("b"))) {
    while (reader.running.length === 0) await sleep(1);
    reader.running.shift()?.end();
    computed += 1;
    await sleep(5);
    assert.ok(computed < 20, "b waits for ever");
  }
  while (reader.running.length > 0) reader.running.shift()?.end();
  assert.deepEqual(filesOf(await single), ["b"]);
  controller.abort();
  await assert.rejects(flooding, { code: "ABORTED" });
});

test("an abort is immediate, also while a batch is computed", async () => {
  const reader = new FakeReader(1, true);
  const controller = new AbortController();
  const inputs = await pictures(new Array<Size>(3).fill([4, 4]));
  const scoring = all(scoreAll(pipeline(2, reader), inputs, { signal: controller.signal }));
  while (reader.running.length === 0) await sleep(1);
  controller.abort(new Error("enough"));
  // Nothing is computed any further: the reader never ends what it has.
  await assert.rejects(scoring, (error: Error) => isRocError(error) && error.code === "ABORTED");
});

test("what is no picture's fault ends every call that has a picture in the batch, behind the results before it", async () => {
  let batch = 0;
  const reader: BatchReader = {
    depth: 1,
    read: (given) =>
      ++batch === 1
        ? Promise.resolve(given.map(({ file }) => resultOf(file)))
        : Promise.reject(new RocError("TORCH", "no")),
  };
  const results: Outcome[] = [];
  const inputs = await pictures(new Array<Size>(5).fill([4, 4]));
  await assert.rejects(
    async () => {
      for await (const outcome of scoreAll(pipeline(2, reader), inputs, {})) results.push(outcome);
    },
    { code: "TORCH" },
  );
  assert.deepEqual(filesOf(results), ["0", "1"]);
});

async function scores(model: Model, inputs: ScoreInputs): Promise<Outcome[]> {
  return all(model.score(inputs));
}

test("a model computes as many pictures as it is told to together, and settings name it", async () => {
  const inputs = await pictures(new Array<Size>(7).fill([2, 2]));
  const run = async (batchSize: number | "auto" | undefined) => {
    const parts = fakeParts(ONE);
    using model = createModel(parts, "fake", { batchSize });
    const outcomes = await scores(model, inputs);
    return { outcomes, forwards: parts.model.forwards, batch: model.settings?.["batch"] };
  };
  const single = await run(1);
  assert.deepEqual([single.forwards, single.batch], [7, undefined]);
  // A CPU has enough to do with one.
  for (const automatic of ["auto", undefined] as const) assert.deepEqual(await run(automatic), single);
  const batched = await run(3);
  assert.deepEqual([batched.forwards, batched.batch], [3, 3]);
  batched.outcomes.forEach((outcome, i) => {
    const alone = single.outcomes[i];
    assert.ok(!("error" in outcome) && alone && !("error" in alone));
    assert.ok(Math.abs(outcome.score - alone.score) <= 1e-5);
  });
  for (const batchSize of [0, 1.5, -1, 5000, NaN, "all" as never]) {
    const parts = fakeParts(ONE);
    using _ = parts.model;
    assert.throws(() => createModel(parts, "fake", { batchSize }), { code: "USAGE", message: /batchSize is .*4096/ });
  }
});

test("NaN for one picture of a batch is its own failure; the others have the scores that they have alone", async () => {
  const inputs = await pictures(new Array<Size>(6).fill([2, 2]));
  const run = async (batchSize: number): Promise<Outcome[]> => {
    const parts = fakeParts(ONE);
    using model = createModel(parts, "fake", { batchSize });
    const features = parts.model.imageFeatures.bind(parts.model);
    // The first of them is black: 0 / 0 is NaN, and n / n is 1.
    parts.model.imageFeatures = (images) => {
      const whole = images.pixelValues.sum([1], true);
      return features(images).mul(whole.div(whole));
    };
    return await scores(model, inputs);
  };
  const [single, batched] = [await run(1), await run(4)];
  for (const outcomes of [single, batched]) {
    assert.deepEqual(
      outcomes.map((outcome) => ("error" in outcome ? outcome.error.code : "scored")),
      ["SCORE_NOT_FINITE", ...new Array<string>(5).fill("scored")],
    );
  }
  assert.deepEqual(batched[0], single[0]);
  // The guilty one's company was computed again, one by one.
  assert.deepEqual(batched.slice(0, 4), single.slice(0, 4));
});

test("a picture with too many tokens for the positions is its own failure; a text that is too long ends the call", async () => {
  const [small, large] = [[2, 2] as const, [2, 50] as const];
  const inputs = await pictures([small, large, small, small]);
  const run = async (batchSize: number, prompt: string, options: ScoreOptions = {}) => {
    const parts = fakeParts({ ...ONE, prompts: [prompt] });
    const { model: mllm, processor } = parts;
    const [image = 0] = mllm.placeholderIds;
    const plain = { images: processor.images.bind(processor), prompt: processor.prompt.bind(processor) };
    // A row of pixels is a token.
    processor.images = (images) => ({ ...plain.images(images), imageSizes: images.map(({ height, width }) => [height, width]) }); // prettier-ignore
    processor.prompt = (text, batch) =>
      plain.prompt(text).flatMap((id) => (id === image ? new Array<number>(batch?.imageSizes?.[0]?.[0] ?? 1).fill(id) : [id])); // prettier-ignore
    mllm.maxPositions = 60;
    using model = createModel(parts, "fake", { batchSize });
    try {
      return { outcomes: await all(model.score(inputs, options)), forwards: mllm.forwards };
    } catch (error) {
      assert.ok(isRocError(error));
      return { code: error.code, forwards: mllm.forwards };
    }
  };
  const [own = ""] = ONE.prompts;
  for (const options of [{}, { questions: [{ prompt: "Why? <image>", maxTokens: 2 }] }])
    for (const batchSize of [1, 4]) {
      const { outcomes = [] } = await run(batchSize, own, options);
      const found = outcomes.map((outcome) => ("error" in outcome ? outcome.error : undefined));
      assert.deepEqual(found.map((error) => error?.code), [undefined, "IMAGE_TOO_LARGE", undefined, undefined]); // prettier-ignore
      assert.match(found[1]?.message ?? "", /^1: the picture takes 50 tokens and what goes with it \d+, and the model has 60 positions; make/); // prettier-ignore
      const long = { ...options, questions: [{ prompt: `<image>${"long ".repeat(20)}` }] };
      assert.deepEqual(await run(batchSize, own, long), { code: "USAGE", forwards: 0 });
      assert.deepEqual(await run(batchSize, `<image>${"long ".repeat(20)}`, options), { code: "USAGE", forwards: 0 });
    }
});

/** A fake model that has memory for so many pictures at a time. */
function withRoomFor(most: number, code: ErrorCode = "OUT_OF_MEMORY", message = "no memory") {
  const parts = fakeParts(ONE);
  const sizes: number[] = [];
  const forward = parts.model.forward.bind(parts.model);
  parts.model.forward = (input, cache) => {
    const size = input.inputIds.size(0);
    sizes.push(size);
    // Whatever was made until then must be freed.
    if (size > most)
      throw new RocError(
        code,
        scope(() => `${message}: ${input.inputIds.add(1).shape.join()}`),
      );
    return forward(input, cache);
  };
  return { parts, sizes };
}

test("where memory is short batches are halved, which is said once, and nothing is lost", async () => {
  const inputs = await pictures(new Array<Size>(20).fill([2, 2]));
  const plain = fakeParts(ONE);
  using single = createModel(plain, "fake");
  const expected = await scores(single, inputs);
  const messages = ["CUDA out of memory. Tried to allocate 2 GiB", "[enforce fail] DefaultCPUAllocator: can't allocate memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"]; // prettier-ignore
  for (const [code, message] of [["OUT_OF_MEMORY", "no memory"], ...messages.map((text) => ["TORCH", text])] as const) {
    const { parts, sizes } = withRoomFor(2, code as ErrorCode, message);
    const notes: string[] = [];
    using model = createModel(parts, "fake", { batchSize: 8, onNote: (text) => notes.push(text) });
    const outcomes = await scores(model, inputs);
    assert.deepEqual(sizes, [8, 4, ...new Array<number>(10).fill(2)]);
    assert.equal(notes.length, 1, notes.join("\n"));
    assert.match(notes[0] ?? "", /memory is short for 8 pictures.*--batch, batchSize/);
    outcomes.forEach((outcome, i) => {
      const alone = expected[i];
      assert.ok(!("error" in outcome) && alone && !("error" in alone), message);
      assert.deepEqual([outcome.file, Math.abs(outcome.score - alone.score) <= 1e-5], [alone.file, true]);
    });
  }
  assert.ok(!isOutOfMemory(new RocError("TORCH", "CUBLAS_STATUS_EXECUTION_FAILED")));
});

test("a single picture that does not fit into memory is a failure of its own", async () => {
  const [one, two] = await pictures([[2, 2], [2, 2]]); // prettier-ignore
  const { parts } = withRoomFor(0);
  using model = createModel(parts, "fake", { batchSize: 2 });
  const outcomes = await scores(model, [one, two] as { name: string; data: Buffer }[]);
  assert.deepEqual(
    outcomes.map((outcome) => "error" in outcome && [outcome.file, outcome.error.code]),
    [
      ["0", "OUT_OF_MEMORY"],
      ["1", "OUT_OF_MEMORY"],
    ],
  );
  await assert.rejects(model.scoreOne(one as never), {
    code: "OUT_OF_MEMORY",
    message: /^0: there is too little memory/,
  });
});

test("an abort in the middle of batches leaves no tensors", async () => {
  const inputs = await pictures(new Array<Size>(12).fill([2, 2]));
  const parts = fakeParts(ONE);
  using model = createModel(parts, "fake", { batchSize: 4 });
  const own = liveTensors();
  const controller = new AbortController();
  const results: Outcome[] = [];
  await assert.rejects(
    async () => {
      for await (const outcome of model.score(inputs, { signal: controller.signal })) {
        if (results.push(outcome) === 2) controller.abort();
      }
    },
    { code: "ABORTED" },
  );
  assert.equal(results.length, 2);
  assert.equal(liveTensors(), own);
  // It is as good as before.
  assert.equal((await scores(model, inputs)).length, 12);
  assert.equal(liveTensors(), own);
});
