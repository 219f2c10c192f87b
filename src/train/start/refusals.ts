/** What a run's spec says that means nothing to what it trains. */
import { RocError } from "../../errors.js";
import { LOSS_PRESETS } from "../../roc/weights.js";
import { weightsOf } from "./config.js";
import type { CheckedSpec } from "./spec.js";

/** @throws RocError USAGE where a spec of a classical system says something of language, or of how the system sees pictures */
export function refuseLanguage(spec: CheckedSpec, title: string): void {
  const { strategy, scoreTokens, templates, conversation, visionTower, train } = spec;
  const { l1, ce, emd, ...others } = weightsOf(spec);
  const { paper } = LOSS_PRESETS;
  const isOwnLoss = l1 === paper.l1 && ce === paper.ce && emd === paper.emd && Object.keys(others).length === 0;
  refuse(spec.model, `${title} is a network without language`, {
    ...{ "strategy (--strategy)": strategy !== "roc", "scoreTokens (--score-tokens)": scoreTokens !== 10 },
    ...{ "templates (--templates)": templates !== undefined, conversation: conversation !== undefined },
    ...{ "visionTower (--vision-tower)": visionTower !== undefined, "train.lora (--lora)": train.lora !== undefined },
    "train.vocabulary (--vocabulary-rows)": train.vocabulary !== undefined,
    "train.groupByLength (--group-by-length)": train.groupByLength === true,
  });
  refuse(spec.model, `${title} is trained by its own loss`, { "loss (--loss, --l1, --ce, --emd, ...)": !isOwnLoss });
  refuse(spec.model, `${title} crops and mirrors pictures as it was published`, { "train.flip (--flip)": train.flip });
  refuse(spec.model, `${title} has float32 weights and keeps all activations`, {
    "train.weights (--weights bfloat16)": train.weights === "bfloat16",
    "train.recompute (--recompute)": train.recompute === true,
  });
}

/** @throws RocError USAGE where a spec of a language model says something of a new classical system */
export function refuseNetwork(spec: CheckedSpec): void {
  const { variant, pretrained, tiny, attributes, bins, train } = spec;
  refuse(spec.model, "only a new classical system, asked for by its name, has such", {
    ...{ "variant (--variant)": variant !== undefined, "pretrained (--pretrained)": pretrained !== undefined },
    ...{ "bins (--bins)": bins !== undefined, "tiny (--tiny)": tiny !== undefined },
    "attributes (--no-attributes)": attributes !== undefined,
  });
  refuse(spec.model, "only classical systems are trained so", {
    "train.raters (--raters)": train.raters !== undefined,
  });
}

/** @throws RocError USAGE where several processes are to train on one rater after another */
export function refuseTogether({ train }: CheckedSpec, processes = 1): void {
  if (!train.raters || processes === 1) return;
  throw new RocError(
    "USAGE",
    "train.raters (--raters): one task follows another, in one process. Start it without torchrun.",
  );
}

function refuse(model: string, why: string, keys: Readonly<Record<string, boolean>>): void {
  const given = Object.keys(keys).filter((key) => keys[key]);
  if (given.length === 0) return;
  const it = given.length > 1 ? "them" : "it";
  throw new RocError("USAGE", `${given.join(", ")}: ${why}. Leave ${it} out to train ${model}.`);
}
