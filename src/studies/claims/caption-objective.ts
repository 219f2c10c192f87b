/** What base models are pre-trained on: to write a comment about a picture, without any score. */
import type { Sample } from "../../data/index.js";
import { textLoss, type StrategyParts } from "../../roc/index.js";
import { collate, TextCache, type Objective } from "../../train/index.js";

/** The question whose answer is only a comment. */
export const CAPTION_PROMPT = "<image>\nPlease comment on this photo.";

/** No token carries a score. */
const NO_SCORES = { write: () => "", slotIds: [] };

/**
 * Cross-entropy of a comment, drawn anew each time a picture is seen. It reads no scores.
 *
 * @param parts its strategy is not looked at
 */
export function captionObjective({ model, processor }: StrategyParts): Objective {
  const texts = new TextCache(processor);
  return {
    loss(pictures, mixed) {
      const examples = pictures.map(({ sample, image, random }) => {
        const comments = plainComments(sample);
        return { image, prompt: CAPTION_PROMPT, answer: comments[random.int(comments.length)] ?? "", labels: {} };
      });
      const batch = collate(examples, processor, NO_SCORES, texts);
      const hidden = mixed(() => model.forward(batch.input)).to(model.dtype);
      const loss = textLoss({ model, hidden, targets: batch.targets });
      return { loss, terms: { text: loss } };
    },
    predict: (images) => images.map(() => NaN),
  };
}

/** Braces would read as placeholders of scores. */
function plainComments({ comments = [] }: Sample): string[] {
  return comments.map((comment) => comment.replace(/[{}]/g, ""));
}
