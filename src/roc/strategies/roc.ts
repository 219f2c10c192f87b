/** The paper's method: T_p in the text, the score beside it. */
import { prefill } from "../prefill.js";
import { POSITION_TOKEN, ratingsFrom, type ScoreVocabulary } from "../vocabulary.js";
import { fillAnswer, renderAnswer } from "../template.js";
import type { Strategy } from "../strategy.js";

export function rocStrategy(vocabulary: ScoreVocabulary): Strategy {
  return {
    name: "roc",
    scale: vocabulary.scale,
    vocabulary,
    write: () => POSITION_TOKEN,
    slotIds: [vocabulary.positionId],
    generates: false,
    once: true,
    read(parts, pictures, answers) {
      const { answers: canonical, ratingScale } = parts.templates;
      const shown = ratingsFrom(vocabulary.scale, ratingScale);
      return prefill({ ...parts, vocabulary }, pictures, answers).map(({ scores, at }, b) => {
        const answer = answers?.[b] ?? canonical[0] ?? "";
        const numbers = scores.map(({ value }) => shown(value));
        return { scores, at, stem: renderAnswer(answer).text, text: fillAnswer(answer, numbers) };
      });
    },
  };
}
