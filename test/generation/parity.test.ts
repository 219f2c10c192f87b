/** Generation against transformers 5.18's generate() (test/fixtures/llava/make-generation.py), float32 on the CPU. */
import assert from "node:assert/strict";
import { after, before, test, type TestContext } from "node:test";
import { generate, generateStream, generateWithLogits, type Prompt } from "../../src/generation/index.js";
import { keepTopK, keepTopP, penalize, warp } from "../../src/generation/sampler.js";
import type { LlavaModel } from "../../src/models/llava/index.js";
import { aten, liveTensors, noGrad, scope, tensor, zeros, type Tensor } from "../../src/torch/index.js";
import { openSafetensors, type Checkpoint } from "../../src/weights/index.js";
import { fixture } from "../support.js";
import { difference, ids } from "../models/support.js";
import { loadTiny, openExpected } from "../models/llava/support.js";

const TOLERANCE = 1e-4;
const IMAGE = new Array<number>(16).fill(90);
const alive = liveTensors();
let model: LlavaModel;
let inputs: Checkpoint;
let expected: Checkpoint;

before(async () => {
  model = await loadTiny();
  inputs = await openExpected();
  expected = await openSafetensors(fixture("llava/generation.safetensors"));
});

after(() => {
  for (const resource of [model, inputs, expected]) resource.dispose();
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

/** The prompts of the fixture; their pictures belong to the caller's scope. */
function promptsOf(name: "one" | "batch" | "text"): Prompt[] {
  const pixels = inputs.tensor("pixels");
  const images = (start: number, count: number) => ({ pixelValues: pixels.narrow(0, start, count) });
  const one = { ids: [1, 5, 6, ...IMAGE, 7, 8, 9, 10], images: images(0, 1) };
  if (name === "one") return [one];
  if (name === "text") return [{ ids: [1, 20, 21, 22, 23, 24] }];
  const two = { ids: [1, ...IMAGE, 7, ...IMAGE, 8, 9], images: images(0, 2) };
  return [two, { ids: [1, 5, ...IMAGE, 11, 12, 13], images: images(2, 1) }];
}

function near(t: TestContext, actual: Tensor, wanted: Tensor, tolerance: number): void {
  const error = difference(actual, wanted);
  t.diagnostic(`max abs error ${error.toExponential(1)}`);
  assert.ok(error < tolerance, `max abs error ${error}`);
}

for (const [name, prompts, repetitionPenalty] of [
  ["one", "one", 1],
  ["batch", "batch", 1],
  ["text", "text", 1],
  ["penalty", "one", 1.5],
] as const) {
  test(`greedy ids and step logits: ${name}`, (t) =>
    scope(() => {
      const wanted = expected.tensor(`${name}.ids`);
      const options = { maxNewTokens: wanted.size(1), repetitionPenalty, padId: 91 };
      const { sequences, stepLogits } = generateWithLogits(model, promptsOf(prompts), options);
      assert.deepEqual(
        sequences.flatMap((sequence) => sequence.ids),
        wanted.toNumbers(),
      );
      near(t, stepLogits, expected.tensor(`${name}.logits`), TOLERANCE);
    }));
}

/** Whether the same tokens are left, and the largest difference among them. */
function nearWhereFinite(t: TestContext, actual: Tensor, wanted: Tensor): void {
  assert.deepEqual(actual.eq(-Infinity).toNumbers(), wanted.eq(-Infinity).toNumbers(), "the same tokens are left");
  near(t, actual.maskedFill(actual.eq(-Infinity), 0), wanted.maskedFill(wanted.eq(-Infinity), 0), 1e-6);
}

test("processed logits equal those of transformers' warpers to 1e-6", (t) =>
  scope(() => {
    const logits = expected.tensor("warp.logits");
    const seenIds = expected.tensor("warp.seen");
    const seen = aten("scatter.value")(zeros(logits.shape), 1, seenIds, 1).ne(0);
    const processed = {
      temperature: warp(logits, { temperature: 0.7 }),
      top_k: keepTopK(logits, 5),
      top_p: keepTopP(logits, 0.8),
      penalty: penalize(logits, seen, 1.3),
      all: warp(penalize(logits, seen, 1.3), { temperature: 0.7, topK: 20, topP: 0.8 }),
    };
    for (const [name, found] of Object.entries(processed)) nearWhereFinite(t, found, expected.tensor(`warp.${name}`));
    assert.equal(difference(logits, expected.tensor("warp.logits")), 0, "the logits are left as they are");
    nearWhereFinite(t, keepTopP(logits, 0), keepTopK(logits, 1));
    assert.equal(difference(keepTopK(logits, 1000), logits), 0);
  }));

test("a batch of different lengths equals one by one, greedy and sampled, and a stream equals both", async () => {
  const prompts = scope(() => promptsOf("batch"));
  try {
    for (const sampling of [undefined, { temperature: 1.5, topK: 30, topP: 0.9, seed: 11 }]) {
      const options = { maxNewTokens: 12, sampling, padId: 91 };
      const together = generate(model, prompts, options);
      prompts.forEach((prompt, row) => {
        const own = sampling && { ...sampling, seed: sampling.seed + row };
        const [alone] = generate(model, [prompt], { ...options, sampling: own });
        assert.deepEqual(together[row], alone, `row ${row}`);
      });
      const streamed: number[][] = [[], []];
      for await (const { tokens } of generateStream(model, prompts, options)) {
        for (const { row, tokenId } of tokens) streamed[row]?.push(tokenId);
      }
      assert.deepEqual(
        streamed,
        together.map((sequence) => sequence.ids),
      );
    }
  } finally {
    for (const { images } of prompts) images?.pixelValues.dispose();
  }
});

test("where one sequence of a batch ends first, the other goes on as alone; the ended one is fed the pad token", () =>
  scope(() => {
    const prompts = promptsOf("batch");
    const rows = generate(model, prompts, { maxNewTokens: 12 }).map((sequence) => sequence.ids);
    const stop = rows[0]?.[2] ?? -1;
    const own = rows.map((ids) => (ids.includes(stop) ? ids.slice(0, ids.indexOf(stop)) : ids));
    const [first = [], second = []] = own;
    assert.ok(first.length < second.length);
    const fed: number[][] = [];
    const forward = model.forward.bind(model);
    model.forward = (input, cache) => {
      if (input.images === undefined) fed.push(input.inputIds.toNumbers());
      return forward(input, cache);
    };
    const found = generate(model, prompts, { maxNewTokens: 12, stopIds: [stop], padId: 91 });
    Object.assign(model, { forward });
    assert.deepEqual(
      found.map(({ ids, finished }) => ({ ids, finished })),
      [
        { ids: first, finished: "stop" },
        { ids: second, finished: second.length === 12 ? "length" : "stop" },
      ],
    );
    assert.deepEqual(
      fed,
      second.slice(0, fed.length).map((id, step) => [first[step] ?? 91, id]),
    );
  }));

test("a stream that is aborted or left frees its cache", async () => {
  const prompt = { ids: [1, 20, 21, 22] };
  const before = liveTensors();
  const controller = new AbortController();
  const options = { maxNewTokens: 20, signal: controller.signal };
  const stream = generateStream(model, [prompt], options);
  await stream.next();
  await stream.next();
  assert.ok(liveTensors() > before, "the cache lives between steps");
  controller.abort();
  await assert.rejects(stream.next(), { code: "ABORTED" });
  assert.equal(liveTensors(), before);
  for await (const { index } of generateStream(model, [prompt], { maxNewTokens: 20 })) if (index === 2) break;
  assert.equal(liveTensors(), before);
});

test("cached steps equal the full forward to 1e-4, past the end of the cache's first buffer", (t) =>
  scope(() => {
    const [prompt] = promptsOf("one");
    assert.ok(prompt?.images);
    const { sequences, stepLogits } = generateWithLogits(model, [prompt], { maxNewTokens: 90 });
    const whole = ids([...prompt.ids, ...(sequences[0]?.ids.slice(0, -1) ?? [])]);
    const hidden = noGrad(() => model.forward({ inputIds: whole, ...(prompt.images && { images: prompt.images }) }));
    const logits = model.logits(hidden.select(0, 0).slice(0, prompt.ids.length - 1));
    near(t, stepLogits.squeeze(1), logits, TOLERANCE);
    assert.deepEqual(tensor(sequences[0]?.ids ?? []).toNumbers(), logits.argmax(-1).toNumbers());
  }));
