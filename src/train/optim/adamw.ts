/**
 * AdamW with decoupled weight decay (Loshchilov and Hutter, ICLR 2019), one fused kernel call per parameter group.
 *
 * Same numbers as `torch.optim.AdamW`: `θ ← θ - lr·λ·θ`, then Adam's step with bias correction. Weights of a 16-bit
 * dtype get float32 master weights: the step is taken on those and rounded into the parameters.
 */
import { RocError } from "../../errors.js";
import { aten, keep, noGrad, scope, zeros, type Tensor } from "../../torch/index.js";

export interface AdamWOptions {
  /** Decay rates of the two moments. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the second moment. Default 1e-8. */
  readonly epsilon?: number;
}

/** Rows `[first, end)` of a matrix. */
export type Rows = readonly [first: number, end: number];

/** Parameters that are treated alike. */
export interface ParameterGroup {
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Only these rows of each are trained and decayed, and have states. Default: all. */
  readonly rows?: Rows;
  readonly weightDecay: number;
  /** Multiplies the step's learning rate. Default 1. */
  readonly rateScale?: number;
}

/** One parameter with its state; all tensors float32, shaped as the target, `step` a scalar. */
interface Slot {
  readonly name: string;
  readonly parameter: Tensor;
  readonly rows: Rows | undefined;
  /** The parameter itself, or its trained rows. */
  readonly target: Tensor;
  /** What is optimised: the target itself, or its float32 master copy. */
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

/** The gradient of a parameter, or of some of its rows; null where it has none. */
export function gradientOf(parameter: Tensor, rows?: Rows): Tensor | null {
  const { grad } = parameter;
  return grad === null || rows === undefined ? grad : pick(grad, rows);
}

function pick(matrix: Tensor, [first, end]: Rows): Tensor {
  return matrix.narrow(0, first, end - first);
}

/** What the loop asks of an optimizer. */
export interface Optimizer {
  /** One update from the parameters' gradients. */
  step(learningRate: number): void;
  /** Drops all gradients. */
  zeroGrad(): void;
  /**
   * Copies a saved state into this one.
   * @throws RocError CHECKPOINT_MISMATCH where a tensor is missing or has another shape
   */
  restore(saved: ReadonlyMap<string, Tensor>): void;
  /** Calls `write` with the state by name, `<parameter>.exp_avg` and so on, which must not be changed or retained. */
  withState(write: (state: ReadonlyMap<string, Tensor>) => Promise<void>): Promise<void>;
  dispose(): void;
}

export class AdamW implements Optimizer {
  readonly #groups: readonly Group[];
  readonly #betas: readonly [number, number];
  readonly #epsilon: number;

  /** Parameters without a gradient at a step are unchanged, as in PyTorch. */
  constructor(groups: readonly ParameterGroup[], options: AdamWOptions = {}) {
    this.#betas = options.betas ?? [0.9, 0.999];
    this.#epsilon = options.epsilon ?? 1e-8;
    this.#groups = groups.map((group) => ({
      ...group,
      slots: [...group.parameters].map((entry) => newSlot(entry, group.rows)),
    }));
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

  async withState(write: (state: ReadonlyMap<string, Tensor>) => Promise<void>): Promise<void> {
    await write(this.state());
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
      for (const { target, weight } of this.#slots()) if (weight !== target) target.copy_(weight);
    });
  }

  dispose(): void {
    for (const slot of this.#slots()) {
      for (const tensor of Object.values(stateOf(slot))) tensor.dispose();
      if (slot.target !== slot.parameter) slot.target.dispose();
    }
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  #slots(): Slot[] {
    return this.#groups.flatMap((group) => group.slots);
  }

  #updateGroup(group: Group, lr: number): void {
    const active = group.slots
      .map((slot) => ({ slot, gradient: gradientOf(slot.parameter, slot.rows) }))
      .filter((pair): pair is { slot: Slot; gradient: Tensor } => pair.gradient !== null);
    if (active.length === 0) return;
    const slots = active.map(({ slot }) => slot);
    const [beta1, beta2] = this.#betas;
    const steps = slots.map(({ step }) => step);
    const gradients = active.map(({ slot, gradient }) =>
      slot.weight === slot.target ? gradient : gradient.to("float32"),
    );
    aten("_foreach_add_.Scalar")(steps, 1);
    aten("_fused_adamw_")(
      slots.map(({ weight }) => weight),
      gradients,
      slots.map(({ expAvg }) => expAvg),
      slots.map(({ expAvgSq }) => expAvgSq),
      [],
      steps,
      { lr, beta1, beta2, weight_decay: group.weightDecay, eps: this.#epsilon, amsgrad: false, maximize: false },
    );
    for (const { target, weight } of slots) if (weight !== target) target.copy_(weight);
  }
}

function newSlot([name, parameter]: readonly [string, Tensor], rows: Rows | undefined): Slot {
  const { dtype, device } = parameter;
  // A view of the rows: what is written into it is written into the parameter.
  const target = rows === undefined ? parameter : keep(noGrad(() => scope(() => pick(parameter.detach(), rows))));
  const weight = dtype === "float32" ? target : keep(noGrad(() => scope(() => target.to("float32"))));
  const moment = (): Tensor => keep(zeros(target.shape, { device }));
  const step = keep(zeros([], { device }));
  return { name, parameter, rows, target, weight, expAvg: moment(), expAvgSq: moment(), step };
}

/** The tensors that an optimizer owns for a parameter, by the names of its state. */
function stateOf({ name, target, weight, expAvg, expAvgSq, step }: Slot): Record<string, Tensor> {
  return {
    [`${name}.exp_avg`]: expAvg,
    [`${name}.exp_avg_sq`]: expAvgSq,
    [`${name}.step`]: step,
    ...(weight === target ? {} : { [`${name}.master`]: weight }),
  };
}
