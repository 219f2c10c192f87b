/** HLA-GCN (She et al., CVPR 2021): see network.ts. */
import { RocError } from "../../errors.js";
import type { ParamSource } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";
import { madeBy } from "../common/load.js";
import { votesLoss } from "../common/losses.js";
import { wantedOutputs } from "../common/outputs.js";
import { PixelsBaseline } from "../common/pixels-baseline.js";
import { refuseAttributes } from "../common/rating-config.js";
import { torchvisionResNet } from "../common/resnet-pretrained.js";
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
import { distributionOf, parseHlaGcnConfig, PUBLISHED, TINY, type HlaGcnConfig } from "./config.js";
import { HLAGCN, hlagcnFacts } from "./facts.js";
import { shapedInputs } from "./inputs.js";
import { HlaGcnNetwork } from "./network.js";

class HlaGcn extends PixelsBaseline {
  readonly family = HLAGCN;
  readonly config: Readonly<Record<string, unknown>>;
  readonly outputs: readonly Output[];
  readonly inputs: PixelsBaseline["inputs"];

  constructor(
    { raw, score, steps }: HlaGcnConfig,
    private readonly network: HlaGcnNetwork,
  ) {
    super(network.params);
    this.config = raw;
    this.outputs = [score];
    this.inputs = shapedInputs(steps);
  }

  protected answer(pixels: Tensor, training: boolean, { aspect }: Inputs): Answer {
    if (!aspect) throw new RocError("USAGE", "aspect is missing: give what inputs.batch() gives.");
    const { predicted, features } = this.network.forward(pixels, aspect.to({ device: this.device }), training);
    return { outputs: { [SCORE]: predicted }, features };
  }

  /** EMD per picture. */
  loss(answer: Answer, targets: Targets): Loss {
    const emd = votesLoss(answer, targets);
    return { loss: emd, terms: { emd } };
  }
}

function configure(wanted: NewModel): Record<string, unknown> {
  refuseAttributes(hlagcnFacts.title, wanted);
  return { model_type: HLAGCN, ...wantedOutputs(distributionOf(wanted)), ...(wanted.tiny ? TINY : PUBLISHED) };
}

function created(config: HlaGcnConfig, source: ParamSource): HlaGcn {
  return new HlaGcn(config, new HlaGcnNetwork(source, config));
}

/** See {@link System}. */
export const hlagcn: System = {
  ...hlagcnFacts,
  ...madeBy(parseHlaGcnConfig, created),
  configure,
  pretrained: (checkpoint, config) => torchvisionResNet(checkpoint, parseHlaGcnConfig(config, checkpoint.path).resnet),
};
