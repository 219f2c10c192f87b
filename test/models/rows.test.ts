/** Hidden states of some positions only, in every family: as the whole forward's, with the same gradients. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mllm, MllmInput } from "../../src/models/types.js";
import { liveTensors, scope, tensor, type Tensor } from "../../src/torch/index.js";
import type { Checkpoint } from "../../src/weights/index.js";
import { RELATIVE_ERROR } from "../rounding.js";
import { difference, loadTiny as loadTinyLlava, maxError, openExpected as openLlava } from "./llava/support.js";
import { loadTiny as loadTinyOwl, openExpected as openOwl } from "./mplugowl2/support.js";
import { inputOf, loadTiny as loadTinyQwen, openExpected as openQwen } from "./qwen2vl/support.js";

interface Case {
  readonly load: () => Promise<Mllm>;
  readonly open: () => Promise<Checkpoint>;
  /** A batch of several sequences with pictures; padded. */
  readonly input: (expected: Checkpoint) => MllmInput;
}

function padded(expected: Checkpoint): MllmInput {
  const [inputIds, attentionMask] = [expected.tensor("left.ids"), expected.tensor("left.mask")];
  return { inputIds, attentionMask, images: { pixelValues: expected.tensor("pixels") } };
}

const CASES: Readonly<Record<string, Case>> = {
  llava: { load: loadTinyLlava, open: openLlava, input: padded },
  qwen2_vl: {
    load: () => loadTinyQwen("tied"),
    open: () => openQwen("tied"),
    input: (expected) => inputOf(expected, "left"),
  },
  mplug_owl2: { load: loadTinyOwl, open: openOwl, input: padded },
};

/** The gradients of a loss that weighs every element of the picked states differently. */
function gradients(model: Mllm, picked: Tensor): Map<string, number[]> {
  const weights = tensor(Array.from({ length: picked.numel }, (_, i) => Math.sin(i))).view(...picked.shape);
  picked.mul(weights).sum().backward();
  const all = [...model.parameters()].flatMap(([name, { grad }]) => (grad ? [[name, grad.toNumbers()] as const] : []));
  for (const parameter of model.parameters().values()) parameter.zeroGrad();
  return new Map(all);
}

for (const [family, { load, open, input: make }] of Object.entries(CASES)) {
  test(`${family}: rows in any order, some twice`, async (t) => {
    const before = liveTensors();
    {
      using model = await load();
      using expected = await open();
      for (const parameter of model.parameters().values()) parameter.requiresGrad_();
      scope(() => {
        const input = make(expected);
        const [batch = 0, T = 0] = input.inputIds.shape;
        assert.ok(batch > 1);
        const rows = [batch * T - 1, T - 2, T - 1, 2 * T - 1, T - 2];
        const whole = model.forward(input).flatten(0, 1);
        const picked = whole.indexSelect(0, tensor(rows, { dtype: "int64" }));
        const found = model.forward({ ...input, rows });
        assert.ok(difference(found, picked) < RELATIVE_ERROR * picked.abs().max().item());
        const [wanted, got] = [gradients(model, picked), gradients(model, found)];
        assert.deepEqual([...got.keys()], [...wanted.keys()]);
        const errors = [...wanted].map(([name, values]) => {
          const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
          return maxError(got.get(name) ?? [], values) / largest;
        });
        t.diagnostic(
          `error of ${errors.length} gradients by their largest value ${Math.max(...errors).toExponential(1)}`,
        );
        assert.ok(errors.length > 20 && Math.max(...errors) < RELATIVE_ERROR);
      });
    }
    assert.equal(liveTensors(), before);
  });
}

test("a layer is computed for the asked-for positions alone, with a cache too", async () => {
  using model = await loadTinyLlava();
  using expected = await openLlava();
  scope(() => {
    const { inputIds, images } = padded(expected);
    const T = inputIds.size(1);
    using cache = model.newCache();
    const found = model.forward({ inputIds, ...(images && { images }), rows: [T - 1] }, cache);
    assert.deepEqual(found.shape, [1, model.hiddenSize]);
    assert.equal(cache.length, T, "keys and values are those of all positions");
  });
});
