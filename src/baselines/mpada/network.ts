/**
 * Sheng et al., "Attention-based Multi-Patch Aggregation for Image Aesthetic Assessment" (ACM MM 2018), as MP_ada: a ResNet-18 with
 * two classes, trained by a cross entropy that weighs what is wrong, and read by the mean over several crops.
 */
import { Linear, Params, type ParamSource } from "../../nn/index.js";
import { aten, fromTypedArray, scope, stack, type Tensor } from "../../torch/index.js";
import { noLoss, ratedPair } from "../common/losses.js";
import { outputsOf } from "../common/outputs.js";
import { PixelsBaseline } from "../common/pixels-baseline.js";
import { ResNet, stageChannels } from "../common/resnet.js";
import { SCORE, type Answer, type Loss, type Output, type Targets } from "../types.js";
import { networkOf, type MpadaConfig } from "./config.js";
import { Crops } from "./inputs.js";

const flip = aten("flip");
const logSoftmax = aten("log_softmax.int");

/** What a batch of crops gives. */
interface Look {
  /** `[crops, channels]` */
  readonly features: Tensor;
  /** Of each output, `[crops, 2]`: bad, good. */
  readonly logits: readonly Tensor[];
}

export class Mpada extends PixelsBaseline {
  readonly family = "mpada";
  readonly outputs: readonly Output[];
  readonly inputs: Crops;
  readonly #network: ResNet;
  readonly #heads: readonly Linear[];

  constructor(
    readonly config: MpadaConfig & Record<string, unknown>,
    source: ParamSource,
  ) {
    const params = new Params(source);
    super(params);
    this.outputs = outputsOf({ ...config, bins: undefined });
    this.inputs = new Crops(config);
    const network = networkOf(config);
    this.#network = new ResNet(params, network);
    const features = stageChannels(network).at(-1) ?? 0;
    // tensorpack's "variance scaling".
    const init = { std: Math.sqrt(2 / features) };
    this.#heads = this.outputs.map((_, i) => {
      const own = i === 0 ? params.at("linear") : params.at("attributes", i - 1);
      return new Linear(own, features, 2, { bias: true, init });
    });
  }

  /**
   * @param pixels `[B, crops, 3, crop, crop]`. In a test the crops of one picture are a batch, so that libtorch arranges the weights
   *   once a picture and a score is the same in whatever company; in training a batch norm sees a crop of each picture.
   */
  protected answer(pixels: Tensor, training: boolean): Answer {
    const [along, across] = training ? ([1, 0] as const) : ([0, 1] as const);
    const looks = Array.from({ length: pixels.size(along) }, (_, n) =>
      scope(() => this.#look(flip(pixels.select(along, n), [1]), training)),
    );
    const together = (pick: (look: Look) => Tensor): Tensor => stack(looks.map(pick), across);
    const logits = this.outputs.map(({ name }, i) => [name, together((look) => look.logits[i] as Tensor)] as const);
    const outputs = logits.map(([name, each], i) => {
      const { min, max } = (this.outputs[i] as Output).scale;
      return [
        name,
        this.#share(each)
          .mul(max - min)
          .add(min),
      ] as const;
    });
    const features = together((look) => look.features).mean(0);
    return { outputs: Object.fromEntries(outputs), features, forLoss: Object.fromEntries(logits) };
  }

  #look(blueFirst: Tensor, training: boolean): Look {
    const features = this.#network.forward(blueFirst, training).mean([2, 3]);
    return { features, logits: this.#heads.map((head) => head.forward(features)) };
  }

  /** `[crops, B, 2]` to `[B]`, from 0 to 1, of the good class. */
  #share(logits: Tensor): Tensor {
    const good = logits.softmax(2).select(2, 1);
    return (this.config.score === "votes" ? good.gt(0.5).to(good.dtype) : good).mean(0);
  }

  /** Cross entropy times 1 - p^beta, p being the probability of the right class; the mean over pictures and crops. */
  loss(answer: Answer, targets: Targets): Loss {
    const terms = this.outputs.map((output) => {
      const { name } = output;
      // Of the crops, `[crops, B, 2]`.
      const logits = answer.forLoss?.[name] as Tensor;
      const losses = Array.from({ length: logits.size(0) }, (_, n) =>
        this.#classLoss(logits.select(0, n), targets.scores[name], this.#threshold(output)),
      );
      return [name === SCORE ? "cross entropy" : name, stack(losses).mean()] as const;
    });
    const loss = terms.map(([, term]) => term).reduce((sum, term) => sum.add(term));
    return { loss, terms: Object.fromEntries(terms) };
  }

  #threshold({ name, scale }: Output): number {
    return (name === SCORE ? this.config.threshold : undefined) ?? (scale.min + scale.max) / 2;
  }

  #classLoss(logits: Tensor, scores: Tensor | undefined, threshold: number): Tensor {
    const pair = ratedPair(logits, scores, scores);
    if (!pair) return noLoss(logits);
    const [rated, ratings] = pair;
    const labels = ratings.toNumbers().map((score) => BigInt(score >= threshold));
    const index = fromTypedArray(BigInt64Array.from(labels), [labels.length, 1], { device: logits.device });
    const right = logSoftmax(rated, 1).gather(1, index).squeeze(1);
    const { beta } = this.config;
    return (beta === 0 ? right : right.mul(right.mul(beta).exp().neg().add(1))).mean().neg();
  }
}
