/** Generation on a model of a few lines: what ends it, what it draws, its text, its stream. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import {
  generate,
  generateStream,
  generateWithLogits,
  leftAside,
  readGenerationConfig,
  type GenerationOptions,
} from "../../src/generation/index.js";
import { Sampler } from "../../src/generation/sampler.js";
import { KvCache } from "../../src/nn/index.js";
import { generateAsync, type RocTemplates } from "../../src/roc/index.js";
import {
  backward,
  inferenceMode,
  liveTensors,
  manualSeed,
  noGrad,
  randn,
  scope,
  tensor,
} from "../../src/torch/index.js";
import { FakeMllm, FakeTokenizer, fakeParts, plainImage } from "../roc/support.js";

afterEach(() => assert.equal(liveTensors(), 0));

const tokenizer = new FakeTokenizer();
const START = [1, ...tokenizer.encode("Q: ")];
const SAMPLING = { temperature: 3, seed: 5 };

/** A model that writes `answer` behind {@link START}, and then what it likes. */
function writer(answer: string): FakeMllm {
  const model = new FakeMllm(tokenizer);
  model.follow([...tokenizer.encode(answer), tokenizer.eosTokenId], START.length - 1);
  return model;
}

function textOf(model: FakeMllm, options: GenerationOptions): { text: string; finished: string; steps: string } {
  let steps = "";
  const prompts = [{ ids: START }];
  const [sequence] = generate(model, prompts, { tokenizer, stopIds: [tokenizer.eosTokenId], ...options });
  assert.ok(sequence);
  for (const id of sequence.ids) steps += tokenizer.decode([id]);
  return { text: sequence.text, finished: sequence.finished, steps };
}

test("a stop token, a stop string or the length ends a sequence", () => {
  using model = writer("one two three.");
  assert.deepEqual(textOf(model, {}), { text: "one two three.", finished: "stop", steps: "one two three." });
  assert.deepEqual(textOf(model, { maxNewTokens: 5 }), { text: "one t", finished: "length", steps: "one t" });
  assert.deepEqual(textOf(model, { stopStrings: ["zzz", " t"] }), { text: "one", finished: "stop", steps: "one t" });
  const [sequence] = generate(model, [{ ids: START }], { stopIds: [7, tokenizer.eosTokenId] });
  assert.equal(sequence?.stopId, tokenizer.eosTokenId);
  assert.equal(sequence?.ids.length, "one two three.".length);
});

test("the model's positions end a sequence as asked, and are named where a prompt has more tokens", () => {
  using model = writer("one two three.");
  const maxLength = START.length + 5;
  model.maxPositions = maxLength;
  assert.deepEqual(textOf(model, { maxLength }), { text: "one t", finished: "length", steps: "one t" });
  const long = new Array<number>(START.length + 6).fill(70);
  const { sequences, stepLogits } = generateWithLogits(model, [{ ids: START }, { ids: START.slice(2) }], { maxLength });
  stepLogits.dispose();
  assert.deepEqual(sequences.map(({ ids }) => ids.length), [5, 7], "each has its own"); // prettier-ignore
  using cache = model.newCache();
  const [behind] = generate(model, [{ ids: START }], { cache, maxLength });
  assert.equal(behind?.ids.length, 5);
  scope(() => cache.rewind(START.length - 1));
  assert.equal(generate(model, [{ ids: START.slice(-1) }], { cache, maxLength: START.length + 2 })[0]?.ids.length, 2);
  assert.throws(() => generate(model, [{ ids: START }, { ids: long }]), {
    code: "USAGE",
    message: new RegExp(`Prompt 1 has ${long.length} tokens.* ${maxLength} positions`),
  });
});

test("text that may begin a stop string is held back, and comes when it does not", async () => {
  using model = writer("a<b><e>c<end>d");
  const texts: string[] = [];
  const prompts = [{ ids: START }];
  const options = { tokenizer, stopStrings: ["<end>"], stopIds: [tokenizer.eosTokenId] };
  for await (const { tokens } of generateStream(model, prompts, options)) texts.push(tokens[0]?.text ?? "");
  assert.equal(texts.join(""), "a<b><e>c");
  assert.deepEqual(texts.slice(0, 3), ["a", "", "<b"]);
  const cut: string[] = [];
  for await (const { tokens } of generateStream(model, prompts, { ...options, maxNewTokens: 2 })) {
    cut.push(tokens[0]?.text ?? "");
  }
  assert.deepEqual(cut, ["a", "<"], "the length ends it: nothing is held back any more");
});

