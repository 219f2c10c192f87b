/**
 * Kong et al., "Photo Aesthetics Ranking Network with Attributes and Content Adaptation" (ECCV 2016), without the content branch,
 * which the published model lacks: AlexNet, a branch for each attribute, and the score of all branches.
 */
import { Linear, Params, type ParamSource } from "../../nn/index.js";
import { aten, cat, type Tensor } from "../../torch/index.js";
import { inRange, onScale, rangeLoss, rangeOf, type Range } from "../common/attributes.js";
import { CroppedInputs } from "../common/inputs.js";
import { noLoss } from "../common/losses.js";
import { outputsOf } from "../common/outputs.js";
import { PixelsBaseline } from "../common/pixels-baseline.js";
import { SCORE, type Answer, type Loss, type Output, type Targets } from "../types.js";
import { AlexNet, drawn, widthOf } from "./alexnet.js";
import type { KongConfig } from "./config.js";
import { comparedPairs, pairLoss } from "./pairs.js";

const flip = aten("flip");

const STD = 0.01;

/** ImageNet's mean picture in Caffe, blue first, for models that have none of their own. */
const MEAN = [104.00699, 116.66877, 122.67892];

function meanPicture(size: number): Float32Array {
  const each = size * size;
  return Float32Array.from({ length: 3 * each }, (_, i) => MEAN[Math.floor(i / each)] ?? 0);
}

/** An attribute's branch. */
interface Branch {
  readonly features: Linear;
  readonly value: Linear;
}

export class Kong extends PixelsBaseline {
  readonly family = "kong";
  readonly outputs: readonly Output[];
  readonly inputs: CroppedInputs;
  readonly #mean: Tensor;
  readonly #network: AlexNet;
  readonly #own: Linear;
  readonly #branches: readonly Branch[];
  readonly #merge: Linear;
  readonly #score: Linear;
  readonly #ranges: readonly Range[];

  constructor(
    readonly config: KongConfig & Record<string, unknown>,
    source: ParamSource,
  ) {
    const params = new Params(source);
    super(params);
    const { size, filter, mirror, nonNegative } = config;
    const outputs = outputsOf({ ...config, bins: undefined });
    this.outputs = config.clip ? outputs : outputs.map((output) => ({ ...output, unbounded: true }));
    this.#ranges = this.outputs.map((output) => rangeOf(output, nonNegative));
    const values = { rescale: null, mean: [0, 0, 0], std: [1, 1, 1] } as const;
    this.inputs = new CroppedInputs({ fit: "squash", side: size, crop: size, filter, mirror, ...values });
    this.#mean = params.buffer("mean", [3, size, size], { table: () => meanPicture(size) });
    this.#network = new AlexNet(params, config);
    const { channels } = this.#network;
    const [own, each, merged] = [512, 256, 128].map((units) => widthOf(units, config.width)) as [
      number,
      number,
      number,
    ];
    const map = (name: string, inputs: number, outputs: number): Linear =>
      new Linear(params.at(name), inputs, outputs, { bias: true, init: drawn(STD, inputs, inputs / config.width) });
    this.#own = map("fc8new", channels, own);
    this.#branches = this.outputs.slice(1).map(({ name }) => ({
      features: map(`fc8_${name}`, channels, each),
      value: map(`fc9_${name}`, each, 1),
    }));
    this.#merge = map("fc10_merge", own + each * this.#branches.length, merged);
    this.#score = map("fc11_score", merged, 1);
  }

  protected answer(pixels: Tensor, training: boolean): Answer {
    const blueFirst = flip(pixels, [1]).sub(this.#mean);
    const seen = this.#network.forward(blueFirst, training);
    const branches = this.#branches.map(({ features }) => features.forward(seen).relu());
    const merged = this.#merge.forward(cat([this.#own.forward(seen).relu(), ...branches], 1)).relu();
    const numbers = [
      this.#score.forward(merged),
      ...this.#branches.map(({ value }, i) => value.forward(branches[i] as Tensor)),
    ];
    const outputs = this.outputs.map(({ name }, i) => [name, this.#read(numbers[i] as Tensor, i, training)] as const);
    return { outputs: Object.fromEntries(outputs), features: merged };
  }

  #read(numbers: Tensor, index: number, training: boolean): Tensor {
    const range = this.#ranges[index] as Range;
    const flat = numbers.squeeze(1);
    return onScale(this.config.clip && !training ? flat.clamp(range.low, 1) : flat, range);
  }

  /** Half the mean square of the score, the pairs' term, and half the mean squares of the attributes, by the config's weights. */
  loss(answer: Answer, targets: Targets): Loss {
    const { rank, attributes, margin, gap } = this.config.loss;
    const half = (output: Output, i: number): Tensor =>
      rangeLoss(answer, targets, output.name, this.#ranges[i] as Range).mul(0.5);
    const [regression, ...others] = this.outputs.map(half) as [Tensor, ...Tensor[]];
    const pair = inRange(answer, targets, SCORE, this.#ranges[0] as Range);
    const terms = {
      regression,
      rank: pair
        ? pairLoss(pair, comparedPairs(pair.rated.toNumbers(), gap, ratersOfRated(targets)), margin)
        : noLoss(answer.outputs[SCORE] as Tensor),
      ...(others.length > 0 && { attributes: others.reduce((sum, term) => sum.add(term)) }),
    };
    const weighted = regression.add(terms.rank.mul(rank));
    const loss = terms.attributes ? weighted.add(terms.attributes.mul(attributes)) : weighted;
    return { loss, terms };
  }
}

/** The raters of the pictures that have a score, in their order. */
function ratersOfRated({ raters, scores }: Targets): Targets["raters"] {
  const given = scores[SCORE]?.toNumbers();
  return raters?.filter((_, i) => !Number.isNaN(given?.[i]));
}
