/** `config.json` of HLA-GCN. */
import { z } from "zod";
import { count, invalidFor, or, parsedBy } from "../../models/common/config-fields.js";
import { outputFields, outputsOf } from "../common/outputs.js";
import { squashFields, squashStepsOf } from "../common/rating-config.js";
import type { ResNetConfig } from "../common/resnet.js";
import type { SquashSteps } from "../common/squash.js";
import type { NewModel, Output } from "../types.js";
import { HLAGCN } from "./facts.js";

const bins = z.number().int().min(2).max(4096);

const schema = z.looseObject({
  model_type: z.literal(HLAGCN),
  scale: outputFields.scale,
  bins,
  ...squashFields,
  width: count.max(1024),
  depths: z.array(count.max(64)).length(4),
  channels: count.max(8192),
  gcn_layers: count.max(64),
  latent_nodes: count.max(4096),
  /** Which distances the picture's width over its height stretches: those between "rows", as published, or between "columns". */
  stretch: or(z.enum(["rows", "columns"]), "rows" as const),
});

/** The two graph modules. */
export interface GraphSizes {
  /** Channels of a place. */
  readonly channels: number;
  /** Graph convolutions of the first module. */
  readonly layers: number;
  /** Nodes that the second module gathers the places in. */
  readonly latent: number;
  readonly stretch: "rows" | "columns";
}

/** What a config says. */
export interface HlaGcnConfig {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  /** The overall score, a distribution. */
  readonly score: Output & { readonly values: readonly number[] };
  readonly steps: SquashSteps;
  readonly resnet: ResNetConfig;
  readonly graph: GraphSizes;
}

/** @throws RocError CONFIG_INVALID naming the fields */
export function parseHlaGcnConfig(config: unknown, file = "config.json"): HlaGcnConfig {
  const invalid = invalidFor("an HLA-GCN", file);
  const values = parsedBy(schema, config, invalid);
  const { channels, gcn_layers: layers, latent_nodes: latent, stretch } = values;
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    score: outputsOf(values)[0] as HlaGcnConfig["score"],
    steps: squashStepsOf(values, invalid),
    resnet: { block: "bottleneck", width: values.width, depths: values.depths },
    graph: { channels, layers, latent, stretch },
  };
}

/** The published sizes. */
export const PUBLISHED = {
  ...{ image_size: 300, train_image_size: 320, resample: "bilinear" },
  ...{ width: 64, depths: [3, 4, 6, 3], channels: 1024, gcn_layers: 3, latent_nodes: 25 },
};

/** For tests. */
export const TINY: typeof PUBLISHED = {
  ...{ image_size: 64, train_image_size: 68, resample: "bilinear" },
  ...{ width: 4, depths: [1, 1, 1, 1], channels: 16, gcn_layers: 2, latent_nodes: 3 },
};

/** Counts of AVA's votes: what a new model predicts where nothing says otherwise. */
const BINS = 10;

/** The overall score of a new model: always a distribution. */
export function distributionOf({ scale, bins = BINS }: NewModel): Pick<NewModel, "scale" | "bins"> {
  return { scale, bins };
}
