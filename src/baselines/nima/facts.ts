/** What NIMA's checkpoints are known by. */
import { prepareResized } from "../common/prepare.js";
import type { SystemFacts } from "../types.js";

/** The networks that its head stands on. */
export const BACKBONES = ["vgg16", "inception_resnet_v2", "mobilenet"] as const;
export type Backbone = (typeof BACKBONES)[number];

export const nimaFacts: SystemFacts = {
  name: "nima",
  title: "NIMA",
  variants: BACKBONES,
  prepareBy: prepareResized,
};
