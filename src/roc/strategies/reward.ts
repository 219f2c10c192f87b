/** A reward head (HPSv3): a small network on the hidden state at a token of the prompt gives a mean and a deviation. */
import { RocError } from "../../errors.js";
import { checkFinite } from "../../generation/index.js";
import { aten, noGrad, type Tensor } from "../../torch/index.js";
import { withPictures } from "../pictures.js";
import type { Strategy } from "../strategy.js";
import type { Scale } from "../vocabulary.js";

const linear = aten("linear");

/** A linear map, in float32 as the authors compute it. */
export interface RewardMap {
  /** As the files call it. */
  readonly name: string;
  /** `[outputs, inputs]` */
  readonly weight: Tensor;
  /** `[outputs]` */
  readonly bias: Tensor;
}

/**
 * @param maps the head's, with a ReLU between two of them: from the hidden size to 2
 * @param tokenId of the token whose hidden state it takes; the strategy owns the maps' tensors
 */
export function rewardStrategy(scale: Scale, maps: readonly RewardMap[], tokenId: number): Strategy {
  return {
    name: "reward",
    scale,
    write: (score) => score.toFixed(2),
    slotIds: [],
    generates: true,
    once: true,
    dispose() {
      for (const { weight, bias } of maps) for (const tensor of [weight, bias]) tensor.dispose();
    },
    read(parts, pictures) {
      const { model, processor, templates } = parts;
      const [prompt = "", answer = ""] = [templates.prompts[0], templates.answers[0]];
      if (answer !== REWARD_ANSWER) {
        throw new RocError(
          "USAGE",
          "--answer: this checkpoint's score is a reward head's, which reads no other answers. Use --ask.",
        );
      }
      return withPictures(
        model,
        pictures,
        (own) => {
          const texts = own.prompts(processor, prompt).map((ids) => {
            const at = ids.lastIndexOf(tokenId);
            if (at < 0)
              throw new RocError(
                "TOKENIZER_INVALID",
                `The prompt holds no token of id ${tokenId}, where the score is read.`,
              );
            // What follows cannot change a causal model's hidden state.
            return { ids: ids.slice(0, at + 1), at: [at] };
          });
          const outputs = noGrad(() => rewards(own.hidden(texts), maps)).toNumbers();
          const deviations = outputs.filter((_, i) => i % 2 === 1).map(Math.exp);
          checkFinite([...outputs, ...deviations], model, named(maps));
          return texts.map(({ at }, b) => {
            const [mean = NaN, logDeviation = NaN] = outputs.slice(2 * b);
            const reading = { value: mean, std: Math.exp(logDeviation), distribution: null };
            return { scores: [reading], at, text: `[${mean.toFixed(4)}, ${logDeviation.toFixed(4)}]` };
          });
        },
        { once: true },
      );
    },
  };
}

/** The whole answer of a scorer with a reward head. */
export const REWARD_ANSWER = "{overall}";

function named(maps: readonly RewardMap[]): Map<string, Tensor> {
  return new Map(
    maps.flatMap(({ name, weight, bias }) => [[`${name}.weight`, weight] as const, [`${name}.bias`, bias]]),
  );
}

/** `[pictures, hiddenSize]` to `[pictures, 2]`, in float32. */
function rewards(hidden: Tensor, maps: readonly RewardMap[]): Tensor {
  return maps.reduce((x, { weight, bias }, index) => {
    const y = linear(x, weight, bias);
    return index < maps.length - 1 ? y.relu() : y;
  }, hidden.to("float32"));
}
