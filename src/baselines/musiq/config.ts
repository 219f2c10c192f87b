/** `config.json` of MUSIQ. */
import { z } from "zod";
import { count, invalidFor, or, parsedBy } from "../../models/common/config-fields.js";
import { outputFields } from "../common/outputs.js";
import { FORMS, MUSIQ, type Form } from "./facts.js";

/** Rows of the published models' position table, a side. */
const GRID = 10;
/** Longer sides of the published models' resized scales. */
export const LONGER_SIDES: readonly number[] = [224, 384];
/** Patches of the native scale in training (the paper's l). */
const TRAINING_PATCHES = 512;
/** A stage of the stem halves twice. */
const STEM_STRIDE = 4;

const schema = z.looseObject({
  model_type: z.literal(MUSIQ),
  form: z.enum(FORMS),
  patch_size: or(count.max(1024).multipleOf(STEM_STRIDE), 32),
  stem_width: or(count.max(4096), 64),
  hidden_size: or(count.max(65536), 384),
  mlp_dim: or(count, 1152),
  num_heads: or(count.max(1024), 6),
  num_layers: or(count.max(1024), 14),
  grid_size: or(count.max(1024), GRID),
  longer_sides: or(z.array(count.max(65536)).max(16), [...LONGER_SIDES]),
  training_patches: or(count, TRAINING_PATCHES),
  bins: or(count.min(2).max(1024), undefined),
  scale: or(outputFields.scale, { min: 1, max: 10 }),
});

/** What a config says. */
export interface MusiqConfig {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  readonly form: Form;
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Channels of the stem's first convolution; behind its block there are four times as many. */
  readonly stemWidth: number;
  readonly hiddenSize: number;
  readonly mlpDim: number;
  readonly heads: number;
  readonly layers: number;
  /** Rows and columns of the table of hashed positions. */
  readonly gridSize: number;
  /** Longer sides in pixels of the resized scales, ascending; the native one comes behind them. */
  readonly longerSides: readonly number[];
  /** Patches of the native scale that training looks at: the first, row by row. */
  readonly trainingPatches: number;
  /** Values of the distribution; undefined: one number is predicted. */
  readonly bins: number | undefined;
  readonly scale: { readonly min: number; readonly max: number };
}

/** Side of what the stem makes of a patch. */
export function stemSide({ patchSize }: MusiqConfig): number {
  return patchSize / STEM_STRIDE;
}

/** Groups of the stem's group norms: 32, as published, or the channels of a narrower stem. */
export function stemGroups({ stemWidth }: MusiqConfig): number {
  return Math.min(32, stemWidth);
}

/** @throws RocError CONFIG_INVALID naming the fields */
export function parseMusiqConfig(config: unknown, file = "config.json"): MusiqConfig {
  const invalid = invalidFor("a MUSIQ", file);
  const values = parsedBy(schema, config, invalid);
  const parsed: MusiqConfig = {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    form: values.form,
    ...{ patchSize: values.patch_size, stemWidth: values.stem_width, hiddenSize: values.hidden_size },
    ...{ mlpDim: values.mlp_dim, heads: values.num_heads, layers: values.num_layers, gridSize: values.grid_size },
    longerSides: values.longer_sides.toSorted((a, b) => a - b),
    ...{ trainingPatches: values.training_patches, bins: values.bins, scale: values.scale },
  };
  if (parsed.hiddenSize % parsed.heads !== 0) {
    throw invalid(`hidden_size ${parsed.hiddenSize} is no multiple of num_heads ${parsed.heads}`);
  }
  if (parsed.stemWidth % stemGroups(parsed) !== 0) {
    throw invalid(`stem_width ${parsed.stemWidth} is no multiple of the 32 groups of its norms`);
  }
  return parsed;
}
