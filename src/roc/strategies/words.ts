/** A published scorer's words: the softmax over their first tokens behind the prompt and the stem, by one forward. */
import { RocError } from "../../errors.js";
import { checkFinite } from "../../generation/index.js";
import type { MllmProcessor } from "../../models/types.js";
import { withPictures } from "../pictures.js";
import { evenly, readScore } from "../reading.js";
import type { Strategy } from "../strategy.js";
import { fillSlots } from "../template.js";
import type { Scale } from "../vocabulary.js";
import { argmax, readByCandidates } from "./candidates.js";

export interface Words {
  /** Worst first, as they are tokenised. */
  readonly words: readonly string[];
  /** Each is one token of the vocabulary. */
  readonly whole?: boolean | undefined;
  /** What comes before the word, tokenised by itself. */
  readonly stem: string;
}

/** The canonical answer is the stem and a word; another answer's scores are read as level words'. */
export function wordsStrategy(scale: Scale, asked: Words): Strategy {
  const values = evenly(asked.words.length, scale);
  const shown = asked.words.map((word) => word.trim());
  const canonical = wordsAnswer(asked);
  return {
    name: "words",
    scale,
    write: (score) => shown[Math.round(((score - scale.min) / (scale.max - scale.min)) * (shown.length - 1))] ?? "",
    slotIds: [],
    generates: false,
    once: true,
    read(parts, pictures, answers) {
      const { model, processor, templates } = parts;
      const [prompt = "", answer] = [templates.prompts[0], templates.answers[0]];
      if (answers || answer !== canonical) return readByCandidates(parts, pictures, { texts: shown, values }, answers);
      return withPictures(
        model,
        pictures,
        (own) => {
          const stem = encoded(processor, asked.stem);
          const texts = own.prompts(processor, prompt).map((ids) => {
            const all = [...ids, ...stem];
            return { ids: all, at: [all.length - 1] };
          });
          const logits = model.logits(own.hidden(texts), wordIds(processor, asked)).toNumbers();
          checkFinite(logits, model);
          return texts.map(({ at }, b) => {
            const row = logits.slice(b * values.length, (b + 1) * values.length);
            return { scores: [readScore(row, { values })], at, text: fillSlots(canonical, [shown[argmax(row)] ?? ""]) };
          });
        },
        { once: true },
      );
    },
  };
}

/** What a scorer by words answers, with a placeholder for the word. */
export function wordsAnswer({ words, stem }: Words): string {
  return `${stem}${words[0]?.startsWith(" ") ? " " : ""}{overall}`;
}

function encoded({ tokenizer }: MllmProcessor, text: string): number[] {
  return text === "" ? [] : tokenizer.encode(text, { addSpecialTokens: false });
}

/** @throws RocError TOKENIZER_INVALID where a word has no token, or two have the same */
function wordIds(processor: MllmProcessor, { words, whole = false }: Words): number[] {
  const ids = words.map((word) => (whole ? processor.tokenizer.tokenToId(word) : encoded(processor, word)[0]));
  const remedy = "Take the tokenizer's files from the checkpoint.";
  const missing = words.find((_, index) => ids[index] === undefined);
  if (missing !== undefined)
    throw new RocError("TOKENIZER_INVALID", `The tokenizer has no token "${missing}". ${remedy}`);
  if (new Set(ids).size === ids.length) return ids as number[];
  const first = `the first tokens of ${words.map((word) => JSON.stringify(word)).join(", ")}`;
  throw new RocError("TOKENIZER_INVALID", `The tokenizer does not tell ${first} apart. ${remedy}`);
}
