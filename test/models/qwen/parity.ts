/** What the models of Qwen's families are held to, float32 on the CPU; stated: the largest absolute error. */
import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import { generateWithLogits } from "../../../src/generation/index.js";
import type { MropeMllm } from "../../../src/models/common/qwen/mrope-mllm.js";
import type { Grid } from "../../../src/models/common/qwen/positions.js";
import type { Cache, ImageBatch, Mllm, MllmInput } from "../../../src/models/types.js";
import { Recomputation, type Rope } from "../../../src/nn/index.js";
import { aten, backward, cat, liveTensors, noGrad, scope, type Tensor } from "../../../src/torch/index.js";
import { openSafetensors, type Checkpoint } from "../../../src/weights/index.js";
import { FEATURES_ERROR, FORWARD_ERROR } from "../../rounding.js";
import { fixture } from "../../support.js";
import { difference, ids } from "../support.js";

/** A checkpoint, and what transformers computed with it (`make.py` of its folder). */
export interface Parity {
  /** `FAMILY/NAME` below test/fixtures: a folder, and NAME.safetensors beside it. */
  readonly fixture: string;
  readonly load: (folder: string) => Promise<Mllm & MropeMllm>;
  /** A table of the test's own, of positions `[3, batch, T]`. */
  readonly rope: (positions: Tensor) => Rope;
  /** Inputs beside "two", by name, with what they are. */
  readonly inputs: Readonly<Record<string, string>>;
}

/** The input `name` of a fixture; its tensors belong to the caller's scope. */
export function inputOf(expected: Checkpoint, name: string): MllmInput & { readonly attentionMask: Tensor } {
  const given = { inputIds: expected.tensor(`${name}.ids`), attentionMask: expected.tensor(`${name}.mask`) };
  return expected.has(`${name}.image_grid_thw`) ? { ...given, images: imagesOf(expected, name) } : given;
}

/** Transformers keeps pictures and videos apart; here they come in reading order: video, picture, video. */
function imagesOf(expected: Checkpoint, name: string): ImageBatch {
  const grids = gridsOf(expected, `${name}.image_grid_thw`);
  // The pixels of "timed" are those of "video".
  const pixels = name === "timed" ? "video" : name;
  const pixelValues = expected.tensor(`${pixels}.pixel_values`);
  if (!expected.has(`${name}.video_grid_thw`)) return { pixelValues, imageGridThw: grids };
  const [first, second] = gridsOf(expected, `${name}.video_grid_thw`) as [Grid, Grid];
  const frames = expected.tensor(`${pixels}.pixel_values_videos`);
  const cut = first[0] * first[1] * first[2];
  const seconds = expected.has(`${name}.seconds`) ? expected.tensor(`${name}.seconds`).toNumbers() : undefined;
  return {
    pixelValues: cat([frames.narrow(0, 0, cut), pixelValues, frames.slice(0, cut)]),
    imageGridThw: [first, ...grids, second],
    ...(seconds && { secondsPerGrid: [seconds[0] ?? 0, 1, seconds[1] ?? 0] }),
  };
}

function gridsOf(expected: Checkpoint, name: string): Grid[] {
  const numbers = expected.tensor(name).toNumbers();
  return Array.from({ length: numbers.length / 3 }, (_, i) => numbers.slice(3 * i, 3 * i + 3) as unknown as Grid);
}

/** Each picture as a batch of its own. */
function eachOf({ pixelValues, imageGridThw = [] }: ImageBatch): ImageBatch[] {
  let start = 0;
  return imageGridThw.map((grid) => {
    const patches = grid[0] * grid[1] * grid[2];
    start += patches;
    return { pixelValues: pixelValues.narrow(0, start - patches, patches), imageGridThw: [grid] };
  });
}

