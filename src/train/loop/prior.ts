/**
 * A prior over raters (Zhu et al., IEEE Transactions on Cybernetics 2020; train_meta_model.py of BLG-PIAA): each task starts from the
 * prior as it was before a group of tasks, and moves it by a share of what its steps have changed. Running statistics are not set
 * back: they run through all tasks.
 */
import { RocError } from "../../errors.js";
import { keep, noGrad, scope, type Tensor } from "../../torch/index.js";
import type { Trained } from "../optim/groups.js";
import { stepsOfTask } from "../data/raters.js";
import type { RaterTasks } from "../options.js";

/** A trained parameter with its copies. */
interface Slot {
  readonly name: string;
  /** The model's own, which steps change. */
  readonly weights: Tensor;
  readonly prior: Tensor;
  /** Where the tasks of a group start. */
  readonly start: Tensor;
}

const COPIES = ["weights", "prior", "start"] as const;

function copied(tensor: Tensor): Tensor {
  return keep(noGrad(() => scope(() => tensor.detach().clone())));
}

export class Prior {
  readonly #slots: readonly Slot[];

  /** @param tasksPerEpoch groups are counted anew in each epoch */
  constructor(
    trained: readonly Trained[],
    private readonly raters: RaterTasks,
    private readonly tasksPerEpoch: number,
  ) {
    this.#slots = trained.map(({ name, parameter: weights }) => ({
      ...{ name, weights, prior: copied(weights), start: copied(weights) },
    }));
  }

  /** Before step `step`, counted from 0: a task starts. Twice does what once does. */
  before(step: number): void {
    const each = stepsOfTask(this.raters);
    if (step % each !== 0) return;
    const place = (step / each) % this.tasksPerEpoch;
    if (place % this.raters.tasks === 0) this.#copy("prior", "start");
    this.#copy("start", "weights");
  }

  /** After the update of step `step`: a task ends. */
  after(step: number): void {
    if ((step + 1) % stepsOfTask(this.raters) !== 0) return;
    noGrad(() =>
      scope(() => {
        for (const { prior, weights } of this.#slots) prior.add_(weights.sub(prior).div(this.raters.tasks));
      }),
    );
  }

  /** Calls `body` while the model has the weights that are saved and validated. */
  async whileKept<T>(body: () => Promise<T>): Promise<T> {
    if (this.raters.keep === "last") return body();
    const own = this.#slots.map(({ weights }) => copied(weights));
    this.#copy("prior", "weights");
    try {
      return await body();
    } finally {
      noGrad(() => {
        for (const [i, { weights }] of this.#slots.entries()) weights.copy_(own[i] as Tensor);
      });
      for (const tensor of own) tensor.dispose();
    }
  }

  /** What a run resumes from, by name; the tensors themselves, not copies. */
  state(): Map<string, Tensor> {
    return new Map(this.#slots.flatMap((slot) => COPIES.map((copy) => [`${copy}.${slot.name}`, slot[copy]] as const)));
  }

  /** @throws RocError CHECKPOINT_MISMATCH where a tensor is missing or has another shape */
  restore(saved: ReadonlyMap<string, Tensor>): void {
    noGrad(() => {
      for (const [name, tensor] of this.state()) {
        const source = saved.get(name);
        if (source?.shape.join() !== tensor.shape.join()) {
          throw new RocError(
            "CHECKPOINT_MISMATCH",
            `The prior's state ${name} is not there as it was; start a fresh run.`,
          );
        }
        tensor.copy_(source);
      }
    });
  }

  dispose(): void {
    for (const { prior, start } of this.#slots) for (const tensor of [prior, start]) tensor.dispose();
  }

  #copy(from: (typeof COPIES)[number], to: (typeof COPIES)[number]): void {
    noGrad(() => {
      for (const slot of this.#slots) slot[to].copy_(slot[from]);
    });
  }
}
