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
}

const COUNT = "must be a whole number above 0";

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
