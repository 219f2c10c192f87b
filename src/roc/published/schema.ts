/** What results and evaluations keep of a published scorer, as it is read back. */
import { z } from "zod";
import type { ScorerInfo } from "./types.js";

export const scorerInfoSchema: z.ZodType<ScorerInfo> = z.strictObject({
  name: z.string(),
  aspect: z.string(),
  prompt: z.string(),
  system: z.string().exactOptional(),
  stem: z.string().exactOptional(),
  source: z.string(),
  sample: z.number().exactOptional(),
});
