/** `config.json` of a deformable attention transformer as EAT and ICAA have it: fields, sizes, and what fits together. */
import { z } from "zod";
import { count } from "../../models/common/config-fields.js";

const fourOf = <T extends z.ZodType>(type: T) => z.tuple([type, type, type, type]);

/** Fields of a config.json. */
export const datFields = {
  patch_size: count.max(64),
  dims: fourOf(count),
  /** What each stage's blocks attend to: L a window, S a shifted window, D deformed places. */
  stages: fourOf(z.string().regex(/^[LSD]{1,64}$/, { error: "expected the letters L, S and D, one a block" })),
  heads: fourOf(count),
  /** Groups of channels with places of their own; of stages without D, of no meaning. */
  groups: fourOf(count),
  window_size: count.max(64),
  expansion: count.max(16),
  offset_range: z.number().positive(),
  drop_path_rate: z.number().min(0).max(0.95),
  /** Whether the points that places start from are the mean over a batch or each picture's own. */
  reference: z.enum(["batch", "picture"]),
};

type Fields = z.infer<z.ZodObject<typeof datFields>>;

/** What a backbone is made of. */
export interface DatConfig extends Fields {
  /** Pixels of a side of what it takes. */
  readonly imageSize: number;
  /** Whether another prediction decides which places are drawn to the middle of the picture (ICAA). */
  readonly gate: boolean;
}

/** DAT-B. */
export const DAT_BASE = {
  patch_size: 4,
  dims: [128, 256, 512, 1024],
  stages: ["LS", "LS", "LD".repeat(9), "LD"],
  heads: [4, 8, 16, 32],
  groups: [1, 1, 4, 8],
  ...{ window_size: 7, expansion: 4, offset_range: 2, drop_path_rate: 0.5 },
} as const;

/** For tests: a picture of 32 pixels. */
export const DAT_TINY = {
  ...DAT_BASE,
  patch_size: 2,
  dims: [4, 8, 16, 32],
  stages: ["LS", "LS", "LD", "LD"],
  heads: [1, 2, 4, 4],
  groups: [1, 1, 2, 2],
  ...{ window_size: 2, expansion: 2 },
} as const;

/** Tensors in the authors' files that are computed of a config. */
export const DAT_COMPUTED = /\.(relative_position_index|attn_mask)$/;

/** @returns what does not fit, as a sentence; undefined: all does */
export function datFault(config: DatConfig): string | undefined {
  const { imageSize, patch_size: patch, window_size: window, stages } = config;
  const smallest = imageSize / patch / 8;
  if (!Number.isInteger(smallest)) return `image_size ${imageSize} is no multiple of 8 times patch_size ${patch}`;
  const faults = stages.map((letters, i) => stageFault(config, i, (smallest * 8) / 2 ** i, letters));
  const found = faults.findIndex((fault) => fault !== undefined);
  return found < 0 ? undefined : `stage ${found} of window_size ${window}: ${faults[found] ?? ""}`;
}

function stageFault(config: DatConfig, i: number, side: number, letters: string): string | undefined {
  const [dim = 0, heads = 1, groups = 1] = [config.dims[i], config.heads[i], config.groups[i]];
  const { window_size: window } = config;
  if (dim % heads !== 0) return `dims ${dim} is no multiple of heads ${heads}`;
  if (letters.includes("D") && heads % groups !== 0) return `heads ${heads} is no multiple of groups ${groups}`;
  if (/[LS]/.test(letters) && side % window !== 0) return `${side} x ${side} patches do not divide into windows`;
  return letters.includes("S") && window < 2 ? "a window of one patch cannot be shifted" : undefined;
}
