/** Kong's published network (`initModel.caffemodel`), and CaffeNet's, which its training begins with. */
import { RocError } from "../../errors.js";
import { derivedCheckpoint, type Checkpoint, type DerivedTensor } from "../../weights/index.js";
import type { Tensor } from "../../torch/index.js";
import type { Original } from "../types.js";

/** AADB's attributes by the layers' spelling, in the order in which they are merged; ours is that of AADB's label files. */
const ATTRIBUTES: readonly (readonly [layer: string, name: string])[] = [
  ["BalancingElement", "BalacingElements"],
  ...["ColorHarmony", "Content", "DoF", "Light", "MotionBlur", "Object", "Repetition"].map((n) => [n, n] as const),
  ...["RuleOfThirds", "Symmetry", "VividColor"].map((n) => [n, n] as const),
];

const TRUNK = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"];

/** Weight and bias of a layer, without the ones that old files put before their sizes. */
function layerEntries(checkpoint: Checkpoint, layer: string, name: string): [string, DerivedTensor][] {
  const isConv = layer.startsWith("conv");
  return ["weight", "bias"].map((kind, i) => {
    const of = `${layer}/${i}`;
    const full = checkpoint.info(of).shape;
    const shape = full.slice(-(i === 1 ? 1 : isConv ? 4 : 2));
    return [`${name}.${kind}`, { of: [of], shape, make: (tensor: Tensor) => tensor.reshape(...shape) }];
  });
}

function meanEntry(checkpoint: Checkpoint, size: number): [string, DerivedTensor] {
  const [height = 0, width = 0] = checkpoint.info("mean").shape.slice(-2);
  if (height < size || width < size) {
    const text = `${checkpoint.path}: the mean picture beside it has ${width} x ${height} pixels`;
    throw new RocError("CHECKPOINT_MISMATCH", `${text}; at least ${size} x ${size} are needed.`);
  }
  // Of 256 pixels the 227 from the 15th, as in the authors' demonstration.
  const [top, left] = [(height - size) >> 1, (width - size) >> 1];
  const make = (tensor: Tensor): Tensor =>
    tensor.reshape(3, height, width).narrow(1, top, size).narrow(2, left, size).clone();
  return ["mean", { of: ["mean"], shape: [3, size, size], make }];
}

/** Units of fc6 as published. */
const UNITS = 4096;

/** The side of the pictures, and the factor on the channels, of a trunk's shapes: 227 and 1 as published. */
function sizesOf(checkpoint: Checkpoint): { size: number; width: number } {
  const rows = (name: string): number => checkpoint.info(name).shape.at(-2) ?? 1;
  const side = Math.sqrt((checkpoint.info("fc6/0").shape.at(-1) ?? 1) / (checkpoint.info("conv5/0").shape[0] ?? 1));
  // The pools' and the first convolution's sides, backwards.
  const pooled = [1, 2, 3].reduce((length) => 2 * length + 1, side);
  return { size: 4 * (pooled - 1) + 11, width: rows("fc6/0") / UNITS };
}

/** @throws RocError CHECKPOINT_MISMATCH where the mean picture is not beside it, or the network is another variant */
export function original(checkpoint: Checkpoint): Original | undefined {
  if (!checkpoint.has("fc11_score/0") || !checkpoint.has("fc10_merge/0") || !checkpoint.has("conv1/0"))
    return undefined;
  const present = ATTRIBUTES.filter(([layer]) => checkpoint.has(`fc9_${layer}/0`));
  if (!checkpoint.has("mean")) {
    const remedy = "Put mean_AADB_regression_warp256.binaryproto, which is published with it, into its folder.";
    throw new RocError(
      "CHECKPOINT_MISMATCH",
      `${checkpoint.path} is Kong's network without its mean picture. ${remedy}`,
    );
  }
  const layers = [
    ...[...TRUNK, "fc8new"].map((layer) => [layer, layer] as const),
    ...present.flatMap(([layer, name]) => [8, 9].map((i) => [`fc${i}_${layer}`, `fc${i}_${name}`] as const)),
    ...["fc10_merge", "fc11_score"].map((layer) => [layer, layer] as const),
  ];
  const missing = layers.find(([layer]) => !checkpoint.has(`${layer}/0`) || !checkpoint.has(`${layer}/1`));
  if (missing) {
    const text = `${checkpoint.path} is Kong's network in a variant that is not known: it lacks ${missing[0]}`;
    throw new RocError("CHECKPOINT_MISMATCH", `${text}. Known is the published initModel.caffemodel.`);
  }
  const { size, width } = sizesOf(checkpoint);
  const entries = new Map<string, DerivedTensor>([
    ...layers.flatMap(([layer, name]) => layerEntries(checkpoint, layer, name)),
    meanEntry(checkpoint, size),
  ]);
  const config = {
    model_type: "kong",
    scale: { min: 0, max: 1 },
    attributes: present.map(([, name]) => ({ name, scale: { min: -1, max: 1 } })),
    size,
    width,
  };
  return { config, checkpoint: derivedCheckpoint(checkpoint, entries), what: "Kong's network of AADB (initModel)" };
}

/** The layers that a classifier of ImageNet shares with it, of CaffeNet's or AlexNet's .caffemodel. */
export function pretrained(checkpoint: Checkpoint): Checkpoint | undefined {
  if (!TRUNK.every((layer) => checkpoint.has(`${layer}/0`) && checkpoint.has(`${layer}/1`))) return undefined;
  return derivedCheckpoint(checkpoint, new Map(TRUNK.flatMap((layer) => layerEntries(checkpoint, layer, layer))));
}
