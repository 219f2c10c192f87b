/**
 * What every family must do, without a reference implementation: each test holds a model against itself on another way. The
 * reference comparisons are the families' own (test/models/<family>/). A new family is a row in rows.ts.
 */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { atomicWriteJson, readJson } from "../../src/files/index.js";
import { joinImages } from "../../src/generation/batch.js";
import { generate, generateWithLogits } from "../../src/generation/index.js";
import { factsOf, namesOf } from "../../src/models/families.js";
import { attachLora, linearMaps, memoryName } from "../../src/models/lora.js";
import { loadAdapter, saveAdapter } from "../../src/models/peft.js";
import { loadImages, loadMllm, loadModel } from "../../src/models/registry.js";
import { saveMllm } from "../../src/models/save.js";
import type { ImageBatch, Mllm, MllmInput } from "../../src/models/types.js";
import { mapSource, randomSource, Recomputation } from "../../src/nn/index.js";
import { addScoreTokens, splitImages } from "../../src/roc/index.js";
import { backward, cat, inferenceMode, liveTensors, noGrad, scope, tensor, zeros } from "../../src/torch/index.js";
import { aten, type Tensor } from "../../src/torch/index.js";
import { openCheckpoint, saveCheckpoint } from "../../src/weights/index.js";
import { FORWARD_ERROR, RELATIVE_ERROR, sumError } from "../rounding.js";
import { picture } from "../image/support.js";
import { ROWS, type Row } from "./rows.js";
import { assertEqualParameters, difference, entries, ids, maxError } from "./support.js";
import { registerToy } from "./toy/family.js";

type Config = Record<string, unknown>;

