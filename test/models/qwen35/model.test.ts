/** Against transformers 5.24 (test/fixtures/qwen35/make.py), float32 on the CPU; stated: the largest absolute error. */
import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import { generateWithLogits } from "../../../src/generation/index.js";
import { generateSteps } from "../../../src/generation/generate.js";
import { createQwen35, parseQwen35Config, type Qwen35Model } from "../../../src/models/qwen35/index.js";
import type { ImageBatch, MllmInput } from "../../../src/models/types.js";
import { interleavedRopeTable, inverseFrequencies, randomSource, Recomputation } from "../../../src/nn/index.js";
import { aten, backward, cat, inferenceMode, liveTensors, noGrad, scope, tensor, type Tensor } from "../../../src/torch/index.js"; // prettier-ignore
import { readJson } from "../../../src/files/index.js";
import { type Checkpoint } from "../../../src/weights/index.js";
import { FORWARD_ERROR } from "../../rounding.js";
import { tapeRecorder } from "../../generation/operator-tape.js";
import { inputOf } from "../qwen/parity.js";
import { difference } from "../support.js";
import { CHECKPOINTS, folderOf, loadTiny, openExpected } from "./support.js";

/** Rotated elements, theta and sections of the two checkpoints, for a table of our own. */
const ROPE = { tied: [8, 1e7, [2, 1, 1]], untied: [6, 1e4, [1, 1, 1]] } as const;

/** Lengths around a chunk of the delta rule, and two. */
const LENGTHS = [1, 63, 64, 65, 127, 128, 129];

/** As make.py's. */
const words = (count: number): number[] => Array.from({ length: count }, (_, i) => 1 + ((1 + 7 * i) % 88));

const idsOf = (row: readonly number[]): Tensor => tensor([[...row]], { dtype: "int64" });

const inPeace = (body: () => void): void => noGrad(() => scope(body));