test("a seed makes draws reproducible; row r draws as a row alone with seed + r", () => {
  using model = new FakeMllm(tokenizer);
  const draw = (seed: number, rows = 1): string[] => {
    const prompts = Array.from({ length: rows }, () => ({ ids: START }));
    const options = { tokenizer, maxNewTokens: 12, sampling: { ...SAMPLING, seed } };
    return generate(model, prompts, options).map(({ ids }) => ids.join());
  };
  const [first] = draw(5);
  assert.deepEqual(draw(5), [first]);
  assert.notDeepEqual(draw(6), [first]);
  assert.deepEqual(draw(5, 3), [...draw(5), ...draw(6), ...draw(7)]);
});

test("draws follow the probabilities", () => {
  const probabilities = [0.5, 0, 0.3, 0.2];
  using chooser = new Sampler([[0]], 4, { sampling: { seed: 1 } });
  const counts = [0, 0, 0, 0];
  const draws = 4000;
  scope(() => {
    const logits = tensor([probabilities]).log();
    for (let i = 0; i < draws; i++) scope(() => (counts[chooser.choose(logits)[0] as number]! += 1));
  });
  // Four standard deviations of a count are 126.
  probabilities.forEach((p, id) => assert.ok(Math.abs((counts[id] ?? 0) - p * draws) < 126, `token ${id}`));
  assert.equal(counts[1], 0);
});

test("the repetition penalty counts prompt and answer; suppressed tokens never win", () => {
  const choose = (logits: number[], options: GenerationOptions, times = 1): number[] => {
    using chooser = new Sampler([[0, -200]], logits.length, options);
    return Array.from({ length: times }, () => scope(() => chooser.choose(tensor([logits]))[0] as number));
  };
  assert.deepEqual(choose([3, 2.5, 1], {}, 2), [0, 0]);
  assert.deepEqual(choose([3, 2.5, 2], { repetitionPenalty: 1.4 }, 3), [1, 0, 0]);
  assert.deepEqual(choose([-1, -1.2, -9], { repetitionPenalty: 1.5 }, 2), [1, 0]);
  assert.deepEqual(choose([3, 2.5, 1], { suppressIds: [0, 1] }), [2]);
});

test("an abort in mid-stream is an error and frees the cache; so does a consumer that leaves", async () => {
  using model = writer("a long answer that nobody waits for");
  const before = liveTensors();
  const controller = new AbortController();
  let steps = 0;
  const options = { maxNewTokens: 40, signal: controller.signal };
  await assert.rejects(
    async () => {
      for await (const _ of generateStream(model, [{ ids: START }], options)) if (++steps === 3) controller.abort();
    },
    { code: "ABORTED" },
  );
  assert.equal(steps, 3);
  assert.equal(liveTensors(), before);
  for await (const _ of generateStream(model, [{ ids: START }], { maxNewTokens: 40 })) break;
  assert.equal(liveTensors(), before);
});

test("a stream gives the event loop a turn between steps: a timer can abort it", async () => {
  using model = new FakeMllm(tokenizer);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 1);
  const options = { maxNewTokens: 150, stopIds: [], signal: controller.signal };
  await assert.rejects(
    async () => {
      for (;;) for await (const _ of generateStream(model, [{ ids: START }], options));
    },
    { code: "ABORTED" },
  );
});

test("options and prompts that make no sense are named", () => {
  using model = writer("a");
  const refused: [GenerationOptions, RegExp][] = [
    [{ maxNewTokens: 0 }, /maxNewTokens is 0/],
    [{ repetitionPenalty: -1 }, /repetitionPenalty is -1/],
    [{ sampling: { temperature: 0 } }, /temperature is 0.*leave out/],
    [{ sampling: { topK: 1.5 } }, /topK is 1.5/],
    [{ sampling: { topP: NaN } }, /topP is NaN/],
    [{ sampling: { seed: 0.5 } }, /seed is 0.5/],
    [{ stopStrings: ["a"] }, /tokenizer/],
    [{ stopStrings: [""], tokenizer }, /empty text/],
  ];
  for (const [options, message] of refused) {
    assert.throws(() => generate(model, [{ ids: START }], options), { code: "USAGE", message });
  }
  assert.throws(() => generate(model, []), { code: "USAGE", message: /is empty/ });
  assert.throws(() => generate(model, [{ ids: START }, { ids: [] }]), { code: "USAGE", message: /Prompt 1/ });
});

