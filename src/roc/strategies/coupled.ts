/** Regression without decoupling (Eq. 3 and 4): a score token is in the text, and carries both losses. */
import { RocError } from "../../errors.js";
import type { Strategy } from "../strategy.js";
import { ratingsFrom, scoreToken, type ScoreVocabulary } from "../vocabulary.js";
import { readByCandidates } from "./candidates.js";

export function coupledStrategy(vocabulary: ScoreVocabulary): Strategy {
  const { values, scale, scoreIds } = vocabulary;
  const texts = values.map((_, index) => scoreToken(index));
  return {
    name: "coupled",
    scale,
    vocabulary,
    write: (score) => texts[nearest(score, values)] ?? "",
    slotIds: scoreIds,
    generates: false,
    read(parts, pictures, answers) {
      const ids = texts.map((text) => parts.processor.tokenizer.tokenToId(text));
      if (ids.some((id, index) => id !== scoreIds[index])) {
        const expected = `${scoreIds[0]} to ${scoreIds.at(-1)}`;
        const remedy = "Take the tokenizer's files and config.json (output_first_id) from the same checkpoint.";
        const message = `The score tokens ${texts[0]}... have not the ids ${expected}. ${remedy}`;
        throw new RocError("TOKENIZER_INVALID", message);
      }
      const shown = ratingsFrom(scale, parts.templates.ratingScale);
      const numbers = values.map((value) => shown(value).toFixed(2));
      return readByCandidates(parts, pictures, { texts, values }, answers).map(({ scores, at, text }) => ({
        scores,
        ...(at && { at }),
        stem: text,
        // A person reads numbers.
        text: texts.reduceRight((known, token, i) => known.replaceAll(token, numbers[i] as string), text),
      }));
    },
  };
}

function nearest(score: number, values: readonly number[]): number {
  const distance = (index: number): number => Math.abs((values[index] as number) - score);
  return values.reduce((best, _, index) => (distance(index) < distance(best) ? index : best), 0);
}