for (const name of CHECKPOINTS) {
  describe(name, () => {
    const alive = liveTensors();
    let model: Qwen35Model;
    let expected: Checkpoint;

    before(async () => {
      model = await loadTiny(name);
      expected = await openExpected(name);
    });
    after(() => {
      model.dispose();
      expected.dispose();
      assert.equal(liveTensors(), alive, "every tensor is freed");
    });

    function near(t: TestContext, actual: Tensor, key: string): void {
      const error = difference(actual, expected.tensor(key));
      t.diagnostic(`${key}: max abs error ${error.toExponential(1)}`);
      assert.ok(error < FORWARD_ERROR, `${key}: max abs error ${error}`);
    }

    test("rows of pictures, and hidden states of every layer", (t) => {
      inPeace(() => {
        const { inputIds, images } = inputOf(expected, "two");
        near(t, model.imageFeatures(images as ImageBatch), "two.features");
        const states: Tensor[] = [];
        const [rotated, theta, sections] = ROPE[name];
        const positions = expected.tensor("two.positions");
        const rope = interleavedRopeTable(positions, inverseFrequencies(rotated, theta), sections, "float32");
        const { embeddings } = model.embed({ inputIds, ...(images && { images }) });
        model.decoder.forward(embeddings, { rope, onHidden: (state) => states.push(state) });
        near(t, aten("stack")(states).squeeze(1), "two.hidden");
      });
    });

    test("logits and positions of real tokens: pictures, batches padded on either side, a video", (t) => {
      inPeace(() => {
        for (const key of ["two", "right", "left", "video"]) {
          const input = inputOf(expected, key);
          const logits = model.logits(model.forward(input));
          assert.ok(logits.toNumbers().every(Number.isFinite), "padding computes no NaN");
          const errors = logits.sub(expected.tensor(`${key}.logits`)).abs();
          const error = aten("masked_select")(errors, input.attentionMask.ne(0).unsqueeze(-1)).max().item();
          t.diagnostic(`${key}: max abs error ${error.toExponential(1)}`);
          assert.ok(error < FORWARD_ERROR, `${key}: max abs error ${error}`);
          assert.deepEqual(model.positionIds(input).toNumbers(), expected.tensor(`${key}.positions`).toNumbers());
        }
      });
    });

    test("lengths around the chunk size, at once and in two pieces", (t) => {
      inPeace(() => {
        for (const length of LENGTHS) {
          const ids = idsOf(words(length));
          near(t, model.logits(model.forward({ inputIds: ids }).select(0, 0)).slice(0, -3), `length.${length}`);
          if (length === 1) continue;
          using cache = model.newCache();
          const cut = length >> 1;
          const parts = [ids.narrow(1, 0, cut), ids.slice(1, cut)].map((part) => model.forward({ inputIds: part }, cache)); // prettier-ignore
          near(t, model.logits(cat(parts, 1).select(0, 0)).slice(0, -3), `length.${length}`);
        }
      });
    });

    /** The pictures of an input go with its first prompt. */
    const promptsOf = ({ inputIds, attentionMask, images }: MllmInput & { readonly attentionMask: Tensor }) => {
      const [rows = 0, T = 0] = inputIds.shape;
      const [all, real] = [inputIds.toNumbers(), attentionMask.toNumbers()];
      return Array.from({ length: rows }, (_, b) => ({
        ids: all.filter((_, i) => Math.floor(i / T) === b && real[i] === 1),
        images: b === 0 ? images : undefined,
      }));
    };

    test("greedy generation: the same ids and step logits, with a cache that grows and with one that has room", (t) => {
      scope(() => {
        for (const key of ["two", "left"]) {
          const wanted = expected.tensor(`${key}.greedy`);
          const steps = wanted.size(1);
          for (const options of [{}, { capacity: 96 + steps }]) {
            using cache = inferenceMode(() => model.newCache(options));
            const given = { maxNewTokens: steps, padId: 96, cache };
            const { sequences, stepLogits } = generateWithLogits(model, promptsOf(inputOf(expected, key)), given);
            assert.deepEqual(sequences.flatMap((sequence) => sequence.ids), wanted.toNumbers()); // prettier-ignore
            near(t, stepLogits, `${key}.steps`);
          }
        }
      });
    });

    test("steps that are recorded and replayed give the same ids, again behind a rewound cache", () => {
      scope(() => {
        const wanted = expected.tensor("left.greedy").toNumbers();
        const input = inputOf(expected, "left");
        const recorder = tapeRecorder();
        using cache = inferenceMode(() => model.newCache({ capacity: 96 }));
        for (const _again of [1, 2]) {
          const given = { maxNewTokens: wanted.length / 3, padId: 96, cache };
          const steps = generateSteps(model, promptsOf(input), given, { fixed: true, recorder });
          let step = steps.next();
          while (step.done !== true) step = steps.next();
          assert.deepEqual(step.value.flatMap((sequence) => sequence.ids), wanted); // prettier-ignore
          cache.rewind(0);
        }
        assert.deepEqual([recorder.captures, recorder.replays], [2, 2 * (wanted.length / 3 - 2)]);
      });
    });

    test("behind a prompt that is padded on the right, a cache goes on as behind one that is not", (t) => {
      inPeace(() => {
        using cache = model.newCache();
        const input = inputOf(expected, "right");
        const ids = expected.tensor("left.greedy");
        const last = input.attentionMask.sum(1).toNumbers();
        const T = input.inputIds.size(1);
        const hidden = model.forward({ ...input, rows: last.map((count, b) => b * T + count - 1) }, cache);
        const steps = [0, 1, 2].map((i) => model.forward({ inputIds: ids.narrow(1, i, 1) }, cache).squeeze(1));
        const logits = aten("stack")([hidden, ...steps].map((one) => model.logits(one)));
        const error = difference(logits, expected.tensor("left.steps").narrow(0, 0, 4));
        t.diagnostic(`max abs error ${error.toExponential(1)}`);
        assert.ok(error < FORWARD_ERROR, `${error}`);
      });
    });

    for (const recomputed of [false, true]) {
      test(`loss and gradients${recomputed ? ", with the layers computed again" : ""}`, (t) => {
        const parameters = model.parameters();
        for (const parameter of parameters.values()) parameter.requiresGrad_();
        scope(() => {
          const { inputIds, images } = inputOf(expected, "two");
          const recomputation = new Recomputation();
          const forward = (): Tensor => model.forward({ inputIds, ...(images && { images }) });
          const hidden = recomputed ? recomputation.record(forward) : forward();
          const length = inputIds.size(1);
          const labels = inputIds.select(0, 0).narrow(0, length - 3, 3);
          const loss = aten("cross_entropy_loss")(model.logits(hidden.select(0, 0).narrow(0, length - 4, 3)), labels);
          near(t, loss, "loss");
          backward(loss);
          recomputation.backward();
          const names = expected.names().filter((one) => one.startsWith("grad."));
          for (const kind of [
            "A_log",
            "dt_bias",
            "conv1d",
            "linear_attn.norm",
            "in_proj_qkv",
            "in_proj_z",
            "in_proj_a",
            "in_proj_b",
            "out_proj",
            "q_proj",
            "q_norm",
            "k_norm",
            "input_layernorm",
          ]) {
            // prettier-ignore
            assert.ok(names.some((one) => one.includes(kind)), kind);
          }
          for (const key of names) {
            const gradient = parameters.get(key.slice("grad.".length))?.grad;
            assert.ok(gradient, key);
            near(t, gradient, key);
          }
        });
        for (const parameter of parameters.values()) {
          parameter.zeroGrad();
          parameter.requiresGrad_(false);
        }
      });
    }

    test("in bfloat16, as near to float32 as transformers is", async (t) => {
      using half = await loadTiny(name, { dtype: "bfloat16" });
      inPeace(() => {
        const input = inputOf(expected, "two");
        const exact = expected.tensor("two.logits");
        const theirs = expected.tensor("bfloat16.logits").to("float32");
        const ours = half.logits(half.forward(input)).to("float32");
        const error = (found: Tensor, wanted: Tensor): number => found.sub(wanted).pow(2).mean().sqrt().item();
        const [own, other, apart] = [error(ours, exact), error(theirs, exact), error(ours, theirs)];
        t.diagnostic(`of float32: ours ${own}, transformers ${other}; apart ${apart}`);
        // Independent roundings of one size: no more than twice theirs, and apart as the sum of two such errors.
        assert.ok(own < 2 * other, `${own} against ${other}`);
        assert.ok(apart < own + other, `${apart}`);
      });
    });
  });
}

