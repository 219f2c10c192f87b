/** How a published scorer's scores are read: its data as a strategy and texts. */
import { RocError } from "../../errors.js";
import type { GenerationOptions } from "../../generation/types.js";
import type { Mllm, MllmProcessor } from "../../models/types.js";
import type { Strategy } from "../strategy.js";
import { levelStrategy } from "../strategies/level.js";
import { numberStrategy, NUMBER_ANSWER } from "../strategies/number.js";
import { rewardStrategy, REWARD_ANSWER, type RewardMap } from "../strategies/reward.js";
import { wordsAnswer, wordsStrategy } from "../strategies/words.js";
import type { RocTemplates } from "../template.js";
import type { ChosenScorer } from "./index.js";
import type { RewardReading } from "./types.js";

/** What a reading needs of a loaded checkpoint. */
export interface ReadingParts {
  readonly model: Mllm;
  readonly processor: MllmProcessor;
  /** A tensor of the weights that is not the model's own, in float32: the caller's. */
  readonly tensor: (name: string) => RewardMap["weight"];
  /** The checkpoint's generation_config.json. */
  readonly generation: GenerationOptions;
}

/** The scorer's question and answer as templates. */
export function scorerTemplates({ scorer: { reading, scale }, info }: ChosenScorer): RocTemplates {
  return { prompts: [info.prompt], answers: [answerOf(reading, info.stem ?? "")], scale };
}

function answerOf(reading: ChosenScorer["scorer"]["reading"], stem: string): string {
  if (reading.kind === "words") return wordsAnswer({ ...reading, stem });
  if (reading.kind === "level") return `${stem} {overall}.`;
  return reading.kind === "reward" ? REWARD_ANSWER : NUMBER_ANSWER;
}

/** @throws RocError TOKENIZER_INVALID, CHECKPOINT_MISMATCH where the checkpoint lacks what the scorer reads */
export function scorerStrategy({ scorer, info }: ChosenScorer, parts: ReadingParts): Strategy {
  const { reading, scale, comments } = scorer;
  return { ...strategyFor(), scorer: info, ...(comments && { comments }) };

  function strategyFor(): Strategy {
    if (reading.kind === "words") return wordsStrategy(scale, { ...reading, stem: info.stem ?? "" });
    if (reading.kind === "level") return levelStrategy(scale, reading.words);
    if (reading.kind === "reward") return rewardStrategy(scale, headOf(reading, parts), tokenOf(reading, parts));
    // Their way of drawing is for who asks for it.
    const { sampling: theirs, ...greedy } = reading;
    if (info.sample === undefined) return numberStrategy(scale, greedy);
    const { temperature } = parts.generation.sampling ?? {};
    const sampling = { temperature, ...theirs, seed: info.sample };
    return numberStrategy(scale, { ...greedy, sampling });
  }
}

/** The id of the token that the head looks at; the tokenizer of the base model lacks it. */
function tokenOf({ token }: RewardReading, { processor: { tokenizer }, model }: ReadingParts): number {
  const id = tokenizer.tokenToId(token) ?? tokenizer.addTokens([token])[0] ?? -1;
  if (id >= 0 && id < model.vocabSize) return id;
  const text = `${token} has the id ${id}, but the weights have ${model.vocabSize} rows`;
  throw new RocError("CHECKPOINT_MISMATCH", `${text}. Take tokenizer and weights from the same checkpoint.`);
}

function headOf({ maps }: RewardReading, { tensor, model }: ReadingParts): RewardMap[] {
  const found: RewardMap[] = [];
  let inputs = model.hiddenSize;
  try {
    for (const [index, name] of maps.entries()) {
      const map = { name, weight: tensor(`${name}.weight`), bias: tensor(`${name}.bias`) };
      found.push(map);
      const outputs = map.weight.shape[0] ?? 0;
      const expected = index === maps.length - 1 ? 2 : outputs;
      if (map.weight.shape.join() !== [expected, inputs].join() || map.bias.shape.join() !== String(expected)) {
        const shape = `${name}.weight is [${map.weight.shape.join(", ")}], ${name}.bias [${map.bias.shape.join(", ")}]`;
        throw new RocError(
          "CHECKPOINT_MISMATCH",
          `${shape}: the model's head takes ${inputs} numbers. Fetch it again.`,
        );
      }
      inputs = outputs;
    }
  } catch (error) {
    for (const { weight, bias } of found) for (const one of [weight, bias]) one.dispose();
    throw error;
  }
  return found;
}

/** A processor whose prompts have a system text of their own. */
export function withSystem(processor: MllmProcessor, system: string): MllmProcessor {
  return {
    tokenizer: processor.tokenizer,
    endTokenId: processor.endTokenId,
    steps: processor.steps,
    images: (images) => processor.images(images),
    pixels: (picture) => processor.pixels(picture),
    prepare: (picture) => processor.prepare(picture),
    batch: (prepared) => processor.batch(prepared),
    prompt: (text, images) => processor.prompt(text, images, { system }),
    answer: (text) => processor.answer(text),
    save: (folder) => processor.save(folder),
  };
}
