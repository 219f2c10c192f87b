/** Keras' ResNet-50 by torchvision's names and layouts. */
import type { Tensor } from "../../torch/index.js";
import type { Checkpoint, DerivedTensor } from "../../weights/index.js";

/** What our files call the weights of Keras' layers. */
const KINDS: Readonly<Record<string, string>> = {
  kernel: "weight",
  bias: "bias",
  gamma: "weight",
  beta: "bias",
  moving_mean: "running_mean",
  moving_variance: "running_var",
};

/**
 * A Keras layer's weight in PyTorch's layout: kernels `[H, W, inputs, outputs]` as `[outputs, inputs, H, W]`, maps
 * `[inputs, outputs]` as `[outputs, inputs]`.
 *
 * @param file the tensor's name in its file
 */
export function kerasTensor(checkpoint: Checkpoint, file: string): DerivedTensor {
  const { shape } = checkpoint.info(file);
  const order = shape.length === 4 ? [3, 2, 0, 1] : shape.map((_, dim) => dim).reverse();
  const moved = order.map((dim) => shape[dim] ?? 0);
  return { of: [file], shape: moved, make: (tensor: Tensor) => tensor.permute(...order).contiguous() };
}

/** What torchvision calls a layer of Keras' ResNet-50; undefined: it is none. */
function layerName(layer: string): string | undefined {
  if (layer === "conv1") return "conv1";
  if (layer === "bn_conv1") return "bn1";
  const parts = /^(res|bn)([2-5])([a-z])_branch(1|2[abc])$/.exec(layer);
  if (!parts) return undefined;
  const [, kind, stage, block = "", branch = ""] = parts;
  const place = `layer${Number(stage) - 1}.${block.charCodeAt(0) - 97}`;
  if (branch === "1") return `${place}.downsample.${kind === "res" ? 0 : 1}`;
  return `${place}.${kind === "res" ? "conv" : "bn"}${branch.charCodeAt(1) - 96}`;
}

/** The network's tensors of a Keras file. @param names as `kerasNames` gives them */
export function kerasResNet(checkpoint: Checkpoint, names: ReadonlyMap<string, string>): Map<string, DerivedTensor> {
  const entries = new Map<string, DerivedTensor>();
  for (const [name, file] of names) {
    const [layer = "", weight = ""] = name.split("/");
    const [own, kind] = [layerName(layer), KINDS[weight]];
    if (own !== undefined && kind !== undefined) entries.set(`${own}.${kind}`, kerasTensor(checkpoint, file));
  }
  return entries;
}
