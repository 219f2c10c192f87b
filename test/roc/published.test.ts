/** Published scorers: their prompts to the letter, how they are recognised and chosen, and their three readings by hand. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { afterEach, test } from "node:test";
import { choose, PUBLISHED, recognise, scorerNamed } from "../../src/roc/published/index.js";
import { LETTERS } from "../../src/roc/published/letters.js";
import { scorerStrategy, scorerTemplates, withSystem } from "../../src/roc/published/readings.js";
import type { Clues } from "../../src/roc/published/types.js";
import { readPictures, type Strategy } from "../../src/roc/index.js";
import { findNumber, NUMBER_ANSWER, numberStrategy } from "../../src/roc/strategies/number.js";
import { REWARD_ANSWER, rewardStrategy } from "../../src/roc/strategies/reward.js";
import { wordsAnswer, wordsStrategy } from "../../src/roc/strategies/words.js";
import { keep, liveTensors, manualSeed, randn, scope, tensor } from "../../src/torch/index.js";
import { FakeMllm, FakeProcessor, plainImage } from "./support.js";

const made: { dispose(): void }[] = [];
afterEach(() => {
  for (const one of made.splice(0)) one.dispose();
  assert.equal(liveTensors(), 0);
});

const PICTURES = [plainImage(200, 40, 90), plainImage(10, 220, 130)];

function fake(): { model: FakeMllm; processor: FakeProcessor } {
  const processor = new FakeProcessor();
  const model = new FakeMllm(processor.tokenizer);
  made.push(model);
  return { model, processor };
}

function textOf(scorer: string, aspect?: string, promptSource?: string): string {
  return choose(scorerNamed(scorer), { aspect, promptSource }).info.prompt;
}

function sha(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

test("prompts are the published ones to the letter", () => {
  const artiMuse = textOf("artimuse").replace("<image>\n", "");
  assert.deepEqual([artiMuse.length, sha(artiMuse)], [501, "44add3d4d8e19034"]);
  // The published string has its marker, and the description in braces.
  const uniPercept = textOf("unipercept", "structure").replace("structure and texture richness", "{desc}");
  assert.deepEqual([uniPercept.length, sha(uniPercept)], [430, "c800d9d2b4a4e478"]);
  assert.match(textOf("unipercept"), /^<image>Rate the aesthetics score .*73-ec, 74-ed/s);
  assert.match(textOf("unipercept", "quality"), /Rate the quality score/);
  const preference = choose(scorerNamed("hpsv3"), { text: "{text_prompt}" }).info.prompt.replace("<image>\n", "");
  assert.deepEqual([preference.length, sha(preference)], [2590, "f6ee57479d4e9eee"]);
  const stems = (["readme", "pyiqa", "toolkit"] as const).map((promptSource) => choose(scorerNamed("q-realign"), { aspect: "aesthetics", promptSource }).info); // prettier-ignore
  assert.deepEqual(
    stems.map(({ stem }) => stem),
    ["The aesthetics of the image is", "The aesthetics of the image is", " The aesthetics of the image is"],
  );
  assert.equal(textOf("q-realign"), "<image>\nHow would you rate the quality of this image?");
  assert.equal(textOf("q-realign", "quality", "pyiqa"), "<image>\nCan you rate the quality of this picture?");
  assert.match(
    textOf("q-sit"),
    /evaluator\. \nYour rating .*low\)\. \nHow would you rate the quality of this image\?<image>$/s,
  );
  assert.equal(textOf("q-instruct"), "<image>\nRate the quality of the image.");
  assert.equal(textOf("q-instruct-owl"), "<image>Rate the quality of the image.");
  assert.match(textOf("q-insight"), /"rating": The score\.<image>$/);
  assert.match(textOf("visualquality-r1"), /^Picture 1: <image>You are .* First output the thinking process/);
  assert.match(textOf("visualquality-r1", undefined, "no-thinking"), /Please only output the final answer/);
  assert.match(textOf("aes-r1"), /this picture <image> \? The rating/);
  for (const { aspects } of PUBLISHED) {
    const prompts = Object.values(aspects).flatMap(({ prompts }) => Object.values(prompts));
    for (const { prompt } of prompts) assert.equal(prompt.split("<image>").length, 2, prompt);
  }
});

test("101 words of two letters", () => {
  assert.equal(new Set(LETTERS).size, 101);
  const some = [0, 1, 25, 26, 50, 51, 75, 76, 100].map((score) => LETTERS[score]);
  assert.deepEqual(some, ["aa", "ab", "az", "ca", "cy", "da", "dy", "ea", "ey"]);
});

test("a checkpoint is recognised by its name, else by its files and tensors", async () => {
  const clues = (modelType: string, more: Partial<Clues> & { held?: string[] } = {}): Clues => {
    const { held = [], ...others } = more;
    return { modelType, config: {}, names: [], files: [], tensors: () => Promise.resolve(held), ...others };
  };
  const found = async (...args: Parameters<typeof clues>) => (await recognise(clues(...args)))?.scorer.name;
  for (const [type, name, scorer] of [
    ["qwen3_5", "q-future/Q-ReAlign-Mini-0.8B", "q-realign"],
    ["internvl_chat", "Thunderbolt215215/ArtiMuse_AVA", "artimuse"],
    ["internvl_chat", "Thunderbolt215215/UniPercept", "unipercept"],
    ["qwen2_5_vl", "ByteDance/Q-Insight", "q-insight"],
    ["qwen2_5_vl", "checkpoints/score_degradation", "q-insight"],
    ["qwen2_5_vl", "TianheWu/VisualQuality-R1-7B-preview", "visualquality-r1"],
    ["qwen2_5_vl", "ssssmark/Aes-R1", "aes-r1"],
    ["llava_onevision", "zhangzicheng/q-sit-mini", "q-sit"],
    ["mplug_owl2", "anything", "q-align"],
    ["llava", "teowu/llava_v1.5_7b_qinstruct_preview_v0.1", "q-instruct"],
    ["mplug_owl2", "teowu/mplug_owl2_7b_448_qinstruct_preview_v0.2", "q-instruct-owl"],
    ["llava", "llava-hf/llava-1.5-7b-hf", undefined],
    ["llava", "llava-before-q-instruct", undefined],
    ["qwen2_vl", "MizzenAI/HPSv3", "hpsv3"],
    ["qwen2_5_vl", "Qwen/Qwen2.5-VL-7B-Instruct", undefined],
    ["qwen2_5_vl", "q-future/Q-ReAlign-Mini-0.8B", undefined],
    ["qwen3_5", "runs/tiny-q-realign", "q-realign"],
    ["qwen3_5", "xq-realign", undefined],
    ["llava_onevision", "qsite", undefined],
    ["internvl_chat", "[CVPR 2026] ArtiMuse: Fine-Grained Image Aesthetics", "artimuse"],
    ["internvl_chat", "UniPercept (official weights)", "unipercept"],
    ["internvl_chat", "Model card for UniPercept", "unipercept"],
    ["internvl_chat", "Thunderbolt215215--ArtiMuse_FLICKR-AES-int8", "artimuse"],
    ["internvl_chat", "ArtiMuse_AVA@0123abcd", "artimuse"],
    ["qwen3_5", "Q_ReAlign_Pro_9B", "q-realign"],
    ["qwen2_5_vl", "visualquality_r1_7b", "visualquality-r1"],
    ["qwen2_5_vl", "aes_r1", "aes-r1"],
    ["llava_onevision", "q_sit mini", "q-sit"],
    // What only mentions a scorer is none.
    ["internvl_chat", "not as good as UniPercept", undefined],
    ["internvl_chat", "internvl3-vs-artimuse-baseline", undefined],
    ["internvl_chat", "better-than-unipercept", undefined],
    ["internvl_chat", "ArtiMuse vs UniPercept", undefined],
    ["internvl_chat", "InternVL3, tuned w/ UniPercept", undefined],
    ["internvl_chat", "InternVL3 w/UniPercept", undefined],
    ["internvl_chat", "InternVL3: trained without ArtiMuse", undefined],
    ["qwen3_5", "q-realign-training-data-baseline", undefined],
  ] as const) {
    assert.equal(await found(type, { names: [{ name, from: "its folder" }] }), scorer, name);
  }
  const [first, second] = ["ArtiMuse_AVA", "UniPercept"].map((name) => ({ name, from: `the name of ${name}` }));
  const names = [first, second] as NonNullable<typeof first>[];
  const both = await recognise(clues("internvl_chat", { names }));
  assert.deepEqual([both?.scorer.name, both?.how], ["artimuse", 'by the name of ArtiMuse_AVA ("ArtiMuse_AVA")']);
  const kept = { config: { roc4mllm_scorer: "unipercept" }, names };
  assert.equal(await found("internvl_chat", kept), "unipercept");
  const tied = { tie_word_embeddings: true, text_config: { hidden_size: 64, num_hidden_layers: 4 } };
  const head = ["model.language_model.embed_tokens.weight", "lm_head.weight"];
  assert.equal(await found("qwen3_5", { config: tied, held: head }), "q-realign");
  assert.equal(await found("qwen3_5", { config: tied, held: head.slice(0, 1) }), undefined);
  assert.equal(await found("qwen3_5", { config: tied, held: [...head, "mtp.fc.weight"] }), undefined);
  assert.equal(await found("qwen3_5", { config: { tie_word_embeddings: false }, held: head }), undefined);
  const mini = { text_config: { hidden_size: 1024, num_hidden_layers: 24, tie_word_embeddings: false } };
  assert.equal(await found("qwen3_5", { config: mini, held: head }), "q-realign");
  assert.equal(await found("qwen2_vl", { held: ["rm_head.0.weight"] }), "hpsv3");
  assert.equal(await found("qwen2_vl", { files: ["HPSv3.safetensors"] }), "hpsv3");
  assert.equal(await found("internvl_chat", { files: ["modeling_artimuse.py"] }), "artimuse");
  assert.equal(await found("internvl_chat", { files: ["model.safetensors", "unlike-unipercept.txt"] }), undefined);
});

test("what a scorer has not is refused by name", () => {
  const refused = (scorer: string, options: Parameters<typeof choose>[1], message: RegExp): void => {
    assert.throws(() => choose(scorerNamed(scorer), options), { code: "USAGE", message });
  };
  refused("q-realign", { aspect: "beauty" }, /--aspect .*beauty.*quality, aesthetics/);
  refused("q-realign", { promptSource: "mine" }, /--prompt-source .*readme, pyiqa, toolkit/);
  refused("q-realign", { text: "a cat" }, /--text .*takes no text/);
  refused("q-realign", { sample: 1 }, /--sample .*draws nothing/);
  refused("q-insight", { sample: 0.5 }, /--sample .*0\.5/);
  refused("hpsv3", { text: "an <image>" }, /--text .*<image>/);
  refused("hpsv3", { text: "<|Reward|>" }, /--text .*Reward/);
  assert.throws(() => scorerNamed("nima"), { code: "USAGE", message: /nima.*q-realign, artimuse/ });
  const { info } = choose(scorerNamed("hpsv3"), { text: "a $& cat {text}" });
  assert.match(info.prompt, /Textual prompt - a \$& cat \{text\}\n\n\n\nPlease provide/);
});

/** Logits behind ids, by one forward without a cache. */
function logitsBehind(
  { model, processor }: ReturnType<typeof fake>,
  ids: readonly number[],
  picture = PICTURES[0],
): number[] {
  return scope(() => {
    const images = processor.images([picture as (typeof PICTURES)[0]]);
    const hidden = model.forward({ inputIds: tensor([[...ids]], { dtype: "int64" }), images });
    return model.logits(hidden.select(1, -1)).toNumbers();
  });
}

