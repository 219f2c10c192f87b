/** MP_ada's published weights: a checkpoint by tensorpack. */
import { aten, type Tensor } from "../../torch/index.js";
import { derivedCheckpoint, type Checkpoint, type DerivedTensor } from "../../weights/index.js";
import { stageDepths } from "../common/resnet.js";
import type { Original } from "../types.js";

const flip = aten("flip");

/** What our files call a batch norm's variables. */
const NORM: Readonly<Record<string, string>> = {
  gamma: "weight",
  beta: "bias",
  "mean/EMA": "running_mean",
  "variance/EMA": "running_var",
};

/** Our names of a convolution and its batch norm by tensorpack's scope; undefined: it is neither. */
function layerNames(scope: string): readonly [conv: string, norm: string] | undefined {
  if (scope === "conv0") return ["conv1", "bn1"];
  const parts = /^group(\d)\/block(\d+)\/conv(1|2|shortcut)$/.exec(scope);
  if (!parts) return undefined;
  const [, group, block = "", conv = ""] = parts;
  const place = `layer${Number(group) + 1}.${block}`;
  return conv === "shortcut"
    ? [`${place}.downsample.0`, `${place}.downsample.1`]
    : [`${place}.conv${conv}`, `${place}.bn${conv}`];
}

function moved(checkpoint: Checkpoint, name: string, order: readonly number[]): DerivedTensor {
  const { shape } = checkpoint.info(name);
  return {
    of: [name],
    shape: order.map((dim) => shape[dim] ?? 0),
    make: (tensor: Tensor) => tensor.permute(...order).contiguous(),
  };
}

/** The network's tensors of a checkpoint by tensorpack; optimizer's and counters' are left out. */
function network(checkpoint: Checkpoint): Map<string, string | DerivedTensor> {
  const entries = new Map<string, string | DerivedTensor>();
  for (const name of checkpoint.names()) {
    const [, scope = "", weight, norm = ""] = /^(.*?)\/(W|bn\/(gamma|beta|mean\/EMA|variance\/EMA))$/.exec(name) ?? [];
    const own = layerNames(scope);
    if (!own) continue;
    if (weight === "W") entries.set(`${own[0]}.weight`, moved(checkpoint, name, [3, 2, 0, 1]));
    else entries.set(`${own[1]}.${NORM[norm] ?? ""}`, name);
  }
  return entries;
}

export function original(checkpoint: Checkpoint): Original | undefined {
  const entries = network(checkpoint);
  const first = entries.get("conv1.weight");
  const head = "linear_C2";
  if (typeof first !== "object" || !checkpoint.has(`${head}/W`) || !checkpoint.has(`${head}/b`)) return undefined;
  entries.set("linear.weight", moved(checkpoint, `${head}/W`, [1, 0]));
  entries.set("linear.bias", `${head}/b`);
  const config = {
    model_type: "mpada",
    scale: { min: 1, max: 10 },
    threshold: 5,
    depths: stageDepths(entries),
    width: first.shape[0],
  };
  return { config, checkpoint: derivedCheckpoint(checkpoint, entries), what: "MP_ada's ResNet-18 of AVA" };
}

/**
 * tensorpack's ResNet-18 of ImageNet, or torchvision's, whose convolutions are padded evenly: that one sees red first, so that its
 * first convolution is turned.
 */
export function pretrained(checkpoint: Checkpoint): Checkpoint | undefined {
  const entries = network(checkpoint);
  if (entries.has("layer4.1.conv2.weight")) return derivedCheckpoint(checkpoint, entries);
  if (!checkpoint.has("layer4.1.conv2.weight") || checkpoint.has("layer4.1.conv3.weight")) return undefined;
  const kept = checkpoint
    .names()
    .filter((name) => /^(conv1|bn1|layer[1-4])[.]/.test(name) && !name.endsWith("num_batches_tracked"));
  const first = "conv1.weight";
  const turned = { of: [first], shape: checkpoint.info(first).shape, make: (tensor: Tensor) => flip(tensor, [1]) };
  return derivedCheckpoint(checkpoint, new Map(kept.map((name) => [name, name === first ? turned : name])));
}
