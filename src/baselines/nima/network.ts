/**
 * NIMA (Talebi and Milanfar, arXiv 1709.05424): the features of an ImageNet network, pooled, dropout, and a linear map to the
 * distribution of the ratings.
 */
import { Linear, Params, type ParamSource } from "../../nn/index.js";
import { aten, type Tensor } from "../../torch/index.js";
import { CroppedInputs } from "../common/inputs.js";
import { noLoss, ratedRows, votesLoss } from "../common/losses.js";
import { open, outputsOf } from "../common/outputs.js";
import { PixelsBaseline } from "../common/pixels-baseline.js";
import { ValueInputs } from "../common/value-inputs.js";
import { SCORE, type Answer, type Loss, type Output, type PictureInputs, type Targets } from "../types.js";
import type { NimaConfig } from "./config.js";
import type { Features } from "./features.js";
import { InceptionResnetV2 } from "./inception-resnet.js";
import { MobileNet } from "./mobilenet.js";
import { Vgg16 } from "./vgg.js";

const dropout = aten("dropout");

function featuresOf(params: Params, { variant, width, repeats }: NimaConfig): Features {
  switch (variant) {
    case "vgg16":
      return new Vgg16(params.at("features"), width);
    case "inception_resnet_v2":
      return new InceptionResnetV2(params, width, repeats);
    case "mobilenet":
      return new MobileNet(params, width);
  }
}

/** The name of an output's linear map. An attribute's name may hold dots. */
function headName(index: number): readonly (string | number)[] {
  return index === 0 ? ["classifier"] : ["attributes", index - 1];
}

export class Nima extends PixelsBaseline {
  readonly family = "nima";
  readonly outputs: readonly Output[];
  readonly inputs: PictureInputs;
  readonly #features: Features;
  readonly #heads: readonly Linear[];

  constructor(
    readonly config: NimaConfig & Record<string, unknown>,
    source: ParamSource,
  ) {
    const params = new Params(source);
    super(params);
    this.outputs = outputsOf(config).map(open);
    this.inputs = new (config.image.resize === "values" ? ValueInputs : CroppedInputs)(config.image);
    this.#features = featuresOf(params.at("base_model"), config);
    const { channels } = this.#features;
    const places = config.pool === "flatten" ? this.#features.sideOf(config.image.crop) ** 2 : 1;
    this.#heads = this.outputs.map(({ values }, i) => {
      const inputs = channels * places;
      // As PyTorch's Linear: uniform up to the root of 1 / inputs.
      const init = { std: (3 * inputs) ** -0.5 };
      return new Linear(params.at(...headName(i)), inputs, values?.length ?? 1, { bias: true, init });
    });
  }

  protected answer(pixels: Tensor, training: boolean): Answer {
    const seen = this.#features.forward(pixels, training);
    const features = this.config.pool === "flatten" ? seen.flatten(1) : seen.mean([2, 3]);
    const kept = training ? dropout(features, this.config.dropout, true) : features;
    const outputs = this.outputs.map((output, i) => [output.name, this.#read(kept, i)] as const);
    return { outputs: Object.fromEntries(outputs), features };
  }

  /** The distribution, or a number from 0 to 1 put on the output's scale: labels are put from 0 to 1, as in pyiqa's NIMA. */
  #read(features: Tensor, index: number): Tensor {
    const { scale, values } = this.outputs[index] as Output;
    const logits = (this.#heads[index] as Linear).forward(features);
    if (values) return logits.softmax(1);
    return logits
      .squeeze(1)
      .mul(scale.max - scale.min)
      .add(scale.min);
  }

  /** The earth mover's distance to the votes, and the mean square of every other number over the range of its scale. */
  loss(answer: Answer, targets: Targets): Loss {
    const terms = this.outputs.map((output) => {
      if (output.values) return ["emd", votesLoss(answer, targets)] as const;
      return [output.name === SCORE ? "mse" : output.name, rangeLoss(answer, targets, output)] as const;
    });
    const loss = terms.map(([, term]) => term).reduce((sum, term) => sum.add(term));
    return { loss, terms: Object.fromEntries(terms) };
  }
}

function rangeLoss(answer: Answer, targets: Targets, { name, scale }: Output): Tensor {
  const predicted = answer.outputs[name] as Tensor;
  const scores = targets.scores[name];
  const rated = scores && ratedRows(predicted, scores);
  if (!scores || !rated) return noLoss(predicted);
  const distance = rated.sub(ratedRows(scores, scores) as Tensor).div(scale.max - scale.min);
  return distance.mul(distance).mean();
}