test("generation_config.json: eos lists, do_sample and its top_k of 50; no file, no wishes; a wrong field is named", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roc-generation-"));
  const write = (config: unknown): void =>
    writeFileSync(join(folder, "generation_config.json"), typeof config === "string" ? config : JSON.stringify(config));
  try {
    const none = await readGenerationConfig(folder);
    assert.deepEqual([none.stopIds, none.sampling, none.repetitionPenalty], [[], undefined, undefined]);
    write({ eos_token_id: [151645, 151643], pad_token_id: 3, do_sample: true, temperature: 0.01, top_p: 0.001 });
    const found = await readGenerationConfig(folder);
    assert.deepEqual(found.stopIds, [151645, 151643]);
    assert.equal(found.padId, 3);
    assert.deepEqual(found.sampling, { temperature: 0.01, topK: 50, topP: 0.001 });
    write({ eos_token_id: 2, do_sample: true, top_k: 0, repetition_penalty: 1.05 });
    const all = await readGenerationConfig(folder);
    assert.deepEqual(all.stopIds, [2]);
    assert.equal(all.sampling?.topK, undefined);
    assert.equal(all.repetitionPenalty, 1.05);
    write({ do_sample: false, top_k: 7, top_p: null });
    assert.equal((await readGenerationConfig(folder)).sampling, undefined);
    write({ eos_token_id: "</s>" });
    await assert.rejects(readGenerationConfig(folder), { code: "CONFIG_INVALID", message: /eos_token_id/ });
    write("{");
    await assert.rejects(readGenerationConfig(folder), { code: "CONFIG_INVALID" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("generation_config.json: fields that are left aside are named where they would change something; damage is not", () => {
  const aside = { num_beams: 4, guidance_scale: 1, bad_words_ids: [], stop_strings: ["."], eos_token_id: 2 };
  assert.deepEqual(leftAside({ generationConfig: JSON.stringify(aside) }), ["num_beams", "stop_strings"]);
  for (const text of ["{", "null", "[1]", "3"]) assert.deepEqual(leftAside({ generationConfig: text }), [], text);
  assert.deepEqual(leftAside({}), []);
});

test("answers with scores: a sampled one reads Eq. 5 from raw logits, and streams", async () => {
  const templates: RocTemplates = { prompts: ["<image>\nHow good?"], answers: ["The rate is {overall}. "] };
  const parts = fakeParts(templates);
  using _ = parts.model;
  const images = parts.processor.images([plainImage(200, 90, 30)]);
  using _pixels = images.pixelValues;
  const run = async (sampling?: GenerationOptions["sampling"]) => {
    const texts: string[] = [];
    const steps = generateAsync(parts, images, sampling ? { sampling } : {});
    for (;;) {
      const { done, value } = await steps.next();
      if (done) return { texts, result: value };
      texts.push(value.text);
    }
  };
  const greedy = await run();
  assert.equal(greedy.texts.join(""), greedy.result.text);
  assert.equal(greedy.result.scores.length, 1);
  // The template's tokens win by far at any temperature; a warped distribution would be flatter.
  const sampled = await run({ temperature: 4, topK: 60, seed: 1 });
  assert.deepEqual(sampled.result, greedy.result);
});

test("step logits are what the model gives, of every step", () => {
  using model = writer("abc");
  scope(() => {
    const { sequences, stepLogits } = generateWithLogits(model, [{ ids: START }], { maxNewTokens: 3 });
    assert.deepEqual(stepLogits.shape, [3, 1, model.vocabSize]);
    assert.deepEqual(stepLogits.argmax(-1).flatten().toNumbers(), sequences[0]?.ids);
    assert.equal(tokenizer.decode(sequences[0]?.ids ?? []), "abc");
  });
});

test("the cache holds what was appended, through growth, inference mode and back, and frees everything", () => {
  manualSeed(3);
  const modes = [inferenceMode, inferenceMode, noGrad, inferenceMode, noGrad];
  scope(() => {
    const all = randn([2, 3, 400, 4]);
    using cache = new KvCache();
    let start = 0;
    // Past the first buffer's end several times.
    [5, 1, 1, 90, ...new Array<number>(120).fill(1), 100].forEach((count, step) => {
      const mode = modes[step % modes.length] ?? noGrad;
      mode(() =>
        scope(() => {
          for (const layer of [0, 1]) {
            const fresh = all.narrow(2, start, count).add(layer);
            const { k, v } = cache.append(layer, fresh, fresh.neg());
            const due = all.narrow(2, 0, start + count).add(layer);
            assert.equal(k.sub(due).abs().max().item(), 0);
            assert.equal(v.add(due).abs().max().item(), 0);
          }
          cache.advance(count, null);
        }),
      );
      start += count;
      assert.equal(cache.length, start);
    });
  });
});

test("gradients go through the cache: nothing is written in place then", () => {
  scope(() => {
    using cache = new KvCache();
    const pieces = [2, 1, 1].map((count) => randn([1, 1, count, 4]).requiresGrad_());
    let loss = tensor(0);
    for (const piece of pieces) {
      const { k, v } = cache.append(0, piece.add(0), piece.add(0));
      loss = loss.add(k.mul(v).sum());
      cache.advance(piece.size(2), null);
    }
    backward(loss);
    [3, 2, 1].forEach((times, index) => {
      const piece = pieces[index];
      assert.ok(piece?.grad);
      assert.ok(
        piece.grad
          .sub(piece.detach().mul(2 * times))
          .abs()
          .max()
          .item() < 1e-5,
      );
      piece.zeroGrad();
    });
  });
});
