/** Answers that hold a comment beside their scores, in either order. */
import { greedyOptions } from "../generation/index.js";
import type { ImageBatch } from "../models/types.js";
import { answerLength } from "./length.js";
import { withPictures, type Pictures } from "./pictures.js";
import type { AnswerReading, StrategyParts } from "./strategy.js";
import { COMMENT, commentComesFirst, fillComment, hasComment, textAfterComment } from "./template.js";

/** Tokens of a comment at most. */
export const COMMENT_TOKENS = 160;

export interface ReadOptions {
  /** Have a comment written where the canonical answer has one behind its scores too (else only where it comes first). */
  readonly comments?: boolean;
}

/**
 * Reads every picture's scores by the parts' strategy. Where the canonical answer has a comment before a score, the model
 * writes it first, greedily, and the scores are read behind it; a comment behind the scores cannot change them, and is
 * left out unless asked for. One vision pass for all of it.
 */
export function readAnswers(
  parts: StrategyParts,
  pictures: ImageBatch | Pictures,
  options: ReadOptions = {},
): AnswerReading[] {
  const { model, strategy, templates } = parts;
  const [answer = ""] = templates.answers;
  const { comments: questions } = strategy;
  if (questions && options.comments) return readWithQuestions(parts, pictures, questions);
  if (!hasComment(answer) || strategy.generates) return strategy.read(parts, pictures);
  const before = answer.split(`{${COMMENT}}`)[0] ?? "";
  if (commentComesFirst(answer)) {
    return withPictures(model, pictures, (own) => {
      const comments = writeComments(parts, own, new Array<string>(own.count).fill(before));
      const answers = comments.map((comment) => fillComment(answer, comment));
      return strategy.read(parts, own, answers).map((reading, b) => ({ ...reading, comment: comments[b] ?? "" }));
    });
  }
  const bare = { ...parts, templates: { ...templates, answers: [before.trimEnd()] } };
  if (!options.comments) return strategy.read(bare, pictures);
  const between = before.slice(before.trimEnd().length);
  return withPictures(model, pictures, (own) => {
    const readings = strategy.read(bare, own);
    const stems = readings.map(({ stem, text }) => `${stem ?? text}${between}`);
    return writeComments(parts, own, stems).map((comment, b) => {
      const reading = readings[b] as AnswerReading;
      return { ...reading, text: `${reading.text}${between}${comment}`, comment };
    });
  });
}

/** Tokens of a comment that is the answer to a question. */
const ANSWER_TOKENS = 1024;

/** Scores, and as comment a paragraph a question: what it is about, and the answer that the model writes greedily. */
function readWithQuestions(
  parts: StrategyParts,
  pictures: ImageBatch | Pictures,
  questions: Readonly<Record<string, string>>,
): AnswerReading[] {
  const { model, processor, strategy } = parts;
  return withPictures(model, pictures, (own) => {
    // All have to fit before anything is computed.
    const asked = Object.entries(questions).map(
      ([name, question]) => [name, own.prompts(processor, question)] as const,
    );
    const readings = strategy.read(parts, own);
    const { tokenizer } = processor;
    const options = { ...greedyOptions(model, processor), maxNewTokens: ANSWER_TOKENS, tokenizer };
    const written = asked.map(([name, prompts]) => {
      const answers = own.generate(prompts, options);
      return answers.map(({ text }) => `${name}: ${text.trim()}`);
    });
    return readings.map((reading, b) => ({ ...reading, comment: written.map((one) => one[b] ?? "").join("\n\n") }));
  });
}

/**
 * The comment behind each picture's stem (the answer up to it), ended by the model, by the text that follows it in the
 * template, or by its length.
 */
function writeComments(parts: StrategyParts, pictures: Pictures, stems: readonly string[]): string[] {
  const { model, processor, templates } = parts;
  const [prompt = "", answer = ""] = [templates.prompts[0], templates.answers[0]];
  const [, rest = ""] = answer.split(`{${COMMENT}}`);
  // The scores behind it need their positions.
  const maxLength = model.maxPositions && Math.max(1, model.maxPositions - answerLength(parts, rest));
  const stop = textAfterComment(answer).trim();
  const stemIds = (stem: string): number[] => (stem.trim() === "" ? [] : processor.answer(stem.trimEnd()));
  const texts = pictures.prompts(processor, prompt).map((ids, b) => [...ids, ...stemIds(stems[b] ?? "")]);
  const options = {
    ...greedyOptions(model, processor),
    maxNewTokens: COMMENT_TOKENS,
    maxLength,
    tokenizer: processor.tokenizer,
    ...(stop && { stopStrings: [stop] }),
  };
  return pictures.generate(texts, options).map(({ text }) => text.trim());
}
