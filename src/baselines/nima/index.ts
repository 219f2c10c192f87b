/** NIMA: a distribution of ratings on an ImageNet network. */
import { derivedCheckpoint, type Checkpoint } from "../../weights/index.js";
import { madeBy } from "../common/load.js";
import type { System } from "../types.js";
import { configure, readConfig } from "./config.js";
import { nimaFacts } from "./facts.js";
import { kerasMobileNet } from "./keras.js";
import { Nima } from "./network.js";
import { original } from "./original.js";

/** One of a network's tensors in torchvision's and timm's files, by which they are known. */
const LAST = { vgg16: "features.28.weight", inception_resnet_v2: "conv2d_7b.conv.weight" };

/** The tensors of a classifier's network without its own head: torchvision's, timm's, or of MobileNet Keras'. */
function pretrained(checkpoint: Checkpoint, config: unknown): Checkpoint | undefined {
  const { variant } = readConfig(config, checkpoint.path);
  const keras = variant === "mobilenet" ? kerasMobileNet(checkpoint)?.checkpoint : undefined;
  if (keras)
    return named(
      keras,
      keras.names().filter((name) => name.startsWith("base_model.")),
      "",
    );
  if (variant === "mobilenet") return undefined;
  if (!checkpoint.has(LAST[variant])) return undefined;
  const kept = checkpoint
    .names()
    .filter((name) => !/^(classifier|classif|pre_logits|head)\.|num_batches_tracked$/.test(name));
  return named(checkpoint, kept, "base_model.");
}

function named(checkpoint: Checkpoint, names: readonly string[], prefix: string): Checkpoint {
  return derivedCheckpoint(checkpoint, new Map(names.map((name) => [`${prefix}${name}`, name])));
}

export const nima: System = {
  ...nimaFacts,
  ...madeBy(readConfig, (config, source) => new Nima(config, source)),
  configure,
  original,
  pretrained,
};
