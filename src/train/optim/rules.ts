/** How optimizers step: the numbers of PyTorch's, by its fused kernels. */
import { aten, type Tensor } from "../../torch/index.js";
import type { OptimizerKind, TrainOptions } from "../options.js";

/** What a step is taken of, list by list in one order; all float32. */
export interface UpdateParts {
  readonly weights: readonly Tensor[];
  readonly gradients: readonly Tensor[];
  /** One list for each of {@link UpdateRule.states}. */
  readonly states: readonly (readonly Tensor[])[];
  /** Steps taken of each, this one among them; scalars. */
  readonly steps: readonly Tensor[];
}

/** A rule of updates. */
export interface UpdateRule {
  /** What it keeps of each weight, of the weight's shape and 0 at first, by PyTorch's names. */
  readonly states: readonly string[];
  /** Changes weights and states in place. */
  update(parts: UpdateParts, how: { readonly learningRate: number; readonly weightDecay: number }): void;
}

export interface AdamWOptions {
  /** Decay rates of the two moments. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the second moment. Default 1e-8. */
  readonly epsilon?: number;
}

/** AdamW with decoupled weight decay (Loshchilov and Hutter, ICLR 2019): `θ ← θ - lr·λ·θ`, then Adam's step with bias correction. */
export function adamW(options: AdamWOptions = {}): UpdateRule {
  return adamBy("_fused_adamw_", options);
}

/** Adam (Kingma and Ba, ICLR 2015); weight decay is `λ·θ` on top of the gradient. */
function adam(options: AdamWOptions = {}): UpdateRule {
  return adamBy("_fused_adam_", options);
}

function adamBy(
  kernel: "_fused_adam_" | "_fused_adamw_",
  { betas: [beta1, beta2] = [0.9, 0.999], epsilon: eps = 1e-8 }: AdamWOptions,
): UpdateRule {
  return {
    states: ["exp_avg", "exp_avg_sq"],
    update({ weights, gradients, states: [first = [], second = []], steps }, { learningRate: lr, weightDecay }) {
      const how = { lr, beta1, beta2, weight_decay: weightDecay, eps, amsgrad: false, maximize: false };
      aten(kernel)(weights, gradients, first, second, [], steps, how);
    },
  };
}

/** Stochastic gradient descent; weight decay is `λ·θ` on top of the gradient. @param momentum in [0, 1) */
function sgd(momentum: number, nesterov: boolean): UpdateRule {
  return {
    states: momentum > 0 ? ["momentum_buffer"] : [],
    update({ weights, gradients, states: [buffers = []] }, { learningRate: lr, weightDecay }) {
      // A buffer of zeros makes the first step what PyTorch's is, which begins with the gradient itself.
      const how = { lr, momentum, nesterov, weight_decay: weightDecay, dampening: 0, maximize: false };
      aten("_fused_sgd_")(weights, gradients, buffers, { ...how, is_first_step: false });
    },
  };
}

/** Adagrad (Duchi et al., JMLR 2011), `ε` beside the root; weight decay is `λ·θ` on top of the gradient. */
function adagrad(): UpdateRule {
  return {
    states: ["sum"],
    update({ weights, gradients, states: [sums = []] }, { learningRate, weightDecay }) {
      const decayed = weightDecay === 0 ? gradients : aten("_foreach_add.List")(gradients, weights, { alpha: weightDecay }); // prettier-ignore
      aten("_foreach_addcmul_.Scalar")(sums, decayed, decayed, 1);
      const roots = aten("_foreach_sqrt")(sums);
      aten("_foreach_add_.Scalar")(roots, 1e-10);
      aten("_foreach_addcdiv_.Scalar")(weights, decayed, roots, -learningRate);
    },
  };
}

/** The rule that a run asks for. */
export function ruleOf({ optimizer = "adamw", betas, momentum = 0.9, nesterov = false }: RuleOptions): UpdateRule {
  const rules: Record<OptimizerKind, () => UpdateRule> = {
    adamw: () => adamW({ betas }),
    adam: () => adam({ betas }),
    sgd: () => sgd(momentum, nesterov),
    adagrad,
  };
  return rules[optimizer]();
}

/** What decides it. */
export type RuleOptions = Pick<TrainOptions, "optimizer" | "betas" | "momentum" | "nesterov">;
