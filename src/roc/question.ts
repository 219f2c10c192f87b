/** What a picture can be asked beside the checkpoint's own question. Loads no libtorch. */
import { z } from "zod";
import { RocError, beginning } from "../errors.js";
import { answerSchema, promptSchema, unreadablePlaceholder } from "./template.js";

/**
 * A further question about a picture: with a template of the answer, its scores are read; without, the model writes.
 *
 * @category Scoring
 */
export interface Question {
  /** What is asked; `<image>` comes before it where it holds none. Default: the checkpoint's canonical prompt. */
  readonly prompt?: string | undefined;
  /**
   * How the answer goes, with a placeholder per score, as `Light {light}, colour {color}.`, and `{comment}` where the model
   * writes. A name is a letter from a to z or A to Z, and then such letters, digits and _. Default: the model writes all of
   * it.
   */
  readonly answer?: string | undefined;
  /** Tokens of an answer without a template at most, above 0; default 256. */
  readonly maxTokens?: number | undefined;
  /**
   * Above 0, up to 2: what the model writes is drawn, and the more freely the higher it is. Default 0: the likeliest tokens.
   */
  readonly temperature?: number | undefined;
  /** Makes the draws reproducible; default: others every time. */
  readonly seed?: number | undefined;
}

/**
 * What a model has written of an answer since it was told last, token by token.
 *
 * @category Scoring
 */
export interface WrittenText {
  /** Index of the question; -1: the checkpoint's own, whose answer comes with the score and not here. */
  readonly question: number;
  /** Whole characters; "" while one is incomplete. */
  readonly text: string;
  /** Of the answer so far. */
  readonly tokens: number;
  /** Of the prompt, with the picture's. */
  readonly promptTokens: number;
  /** With the last one: why it ended, by itself or by the number of tokens. */
  readonly finished?: "stop" | "length";
}

const COUNT = "must be a whole number above 0";

const WARMTH = "must be a number from 0 to 2";

const SEED = "must be a whole number";

const NAMES = "a placeholder's name is a letter from a to z or A to Z, and then such letters, digits and _";

const filled = z.string().refine((text) => text.trim() !== "", { error: "is empty; leave it out, or ask something" });

const readable = z.string().superRefine((text, context) => {
  const piece = unreadablePlaceholder(text);
  if (piece === undefined) return;
  context.addIssue(`holds ${JSON.stringify(beginning(piece))}, which cannot be read: ${NAMES}`);
});

const questionSchema = z.strictObject({
  prompt: filled.transform(promptOf).pipe(promptSchema).optional(),
  answer: filled.pipe(readable).pipe(answerSchema).optional(),
  maxTokens: z.int({ error: COUNT }).positive({ error: COUNT }).optional(),
  temperature: z.number({ error: WARMTH }).min(0, { error: WARMTH }).max(2, { error: WARMTH }).optional(),
  seed: z.int({ error: SEED }).optional(),
});

/** What is wrong with a question: the field, if it is one's, and what it must be. */
export function problemOf(question: unknown): { readonly field: string; readonly message: string } | undefined {
  const [issue] = questionSchema.safeParse(question).error?.issues ?? [];
  return issue && { field: issue.path.join("."), message: issue.message.replace(/\.$/, "") };
}

/**
 * Checks questions before any picture is read.
 *
 * @throws RocError USAGE naming the question and its field
 */
export function checkQuestions(questions: unknown = []): void {
  if (!Array.isArray(questions)) throw new RocError("USAGE", "questions: give a list of { prompt, answer }.");
  questions.forEach((question, index) => {
    const problem = problemOf(question);
    if (!problem) return;
    const place = problem.field === "" ? "" : `.${problem.field}`;
    throw new RocError("USAGE", `questions[${index}]${place}: ${problem.message}. Correct it.`);
  });
}

/** A prompt with `<image>` in it. */
export function promptOf(text: string): string {
  return text.includes("<image>") ? text : `<image>\n${text}`;
}
