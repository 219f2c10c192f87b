/** The paper's method: T_p in the text, the score beside it. */
import { scoreByPrefill } from "../prefill.js";
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
    read(parts, images) {
      const { answers, ratingScale } = parts.templates;
      const [answer = ""] = answers;
      const shown = ratingsFrom(vocabulary.scale, ratingScale);
      return scoreByPrefill({ ...parts, vocabulary }, images).map((scores) => ({
        scores,
        stem: renderAnswer(answer).text,
        text: fillAnswer(
          answer,
          scores.map(({ value }) => shown(value)),
        ),
      }));
    },
  };
}
