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

/** What one crop of each picture gives. */
interface Look {
  /** `[B, channels]` */
  readonly features: Tensor;
  /** Of each output, `[B, 2]`: bad, good. */
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

  /** @param pixels `[B, crops, 3, crop, crop]` */
  protected answer(pixels: Tensor, training: boolean): Answer {
    const looks = Array.from({ length: pixels.size(1) }, (_, n) =>
      scope(() => this.#look(flip(pixels.select(1, n), [1]), training)),
    );
    const outputs = this.outputs.map(({ name, scale }, i) => {
      const shares = looks.map(({ logits }) => this.#share(logits[i] as Tensor));
      const share = stack(shares).mean(0);
      return [name, share.mul(scale.max - scale.min).add(scale.min)] as const;
    });
    const features = stack(looks.map((look) => look.features)).mean(0);
    const logits = this.outputs.map(
      ({ name }, i) => [name, stack(looks.map((look) => look.logits[i] as Tensor))] as const,
    );
    return { outputs: Object.fromEntries(outputs), features, forLoss: Object.fromEntries(logits) };
  }

  #look(blueFirst: Tensor, training: boolean): Look {
    const features = this.#network.forward(blueFirst, training).mean([2, 3]);
    return { features, logits: this.#heads.map((head) => head.forward(features)) };
  }

  /** `[B]`, from 0 to 1, of the good class. */
  #share(logits: Tensor): Tensor {
    const good = logits.softmax(1).select(1, 1);
    return this.config.score === "votes" ? good.gt(0.5).to(good.dtype) : good;
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