function softmax(logits: readonly number[]): number[] {
  const weights = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function near(actual: number | undefined, expected: number, bound = 1e-5): void {
  assert.ok(Math.abs((actual ?? NaN) - expected) < bound, `${actual} for ${expected}`);
}

const read = (parts: ReturnType<typeof fake>, strategy: Strategy, prompt: string, answer: string) =>
  scope(() =>
    readPictures(
      { ...parts, strategy, templates: { prompts: [prompt], answers: [answer] } },
      parts.processor.images(PICTURES),
    ),
  );

test("words: the softmax over their first tokens behind prompt and stem, alone and in a batch", () => {
  const parts = fake();
  const asked = { words: ["bad", "fair", "good"], stem: "It is " };
  assert.equal(wordsAnswer(asked), "It is {overall}");
  assert.equal(wordsAnswer({ words: [" bad"], stem: "It is" }), "It is {overall}");
  const strategy = wordsStrategy({ min: 0, max: 1 }, asked);
  const found = read(parts, strategy, "<image>?", wordsAnswer(asked));
  const ids = [...parts.processor.prompt("<image>?"), ...parts.processor.answer("It is ")];
  PICTURES.forEach((picture, b) => {
    const all = logitsBehind(parts, ids, picture);
    const p = softmax([..."bfg"].map((letter) => all[letter.charCodeAt(0)] as number));
    near(found[b]?.answer.scores[0]?.value, 0.5 * (p[1] as number) + (p[2] as number));
    found[b]?.answer.scores[0]?.distribution?.forEach((share, i) => near(share, p[i] as number));
    const best = p.indexOf(Math.max(...p));
    assert.equal(found[b]?.answer.text, `It is ${asked.words[best]}`);
  });
  const alike = wordsStrategy({ min: 0, max: 1 }, { words: [" bad", " good"], stem: "It is" });
  assert.throws(() => read(parts, alike, "<image>?", "It is {overall}"), {
    code: "TOKENIZER_INVALID",
    message: /apart/,
  });
  const unknown = wordsStrategy({ min: 0, max: 1 }, { words: ["aa", "ab"], whole: true, stem: "" });
  assert.throws(() => read(parts, unknown, "<image>?", "{overall}"), {
    code: "TOKENIZER_INVALID",
    message: /no token "aa"/,
  });
  // A template of the caller's is read as level words' are.
  const [other] = read(parts, strategy, "<image>?", "Light {light}, colour {colour}.");
  assert.equal(other?.answer.scores.length, 2);
});

test("comments by questions of their own: a paragraph each, only where they are asked for", () => {
  const parts = fake();
  const asked = { words: ["b", "g"], stem: "" };
  const comments = { Light: "<image> light?", Form: "<image> and its form?" };
  const strategy = { ...wordsStrategy({ min: 0, max: 1 }, asked), comments };
  for (const [question, text] of [
    ["<image> light?", "dim"],
    ["<image> and its form?", "round"],
  ] as const) {
    parts.model.follow([...parts.processor.answer(text), 2], parts.processor.prompt(question).length - 1);
    const whole = { ...parts, strategy: { ...strategy, comments: { It: question } }, templates: { prompts: ["<image>"], answers: ["{overall}"] } }; // prettier-ignore
    const [one] = scope(() => readPictures(whole, parts.processor.images(PICTURES), { comments: true }));
    assert.equal(one?.answer.comment, `It: ${text}`);
  }
  const templates = { prompts: ["<image>"], answers: ["{overall}"] };
  const images = () => parts.processor.images(PICTURES);
  const [plain] = scope(() => readPictures({ ...parts, strategy, templates }, images()));
  assert.equal(plain?.answer.comment, undefined);
  const [both] = scope(() => readPictures({ ...parts, strategy, templates }, images(), { comments: true }));
  assert.match(both?.answer.comment ?? "", /^Light: .*\n\nForm: /s);
});

test("reward: the head's mean and deviation at its token, in float32", () => {
  const parts = fake();
  const [tokenId = -1] = parts.processor.tokenizer.addTokens(["[SCORE]"]);
  parts.model.growVocabulary([tokenId], 127);
  manualSeed(3);
  const sizes = [parts.model.hiddenSize, 6, 4, 2];
  const maps = sizes.slice(1).map((outputs, i) => ({
    name: `rm_head.${i}`,
    weight: keep(scope(() => randn([outputs, sizes[i] as number]))),
    bias: keep(scope(() => randn([outputs]))),
  }));
  const strategy = rewardStrategy({ min: 0, max: 10 }, maps, tokenId);
  made.push({ dispose: () => strategy.dispose?.() });
  const prompt = "<image> good? [SCORE] END";
  const found = read(parts, strategy, prompt, REWARD_ANSWER);
  const ids = parts.processor.prompt(prompt);
  PICTURES.forEach((picture, b) => {
    const [mean = NaN, logDeviation = NaN] = scope(() => {
      const images = parts.processor.images([picture]);
      const hidden = parts.model.forward({ inputIds: tensor([ids], { dtype: "int64" }), images });
      let x = hidden.select(1, ids.indexOf(tokenId)).squeeze(0).toNumbers();
      maps.forEach(({ weight, bias }, i) => {
        const [rows, columns] = [bias.toNumbers(), weight.toNumbers()];
        const y = rows.map((offset, r) =>
          x.reduce((sum, value, c) => sum + value * (columns[r * x.length + c] as number), offset),
        );
        x = i < maps.length - 1 ? y.map((value) => Math.max(0, value)) : y;
      });
      return x;
    });
    near(found[b]?.answer.scores[0]?.value, mean, 1e-4);
    near(found[b]?.answer.scores[0]?.std ?? NaN, Math.exp(logDeviation), 1e-4 * Math.exp(logDeviation));
    assert.equal(found[b]?.answer.text, `[${mean.toFixed(4)}, ${logDeviation.toFixed(4)}]`);
  });
  assert.throws(() => read(parts, strategy, prompt, "Light {light}"), { code: "USAGE", message: /--answer/ });
  assert.throws(() => read(parts, strategy, "<image>", REWARD_ANSWER), { code: "TOKENIZER_INVALID" });
  const long = `<image>${"x".repeat(700)}[SCORE]`;
  Object.assign(parts.model, { maxPositions: 600 });
  assert.throws(() => read(parts, strategy, long, REWARD_ANSWER), { code: "USAGE", message: /has 7\d\d tokens .* 600 positions.*--text/ }); // prettier-ignore
  scope(() => void maps[1]?.bias.select(0, 0).fill_(NaN));
  assert.throws(() => read(parts, strategy, prompt, REWARD_ANSWER), { code: "SCORE_NOT_FINITE", message: /rm_head\.1\.bias/ }); // prettier-ignore
});

test("number: found in the last answer, or alone; what is none has no score", () => {
  const at = (text: string, key?: string) => findNumber(text, key)?.value;
  assert.equal(at("<think>1 or 2</think><answer>3.45</answer>"), 3.45);
  assert.equal(at("<answer>1</answer> no, <answer> 4.5 of 5</answer>"), 4.5);
  assert.equal(at("  3.5 \n"), 3.5);
  assert.equal(at("between 1 and 5"), undefined);
  assert.equal(at("<think>3.45</think>"), undefined);
  assert.equal(at("<answer>3.4"), undefined);
  assert.equal(at("<answer>-3</answer>"), undefined);
  assert.equal(at("<answer>3rd</answer>"), undefined);
  assert.equal(at("<answer>none</answer>"), undefined);
  for (const text of ["3,45", "3.4.4663", "2-3", "2 – 3"])
    assert.equal(at(`<answer>${text}</answer>`), undefined, text);
  assert.equal(at('{"rating": 3.4.46}', "rating"), undefined);
  assert.equal(at("<answer>4.</answer>"), 4);
  assert.equal(at("<think>a <answer>1</answer></think> 4"), 4);
  assert.equal(at("<think>a <answer>1</answer></think> none"), undefined);
  assert.equal(at('<answer>{"rating": 3.25}</answer>', "rating"), 3.25);
  assert.equal(at('```json {"a": 1, "rating" : "2.5"}```</answer>', "rating"), undefined);
  assert.equal(at('<answer>```json\n{"a": 1, "rating" : "2.5"}```</answer>', "rating"), 2.5);
  assert.equal(at('{"rating": 4}', "rating"), 4);
  assert.equal(at("<answer>3.25</answer>", "rating"), undefined);
});

/** A fake that reasons, and whose number could be several: by position, tokens and how much more likely they are. */
function reasoning(
  text: string,
  choices: readonly (readonly [offset: number, texts: string, more: number])[],
): ReturnType<typeof fake> {
  const parts = fake();
  const start = parts.processor.prompt("<image>?").length - 1;
  parts.model.follow([...parts.processor.answer(text), 2], start);
  const head = parts.model.parameters().get("head");
  const number = text.indexOf("<answer>") + "<answer>".length;
  scope(() => {
    for (const [offset, texts, more] of choices) {
      for (const id of parts.processor.answer(texts)) {
        head?.select(0, id).select(0, head.size(1) - 192 + start + number + offset).fill_(100 + more); // prettier-ignore
      }
    }
  });
  return parts;
}

test("number: the mean over the digits that could be there, each behind those before it; nothing is drawn", () => {
  const text = "<think>so so</think><answer>3.45</answer>";
  // The state adds a few to each logit, other for each digit before: enough for what follows to depend on it.
  const parts = reasoning(text, [
    [0, "2345", 0],
    [1, "<", -1],
    [2, "04689", 0],
    [3, "1379<", 0],
  ]);
  const strategy = numberStrategy({ min: 1, max: 5 }, { maxTokens: 60 });
  const found = read(parts, strategy, "<image>?", NUMBER_ANSWER);
  const prompt = parts.processor.prompt("<image>?");
  PICTURES.forEach((picture, b) => {
    const { answer } = found[b] ?? {};
    const written = answer?.text ?? "";
    assert.match(written, /^<answer>\d/);
    assert.equal(answer?.comment, "so so");
    const before = [...prompt, ...parts.processor.answer("<think>so so</think><answer>")];
    const behind = (more: string): number[] =>
      softmax(logitsBehind(parts, [...before, ...parts.processor.answer(more)], picture));
    const p = (all: readonly number[], letter: string): number => all[letter.charCodeAt(0)] as number;
    const digits = [..."0123456789"];
    const first = behind("");
    const total = ["1", "2", "3", "4", "5"].reduce((sum, d) => sum + p(first, d), 0);
    let expected = 0;
    for (const d of ["1", "2", "3", "4", "5"]) {
      const weight = p(first, d) / total;
      const point = p(behind(d), ".");
      expected += weight * Number(d);
      if (d === "5" || weight < 0.01) continue;
      const tenths = behind(`${d}.`);
      const all = digits.reduce((sum, e) => sum + p(tenths, e), 0);
      for (const e of digits) {
        const share = (weight * point * p(tenths, e)) / all;
        expected += share * Number(e) * 0.1;
        if (share < 0.01) continue;
        const hundredths = behind(`${d}.${e}`);
        for (const f of digits) expected += share * p(hundredths, f) * Number(f) * 0.01;
      }
    }
    const [score] = answer?.scores ?? [];
    near(score?.value, expected, 1e-4);
    assert.equal(score?.distribution?.length, 41);
    near(
      score?.distribution?.reduce((sum, share) => sum + share, 0),
      1,
    );
    near(
      score?.distribution?.reduce((sum, share, i) => sum + share * (1 + i / 10), 0),
      score?.value ?? NaN,
    );
  });
});

test("number: one that is certain is itself; off the scale, or drawn, it is the number or nothing", () => {
  const of = (text: string, options = {}) => {
    const parts = reasoning(text, []);
    const strategy = numberStrategy({ min: 1, max: 5 }, { maxTokens: 60, ...options });
    return read(parts, strategy, "<image>?", NUMBER_ANSWER)[0]?.answer;
  };
  near(of("<answer>3.45</answer>")?.scores[0]?.value, 3.45);
  near(of("<answer>4</answer>")?.scores[0]?.value, 4);
  near(of("<answer>5.00</answer>")?.scores[0]?.value, 5);
  assert.deepEqual(of("<answer>7.5</answer>")?.scores, [null]);
  assert.deepEqual(of("I cannot say")?.scores, [null]);
  for (const number of [1, 1.5, 7.25, 10]) {
    const ofTen = numberStrategy({ min: 1, max: 10 }, { maxTokens: 60 });
    const [found] = read(reasoning(`<answer>${number}</answer>`, []), ofTen, "<image>?", NUMBER_ANSWER);
    near(found?.answer.scores[0]?.value, number);
    assert.equal(found?.answer.scores[0]?.distribution?.length, 91);
  }
  const drawn = of("<answer>3.45</answer>", { sampling: { temperature: 0.6, seed: 1 } });
  assert.deepEqual(drawn?.scores, [{ value: 3.45, std: null, distribution: null }]);
  const parts = fake();
  assert.throws(() => read(parts, numberStrategy({ min: 1, max: 5 }, { maxTokens: 9 }), "<image>?", "L {light}"), {
    code: "USAGE",
  });
});

test("number: a reasoning scorer draws nothing where nobody asks for it", () => {
  for (const name of ["q-insight", "visualquality-r1", "aes-r1"]) {
    const text = name === "q-insight" ? '<answer>{"rating": 3.45}</answer>' : "<answer>3.45</answer>";
    const parts = reasoning(text, []);
    const tensor = (): never => assert.fail("no head");
    for (const [sample, isDrawn] of [
      [undefined, false],
      [7, true],
    ] as const) {
      const strategy = scorerStrategy(choose(scorerNamed(name), { sample }), { ...parts, tensor, generation: {} });
      const [reading] = read(parts, strategy, "<image>?", NUMBER_ANSWER)[0]?.answer.scores ?? [];
      near(reading?.value, 3.45);
      assert.equal(reading?.distribution === null, isDrawn, `${name}, sample ${sample}`);
    }
  }
});

test("number: what is written is ended where nobody wants it, with questions and without", () => {
  const parts = fake();
  const strategy = numberStrategy({ min: 1, max: 5 }, { key: "rating", maxTokens: 40 });
  const templates = { prompts: ["<image> rate it"], answers: [NUMBER_ANSWER] };
  const start = parts.processor.prompt(templates.prompts[0] ?? "").length - 1;
  parts.model.follow(parts.processor.answer("a long thought about it, 4"), start);
  const images = scope(() => parts.processor.images(PICTURES));
  made.push({ dispose: () => images.pixelValues.dispose() });
  for (const questions of [[], [{ prompt: "Why? <image>", maxTokens: 2 }]]) {
    let steps = 0;
    const check = (): void => {
      if (++steps === 3) throw new RangeError("nobody wants it");
    };
    assert.throws(() => readPictures({ ...parts, templates, strategy }, images, { questions, check }), RangeError);
    assert.equal(steps, 3);
  }
});

test("a scorer's templates and system text", () => {
  const chosen = choose(scorerNamed("q-realign"), {});
  assert.deepEqual(scorerTemplates(chosen).answers, ["The quality of the image is {overall}"]);
  assert.deepEqual(scorerTemplates(choose(scorerNamed("q-align"), {})).answers, [
    "The quality of the image is {overall}.",
  ]);
  const { processor } = fake();
  const asked: unknown[] = [];
  const spied = Object.assign(processor, { prompt: (...args: unknown[]) => (asked.push(args), []) });
  withSystem(spied, "Be fair.").prompt("<image>?");
  assert.deepEqual(asked, [["<image>?", undefined, { system: "Be fair." }]]);
});
