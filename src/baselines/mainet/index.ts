/** MAINet, what is public of it: the network of the authors' inference; what is not: docs/baselines.md. */
import { RocError } from "../../errors.js";
import { Linear, Params, type ParamSource } from "../../nn/index.js";
import { scope, type Tensor } from "../../torch/index.js";
import { pytorchInit } from "../common/initial.js";
import { madeBy } from "../common/load.js";
import { squaredLoss } from "../common/losses.js";
import { wantedOutputs } from "../common/outputs.js";
import { PixelsBaseline } from "../common/pixels-baseline.js";
import { refuseAttributes, refuseBins } from "../common/rating-config.js";
import { torchvisionResNet } from "../common/resnet-pretrained.js";
import { ResNet, stageChannels } from "../common/resnet.js";
import {
  SCORE,
  type Answer,
  type Inputs,
  type Loss,
  type NewModel,
  type Output,
  type System,
  type Targets,
} from "../types.js";
import { parseMainetConfig, PUBLISHED, TINY, type MainetConfig } from "./config.js";
import { Encoder } from "./encoder.js";
import { MAINET, mainetFacts } from "./facts.js";
import { scaledInputs, SCALES } from "./inputs.js";

/** Where the two networks of the authors' file are. */
const BACKBONE = "model_backbone";
const TRANSFORMER = "model_transformer";

class Mainet extends PixelsBaseline {
  readonly family = MAINET;
  readonly config: Readonly<Record<string, unknown>>;
  readonly outputs: readonly Output[];
  readonly inputs: PixelsBaseline["inputs"];
  readonly #resnet: ResNet;
  readonly #encoder: Encoder;
  readonly #head: readonly [Linear, Linear];

  constructor({ raw, score, steps, resnet, encoder }: MainetConfig, source: ParamSource) {
    const params = new Params(source);
    super(params);
    this.config = raw;
    this.outputs = [score];
    this.inputs = scaledInputs(steps);
    this.#resnet = new ResNet(params.at(BACKBONE), resnet);
    const own = params.at(TRANSFORMER);
    this.#encoder = new Encoder(own, stageChannels(resnet).at(-1) ?? 0, encoder);
    const { hidden, headFeatures } = encoder;
    const map = (index: number, inputs: number, outputs: number): Linear =>
      new Linear(own.at("projection", index), inputs, outputs, { bias: false, init: pytorchInit(inputs).init });
    this.#head = [map(0, hidden, headFeatures), map(2, headFeatures, 1)];
  }

  protected answer(pixels: Tensor, training: boolean, inputs: Inputs): Answer {
    const scales = SCALES.map((name) => {
      const values = name === "pixelValues" ? pixels : inputs[name];
      if (!values) throw new RocError("USAGE", `${name} is missing: give what inputs.batch() gives.`);
      return values.to({ dtype: this.dtype, device: this.device });
    });
    const maps = scales.map((values) => scope(() => this.#resnet.forward(values, training)));
    const features = this.#encoder.forward(maps, training);
    const [first, last] = this.#head;
    return { outputs: { [SCORE]: last.forward(first.forward(features).gelu()).squeeze(1) }, features };
  }

  /** The mean squared error on the score's own scale: which loss the authors took is not public. */
  loss(answer: Answer, targets: Targets): Loss {
    const mse = squaredLoss(answer, targets, SCORE);
    return { loss: mse, terms: { mse } };
  }
}

function configure(wanted: NewModel): Record<string, unknown> {
  refuseAttributes(mainetFacts.title, wanted);
  refuseBins(mainetFacts.title, wanted);
  return { model_type: MAINET, ...wantedOutputs(wanted), ...(wanted.tiny ? TINY : PUBLISHED) };
}

/** See {@link System}. */
export const mainet: System = {
  ...mainetFacts,
  ...madeBy(parseMainetConfig, (config, source) => new Mainet(config, source)),
  configure,
  pretrained(checkpoint, config) {
    return torchvisionResNet(checkpoint, parseMainetConfig(config, checkpoint.path).resnet, { under: `${BACKBONE}.` });
  },
};
