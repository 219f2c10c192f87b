/** Shapes of requests and answers, for checking and for the OpenAPI document alike. */
import { z } from "zod";
import { EXPLAIN_METHODS, REPLACEMENTS } from "../engine/explain/types.js";
import { ERROR_CODES, type ErrorCode } from "../errors.js";

const codes = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

/** OpenAI's code for a model that is not here. */
export const MODEL_NOT_FOUND = "model_not_found";

const errorSchema = z
  .object({
    code: z.enum([...codes, MODEL_NOT_FOUND]).meta({ description: "What kind of error, as the command line has it; model_not_found as OpenAI has it." }), // prettier-ignore
    message: z.string().meta({ description: "What is wrong and what to do." }),
  })
  .loose();

/** Answer to a request that cannot be met. */
export const problemSchema = z.object({ error: errorSchema }).meta({ id: "Problem", description: "Why there is no answer." }); // prettier-ignore

/** Of every route. */
export const problems = { "4xx": problemSchema, "5xx": problemSchema };

export const usageSchema = z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() });

const scaleSchema = z.object({ min: z.number(), max: z.number() });

const intervalSchema = z
  .object({
    low: z.number(),
    high: z.number(),
    level: z.number().meta({ description: "The share of ratings that such intervals hold." }),
  }) // prettier-ignore
  .meta({ id: "Interval", description: "Where the rating lies, by a calibration on pictures with ratings." });

/** Of a checkpoint that was calibrated. */
const intervals = {
  interval: intervalSchema.optional().meta({ description: "Where the rating lies, where the checkpoint was calibrated." }), // prettier-ignore
  attributeIntervals: z.record(z.string(), intervalSchema).optional().meta({ description: "Likewise of single aspects." }), // prettier-ignore
};

const resultSchema = z
  .object({
    file: z.string().meta({ description: "The name that the picture was sent with, its id in the library, or input 1, input 2, ..." }), // prettier-ignore
    score: z.number().meta({ description: "Expected rating, on the scale." }),
    scale: scaleSchema.meta({ description: "Lowest and highest possible rating." }),
    std: z
      .number()
      .nullable()
      .meta({ description: "Standard deviation of the ratings; null where the model gives none." }),
    distribution: z
      .array(z.number())
      .readonly()
      .nullable()
      .meta({ description: "Probabilities of evenly spaced ratings from scale.min to scale.max." }),
    ...intervals,
    attributes: z.record(z.string(), z.number().nullable()).optional().meta({ description: "Scores of single aspects, where the checkpoint gives them." }), // prettier-ignore
    comment: z.string().optional().meta({ description: "With ?comment, where the checkpoint writes any." }),
    answer: z.string().meta({ description: "The checkpoint's answer in words." }),
    model: z.string().meta({ description: "Which checkpoint: its folder's name and a digest of its files." }),
    percentile: z
      .number()
      .optional()
      .meta({ description: "Share of the library's pictures with a lower score, in percent." }),
    taste: z.object({ name: z.string(), score: z.number() }).optional().meta({ description: "With ?taste, on the scale." }), // prettier-ignore
    embedding: z.array(z.number()).readonly().nullable().optional().meta({ description: "With ?embedding: the hidden state that the score is read from." }), // prettier-ignore
  })
  .loose()
  .meta({ id: "Score", description: "A picture's score." });

const failureSchema = z
  .object({ file: z.string(), error: errorSchema })
  .meta({ id: "Failure", description: "A picture that has no score; the others of the request have theirs." });

const outcomeSchema = z.union([resultSchema, failureSchema]);

/** One outcome a picture, in the order of the request. */
export const scoredSchema = z.object({ results: z.array(outcomeSchema) }).meta({ id: "Scored" });

/** Where no picture has a score: why the first one has none, beside all of them. */
export const unscoredSchema = z.object({ error: errorSchema, results: z.array(failureSchema).optional() }).meta({ id: "Unscored" }); // prettier-ignore

/** A switch of the query: `?comment`, `?comment=true`, `?comment=false`. */
function flag(description: string) {
  return z.enum(["", "true", "false", "1", "0"]).optional().meta({ description });
}