export function parity({ fixture: place, load, rope, inputs }: Parity): void {
  describe(place, () => {
    const alive = liveTensors();
    let model: Mllm & MropeMllm;
    let expected: Checkpoint;

    before(async () => {
      model = await load(fixture(place));
      expected = await openSafetensors(fixture(`${place}.safetensors`));
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

    /** Logits of real tokens, and their positions. */
    function nearWhereReal(t: TestContext, key: string): void {
      const input = inputOf(expected, key);
      const logits = model.logits(model.forward(input));
      assert.ok(logits.toNumbers().every(Number.isFinite), "padding computes no NaN");
      const real = input.attentionMask.ne(0).unsqueeze(-1);
      const errors = logits.sub(expected.tensor(`${key}.logits`)).abs();
      const error = aten("masked_select")(errors, real).max().item();
      t.diagnostic(`${key}: max abs error ${error.toExponential(1)}`);
      assert.ok(error < FORWARD_ERROR, `${key}: max abs error ${error}`);
      if (!expected.has(`${key}.positions`)) return;
      const positions = model.positionIds(input);
      assert.equal(positions.dtype, "int64");
      assert.deepEqual(positions.shape, expected.tensor(`${key}.positions`).shape);
      assert.deepEqual(positions.toNumbers(), expected.tensor(`${key}.positions`).toNumbers());
    }

    test("two images of different grids: features, hidden states of every layer, logits", (t) =>
      noGrad(() =>
        scope(() => {
          const input = inputOf(expected, "two");
          near(t, model.imageFeatures(input.images as ImageBatch), "two.features");
          nearWhereReal(t, "two");
          const states: Tensor[] = [];
          const table = rope(expected.tensor("two.positions"));
          const { embeddings, options } = model.embed(input);
          model.decoder.forward(embeddings, { ...options, rope: table, onHidden: (state) => states.push(state) });
          near(t, aten("stack")(states).squeeze(1), "two.hidden");
        }),
      ));

    for (const [key, what] of Object.entries(inputs)) {
      test(`${what}: logits and positions of real tokens`, (t) =>
        noGrad(() =>
          scope(() => {
            nearWhereReal(t, key);
          }),
        ));
    }

    test("text needs no mask, and its positions are a plain count", (t) =>
      noGrad(() =>
        scope(() => {
          const inputIds = expected.tensor("text.ids");
          near(t, model.logits(model.forward({ inputIds })), "text.logits");
          const count = [0, 1, 2, 3, 4, 5];
          assert.deepEqual(model.positionIds({ inputIds }).toNumbers(), [...count, ...count, ...count]);
        }),
      ));

    test("greedy generation: the same ids and step logits, of one prompt and of a batch padded left", (t) =>
      scope(() => {
        for (const key of ["two", "left"]) {
          const { inputIds, attentionMask, images } = inputOf(expected, key);
          const [rows, T] = [inputIds.size(0), inputIds.size(1)];
          const real = attentionMask.toNumbers();
          const all = inputIds.toNumbers().map((id, i) => ({ id, b: Math.floor(i / T), real: real[i] }));
          const prompts = Array.from({ length: rows }, (_, b) => ({
            ids: all.filter((token) => token.b === b && token.real === 1).map(({ id }) => id),
            // The pictures of all prompts, in order: those of the first are joined with none of the others.
            images: b === 0 ? images : undefined,
          }));
          const wanted = expected.tensor(`${key}.greedy`);
          const steps = wanted.size(1);
          const { sequences, stepLogits } = generateWithLogits(model, prompts, { maxNewTokens: steps, padId: 96 });
          assert.deepEqual(
            sequences.flatMap((sequence) => sequence.ids),
            wanted.toNumbers(),
          );
          near(t, stepLogits, `${key}.steps`);
        }
      }));

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
          const predicting = hidden.select(0, 0).narrow(0, length - 4, 3);
          const labels = inputIds.select(0, 0).narrow(0, length - 3, 3);
          const loss = aten("cross_entropy_loss")(model.logits(predicting), labels);
          near(t, loss, "loss");
          backward(loss);
          recomputation.backward();
          for (const key of expected.names().filter((name) => name.startsWith("grad."))) {
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

    /** Hidden states by several forwards with a cache; the pictures go into the pieces that have their placeholders. */
    function piecewise(input: MllmInput, pieces: readonly { length: number; images?: ImageBatch }[]): Tensor {
      using cache = model.newCache();
      let start = 0;
      const hidden = pieces.map(({ length, images }) => {
        const cut = (tensor: Tensor): Tensor => tensor.narrow(1, start, length);
        const attentionMask = input.attentionMask && cut(input.attentionMask);
        const inputIds = cut(input.inputIds);
        start += length;
        return model.forward({ inputIds, ...(attentionMask && { attentionMask }), ...(images && { images }) }, cache);
      });
      assert.equal(cache.length, input.inputIds.size(1));
      return cat(hidden, 1);
    }

    test("pictures in pieces of their own, and cached steps behind them, equal the full forward", () =>
      noGrad(() =>
        scope(() => {
          const { inputIds, images } = inputOf(expected, "two");
          const isVisual = inputIds.toNumbers().map((id) => model.placeholderIds.includes(id));
          const ends = isVisual.flatMap((visual, at) => (visual && !isVisual[at + 1] ? at + 1 : []));
          const both = eachOf(images as ImageBatch).map((own, i) => ({
            length: (ends[i] ?? 0) - (ends[i - 1] ?? 0),
            images: own,
          }));
          const rest = inputIds.size(1) - (ends.at(-1) ?? 0);
          const whole = model.forward({ inputIds, ...(images && { images }) });
          assert.ok(
            difference(
              piecewise({ inputIds }, [...both, ...new Array<{ length: number }>(rest).fill({ length: 1 })]),
              whole,
            ) < FORWARD_ERROR,
            "two pictures",
          );
        }),
      ));

    test("text behind the pictures can be forgotten, with its positions; a picture, not in part", () =>
      noGrad(() =>
        scope(() => {
          for (const name of ["two", "right"] as const) {
            const { inputIds, attentionMask, images } = inputOf(expected, name);
            const T = inputIds.size(1);
            using cache = model.newCache() as Cache & {
              readonly next: readonly number[];
              readonly picturesEnd: number;
            };
            model.forward({ inputIds, ...(attentionMask && { attentionMask }), ...(images && { images }) }, cache);
            for (let length = T; length >= cache.picturesEnd; length--) {
              cache.rewind(length);
              const kept = (whole: Tensor): Tensor => whole.narrow(1, 0, length);
              const input = {
                inputIds: kept(inputIds),
                ...(attentionMask && { attentionMask: kept(attentionMask) }),
                ...(images && { images }),
              };
              const highest = model.positionIds(input).amax([0, 2]);
              assert.deepEqual(cache.next, highest.toNumbers().map((position) => position + 1), `${name} ${length}`); // prettier-ignore
            }
            assert.throws(() => cache.rewind(cache.picturesEnd - 1), { code: "USAGE", message: /end of a picture/ });
            cache.rewind(0);
            assert.deepEqual([cache.length, cache.next, cache.picturesEnd], [0, [], 0]);
          }
        }),
      ));

    test("a picture's features do not depend on its company", () =>
      noGrad(() =>
        scope(() => {
          const { images } = inputOf(expected, "right");
          const whole = model.imageFeatures(images as ImageBatch);
          const alone = eachOf(images as ImageBatch).map((own) => model.imageFeatures(own));
          assert.ok(difference(cat(alone, 0), whole) < FEATURES_ERROR);
        }),
      ));

    test("inputs that do not go together are refused by name", () =>
      noGrad(() =>
        scope(() => {
          const { inputIds, images } = inputOf(expected, "two");
          const { pixelValues, imageGridThw = [] } = images as ImageBatch;
          const refused = (input: MllmInput, message: RegExp): void => {
            assert.throws(() => model.forward(input), { code: "USAGE", message });
          };
          refused({ inputIds }, /image placeholders/);
          refused({ inputIds, images: { pixelValues } }, /image_grid_thw/);
          refused({ inputIds, images: { pixelValues, imageGridThw: imageGridThw.slice(1) } }, /grids/);
          const [[t = 1, h = 0, w = 0] = [], ...others] = imageGridThw;
          const odd: Grid = [t, h * w, 1];
          refused({ inputIds, images: { pixelValues, imageGridThw: [odd, ...others] } }, /multiples of 2/);
          refused(
            { inputIds, images: { pixelValues, imageGridThw: [...imageGridThw].reverse() } },
            /placeholders|room for/,
          );
          refused({ inputIds: ids([1, 2]), images: { pixelValues, imageGridThw } }, /placeholders/);
          assert.throws(
            () => model.forward({ inputIds }, { length: 0, rewind() {}, dispose() {}, [Symbol.dispose]() {} }),
            {
              code: "USAGE",
            },
          );
        }),
      ));
  });
}
