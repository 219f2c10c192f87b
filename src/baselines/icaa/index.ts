/** ICAA's delegate transformer (He et al., ICCV 2023): EAT's backbone with a gate, and soft histograms of its features. */
import { RocError } from "../../errors.js";
import { Linear, Params, type ParamSource } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";
import { Dat } from "../common/dat.js";
import { DAT_BASE, DAT_TINY } from "../common/dat-config.js";
import { datPretrained } from "../common/dat-original.js";
import { pytorchInit } from "../common/initial.js";
import { madeBy } from "../common/load.js";
import { PixelsBaseline } from "../common/pixels-baseline.js";
import { wantedOutputs } from "../common/outputs.js";
import { squashOf } from "../common/rating-config.js";
import { squashInputs } from "../common/squash-inputs.js";
import { onScale, shareLoss } from "../common/unit-score.js";
import type { Answer, Loss, NewModel, Output, System, Targets } from "../types.js";
import { HISTOGRAM, parseIcaaConfig, TINY_HISTOGRAM, type IcaaConfig } from "./config.js";
import { ICAA, icaaFacts, VARIANTS } from "./facts.js";
import { SoftHistogram } from "./histogram.js";
import { original } from "./original.js";

/** What is predicted, and the map that predicts it. */
interface Head {
  readonly output: Output;
  readonly map: Linear;
}

class Icaa extends PixelsBaseline {
  readonly family = ICAA;
  readonly config: Readonly<Record<string, unknown>>;
  readonly outputs: readonly Output[];
  readonly inputs: PixelsBaseline["inputs"];
  readonly mixesBatch: boolean;
  readonly #backbone: Dat;
  readonly #values: Linear;
  readonly #histogram: SoftHistogram;
  readonly #heads: readonly Head[];

  constructor(source: ParamSource, { raw, outputs, steps, dat, histogram }: IcaaConfig) {
    const params = new Params(source);
    super(params);
    this.config = raw;
    this.outputs = outputs;
    this.inputs = squashInputs(steps);
    this.mixesBatch = dat.reference === "batch";
    this.#backbone = new Dat(params, dat);
    const { features, bins } = histogram;
    this.#values = new Linear(params.at("hst_head"), dat.dims[3], features, {
      bias: true,
      ...pytorchInit(dat.dims[3]),
    });
    this.#histogram = new SoftHistogram(params.at("hist_feature"), features, bins);
    // Of two, the first predicts what stands beside the score.
    this.#heads = [...this.outputs].reverse().map((output, i) => {
      const at = params.at(i === 0 ? "class_head" : "class_head2");
      return { output, map: new Linear(at, features * bins, 1, { bias: true, ...pytorchInit(features * bins) }) };
    });
  }

  protected answer(pixels: Tensor, training: boolean): Answer {
    const features = this.#histogram.forward(this.#values.forward(this.#backbone.forward(pixels, training)));
    const outputs = this.#heads.map(({ output, map }) => {
      const shares = map.forward(features).squeeze(1).sigmoid();
      return [output.name, onScale(shares, output)] as const;
    });
    return { outputs: Object.fromEntries(outputs), features };
  }

  /** The mean of the squared errors of all that is predicted, each as a share of its scale. */
  loss(answer: Answer, targets: Targets): Loss {
    const terms = this.outputs.map((output) => [output.name, shareLoss(answer, targets, output)] as const);
    const sum = terms.map(([, term]) => term).reduce((a, b) => a.add(b));
    return { loss: sum.div(terms.length), terms: Object.fromEntries(terms) };
  }
}

function configure(wanted: NewModel): Record<string, unknown> {
  const { variant = VARIANTS[0], bins, attributes = [], tiny = false } = wanted;
  const { title } = icaaFacts;
  if (bins !== undefined) throw new RocError("USAGE", `${title} predicts numbers, no distribution: leave bins out.`);
  if (attributes.length > 1)
    throw new RocError("USAGE", `${title} predicts one attribute beside the score, not ${attributes.length}.`);
  return {
    ...{ model_type: ICAA, ...wantedOutputs(wanted) },
    gate: variant !== "spaq",
    ...(tiny ? TINY_HISTOGRAM : HISTOGRAM),
    ...squashOf(wanted),
    ...(tiny ? DAT_TINY : DAT_BASE),
    reference: variant === "icaa17k-per-picture" ? "picture" : "batch",
  };
}

/** See {@link System}. */
export const icaa: System = {
  ...icaaFacts,
  ...madeBy(parseIcaaConfig, (config, source) => new Icaa(source, config)),
  configure,
  original,
  pretrained: datPretrained,
};
