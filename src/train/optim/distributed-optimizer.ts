/** An optimizer in several processes: with the same states in all, or with a part of the states in each (ZeRO-1). */
import { noGrad, scope, type ProcessGroup, type Tensor } from "../../torch/index.js";
import { RuleOptimizer, type Optimizer, type ParameterGroup } from "./optimizer.js";
import type { UpdateRule } from "./rules.js";

type State = ReadonlyMap<string, Tensor>;

/** Every process takes every step, from the same gradients. */
export class ReplicatedOptimizer extends RuleOptimizer {
  readonly #group: ProcessGroup;

  constructor(groups: readonly ParameterGroup[], rule: UpdateRule, group: ProcessGroup) {
    super(groups, rule);
    this.#group = group;
  }

  /** @param saved rank 0's counts */
  override restore(saved: State): void {
    if (this.#group.rank === 0) super.restore(saved);
    this.#group.broadcast([...this.state().values()]);
    // Weights follow from the states where they have masters.
    super.restore(this.state());
  }

  /** Calls `write` only in rank 0; the others wait, however long that takes. */
  override async withState(write: (state: State) => Promise<void>): Promise<void> {
    await this.#group.fromFirst(() => super.withState(write));
  }
}

/**
 * Optimizer states sharded over the processes (Rajbhandari et al., ZeRO, SC 2020, stage 1): each parameter has an owner,
 * which holds its moments and master weights, takes its step and gives the new weights to the others. The same numbers as
 * {@link RuleOptimizer}; its saved state, too, so that a run may resume with or without sharding.
 */
export class ShardedOptimizer implements Optimizer {
  readonly #shards: readonly (readonly ParameterGroup[])[];
  readonly #rule: UpdateRule;
  readonly #group: ProcessGroup;
  readonly #own: RuleOptimizer;

  constructor(groups: readonly ParameterGroup[], rule: UpdateRule, group: ProcessGroup) {
    this.#shards = shardsOf(groups, group.worldSize);
    this.#rule = rule;
    this.#group = group;
    this.#own = new RuleOptimizer(this.#shards[group.rank] ?? [], rule);
  }

  step(learningRate: number): void {
    this.#own.step(learningRate);
    noGrad(() =>
      scope(() => {
        const copies = this.#shards.map((shard, owner) => this.#group.broadcastAsync(weightsOf(shard), owner));
        for (const copy of copies) copy.wait();
      }),
    );
  }

  zeroGrad(): void {
    for (const { parameters } of this.#shards.flat()) for (const tensor of parameters.values()) tensor.zeroGrad();
  }

  /** @param saved rank 0's counts */
  restore(saved: State): void {
    const { rank } = this.#group;
    for (const owner of this.#shards.keys()) {
      this.#withPart(owner, (part) => {
        if (rank === 0) part.restore(saved);
        if (owner === 0) return;
        this.#group.broadcast([...part.state().values()]);
        part.restore(part.state());
      });
    }
  }

  /** Gathers the states in rank 0's main memory and calls `write` there; the others wait, however long that takes. */
  async withState(write: (state: State) => Promise<void>): Promise<void> {
    const whole = new Map<string, Tensor>();
    try {
      for (const owner of this.#shards.keys()) {
        this.#withPart(owner, (part) => {
          const state = part.state();
          if (owner !== 0) this.#group.broadcast([...state.values()], owner);
          if (this.#group.rank !== 0) return;
          for (const [name, tensor] of state) whole.set(name, tensor.to({ device: "cpu" }));
        });
      }
      await this.#group.fromFirst(() => write(whole));
    } finally {
      for (const tensor of whole.values()) tensor.dispose();
    }
  }

  dispose(): void {
    this.#own.dispose();
  }

  /** An owner's part: the one that is here, or one for the time of the call, which its state can pass through. */
  #withPart(owner: number, body: (part: RuleOptimizer) => void): void {
    if (owner === this.#group.rank) {
      body(this.#own);
      return;
    }
    using part = new RuleOptimizer(this.#shards[owner] ?? [], this.#rule);
    body(part);
  }
}

/** Parts of the groups of about the same size, one per owner; the same in every process. Exported for its test. */
export function shardsOf(groups: readonly ParameterGroup[], count: number): ParameterGroup[][] {
  const items = groups.flatMap(({ parameters, rows }, group) =>
    [...parameters].map(([name, tensor]) => {
      const share = rows === undefined ? 1 : (rows[1] - rows[0]) / tensor.size(0);
      return { group, name, size: tensor.numel * share };
    }),
  );
  const loads = Array.from({ length: count }, () => 0);
  const owners = new Map<string, number>();
  for (const { group, name, size } of items.sort((a, b) => b.size - a.size)) {
    const owner = loads.indexOf(Math.min(...loads));
    loads[owner] = (loads[owner] ?? 0) + size;
    owners.set(`${group} ${name}`, owner);
  }
  return loads.map((_, owner) =>
    groups
      .map((group, index) => {
        const own = [...group.parameters].filter(([name]) => owners.get(`${index} ${name}`) === owner);
        return { ...group, parameters: new Map(own) };
      })
      .filter(({ parameters }) => parameters.size > 0),
  );
}

/** What the steps of a shard change. */
function weightsOf(shard: readonly ParameterGroup[]): Tensor[] {
  return shard.flatMap(({ parameters, rows }) =>
    [...parameters.values()].map((tensor) => (rows ? tensor.narrow(0, rows[0], rows[1] - rows[0]) : tensor)),
  );
}
