/**
 * An optimizer by a rule (`rules.ts`), one fused kernel call per parameter group.
 *
 * Weights of a 16-bit dtype get float32 master weights: the step is taken on those and rounded into the parameters, slice by
 * slice, so that never all of their gradients are there in float32 too.
 */
import { RocError } from "../../errors.js";
import { aten, keep, noGrad, scope, zeros, type Tensor } from "../../torch/index.js";
import type { UpdateRule } from "./rules.js";

/** How a {@link RuleOptimizer} works; changes no number. */
export interface SliceOptions {
  /** Most bytes of 16-bit gradients that are in float32 at a time. Default 256 MiB. */
  readonly sliceBytes?: number;
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
  /** Those of the rule, in its order. */
  readonly states: readonly Tensor[];
  readonly step: Tensor;
}

interface Group extends ParameterGroup {
  readonly slots: readonly Slot[];
}

/** What a step takes of a parameter, or of some of its rows. */
type Part = Pick<Slot, "target" | "weight" | "states" | "step"> & { readonly gradient: Tensor };

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
  /** Calls `write` with the state by name, as `<parameter>.exp_avg`, which must not be changed or retained. */
  withState(write: (state: ReadonlyMap<string, Tensor>) => Promise<void>): Promise<void>;
  dispose(): void;
}

export class RuleOptimizer implements Optimizer {
  readonly #groups: readonly Group[];
  readonly #rule: UpdateRule;
  /** Most elements of a slice. */
  readonly #slice: number;

  /** Parameters without a gradient at a step are unchanged, as in PyTorch. */
  constructor(groups: readonly ParameterGroup[], rule: UpdateRule, { sliceBytes = 2 ** 28 }: SliceOptions = {}) {
    this.#rule = rule;
    this.#slice = sliceBytes / 4;
    this.#groups = groups.map((group) => ({
      ...group,
      slots: [...group.parameters].map((entry) => newSlot(entry, group.rows, rule.states.length)),
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

  /** Its state by name, as `<parameter>.exp_avg`; the tensors themselves, not copies. */
  state(): Map<string, Tensor> {
    return new Map(this.#slots().flatMap((slot) => Object.entries(stateOf(slot, this.#rule.states))));
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
      for (const tensor of Object.values(stateOf(slot, this.#rule.states))) tensor.dispose();
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
    const parts = group.slots.flatMap((slot): Part[] => {
      const gradient = gradientOf(slot.parameter, slot.rows);
      return gradient === null ? [] : [{ ...slot, gradient }];
    });
    if (parts.length === 0) return;
    aten("_foreach_add_.Scalar")(
      parts.map(({ step }) => step),
      1,
    );
    const isOwn = ({ weight, target }: Part): boolean => weight === target;
    this.#update(parts.filter(isOwn), group, lr);
    const mastered = parts.filter((part) => !isOwn(part));
    for (const slice of slicesOf(mastered, this.#slice)) {
      scope(() => {
        this.#update(
          slice.map((part) => ({ ...part, gradient: part.gradient.to("float32") })),
          group,
          lr,
        );
        for (const { target, weight } of slice) target.copy_(weight);
      });
    }
  }

  #update(parts: readonly Part[], { weightDecay }: Group, learningRate: number): void {
    if (parts.length === 0) return;
    this.#rule.update(
      {
        weights: parts.map(({ weight }) => weight),
        gradients: parts.map(({ gradient }) => gradient),
        states: this.#rule.states.map((_, i) => parts.map(({ states }) => states[i] as Tensor)),
        steps: parts.map(({ step }) => step),
      },
      { learningRate, weightDecay },
    );
  }
}

/** libtorch's kernel for CPUs computes so many elements alike; what is left at a tensor's end it rounds in another way. */
const ROWS_TOGETHER = 16;

/** The parts in their order, up to `most` elements together; a part with more is cut between its rows, some of them at least. */
function slicesOf(parts: readonly Part[], most: number): Part[][] {
  const slices: Part[][] = [];
  let room = 0;
  for (const part of parts.flatMap((whole) => cut(whole, most))) {
    const { numel } = part.weight;
    if (numel > room) {
      slices.push([]);
      room = most;
    }
    slices.at(-1)?.push(part);
    room -= numel;
  }
  return slices;
}

function cut(part: Part, most: number): Part[] {
  const { numel, shape } = part.weight;
  if (numel <= most) return [part];
  const [rows = 1] = shape;
  const each = Math.max(1, Math.floor((most * rows) / numel / ROWS_TOGETHER)) * ROWS_TOGETHER;
  return Array.from({ length: Math.ceil(rows / each) }, (_, i) => {
    const some: Rows = [i * each, Math.min(rows, (i + 1) * each)];
    const { target, weight, gradient, states, step } = part;
    return {
      target: pick(target, some),
      weight: pick(weight, some),
      gradient: pick(gradient, some),
      states: states.map((state) => pick(state, some)),
      step,
    };
  });
}

function newSlot([name, parameter]: readonly [string, Tensor], rows: Rows | undefined, states: number): Slot {
  const { dtype, device } = parameter;
  // A view of the rows: what is written into it is written into the parameter.
  const target = rows === undefined ? parameter : keep(noGrad(() => scope(() => pick(parameter.detach(), rows))));
  const weight = dtype === "float32" ? target : keep(noGrad(() => scope(() => target.to("float32"))));
  const own = Array.from({ length: states }, () => keep(zeros(target.shape, { device })));
  return { name, parameter, rows, target, weight, states: own, step: keep(zeros([], { device })) };
}

/** The tensors that an optimizer owns for a parameter, by the names of its state. */
function stateOf({ name, target, weight, states, step }: Slot, names: readonly string[]): Record<string, Tensor> {
  return {
    ...Object.fromEntries(names.map((state, i) => [`${name}.${state}`, states[i] as Tensor])),
    [`${name}.step`]: step,
    ...(weight === target ? {} : { [`${name}.master`]: weight }),
  };
}
