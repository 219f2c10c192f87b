/**
 * What a forward and a loss read back from the model's device: nothing, since on a GPU whoever reads waits for all that it
 * computes. Told on a CPU by following what follows from the parameters, or from what was brought to the device.
 *
 * Operators are looked at from their first use on, so everything but types is imported behind that.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Tensor } from "../../src/torch/index.js";
import { native, type Handle, type OperatorDescription } from "../../src/torch/native.js";

/** Tensors that would be on the device. */
const far = new Set<Handle>();
const operators = new Map<number, OperatorDescription>();
let readings = 0;

function mark(result: unknown, isFar: boolean): void {
  for (const handle of [result].flat(2)) {
    if (typeof handle !== "number") continue;
    if (isFar) far.add(handle);
    else far.delete(handle);
  }
}

function follow(): void {
  const plain = { ...native };
  native.resolveOperator = (name, overload) => {
    const id = plain.resolveOperator(name, overload);
    operators.set(id, native.describeOperator(name, overload));
    return id;
  };
  native.callOperator = (id, ...values) => {
    const { name, arguments: parameters = [], returns = [] } = operators.get(id) ?? {};
    const isTensor = (at: number): boolean => parameters[at]?.type.startsWith("Tensor") === true;
    const given = values.filter((_, at) => isTensor(at)).flat();
    const moves =
      name === "aten::to" && typeof values[parameters.findIndex((one) => one.name === "device")] === "string";
    const isFar = moves || given.some((handle) => far.has(handle as Handle));
    const result = plain.callOperator(id, ...values);
    if (returns.some((type) => type.startsWith("Tensor"))) mark(result, isFar);
    return result;
  };
  native.fromBytes = (...values) => {
    const handle = plain.fromBytes(...values);
    mark(handle, false);
    return handle;
  };
  native.readBytes = (handle, into) => {
    if (far.has(handle)) readings++;
    plain.readBytes(handle, into);
  };
  native.itemOf = (handle) => {
    if (far.has(handle)) readings++;
    return plain.itemOf(handle);
  };
}

follow();
const { ROWS } = await import("./rows.js");
const { registerToy } = await import("./toy/family.js");
const { ids } = await import("./support.js");
const { loadModel } = await import("../../src/models/registry.js");
const { rocLoss } = await import("../../src/roc/index.js");
const { backward, inferenceMode, scope } = await import("../../src/torch/index.js");

const forget = registerToy();
let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "readback-"));
});
after(async () => {
  forget();
  await rm(root, { recursive: true });
});

/** The readings that `body` makes. */
function counted(body: () => void): number {
  readings = 0;
  scope(body);
  return readings;
}

for (const [name, row] of ROWS) {
  test(`${name}: a prefill, padded or not, a cached step and a training step read nothing back`, async () => {
    using model = await loadModel(await row.weights(join(root, name.replaceAll(/\W+/g, "-"))));
    for (const parameter of model.parameters().values()) mark(parameter.handle, true);
    const picture = new Array<number>(row.rows).fill(row.imageId);
    const prompt = [1, 5, ...picture, 7, 8];
    const inputIds = (): Tensor => ids(prompt, prompt);
    const masks = [undefined, [...prompt.map(() => 1)], [0, ...prompt.slice(1).map(() => 1)]];
    for (const mask of masks) {
      const found = counted(() =>
        inferenceMode(() => {
          using cache = model.newCache();
          const attentionMask = mask && ids(mask, mask);
          model.forward(
            { inputIds: inputIds(), images: row.images(2), ...(attentionMask && { attentionMask }) },
            cache,
          );
          model.logits(model.forward({ inputIds: ids([9], [10]) }, cache), [3, 4]);
        }),
      );
      assert.equal(found, 0, `mask ${mask?.join("")}`);
    }
    for (const parameter of model.parameters().values()) parameter.requiresGrad_();
    const vocabulary = { positionId: 7, scoreIds: [8, 9], values: [1, 2], scale: { min: 1, max: 2 } };
    const found = counted(() => {
      const hidden = model.forward({ inputIds: inputIds(), images: row.images(2), rows: [0, 1, 2] });
      const input = { model, hidden, targets: [5, 7, 7], groundTruth: [1, 2], distributions: [[0.5, 0.5], null] };
      backward(rocLoss(input, vocabulary, { l1: 1, ce: 1, emd: 1 }).loss);
    });
    assert.equal(found, 0);
    // Reading is seen where there is some.
    assert.equal(
      counted(() => model.logits(model.forward({ inputIds: ids([5]) })).toNumbers()),
      1,
    );
  });
}
