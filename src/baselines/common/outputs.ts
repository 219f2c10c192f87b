/** What a system predicts, as its config.json says it. */
import { z } from "zod";
import { SCORE, type NewModel, type Output } from "../types.js";

const scale = z
  .object({ min: z.number(), max: z.number() })
  .refine(({ min, max }) => min < max && Number.isFinite(max - min), { error: "expected min below max" });

/** The fields of a config that say it. */
export const outputFields = {
  /** Of the overall score. */
  scale,
  /** Values of the overall score's distribution, evenly from the lowest to the highest; absent: one number. */
  bins: z.number().int().min(2).max(4096).nullish(),
  attributes: z
    .array(z.object({ name: z.string().min(1).max(200), scale }))
    .max(1000)
    .refine((all) => new Set([SCORE, ...all.map(({ name }) => name)]).size === all.length + 1, {
      error: `expected names that differ from one another and from "${SCORE}"`,
    })
    .nullish(),
};

type OutputFields = z.infer<z.ZodObject<typeof outputFields>>;

/** The overall score of a system whose network ends in a linear map: nothing keeps a number on the scale. */
export function openOutput(fields: Pick<OutputFields, "scale" | "bins">): Output {
  return open(scoreOutput(fields));
}

/** An output of a linear map: where it is no distribution, nothing keeps it on the scale. */
export function open(output: Output): Output {
  return output.values ? output : { ...output, unbounded: true };
}

/** The overall score of a config: a distribution over so many values, evenly from end to end of its scale, or one number. */
export function scoreOutput({ scale, bins }: Pick<OutputFields, "scale" | "bins">): Output {
  const { min, max } = scale;
  if (!bins) return { name: SCORE, scale };
  return { name: SCORE, scale, values: Array.from({ length: bins }, (_, i) => min + ((max - min) * i) / (bins - 1)) };
}

/** The outputs that a config says, the overall score first. */
export function outputsOf({ attributes, ...fields }: OutputFields): Output[] {
  return [scoreOutput(fields), ...(attributes ?? [])];
}

/** The fields of a new model's config. */
export function wantedOutputs({ scale, bins, attributes = [] }: NewModel) {
  const named = attributes.map((one) => ({ name: one.name, scale: { min: one.scale.min, max: one.scale.max } }));
  return {
    scale: { min: scale.min, max: scale.max },
    ...(bins !== undefined && { bins }),
    ...(named.length > 0 && { attributes: named }),
  };
}
