/** Keras' MobileNet as our files would have it. */
import { derivedCheckpoint, kerasNames, type Checkpoint, type DerivedTensor } from "../../weights/index.js";

/** Axes of Keras' kernels in PyTorch's order, by the weight's name. */
const AXES: Readonly<Record<string, readonly number[]>> = {
  // Height, width, inputs, outputs.
  kernel: [3, 2, 0, 1],
  // Height, width, channels, 1.
  depthwise_kernel: [2, 3, 0, 1],
};

const NORM: Readonly<Record<string, string>> = {
  gamma: "weight",
  beta: "bias",
  moving_mean: "running_mean",
  moving_variance: "running_var",
};

/** The network, and how many outputs the dense layer behind it has, where there is one. */
export interface KerasMobileNet {
  readonly checkpoint: Checkpoint;
  readonly outputs: number | undefined;
}

/** @returns undefined for what is not Keras' MobileNet */
export function kerasMobileNet(checkpoint: Checkpoint): KerasMobileNet | undefined {
  const names = kerasNames(checkpoint);
  if (!names.has("conv_dw_13/depthwise_kernel") || !names.has("conv1/kernel")) return undefined;
  const dense = [...names.keys()].find((name) => /^dense(_\d+)?\/kernel$/.test(name))?.split("/")[0];
  const entries = new Map<string, string | DerivedTensor>();
  for (const [name, stored] of names) {
    const [layer = "", weight = ""] = name.split("/");
    if (layer === dense) entries.set(`classifier.${weight === "kernel" ? "weight" : weight}`, denseOf(checkpoint, stored));
    else if (/^conv(1|_dw|_pw)/.test(layer)) entries.set(`base_model.${layer}.${NORM[weight] ?? "weight"}`, kernelOf(checkpoint, stored, weight)); // prettier-ignore
  }
  const outputs = dense === undefined ? undefined : checkpoint.info(names.get(`${dense}/bias`) ?? "").shape[0];
  return { checkpoint: derivedCheckpoint(checkpoint, entries), outputs };
}

function permuted(checkpoint: Checkpoint, stored: string, axes: readonly number[]): DerivedTensor {
  const { shape } = checkpoint.info(stored);
  return {
    of: [stored],
    shape: axes.map((axis) => shape[axis] ?? 0),
    make: (tensor) => tensor.permute(...axes).contiguous(),
  };
}

function denseOf(checkpoint: Checkpoint, stored: string): string | DerivedTensor {
  return checkpoint.info(stored).shape.length === 2 ? permuted(checkpoint, stored, [1, 0]) : stored;
}

function kernelOf(checkpoint: Checkpoint, stored: string, weight: string): string | DerivedTensor {
  const axes = AXES[weight];
  return axes ? permuted(checkpoint, stored, axes) : stored;
}
