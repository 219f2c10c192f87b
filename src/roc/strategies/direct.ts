/** Scores as digits in the text: written, generated and parsed. */
import { greedyOptions } from "../../generation/index.js";
import { withPictures, type Pictures } from "../pictures.js";
import type { ScoreReading } from "../reading.js";
import type { Strategy, StrategyParts } from "../strategy.js";
import { COMMENT_TOKENS } from "../comment.js";
import { answerPattern, COMMENT, hasComment, scoreNames, textAfterComment } from "../template.js";
import type { Scale } from "../vocabulary.js";

/** Digits after the point, as the paper's example ("7.25"). */
const DECIMALS = 2;

/** A score as a model may write it. */
const NUMBER = String.raw`(-?\d+(?:\.\d+)?)`;

/** Room for an answer that is a little longer than the canonical one, in tokens. */
const SLACK = 16;

export function directStrategy(scale: Scale): Strategy {
  return {
    name: "direct",
    scale,
    write: (score) => score.toFixed(DECIMALS),
    slotIds: [],
    generates: true,
    read(parts, pictures) {
      const [template = ""] = parts.templates.answers;
      return withPictures(parts.model, pictures, (own) => answersOf(parts, own)).map((ids) => {
        const text = parts.processor.tokenizer.decode(ids, { skipSpecialTokens: true }).trim();
        const comment = commentIn(text, template);
        return { scores: parseScores(text, template, scale), text, ...(comment !== undefined && { comment }) };
      });
    },
  };
}

/** What an answer holds for its template's comment; undefined where it has none or does not begin as the template. */
export function commentIn(text: string, template: string): string | undefined {
  const [before = "", rest] = template.split(`{${COMMENT}}`);
  if (rest === undefined) return undefined;
  const scores = answerPattern(before, NUMBER).exec(text)?.[0];
  const lead =
    before
      .split(/\{\w+\}/)
      .at(-1)
      ?.trim() ?? "";
  if (scores === undefined || !text.slice(scores.length).startsWith(lead)) return undefined;
  const [end, behind] = [textAfterComment(template).trim(), text.slice(scores.length + lead.length)];
  return (end === "" ? behind : (behind.split(end)[0] ?? "")).trim();
}

/**
 * The numbers that an answer of the given template holds. None is understood where the text does not begin as the
 * template, and those outside of the scale are not either: a failure is never a score.
 */
export function parseScores(text: string, template: string, scale: Scale): (ScoreReading | null)[] {
  const names = scoreNames(template);
  const found = answerPattern(template, NUMBER).exec(text.trim());
  return names.map((_, index) => {
    const value = Number(found?.[index + 1] ?? NaN);
    return value >= scale.min && value <= scale.max ? { value, std: null, distribution: null } : null;
  });
}

/** Greedy ids of every picture's answer, no longer than the canonical one and some. */
function answersOf({ model, processor, templates }: StrategyParts, pictures: Pictures): (readonly number[])[] {
  const [prompt = "", answer = ""] = [templates.prompts[0], templates.answers[0]];
  const maxNewTokens = processor.answer(answer).length + SLACK + (hasComment(answer) ? COMMENT_TOKENS : 0);
  const options = { ...greedyOptions(model, processor), maxNewTokens };
  return pictures.generate(pictures.prompts(processor, prompt), options).map(({ ids }) => ids);
}
