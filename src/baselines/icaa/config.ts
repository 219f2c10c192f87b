/** `config.json` of ICAA's delegate transformer. */
import { z } from "zod";
import { count, invalidFor, parsedBy } from "../../models/common/config-fields.js";
import { datFault, datFields, type DatConfig } from "../common/dat-config.js";
import { outputFields, outputsOf } from "../common/outputs.js";
import { squashFields, squashStepsOf } from "../common/rating-config.js";
import type { SquashSteps } from "../common/squash.js";
import type { Output } from "../types.js";
import { ICAA } from "./facts.js";

/** The score, and one attribute. */
const MOST_OUTPUTS = 2;

const schema = z.looseObject({
  model_type: z.literal(ICAA),
  scale: outputFields.scale,
  /** What is predicted beside the score, of ICAA17K the overall MOS: one at most. */
  attributes: outputFields.attributes,
  gate: z.boolean(),
  histogram_features: count.max(4096),
  histogram_bins: count.max(256),
  ...squashFields,
  ...datFields,
});

/** What a config says. */
export interface IcaaConfig {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  /** The score, and what is predicted beside it. */
  readonly outputs: readonly Output[];
  readonly steps: SquashSteps;
  readonly dat: DatConfig;
  /** Features whose values are put into bins, and bins of each. */
  readonly histogram: { readonly features: number; readonly bins: number };
}

/** The published size, and one for tests. */
export const HISTOGRAM = { histogram_features: 36, histogram_bins: 6 };
export const TINY_HISTOGRAM = { histogram_features: 5, histogram_bins: 3 };

/** @throws RocError CONFIG_INVALID naming the fields */
export function parseIcaaConfig(config: unknown, file = "config.json"): IcaaConfig {
  const invalid = invalidFor("an ICAA", file);
  const values = parsedBy(schema, config, invalid);
  const dat = { ...values, imageSize: values.image_size };
  const fault = datFault(dat);
  if (fault !== undefined) throw invalid(fault);
  const outputs = outputsOf(values);
  if (outputs.length > MOST_OUTPUTS)
    throw invalid(`attributes are ${outputs.length - 1}, and one is predicted at most`);
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    outputs,
    steps: squashStepsOf(values, invalid),
    dat,
    histogram: { features: values.histogram_features, bins: values.histogram_bins },
  };
}