/** What a switch says. */
export function isOn(value: string | undefined, otherwise = false): boolean {
  return value === undefined ? otherwise : value === "" || value === "true" || value === "1";
}

export const scoreQuerySchema = z.strictObject({
  attributes: flag("Scores of single aspects where the checkpoint gives them; default true."),
  comment: flag("Have a comment written, by checkpoints that write any; takes a step per token."),
  embedding: flag("The hidden state that the score is read from, as a vector."),
  taste: z.string().min(1).max(64).optional().meta({ description: "The name of a taste of the library: what it says, beside the score." }), // prettier-ignore
});

/** A picture in JSON: text as the client sent it, or the bytes that were decoded of it elsewhere. */
export type PictureText = string | Uint8Array;

export const pictureSchema = z
  .custom<PictureText>((value) => typeof value === "string" || value instanceof Uint8Array, {
    error: "give base64, a data: URI or an id of the library",
  })
  .meta({
    type: "string",
    description: "A picture's file in base64, as a data: URI, or an id of the library. Nothing is fetched: other URLs and paths are refused.", // prettier-ignore
  });

export const picturesSchema = z
  .strictObject({ images: z.array(pictureSchema).min(1) })
  .meta({ id: "Pictures", description: "Pictures to score; multipart/form-data with fields `file` does as well." });

const chance = z.number().min(0).max(1);
const ALONE = "Null by the scores alone: nothing says how sure they are.";

/** Pictures compared with one another; indices are those of the request. */
export const comparedSchema = z
  .object({
    order: z.array(z.int()).readonly().meta({ description: "Indices of the pictures, best first." }),
    best: z
      .array(chance)
      .readonly()
      .nullable()
      .meta({ description: `Chance of each to be the best; they sum to 1. ${ALONE}` }),
    worst: z
      .array(chance)
      .readonly()
      .nullable()
      .meta({ description: `Chance of each to be the worst; they sum to 1. ${ALONE}` }),
    wins: z
      .array(z.array(chance).readonly())
      .readonly()
      .nullable()
      .meta({ description: `wins[a][b]: chance of picture a to be preferred to b. ${ALONE}` }),
    by: z
      .enum(["distributions", "spreads", "scores", "set", "question"])
      .meta({ description: "What the chances are of: distributions, normal ones of a spread, the scores alone, or pictures shown together." }), // prettier-ignore
    places: z
      .object({ orders: z.int(), favour: z.array(z.number()).readonly() })
      .optional()
      .meta({ description: "Where pictures were shown together: prompts, and what a place is worth, which is taken out. By `set`: what it adds to a score; by `question`: the chance that it would be chosen of pictures that are alike." }), // prettier-ignore
    results: z.array(outcomeSchema),
  })
  .meta({ id: "Compared" });

const storedScoreSchema = z
  .object({
    score: z.number(),
    std: z.number().nullable(),
    distribution: z.array(z.number()).readonly().nullable(),
    ...intervals,
    attributes: z.record(z.string(), z.number().nullable()).optional(),
    comment: z.string().optional(),
    answer: z.string(),
    percentile: z.number().meta({ description: "Share of the library's pictures with a lower score, in percent." }),
  })
  .meta({ id: "StoredScore" });

export const photoSchema = z
  .object({
    id: z.string().meta({ description: 'Names the photo in URLs and in {"images": [...]}.' }),
    file: z.string(),
    folder: z.string(),
    name: z.string(),
    size: z.number().meta({ description: "Bytes." }),
    modified: z.number().meta({ description: "Milliseconds since 1970." }),
    gone: z.string().optional().meta({ description: "Since when the file is not there." }),
    error: z.object({ code: z.string(), message: z.string() }).optional().meta({ description: "Why it has no score." }),
    digest: z.string().optional().meta({ description: "SHA-256 of the file; as ?v= it makes thumbnails and images cacheable for ever." }), // prettier-ignore
    width: z.number().optional(),
    height: z.number().optional(),
    taken: z.string().optional().meta({ description: "Local time, as the camera wrote it." }),
    camera: z.string().optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
    stars: z.number().optional().meta({ description: "-1 (rejected) to 5." }),
    label: z.string().optional(),
    pick: z.enum(["pick", "reject"]).optional(),
    score: storedScoreSchema.optional(),
    seenBy: z.array(z.string()).readonly().optional().meta({ description: "Where the judge has not scored it: the names of those that have." }), // prettier-ignore
    taste: z
      .object({ name: z.string(), score: z.number(), percentile: z.number() })
      .optional()
      .meta({ description: "With ?taste: what it says, on the judge's scale." }),
  })
  .meta({ id: "Photo" });

