/** Scores as digits in the text: written, generated and parsed. */
import type { ImageBatch } from "../../models/types.js";
import { inferenceMode, scope } from "../../torch/index.js";
import { idTensor } from "../ids.js";
import { splitImages } from "../images.js";
import type { ScoreReading } from "../reading.js";
import type { AnswerReading, Strategy, StrategyParts } from "../strategy.js";
import { answerPattern, scoreNames } from "../template.js";
import type { Scale } from "../vocabulary.js";

/** Digits after the point, as the paper's example ("7.25"). */
const DECIMALS = 2;

/** Room for an answer that is a little longer than the canonical one, in tokens. */
const SLACK = 16;

export function directStrategy(scale: Scale): Strategy {
  return {
    name: "direct",
    scale,
    write: (score) => score.toFixed(DECIMALS),
    slotIds: [],
    read: (parts, images) =>
      inferenceMode(() => scope(() => splitImages(images).map((image) => readOne(parts, image, scale)))),
  };
}

function readOne(parts: StrategyParts, image: ImageBatch, scale: Scale): AnswerReading {
  const text = parts.processor.tokenizer.decode(answerTo(parts, image), { skipSpecialTokens: true });
  return { scores: parseScores(text, parts.templates.answers[0] ?? "", scale), text: text.trim() };
}

/**
 * The numbers that an answer of the given template holds. None is understood where the text does not begin as the
 * template, and those outside of the scale are not either: a failure is never a score.
 */
export function parseScores(text: string, template: string, scale: Scale): (ScoreReading | null)[] {
  const names = scoreNames(template);
  const found = answerPattern(template, String.raw`(-?\d+(?:\.\d+)?)`).exec(text.trim());
  return names.map((_, index) => {
    const value = Number(found?.[index + 1] ?? NaN);
    return value >= scale.min && value <= scale.max ? { value, std: null, distribution: null } : null;
  });
}

/** Greedy ids of an answer, no longer than the canonical one and some. */
function answerTo({ model, processor, templates }: StrategyParts, image: ImageBatch): number[] {
  const [prompt = "", answer = ""] = [templates.prompts[0], templates.answers[0]];
  const longest = processor.answer(answer).length + SLACK;
  using cache = model.newCache();
  const ids: number[] = [];
  let input = processor.prompt(prompt, image);
  while (ids.length < longest) {
    const id = scope(() => {
      const inputIds = idTensor(input, model.device, [1, input.length]);
      const hidden = model.forward({ inputIds, ...(cache.length === 0 && { images: image }) }, cache);
      return model.logits(hidden.select(1, -1)).argmax().item();
    });
    if (id === processor.endTokenId) break;
    ids.push(id);
    input = [id];
  }
  return ids;
}
