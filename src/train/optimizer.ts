/**
 * AdamW with decoupled weight decay (Loshchilov and Hutter, ICLR 2019), one fused kernel call a parameter group.
 *
 * Same numbers as `torch.optim.AdamW`: `θ ← θ - lr·λ·θ`, then Adam's step with bias correction. Weights of a 16-bit
 * dtype get float32 master weights: the step is taken on those and rounded into the parameters.
 */
import { RocError } from "../errors.js";
import { aten, keep, noGrad, scope, zeros, type Tensor } from "../torch/index.js";

export interface AdamWOptions {
  /** Decay rates of the two moments. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the second moment. Default 1e-8. */
  readonly epsilon?: number;
}

/** Parameters that are treated alike. */
export interface ParameterGroup {
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly weightDecay: number;
  /** Multiplies the step's learning rate. Default 1. */
  readonly rateScale?: number;
}

/** One parameter with its state; all tensors float32, shaped as the parameter, `step` a scalar. */
interface Slot {
  readonly name: string;
  readonly parameter: Tensor;
  /** What is optimised: the parameter itself, or its float32 master copy. */
  readonly weight: Tensor;
  readonly expAvg: Tensor;
  readonly expAvgSq: Tensor;
  readonly step: Tensor;
}

interface Group extends ParameterGroup {
  readonly slots: readonly Slot[];
}

/** The usual two groups: tensors of one dimension (norm weights, biases) are not decayed. */
export function decayGroups(parameters: ReadonlyMap<string, Tensor>, weightDecay: number): ParameterGroup[] {
  const entries = [...parameters];
  const vectors = new Map(entries.filter(([, parameter]) => parameter.ndim < 2));
  const matrices = new Map(entries.filter(([, parameter]) => parameter.ndim >= 2));
  return [
    { parameters: matrices, weightDecay },
    { parameters: vectors, weightDecay: 0 },
  ];
}

export class AdamW {
  readonly #groups: readonly Group[];
  readonly #betas: readonly [number, number];
  readonly #epsilon: number;

  /** Parameters without a gradient at a step are left alone, as PyTorch leaves them. */
  constructor(groups: readonly ParameterGroup[], options: AdamWOptions = {}) {
    this.#betas = options.betas ?? [0.9, 0.999];
    this.#epsilon = options.epsilon ?? 1e-8;
    this.#groups = groups.map((group) => ({ ...group, slots: [...group.parameters].map(newSlot) }));
  }

  /** One update from the parameters' gradients. */
  step(learningRate: number): void {
    noGrad(() =>
      scope(() => {
        for (const group of this.#groups) this.#updateGroup(group, learningRate * (group.rateScale ?? 1));
      }),
    );
  }

  /** Drops all gradients. */
  zeroGrad(): void {
    for (const { parameter } of this.#slots()) parameter.zeroGrad();
  }

  /** Its state by name, `<parameter>.exp_avg` and so on; the tensors themselves, not copies. */
  state(): Map<string, Tensor> {
    return new Map(this.#slots().flatMap((slot) => Object.entries(stateOf(slot))));
  }

  /**
   * Copies a state of {@link state} into this optimizer.
   * @throws RocError CHECKPOINT_MISMATCH where a tensor is missing or has another shape
   */
  restore(saved: ReadonlyMap<string, Tensor>): void {
    noGrad(() => {
      for (const [name, tensor] of this.state()) {
        const source = saved.get(name);
        if (source === undefined || source.shape.join() !== tensor.shape.join()) {
          const found = source === undefined ? "is missing" : `has shape [${source.shape.join(", ")}]`;
          throw new RocError("CHECKPOINT_MISMATCH", `The optimizer state ${name} ${found}; start a fresh run.`);
        }
        tensor.copy_(source);
      }
      for (const { parameter, weight } of this.#slots()) if (weight !== parameter) parameter.copy_(weight);
    });
  }

  dispose(): void {
    for (const slot of this.#slots()) for (const tensor of Object.values(stateOf(slot))) tensor.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  #slots(): Slot[] {
    return this.#groups.flatMap((group) => group.slots);
  }

  #updateGroup(group: Group, lr: number): void {
    const active = group.slots
      .map((slot) => ({ slot, gradient: slot.parameter.grad }))
      .filter((pair): pair is { slot: Slot; gradient: Tensor } => pair.gradient !== null);
    if (active.length === 0) return;
    const slots = active.map(({ slot }) => slot);
    const [beta1, beta2] = this.#betas;
    const steps = slots.map(({ step }) => step);
    aten("_foreach_add_.Scalar")(steps, 1);
    aten("_fused_adamw_")(
      slots.map(({ weight }) => weight),
      active.map(({ slot, gradient }) => (slot.weight === slot.parameter ? gradient : gradient.to("float32"))),
      slots.map(({ expAvg }) => expAvg),
      slots.map(({ expAvgSq }) => expAvgSq),
      [],
      steps,
      { lr, beta1, beta2, weight_decay: group.weightDecay, eps: this.#epsilon, amsgrad: false, maximize: false },
    );
    for (const { parameter, weight } of slots) if (weight !== parameter) parameter.copy_(weight);
  }
}

function newSlot([name, parameter]: readonly [string, Tensor]): Slot {
  const { shape, dtype, device } = parameter;
  const weight = dtype === "float32" ? parameter : keep(noGrad(() => parameter.detach().to("float32")));
  const moment = (): Tensor => keep(zeros(shape, { device }));
  return { name, parameter, weight, expAvg: moment(), expAvgSq: moment(), step: keep(zeros([], { device })) };
}

/** The tensors that an optimizer owns for a parameter, by the names of its state. */
function stateOf({ name, parameter, weight, expAvg, expAvgSq, step }: Slot): Record<string, Tensor> {
  return {
    [`${name}.exp_avg`]: expAvg,
    [`${name}.exp_avg_sq`]: expAvgSq,
    [`${name}.step`]: step,
    ...(weight === parameter ? {} : { [`${name}.master`]: weight }),
  };
}
