/** `config.json` of EAT. */
import { z } from "zod";
import { invalidFor, parsedBy } from "../../models/common/config-fields.js";
import { datFault, datFields, type DatConfig } from "../common/dat-config.js";
import { scoreOutput } from "../common/outputs.js";
import { ratingFields, squashFields, squashStepsOf } from "../common/rating-config.js";
import type { SquashSteps } from "../common/squash.js";
import type { Output } from "../types.js";
import { EAT } from "./facts.js";

const schema = z.looseObject({ model_type: z.literal(EAT), ...ratingFields, ...squashFields, ...datFields });

/** What a config says. */
export interface EatConfig {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  /** The overall score. */
  readonly score: Output;
  readonly steps: SquashSteps;
  readonly dat: DatConfig;
}

/** @throws RocError CONFIG_INVALID naming the fields */
export function parseEatConfig(config: unknown, file = "config.json"): EatConfig {
  const invalid = invalidFor("an EAT", file);
  const values = parsedBy(schema, config, invalid);
  const dat = { ...values, imageSize: values.image_size, gate: false };
  const fault = datFault(dat);
  if (fault !== undefined) throw invalid(fault);
  const raw = structuredClone({ ...(config as Record<string, unknown>) });
  // The weights of a distribution are not bounded either: no softmax is published.
  return { raw, score: { ...scoreOutput(values), unbounded: true }, steps: squashStepsOf(values, invalid), dat };
}
