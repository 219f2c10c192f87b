/** Names of Keras' HDF5 files, of weights alone and of whole models, by Keras 1 and by Keras 2 and later. */
import type { Checkpoint } from "./checkpoint.js";

/** Keras 1's names of a layer's weights, which follow the layer's name, by those of Keras 2. */
const KERAS1: Readonly<Record<string, string>> = {
  W: "kernel",
  b: "bias",
  gamma: "gamma",
  beta: "beta",
  running_mean: "moving_mean",
  // What it holds is the variance, whatever it is called.
  running_std: "moving_variance",
};

/**
 * The tensors of a file's layers: by `LAYER/WEIGHT` in Keras 2's words (`conv1/kernel`, `bn_conv1/moving_variance`), the file's
 * name. The state of an optimizer is left out. Empty where it is not a file by Keras.
 */
export function kerasNames(checkpoint: Checkpoint): Map<string, string> {
  const prefix = "model_weights/";
  const all = checkpoint.names();
  const isWhole = all.some((name) => name.startsWith(prefix));
  const names = isWhole ? all.filter((name) => name.startsWith(prefix)) : all;
  return new Map(names.flatMap((name) => entryOf(name, isWhole ? name.slice(prefix.length) : name)));
}

function entryOf(name: string, path: string): (readonly [string, string])[] {
  const [layer = "", ...rest] = path.split("/");
  const weight = rest.at(-1)?.replace(/:\d+$/, "");
  if (weight === undefined) return [];
  // TensorFlow numbers a name that it has had before: conv1_W_1.
  const own = weight.startsWith(`${layer}_`) ? weight.slice(layer.length + 1).replace(/_\d+$/, "") : "";
  const old = Object.hasOwn(KERAS1, own) ? KERAS1[own] : undefined;
  return [[`${layer}/${old ?? weight}`, name]];
}
