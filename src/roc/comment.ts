/** Answers that hold a comment beside their scores, in either order. */
import { generate } from "../generation/index.js";
import type { ImageBatch } from "../models/types.js";
import { inferenceMode, scope } from "../torch/index.js";
import { splitImages } from "./images.js";
import type { AnswerReading, StrategyParts } from "./strategy.js";
import { COMMENT, commentComesFirst, fillComment, hasComment, textAfterComment } from "./template.js";

/** Tokens of a comment at most. */
export const COMMENT_TOKENS = 160;

export interface ReadOptions {
  /** Have a comment written where the canonical answer has one behind its scores too (else only where it comes first). */
  readonly comments?: boolean;
}

/**
 * Reads every image's scores by the parts' strategy. Where the canonical answer has a comment before a score, the model
 * writes it first, greedily, and the scores are read behind it; a comment behind the scores cannot change them, and is
 * left out unless asked for.
 */
export function readAnswers(parts: StrategyParts, images: ImageBatch, options: ReadOptions = {}): AnswerReading[] {
  const { strategy, templates } = parts;
  const [answer = ""] = templates.answers;
  if (!hasComment(answer) || strategy.generates) return strategy.read(parts, images);
  const read = (text: string, image: ImageBatch): AnswerReading[] =>
    strategy.read({ ...parts, templates: { ...templates, answers: [text] } }, image);
  if (!commentComesFirst(answer)) {
    const readings = read(beforeComment(answer), images);
    if (!options.comments) return readings;
    return scope(() => splitImages(images).map((image, i) => continued(parts, image, readings[i] as AnswerReading)));
  }
  return scope(() =>
    splitImages(images).flatMap((image) => {
      const comment = writeComment(parts, image, answer.split(`{${COMMENT}}`)[0] ?? "", textAfterComment(answer));
      return read(fillComment(answer, comment), image).map((reading) => ({ ...reading, comment }));
    }),
  );
}

function beforeComment(answer: string): string {
  return (answer.split(`{${COMMENT}}`)[0] ?? "").trimEnd();
}

function continued(parts: StrategyParts, image: ImageBatch, reading: AnswerReading): AnswerReading {
  const [answer = ""] = parts.templates.answers;
  const [, between = ""] = /(\s*)$/.exec(answer.split(`{${COMMENT}}`)[0] ?? "") ?? [];
  const comment = writeComment(parts, image, `${reading.stem ?? reading.text}${between}`, textAfterComment(answer));
  return { ...reading, text: `${reading.text}${between}${comment}`, comment };
}

/**
 * A comment behind `stem` (the answer up to it), ended by the model, by the text that follows it in the template, or by
 * its length.
 */
function writeComment(
  { model, processor, templates }: StrategyParts,
  images: ImageBatch,
  stem: string,
  after: string,
): string {
  const [prompt = ""] = templates.prompts;
  const stop = after.trim();
  const [sequence] = inferenceMode(() =>
    generate(model, [{ ids: [...processor.prompt(prompt, images), ...answerStem(processor, stem)], images }], {
      maxNewTokens: COMMENT_TOKENS,
      stopIds: [processor.endTokenId],
      tokenizer: processor.tokenizer,
      ...(stop && { stopStrings: [stop] }),
    }),
  );
  return (sequence?.text ?? "").trim();
}

function answerStem(processor: StrategyParts["processor"], stem: string): number[] {
  return stem.trim() === "" ? [] : processor.answer(stem.trimEnd());
}
