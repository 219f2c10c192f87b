/** What the server answers, by its own schemas. */
import type { z } from "zod";
import type {
  burstsSchema,
  explanationSchema,
  learnedSchema,
  pairSchema,
  photoSchema,
  photosSchema,
  scoredSchema,
  tastesSchema,
} from "../../src/server/schemas.js";

export type ScoreAnswer = z.infer<typeof scoredSchema>;
type Outcome = ScoreAnswer["results"][number];

/** A picture's score, as `roc4mllm score --json` prints it. */
export type ScoreEntry = Extract<Outcome, { score: number }>;

export type LibraryPhoto = z.infer<typeof photoSchema>;
/** Which parts of a photo move its score. */
export type HeatMap = z.infer<typeof explanationSchema>;
export type LibraryBursts = z.infer<typeof burstsSchema>;
export type LibraryPair = z.infer<typeof pairSchema>;
export type Tastes = z.infer<typeof tastesSchema>;
export type Learned = z.infer<typeof learnedSchema>;
export type LibraryPage = z.infer<typeof photosSchema>;