const comparedFigure = z.object({
  base: z.number(),
  taste: z.number(),
  gain: z.object({ value: z.number(), low: z.number(), high: z.number() }),
});

const gainSchema = z.object({
  groups: z.int().meta({ description: "Moments that were held out together." }),
  srcc: comparedFigure.nullable().meta({ description: "Spearman's correlation with the stars; null for pairs." }),
  accuracy: comparedFigure.meta({ description: "Share of pairs in the right order." }),
});

const answers = z.int().meta({ description: "Answers that there are." });

export const tastesSchema = z
  .object({
    tastes: z
      .array(
        z.object({
          name: z.string(),
          judgeName: z.string().meta({ description: "The checkpoint on whose vectors it was learned." }),
          source: z.enum(["stars", "xmp", "pairs"]),
          ratings: z.int(),
          gain: gainSchema,
          added: z.string(),
        }),
      )
      .readonly(),
    answers,
  })
  .meta({ id: "Tastes" });

export const learnedSchema = z
  .object({
    kept: z.boolean(),
    why: z.string().meta({ description: "In words, with the figures." }),
    ratings: z.int(),
    gain: gainSchema.optional(),
  })
  .meta({ id: "LearnedTaste" });

export const pairSchema = z
  .object({ photos: z.array(photoSchema).meta({ description: "Two, or none where there are none left." }), answers })
  .meta({ id: "Pair" });

export const answeredSchema = z.object({ id: z.string(), answers }).meta({ id: "Answered" });

export const photosSchema = z
  .object({
    photos: z.array(photoSchema),
    next: z.string().nullable().meta({ description: "`cursor` of the next page; null on the last one." }),
    total: z.number().nullable().meta({ description: "Number of photos, on the first page." }),
    judge: z
      .object({ id: z.number(), name: z.string(), scale: scaleSchema, scores: z.number() })
      .nullable()
      .meta({ description: "Whose scores these are; null where nothing has been scored." }),
  })
  .meta({ id: "Photos" });

export const burstsSchema = z
  .object({
    bursts: z.array(
      z.object({
        kind: z.enum(["burst", "bracket", "copies"]),
        photos: z.array(z.object({ id: z.string(), best: chance.nullable().meta({ description: "Chance to be the best of them; null where the judge gives scores alone." }), kept: z.boolean() })), // prettier-ignore
      }),
    ),
    looked: z.int().meta({ description: "Photos that have been looked at." }),
    complete: z.boolean().meta({ description: "Whether there is nothing left to look at." }),
  })
  .meta({ id: "Bursts" });

/** Which parts of a photo move its score. */
export const explanationSchema = z
  .object({
    id: z.string(),
    model: z.string(),
    method: z.enum(EXPLAIN_METHODS),
    replacement: z.enum(REPLACEMENTS),
    of: z.string().nullable().meta({ description: "The attribute; null: the overall score." }),
    score: z.number(),
    without: z.number().meta({ description: "The score of the photo with all of it replaced." }),
    scale: scaleSchema,
    columns: z.int().meta({ description: "Cells across the upright photo." }),
    rows: z.int(),
    width: z.int().meta({ description: "Of the upright photo in pixels." }),
    height: z.int(),
    values: z
      .array(z.number().nullable())
      .readonly()
      .meta({ description: "By how much each cell lifts the score, row by row; null where the model sees nothing." }),
    evaluations: z.int().meta({ description: "Pictures that were scored for it." }),
  })
  .meta({ id: "Explanation" });
