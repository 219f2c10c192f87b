/** AesMamba (Gao et al., ACM MM 2024), its model of pictures alone: see network.ts; whose files are read: original.ts. */
import type { ParamSource } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";
import { madeBy } from "../common/load.js";
import { wantedOutputs } from "../common/outputs.js";
import { PixelsBaseline } from "../common/pixels-baseline.js";
import { refuseAttributes } from "../common/rating-config.js";
import { squashInputs } from "../common/squash-inputs.js";
import { SCORE, type Answer, type Loss, type NewModel, type Output, type System, type Targets } from "../types.js";
import { parseAesMambaConfig, picturesOf, TINY, VMAMBA_TINY, type AesMambaConfig } from "./config.js";
import { AESMAMBA, aesmambaFacts } from "./facts.js";
import { aesMambaLoss } from "./loss.js";
import { AesMambaNetwork } from "./network.js";
import { original, pretrained } from "./original.js";

class AesMamba extends PixelsBaseline {
  readonly family = AESMAMBA;
  readonly config: Readonly<Record<string, unknown>>;
  readonly outputs: readonly Output[];
  readonly inputs: PixelsBaseline["inputs"];

  constructor(
    private readonly parsed: AesMambaConfig,
    private readonly network: AesMambaNetwork,
  ) {
    super(network.params);
    this.config = parsed.raw;
    this.outputs = [parsed.score];
    this.inputs = squashInputs(parsed.steps, parsed.normalize);
  }

  /** A number is the score itself, as published: no sigmoid, and nothing keeps it on its scale. */
  protected answer(pixels: Tensor): Answer {
    const { predicted, classes, features } = this.network.forward(pixels);
    const score = this.parsed.score.values ? predicted.softmax(1) : predicted.squeeze(1);
    return { outputs: { [SCORE]: score }, features, forLoss: { classes } };
  }

  loss(answer: Answer, targets: Targets): Loss {
    return aesMambaLoss(this.parsed, answer, answer.forLoss?.["classes"] as Tensor, targets);
  }
}

/** Classes of AVA, and of AADB and TAD66K: what the second head has where a new model does not say otherwise. */
const CLASSES = { distribution: 7, number: 5 };

function configure(wanted: NewModel): Record<string, unknown> {
  refuseAttributes(aesmambaFacts.title, wanted);
  const classes = wanted.bins === undefined ? CLASSES.number : CLASSES.distribution;
  const sizes = wanted.tiny ? TINY : VMAMBA_TINY;
  return { model_type: AESMAMBA, ...wantedOutputs(wanted), ...picturesOf(wanted), ...sizes, classes };
}

function created(config: AesMambaConfig, source: ParamSource): AesMamba {
  return new AesMamba(config, new AesMambaNetwork(source, config));
}

/** See {@link System}. */
export const aesmamba: System = {
  ...aesmambaFacts,
  ...madeBy(parseAesMambaConfig, created),
  configure,
  original,
  pretrained,
};