const alive = liveTensors();
const forget = registerToy();
let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "families-"));
});
after(async () => {
  forget();
  await rm(root, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

/** A sequence: its ids, and its pictures among those of the batch. */
interface Sequence {
  readonly ids: readonly number[];
  readonly pictures: readonly number[];
}

for (const [name, row] of ROWS) describe(name, () => suite(name, row));

function suite(name: string, row: Row): void {
  const place = (part: string): string => join(root, name.replaceAll(/\W+/g, "-"), part);
  let folder: string;
  let config: Config;
  let model: Mllm;
  before(async () => {
    folder = await row.weights(place("weights"));
    config = (await readJson(join(folder, "config.json"))) as Config;
    model = await loadModel(folder);
  });
  after(() => model.dispose());

  /** Two sequences of different length, with two pictures and one. */
  const picture1 = new Array<number>(row.rows).fill(row.imageId);
  const sequences: readonly Sequence[] = [
    { ids: [1, 5, ...picture1, 7, ...picture1, 8, 9, 10, 11], pictures: [0, 1] },
    { ids: [1, ...picture1, 12, 13], pictures: [2] },
  ];
  const [first, second] = sequences as [Sequence, Sequence];

  /** Some of the three pictures. */
  function some(pictures: readonly number[]): ImageBatch {
    const each = splitImages(row.images(3));
    return joinImages(pictures.map((i) => each[i] as ImageBatch)) as ImageBatch;
  }

  /** Placeholders are no words. */
  const suppressIds = row.imageId < 0 ? [] : [row.imageId, row.imageId + 1];

  const inputOf = (one: Sequence): MllmInput => ({ inputIds: ids(one.ids), images: some(one.pictures) });

  /** Both sequences, padded on one side, and with `next` behind each. */
  function batch(
    side: "left" | "right",
    next: readonly (readonly number[])[] = [[], []],
  ): Required<Omit<MllmInput, "rows">> {
    const width = Math.max(...sequences.map((one) => one.ids.length));
    const padded = sequences.map((one, i) => {
      const [padding, real] = [new Array<number>(width - one.ids.length).fill(0), one.ids.map(() => 1)];
      const put = (own: readonly number[]): number[] => (side === "left" ? [...padding, ...own] : [...own, ...padding]);
      const behind = next[i] ?? [];
      return { ids: [...put(one.ids), ...behind], mask: [...put(real), ...behind.map(() => 1)] };
    });
    return {
      inputIds: ids(...padded.map((one) => one.ids)),
      attentionMask: ids(...padded.map((one) => one.mask)),
      images: some([0, 1, 2]),
    };
  }

  /** Hidden states by several forwards with a cache: `cuts` are the lengths of the pieces. */
  function piecewise({ inputIds, attentionMask, images }: MllmInput, cuts: readonly number[]): Tensor {
    using cache = model.newCache();
    let start = 0;
    const pieces = cuts.map((length, index) => {
      const cut = (whole: Tensor): Tensor => whole.narrow(1, start, length);
      const input = {
        inputIds: cut(inputIds),
        ...(attentionMask && { attentionMask: cut(attentionMask) }),
        ...(index === 0 && images && { images }),
      };
      const piece = model.forward(input, cache);
      start += length;
      assert.equal(cache.length, start);
      return piece;
    });
    return cat(pieces, 1);
  }

  /** A copy of the checkpoint's weights under another name, with some left out or put in the place of others. */
  async function copyWith(
    part: string,
    change: (tensors: Map<string, Tensor>) => void,
    more: Config = {},
  ): Promise<string> {
    const copy = place(part);
    using own = await loadModel(folder);
    const tensors = own.parameters();
    change(tensors);
    await saveCheckpoint(copy, tensors);
    await atomicWriteJson(join(copy, "config.json"), { ...config, ...more });
    return copy;
  }

  test("one error lists everything that does not fit; nothing is left behind", async () => {
    const [left = "", bent = ""] = [...model.parameters()].filter(([, { ndim }]) => ndim === 2).map(([key]) => key).slice(-2); // prettier-ignore
    const extra = zeros([3]);
    const copy = await copyWith("unfit", (tensors) => {
      tensors.delete(left);
      tensors.set(bent, extra);
      tensors.set("nobody.knows.this", extra);
    });
    extra.dispose();
    const count = liveTensors();
    for (const outline of [false, true]) {
      await assert.rejects(loadModel(copy, { outline }), (error: Error & { code?: string }) => {
        assert.equal(error.code, "CHECKPOINT_MISMATCH");
        for (const what of [
          /missing \(1\)/,
          /unexpected \(1\): nobody\.knows/,
          /of another shape \(1\): .* is \[3\]/,
        ]) {
          assert.match(error.message, what);
        }
        return true;
      });
    }
    assert.equal(liveTensors(), count);
  });

  test("its outline has the names, shapes and dtypes of its parameters, and none of its numbers", async () => {
    using outline = await loadModel(folder, { outline: true });
    const shapes = (of: Mllm) => [...of.parameters()].map(([key, { shape, dtype }]) => [key, shape, dtype]);
    assert.deepEqual(shapes(outline), shapes(model));
    assert.deepEqual([...linearMaps(outline).keys()], [...linearMaps(model).keys()]);
    // Nothing was read: but for tables that are computed, all is 0.
    const read = [...outline.parameters()].filter(([, one]) => scope(() => one.abs().max().item()) > 0);
    assert.deepEqual(read.filter(([key]) => !row.unused.test(key)), []); // prettier-ignore
  });

  test("its names: three parts, two matrices of the vocabulary or one, and the way to transformers' and back", () => {
    const names = [...model.parameters().keys()];
    const { partOf, isVocabulary } = namesOf(model);
    assert.deepEqual(new Set(names.map(partOf)), new Set(["vision", "projector", "language"]));
    const vocabulary = names.filter(isVocabulary);
    assert.equal(vocabulary.length, config["tie_word_embeddings"] === true ? 1 : 2);
    for (const key of vocabulary) {
      assert.equal(partOf(key), "language");
      assert.equal(model.parameters().get(key)?.shape[0], model.vocabSize);
    }
    const memory = names.map((key) => model.transformersName?.(key) ?? key);
    assert.equal(new Set(memory).size, names.length);
    assert.deepEqual(memory.map((key) => model.parameterName?.(key) ?? key), names); // prettier-ignore
  });

  test("what is written, in one file or several, is read as the same model; its config stays", async () => {
    for (const [part, maxShardBytes] of [
      ["one", Infinity],
      ["several", 20_000],
    ] as const) {
      await saveMllm(model, place(part), { maxShardBytes });
      using again = await loadModel(place(part));
      assertEqualParameters(again, model);
      const written = (await readJson(join(place(part), "config.json"))) as Config;
      const { dtype: _, torch_dtype: __, ...rest } = written;
      const { dtype: ___, torch_dtype: ____, ...own } = config;
      assert.deepEqual(rest, own);
    }
    assert.ok(
      (await readdir(place("several"))).filter((file) => /^model-\d+-of-\d+\.safetensors$/.test(file)).length > 2,
    );
    assert.deepEqual(await entries(place("several")), await entries(place("one")));
  });

  test("fresh models: the same seed, the same weights; copies of a Map are its own", () => {
    using one = row.create(config, randomSource({ seed: 5 }));
    using same = row.create(config, randomSource({ seed: 5 }));
    using other = row.create(config, randomSource({ seed: 6 }));
    assertEqualParameters(same, one);
    assert.throws(() => assertEqualParameters(other, one));
    using copy = row.create(config, mapSource(one.parameters()));
    assertEqualParameters(copy, one);
    for (const value of one.parameters().values()) noGrad(() => value.fill_(1));
    assert.throws(() => assertEqualParameters(copy, one));
    assertEqualParameters(copy, same);
  });

  test("other dtypes: converted when it is read, computed in, written", async () => {
    using half = await loadModel(folder, { dtype: "bfloat16" });
    assert.equal(half.dtype, "bfloat16");
    await saveMllm(half, place("half"));
    const written = (await readJson(join(place("half"), "config.json"))) as Config;
    assert.equal(written["dtype"] ?? written["torch_dtype"], "bfloat16");
    using back = await loadModel(place("half"));
    assert.equal(back.dtype, "float32", "the default on the CPU");
    noGrad(() =>
      scope(() => {
        const [exact, upcast, computed] = [model, back, half].map((one) => {
          const hidden = one.forward(inputOf(first));
          assert.equal(hidden.dtype, one.dtype);
          return one.logits(hidden).to("float32");
        }) as [Tensor, Tensor, Tensor];
        assert.ok(difference(upcast, exact) > 1e-5, "bfloat16 weights are others");
        for (const one of [upcast, computed]) assert.ok(difference(one, exact) < 1, `${difference(one, exact)}`);
      }),
    );
  });

  test("the shape of the matrices counts more than the config's vocab_size", async () => {
    const text = config["text_config"];
    const wrong = typeof text === "object" ? { text_config: { ...text, vocab_size: 31064 } } : { vocab_size: 31064 };
    using again = await loadModel(await copyWith("vocabulary", () => undefined, wrong));
    assert.equal(again.vocabSize, model.vocabSize);
    const own = (again.config["text_config"] ?? again.config) as Config;
    assert.equal(own["vocab_size"], model.vocabSize);
  });

  test("tied matrices are one parameter, which grows once", () => {
    using tied = row.create({ ...config, tie_word_embeddings: true }, randomSource({ seed: 3 }));
    using untied = row.create({ ...config, tie_word_embeddings: false }, randomSource({ seed: 3 }));
    const { isVocabulary } = namesOf(model);
    const matrices = (of: Mllm): string[] => [...of.parameters().keys()].filter(isVocabulary);
    assert.deepEqual([matrices(tied).length, matrices(untied).length], [1, 2]);
    const count = tied.parameters().size;
    const size = tied.vocabSize;
    tied.growVocabulary([size], size - 10);
    assert.deepEqual([tied.vocabSize, tied.parameters().size], [size + 1, count]);
  });

  test("a tied checkpoint needs no head, and gets none", async () => {
    const { isVocabulary } = namesOf(model);
    const drop = (tensors: Map<string, Tensor>): void => {
      const [, head] = [...tensors.keys()].filter(isVocabulary);
      if (head !== undefined) tensors.delete(head);
    };
    using loaded = await loadModel(await copyWith("tied", drop, { tie_word_embeddings: true }));
    assert.equal([...loaded.parameters().keys()].filter(isVocabulary).length, 1);
    noGrad(() => scope(() => assert.equal(loaded.logits(loaded.forward(inputOf(second))).size(-1), model.vocabSize)));
  });

  test("new tokens: rows that are there, then grown matrices, start as the mean of the real rows", async () => {
    using own = await loadModel(folder);
    const size = own.vocabSize;
    const names = [...own.parameters().keys()].filter(namesOf(own).isVocabulary);
    const matrix = (key: string): Tensor => own.parameters().get(key) ?? assert.fail(key);
    const old = names.map((key) => matrix(key).toFloat32Array());
    own.growVocabulary([size - 8, size - 7], size - 8);
    assert.equal(own.vocabSize, size);
    own.growVocabulary([size - 1, size, size + 2], size - 6);
    assert.equal(own.vocabSize, size + 3);
    assert.equal(
      ((own.config["text_config"] ?? own.config["llm_config"] ?? own.config) as Config)["vocab_size"],
      size + 3,
    );
    scope(() => {
      names.forEach((key, i) => {
        const rows = matrix(key);
        const real = size - 8;
        assert.deepEqual(rows.narrow(0, 0, real).toFloat32Array(), old[i]?.subarray(0, real * own.hiddenSize));
        const mean = rows.narrow(0, 0, real).mean([0]);
        for (const id of [real, real + 1]) assert.ok(difference(rows.select(0, id), mean) < 1e-6, `${key} row ${id}`);
        const later = rows.narrow(0, 0, size - 6).mean([0]);
        for (const id of [size - 1, size, size + 1, size + 2]) {
          assert.ok(difference(rows.select(0, id), later) < 1e-6, `${key} row ${id}`);
        }
      });
    });
    assert.throws(() => own.growVocabulary([5], size), { code: "USAGE" });
    assert.throws(() => own.growVocabulary([size + 100], size + 4), { code: "USAGE" });
    await saveMllm(own, place("grown"));
    using again = await loadModel(place("grown"));
    assertEqualParameters(again, own);
  });

  test("steps with a cache equal one forward to 1e-4", () =>
    noGrad(() =>
      scope(() => {
        const input = inputOf(first);
        const whole = model.forward(input);
        const T = input.inputIds.size(1);
        for (const cuts of [
          [T - 3, 1, 1, 1],
          [T - 4, 3, 1],
        ]) {
          // prettier-ignore
          const error = difference(piecewise(input, cuts), whole);
          assert.ok(error < FORWARD_ERROR, `max abs error ${error}`);
        }
        const text = { inputIds: ids([1, 2, 3, 4, 5, 6]) };
        assert.ok(difference(piecewise(text, [3, 1, 2]), model.forward(text)) < FORWARD_ERROR, "text alone");
      }),
    ));

  test("a picture behind cached text equals one forward to 1e-4", () =>
    noGrad(() =>
      scope(() => {
        const { inputIds, images } = inputOf(first);
        using cache = model.newCache();
        const parts = [
          model.forward({ inputIds: inputIds.narrow(1, 0, 2) }, cache),
          model.forward({ inputIds: inputIds.slice(1, 2), ...(images && { images }) }, cache),
        ];
        const whole = model.forward(inputOf(first));
        assert.ok(difference(cat(parts, 1), whole) < FORWARD_ERROR);
      }),
    ));

  /** Behind the pictures, one text is forgotten and another one read. */
  function assertRewinds({ inputIds, ...others }: MllmInput, wish: number): void {
    const [, T = 0] = inputIds.shape;
    using cache = model.newCache();
    model.forward({ inputIds, ...others }, cache);
    model.forward({ inputIds: ids(...new Array<number[]>(inputIds.size(0)).fill([30, 31])) }, cache);
    cache.rewind(cache.rewindable?.(T + 1) ?? T + 1);
    const keep = cache.rewindable?.(wish) ?? wish;
    cache.rewind(keep);
    const attentionMask = others.attentionMask?.narrow(1, 0, keep);
    assert.equal(cache.length, keep);
    for (const other of [
      [20, 21, 22, 23],
      [24, 25],
    ]) {
      // prettier-ignore
      const next = ids(...new Array<number[]>(inputIds.size(0)).fill(other));
      const pieces = [next.narrow(1, 0, other.length - 1), next.slice(1, other.length - 1)];
      const found = cat(pieces.map((piece) => model.forward({ inputIds: piece }, cache)), 1); // prettier-ignore
      const mask = attentionMask && cat([attentionMask, zeros(next.shape, { dtype: "int64" }).add(1)], 1);
      const whole = { ...others, inputIds: cat([inputIds.narrow(1, 0, keep), next], 1), ...(mask && { attentionMask: mask }) }; // prettier-ignore
      const wanted = model.forward(whole).slice(1, keep);
      assert.ok(difference(found, wanted) < FORWARD_ERROR, `${difference(found, wanted)}`);
      cache.rewind(keep);
    }
  }

  test("a rewound cache continues as if what was forgotten had never been seen, to 1e-4", () =>
    noGrad(() =>
      scope(() => {
        assertRewinds(inputOf(first), first.ids.length - 3);
        assertRewinds({ inputIds: ids([1, 2, 3, 4, 5, 6]) }, 4);
        for (const side of ["right", "left"] as const) {
          const input = batch(side);
          assertRewinds(input, input.inputIds.size(1) - 2);
        }
        using cache = model.newCache();
        const again = [first, second, first].map((one) => {
          const hidden = model.forward(inputOf(one), cache);
          cache.rewind(0);
          assert.equal(cache.length, 0);
          return hidden;
        });
        assert.deepEqual(again[2]?.toNumbers(), again[0]?.toNumbers(), "emptied, it is as new");
        model.forward({ inputIds: ids([1, 2, 3]) }, cache);
        for (const length of [-1, 1.5, 4, NaN]) assert.throws(() => cache.rewind(length), { code: "USAGE", message: /0 to 3/ }); // prettier-ignore
      }),
    ));

  for (const side of ["right", "left"] as const) {
    test(`a batch padded ${side}, and steps behind it, equal each sequence alone to 1e-4`, () =>
      noGrad(() =>
        scope(() => {
          const next = [[11, 12, 13], [14, 15, 16]]; // prettier-ignore
          const input = batch(side, next);
          const width = input.inputIds.size(1) - 3;
          const hidden = model.forward(input);
          assert.ok(hidden.toNumbers().every(Number.isFinite), "padding computes no NaN");
          const stepped = piecewise(input, [width, 1, 2]);
          sequences.forEach((one, i) => {
            const own = [...one.ids, ...(next[i] ?? [])];
            const alone = model.forward({ inputIds: ids(own), images: some(one.pictures) });
            const real = input.attentionMask.select(0, i).ne(0);
            for (const together of [hidden, stepped]) {
              const rows = together.select(0, i);
              const picked = aten("masked_select")(rows, real.unsqueeze(-1)).view(own.length, model.hiddenSize);
              const error = difference(picked, alone.squeeze(0));
              assert.ok(error < FORWARD_ERROR, `sequence ${i}: max abs error ${error}`);
            }
          });
        }),
      ));
  }

  test("pictures do not depend on their company", () =>
    noGrad(() =>
      scope(() => {
        const together = model.imageFeatures(some([0, 1, 2]));
        // Families whose pictures also reach later layers have several hidden states a row.
        const [rows = 0, width = 0] = together.shape;
        assert.deepEqual([rows, width % model.hiddenSize], [3 * row.rows, 0]);
        const alone = cat([0, 1, 2].map((i) => model.imageFeatures(some([i]))));
        assert.ok(difference(together, alone) < FORWARD_ERROR);
      }),
    ));

  test("logits of some rows are those of all", () =>
    noGrad(() =>
      scope(() => {
        const hidden = model.forward({ inputIds: ids([1, 2, 3, 4]) });
        const all = model.logits(hidden);
        for (const rows of [[7, 3, 99], [4, 5, 6, 7], [42]]) {
          const wanted = aten("stack")(rows.map((one) => all.select(-1, one)), -1); // prettier-ignore
          // One product each, of hiddenSize terms; partial sums are not far from the largest logit.
          const bound = sumError(model.hiddenSize, all.abs().max().item());
          assert.ok(difference(model.logits(hidden, rows), wanted) < bound, rows.join());
        }
      }),
    ));

  /** The gradients of a loss that weighs every element of the picked states differently. */
  function gradients(of: Mllm, picked: Tensor, finish: () => void = () => undefined): Map<string, number[]> {
    const weights = tensor(Array.from({ length: picked.numel }, (_, i) => Math.sin(i))).view(...picked.shape);
    backward(picked.mul(weights).sum());
    finish();
    const all = [...of.parameters()].flatMap(([key, { grad }]) => (grad ? [[key, grad.toNumbers()] as const] : []));
    for (const parameter of of.parameters().values()) parameter.zeroGrad();
    return new Map(all);
  }

  /** Names alike, numbers to rounding over the largest of each. */
  function assertSameGradients(actual: ReadonlyMap<string, number[]>, wanted: ReadonlyMap<string, number[]>): number {
    assert.deepEqual([...actual.keys()], [...wanted.keys()]);
    const errors = [...wanted].map(([key, values]) => {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
      return maxError(actual.get(key) ?? [], values) / largest;
    });
    assert.ok(Math.max(...errors) < RELATIVE_ERROR, `${Math.max(...errors)}`);
    return errors.length;
  }

  test("rows in any order, some twice, equal the whole forward's, with the same gradients", async () => {
    using own = await loadModel(folder);
    for (const parameter of own.parameters().values()) parameter.requiresGrad_();
    scope(() => {
      const input = batch("left");
      const [count = 0, T = 0] = input.inputIds.shape;
      const rows = [count * T - 1, T - 2, T - 1, 2 * T - 1, T - 2];
      const picked = own
        .forward(input)
        .flatten(0, 1)
        .indexSelect(0, tensor(rows, { dtype: "int64" }));
      const found = own.forward({ ...input, rows });
      assert.ok(difference(found, picked) < RELATIVE_ERROR * picked.abs().max().item());
      const wanted = gradients(own, picked);
      assert.ok(assertSameGradients(gradients(own, found), wanted) > 20);
      using cache = own.newCache();
      const last = own.forward({ ...inputOf(first), rows: [first.ids.length - 1] }, cache);
      assert.deepEqual([last.shape, cache.length], [[1, own.hiddenSize], first.ids.length], "keys of all positions");
    });
  });

  test("every parameter that takes part has a gradient; computed again, it is the same", async () => {
    using own = await loadModel(folder);
    for (const parameter of own.parameters().values()) parameter.requiresGrad_();
    scope(() => {
      const input = inputOf(first);
      const logits = (): Tensor => own.logits(own.forward(input));
      const wanted = gradients(own, logits());
      const without = [...own.parameters().keys()].filter((key) => !wanted.has(key));
      assert.deepEqual(without.filter((key) => !row.unused.test(key)), []); // prettier-ignore
      const recomputation = new Recomputation();
      assertSameGradients(
        gradients(own, recomputation.record(logits), () => recomputation.backward()),
        wanted,
      );
    });
  });

  test("a gradient is the slope: in float64, along a direction through all parameters", async () => {
    using own = await loadModel(folder, { dtype: "float64" });
    const parameters = [...own.parameters()].filter(([key]) => !row.unused.test(key));
    for (const [, parameter] of parameters) parameter.requiresGrad_();
    const loss = (): Tensor => {
      const { inputIds, images } = inputOf(second);
      const logits = own.logits(own.forward({ inputIds, ...(images && { images }), rows: [second.ids.length - 1] }));
      return logits.logSoftmax(-1).select(1, 7).sum();
    };
    const directions = parameters.map(([, { shape, numel }], i) =>
      scope(() =>
        tensor(
          Array.from({ length: numel }, (_, j) => Math.cos(3 * i + j)),
          { dtype: "float64" },
        ).view(...shape),
      ),
    );
    const slope = scope(() => {
      backward(loss());
      return parameters.reduce((sum, [, { grad }], i) => sum + (grad ? grad.mul(directions[i] as Tensor).sum().item() : 0), 0); // prettier-ignore
    });
    const at = (step: number): number =>
      noGrad(() =>
        scope(() => {
          parameters.forEach(([, parameter], i) => void parameter.add_((directions[i] as Tensor).mul(step)));
          const value = loss().item();
          parameters.forEach(([, parameter], i) => void parameter.sub_((directions[i] as Tensor).mul(step)));
          return value;
        }),
      );
    const step = 1e-6;
    const measured = (at(step) - at(-step)) / (2 * step);
    for (const direction of directions) direction.dispose();
    for (const [, parameter] of parameters) parameter.zeroGrad();
    assert.ok(Math.abs(slope) > 1e-3, "the direction says something");
    assert.ok(Math.abs(measured - slope) < 1e-4 * Math.abs(slope), `${measured} measured, ${slope} computed`);
  });

  test("adapters: on the language model by default, changing nothing at first, written and read, merged for a while", async () => {
    using own = await loadModel(folder);
    const names = namesOf(own);
    const targets = factsOf(own.family)?.loraTargets ?? assert.fail();
    const logits = (): number[] => noGrad(() => scope(() => own.logits(own.forward(inputOf(first))).toNumbers()));
    const plain = logits();
    using adapters = attachLora(own, { rank: 2, alpha: 4, targets }, 3);
    assert.deepEqual(
      adapters.adapted.map(([key]) => key),
      [...linearMaps(own).keys()].filter((key) => names.partOf(`${key}.weight`) === "language"),
    );
    assert.deepEqual(logits(), plain);
    for (const [key, one] of adapters.parameters()) {
      assert.equal(names.partOf(key), "language");
      if (key.endsWith("lora_B.weight")) noGrad(() => one.fill_(0.05));
    }
    const adapted = logits();
    assert.ok(maxError(adapted, plain) > 1e-3);
    await adapters.whileMerged(async () => {
      assert.ok(maxError(logits(), adapted) < FORWARD_ERROR);
    });
    assert.deepEqual(logits(), adapted, "to the last bit as before");
    await saveAdapter(place("adapter"), own, adapters, { base: folder });
    using other = await loadModel(folder);
    using read = await loadAdapter(other, place("adapter"));
    assert.deepEqual([...read.parameters().keys()].sort(), [...adapters.parameters().keys()].sort());
    const again = noGrad(() => scope(() => other.logits(other.forward(inputOf(first))).toNumbers()));
    assert.deepEqual(again, adapted);
    // A folder of adapters is a checkpoint of its own.
    using merged = await loadModel(place("adapter"));
    const found = noGrad(() => scope(() => merged.logits(merged.forward(inputOf(first))).toNumbers()));
    assert.ok(maxError(found, adapted) < FORWARD_ERROR);
    using everywhere = attachLora(merged, { rank: 1, alpha: 1, targets: "all-linear" }, 1);
    assert.equal(everywhere.adapted.length, linearMaps(merged).size);
    const [known = ""] = [...linearMaps(own).keys()];
    assert.throws(() => attachLora(own, { rank: 1, alpha: 1, targets: ["no_such_map"] }, 1), {
      code: "USAGE",
      message: new RegExp(`no_such_map.*${memoryName(own, known).split(".").at(-1) ?? ""}`),
    });
  });

  test("greedy generation is the argmax of whole forwards, alone and in a batch", () =>
    inferenceMode(() =>
      scope(() => {
        const steps = 5;
        // A placeholder is no word.
        const prompts = sequences.map((one) => ({ ids: one.ids, images: some(one.pictures) }));
        const wanted = sequences.map((one) => {
          const all = [...one.ids];
          const rows = Array.from({ length: steps }, () => {
            const hidden = model.forward({ inputIds: ids(all), images: some(one.pictures), rows: [all.length - 1] });
            const logits = model.logits(hidden).toNumbers();
            const allowed = logits.map((value, id) => (suppressIds.includes(id) ? -Infinity : value));
            all.push(allowed.indexOf(Math.max(...allowed)));
            return logits;
          });
          return { ids: all.slice(one.ids.length), logits: rows };
        });
        for (const [i, prompt] of prompts.entries()) {
          const [alone] = generate(model, [prompt], { maxNewTokens: steps, suppressIds });
          assert.deepEqual(alone?.ids, wanted[i]?.ids, `sequence ${i}`);
        }
        const { sequences: together, stepLogits } = generateWithLogits(model, prompts, {
          maxNewTokens: steps,
          suppressIds,
        });
        assert.deepEqual(together.map((one) => one.ids), wanted.map((one) => one.ids)); // prettier-ignore
        const found = stepLogits.toNumbers();
        const flat = Array.from({ length: steps }, (_, step) => wanted.flatMap((one) => one.logits[step] ?? [])).flat();
        assert.ok(maxError(found, flat) < FORWARD_ERROR, `${maxError(found, flat)}`);
      }),
    ));

  test("generation continues a cache, one or a batch of other lengths, as it continues the whole prompts", () =>
    noGrad(() =>
      scope(() => {
        const options = { maxNewTokens: 5, suppressIds };
        const tails = [[20, 21, 22], [23]];
        using cache = model.newCache();
        for (const [one, count] of [
          [first, 1],
          [first, 2],
          [second, 2],
        ] as const) {
          // prettier-ignore
          cache.rewind(0);
          const held = ids(...new Array<readonly number[]>(count).fill(one.ids));
          model.forward({ inputIds: held, images: some(new Array<readonly number[]>(count).fill(one.pictures).flat()) }, cache); // prettier-ignore
          const own = tails.slice(0, count);
          for (const _again of [1, 2]) {
            const found = generate(model, own.map((tail) => ({ ids: tail })), { ...options, cache }); // prettier-ignore
            const prompts = own.map((tail) => ({ ids: [...one.ids, ...tail], images: some(one.pictures) }));
            assert.deepEqual(found, generate(model, prompts, options));
            assert.equal(cache.length, one.ids.length + 3 + 4, "all but the last token");
            cache.rewind(one.ids.length);
          }
        }
      }),
    ));

  test("placeholders that do not fit the pictures, and another's cache, are errors", () =>
    noGrad(() =>
      scope(() => {
        const { inputIds } = inputOf(first);
        const refused = { code: "USAGE", message: /placeholders/ };
        assert.throws(() => model.forward({ inputIds }), refused);
        assert.throws(() => model.forward({ inputIds, images: some([0]) }), refused);
        assert.throws(() => model.forward({ inputIds: ids([1, 2]), images: some([0]) }), refused);
        using cache = model.newCache();
        model.forward({ inputIds: ids([1, 2]) }, cache);
        const wide = ids([1, 2, 3]);
        assert.throws(() => model.forward({ inputIds: wide, attentionMask: ids([1, 1]) }), {
          message: /attention mask/,
        });
        const foreign = { length: 0, rewind() {}, dispose() {}, [Symbol.dispose]() {} };
        assert.throws(() => model.forward({ inputIds: wide }, foreign), { code: "USAGE", message: /newCache/ });
      }),
    ));

  test("a whole folder with score tokens: saved, loaded by its model_type, the same prompts and output", async () => {
    const from = await row.whole(place("whole"));
    const made = await loadMllm(from);
    using own = made.model;
    const { positionId, scoreIds } = addScoreTokens(own, made.processor.tokenizer);
    await saveMllm(own, place("saved"));
    await made.processor.save(place("saved"));
    const loaded = await loadMllm(place("saved"));
    using again = loaded.model;
    assert.equal(again.family, row.family);
    assertEqualParameters(again, own);
    const answer = made.processor.answer("The rate is [SCORE].");
    assert.ok(answer.includes(positionId));
    assert.deepEqual(loaded.processor.answer("The rate is [SCORE]."), answer);
    assert.equal(loaded.processor.endTokenId, made.processor.endTokenId);
    const question = "<image>\nRate it.";
    const outputs = [made, loaded].map(({ model: net, processor }) =>
      inferenceMode(() =>
        scope(() => {
          const images = processor.images([picture(60, 45)]);
          assert.throws(() => processor.prompt("<image><image>Which?", images), { code: "USAGE", message: /1/ });
          const inputIds = ids([...processor.prompt(question, images), ...answer]);
          return net.logits(net.forward({ inputIds, images }), scoreIds).toFloat32Array();
        }),
      ),
    );
    assert.deepEqual(outputs[1], outputs[0]);
    const alone = await loadImages(place("saved"));
    assert.deepEqual(alone.pixels(picture(60, 45)), made.processor.pixels(picture(60, 45)));
    const asked = loadImages(place("saved"), { resize: "stretch" });
    if (factsOf(row.family)?.pictures === "square") await asked;
    else await assert.rejects(asked, { code: "USAGE", message: /"stretch"/ });
  });

  test("every tensor of the files is a parameter, or known to be none", async () => {
    using checkpoint = await openCheckpoint(folder);
    const stored = checkpoint.names().map((key) => model.parameterName?.(key) ?? key);
    const names = [...model.parameters().keys()];
    assert.deepEqual(names.filter((key) => !stored.includes(key)), []); // prettier-ignore
    assert.deepEqual(stored.filter((key) => !names.includes(key) && !/inv_freq|learned_weight/.test(key)), []); // prettier-ignore
  });
}
