/**
 * Malu, Bapi and Indurkhya, "Learning Photography Aesthetics with Deep CNNs" (arXiv 1707.03981): the means over the picture of what
 * every block of a ResNet-50 gives, normalised, and a linear map for the score and each attribute.
 */
import { Linear, Params, type ParamSource } from "../../nn/index.js";
import { aten, cat, scope, type Tensor } from "../../torch/index.js";
import { onScale, rangeLoss, rangeOf, type Range } from "../common/attributes.js";
import { CroppedInputs } from "../common/inputs.js";
import { outputsOf } from "../common/outputs.js";
import { PixelsBaseline } from "../common/pixels-baseline.js";
import { ResNet, stageChannels } from "../common/resnet.js";
import type { Answer, Loss, Output, Targets } from "../types.js";
import { networkOf, type MaluConfig } from "./config.js";

const flip = aten("flip");

/** ImageNet's means of the bytes, red first, as Keras subtracts them. */
const MEAN = [123.68, 116.779, 103.939] as const;

/** Sums of squares below it count as this, as in TensorFlow. */
const LEAST_SQUARES = 1e-12;

/** `x` over the root of its sum of squares along a dimension. */
function l2Normalized(x: Tensor, dim: 0 | 1): Tensor {
  return x.mul(x.mul(x).sum(dim, true).clamp(LEAST_SQUARES, null).rsqrt());
}

export class Malu extends PixelsBaseline {
  readonly family = "malu";
  readonly outputs: readonly Output[];
  readonly inputs: CroppedInputs;
  readonly mixesBatch: boolean;
  readonly #network: ResNet;
  readonly #heads: readonly Linear[];
  readonly #ranges: readonly Range[];

  constructor(
    readonly config: MaluConfig & Record<string, unknown>,
    source: ParamSource,
  ) {
    const params = new Params(source);
    super(params);
    const { size, filter, mirror } = config;
    this.outputs = outputsOf({ ...config, bins: undefined });
    this.#ranges = this.outputs.map((output) => rangeOf(output, config.nonNegative));
    this.mixesBatch = config.normalize === "batch";
    const values = { rescale: null, mean: MEAN, std: [1, 1, 1] } as const;
    this.inputs = new CroppedInputs({ fit: "squash", side: size, crop: size, filter, mirror, ...values });
    const network = networkOf(config);
    this.#network = new ResNet(params, network);
    const features = stageChannels(network).reduce((sum, channels, i) => sum + channels * (network.depths[i] ?? 0), 0);
    // Keras' "glorot_uniform".
    const init = { bound: Math.sqrt(6 / (features + 1)) };
    this.#heads = this.outputs.map(
      ({ name }) => new Linear(params.at("heads", name), features, 1, { bias: true, init }),
    );
  }

  protected answer(pixels: Tensor, training: boolean): Answer {
    const features = scope(() => this.#featuresOf(pixels, training));
    const outputs = this.outputs.map(({ name }, i) => [name, this.#read(features, i)] as const);
    return { outputs: Object.fromEntries(outputs), features };
  }

  /** The last block's are normalised before all are. */
  #featuresOf(pixels: Tensor, training: boolean): Tensor {
    const dim = this.config.normalize === "batch" ? 0 : 1;
    const blueFirst = flip(pixels, [1]);
    const means = this.#network.blocks(blueFirst, training, (output) => output.mean([2, 3])).flat();
    const last = means.pop() as Tensor;
    return l2Normalized(cat([...means, l2Normalized(last, dim)], 1), dim);
  }

  #read(features: Tensor, index: number): Tensor {
    const range = this.#ranges[index] as Range;
    const number = (this.#heads[index] as Linear).forward(features).squeeze(1);
    return onScale(range.low === 0 ? number.sigmoid() : number.tanh(), range);
  }

  /** The mean squares, each by its weight. */
  loss(answer: Answer, targets: Targets): Loss {
    const { attributes, untaught } = this.config.loss;
    const terms = this.outputs.map(
      ({ name }, i) => [name, rangeLoss(answer, targets, name, this.#ranges[i] as Range)] as const,
    );
    const loss = terms
      .map(([name, term], i) => (i === 0 ? term : term.mul(untaught.includes(name) ? 0 : attributes)))
      .reduce((sum, term) => sum.add(term));
    return { loss, terms: Object.fromEntries(terms) };
  }
}