test("a state does not grow with the length; where a cache is rewound to is kept, elsewhere is an error", async () => {
  using expected = await openExpected("tied");
  using model = await loadTiny("tied");
  inPeace(() => {
    using cache = model.newCache();
    const input = inputOf(expected, "two");
    const T = input.inputIds.size(1);
    const read = (ids: readonly number[]): Tensor => model.forward({ inputIds: idsOf(ids) }, cache);
    model.forward(input, cache);
    const more = [20, 21, 22, 23, 24];
    const wanted = read(more);
    // The end of the last picture, of the prompt, and of what followed.
    assert.deepEqual([T - 2, T + 2, T + 5].map((length) => cache.rewindable?.(length)), [T - 4, T, T + 5]); // prettier-ignore
    assert.throws(() => cache.rewind(T - 2), { code: "USAGE", message: new RegExp(`one of 0, ${T + 5}, ${T}, ${T - 4}`) }); // prettier-ignore
    cache.rewind(T);
    assert.ok(difference(read(more), wanted) === 0);
    cache.rewind(T - 4);
    const step = (): void => scope(() => void read([7]));
    step();
    const held = liveTensors();
    for (let i = 0; i < 40; i++) step();
    assert.equal(liveTensors(), held, "steps leave nothing behind");
    assert.equal(cache.rewindable?.(T + 30), T - 4);
  });
});

test("config: what decides, what is refused", async () => {
  const config = (await readJson(`${folderOf("untied")}/config.json`)) as { text_config: object };
  const withText = (more: object): object => ({ ...config, text_config: { ...config.text_config, ...more } });
  const four = (...types: string[]): object => withText({ layer_types: types.map((type) => `${type}_attention`) });
  const mixers = (of: object): unknown => parseQwen35Config(of).text.mixers;
  assert.deepEqual(mixers(config), ["delta-net", "attention", "delta-net", "attention"]);
  assert.deepEqual(mixers(four("full", "linear", "linear", "full")), ["attention", "delta-net", "delta-net", "attention"]); // prettier-ignore
  const refused: readonly (readonly [object, RegExp])[] = [
    [four("full"), /layer_types names 1 layers, num_hidden_layers is 4/],
    [four("full", "full", "full", "sliding"), /layer_types/],
    [withText({ linear_num_value_heads: 4 }), /linear_num_value_heads 4 is no multiple of linear_num_key_heads 3/],
    [withText({ hidden_act: "gelu" }), /only silu is supported/],
    [withText({ num_experts: 8 }), /experts are not supported/],
    [withText({ rope_parameters: { partial_rotary_factor: 0.125 } }), /partial_rotary_factor 0.125 of head_dim 24 is 3/], // prettier-ignore
  ];
  for (const [one, message] of refused) {
    assert.throws(() => createQwen35(one, randomSource({ seed: 1 })), { code: "CONFIG_INVALID", message });
  }
});
