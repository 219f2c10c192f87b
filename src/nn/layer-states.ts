/**
 * What layers with a state of fixed size remember of a sequence (delta-net.ts), in the place of keys and values. A state has no
 * positions that could be cut off: where a cache is to be rewound to, it is kept.
 */
import { RocError } from "../errors.js";
import { aten, keep, type Tensor } from "../torch/index.js";

const isInference = aten("is_inference");

/** The state of one layer behind the tokens seen so far. */
export interface LayerState {
  /** `[batch, kernel - 1, channels]`: the last inputs of the convolution. */
  readonly window: Tensor;
  /** Float32; see delta-rule.ts. */
  readonly memory: Tensor;
}

type States = Map<number, LayerState>;

interface Kept {
  readonly length: number;
  readonly states: States;
}

/** How many ends of forwards of several tokens are kept: of a text, and of what it was behind. */
const KEPT_ENDS = 2;

/**
 * The states of a cache's layers now, and those kept: at the end of the last pictures, and at the ends of the last two forwards of
 * several tokens. Tensors that several of them share are freed with the last one.
 */
export class LayerStates {
  #now: States = new Map();
  #ends: Kept[] = [];
  #mark: Kept | undefined;
  /** Of the forward that is under way. */
  #marked: States = new Map();
  /** Layers whose tensors are theirs alone, and are written in place. */
  readonly #own = new Set<number>();

  /** The state of a layer; undefined: nothing was seen, or it has keys and values. */
  get(layer: number): LayerState | undefined {
    return this.#now.get(layer);
  }

  get batch(): number | undefined {
    const [first] = this.#now.values();
    return first?.window.size(0);
  }

  /**
   * The state of a layer to write the next one into; undefined where it cannot be written in place.
   *
   * @param x of the forward that writes
   */
  writable(layer: number, x: Tensor): LayerState | undefined {
    const before = this.#now.get(layer);
    if (!before || x.requiresGrad || before.memory.requiresGrad) return undefined;
    if (this.#own.has(layer) && (isInference(x) || !isInference(before.memory))) return before;
    const own = held({ window: before.window.clone(), memory: before.memory.clone() });
    this.#replace(this.#now, layer, own);
    this.#own.add(layer);
    return own;
  }

  /** Puts in a layer's next state. @param marked that behind the tokens that the forward marks */
  put(layer: number, state: LayerState, marked?: LayerState): void {
    this.#replace(this.#now, layer, held(state));
    this.#own.delete(layer);
    if (marked) this.#replace(this.#marked, layer, held(marked));
  }

  /**
   * Keeps the states at the end of a forward that put them in, and those that it marked.
   *
   * @param length of the cache now
   * @param mark where the marked states are
   */
  end(length: number, mark: number | undefined): void {
    const gone: States[] = [];
    if (this.#marked.size > 0 && mark !== undefined) {
      if (this.#mark) gone.push(this.#mark.states);
      this.#mark = { length: mark, states: this.#marked };
      this.#marked = new Map();
    }
    // What a step writes in place is not kept.
    if (this.#now.size > 0 && this.#own.size === 0) {
      this.#ends.push({ length, states: new Map(this.#now) });
      gone.push(...this.#ends.splice(0, Math.max(0, this.#ends.length - KEPT_ENDS)).map(({ states }) => states));
    }
    for (const states of gone) this.#free(states);
  }

  /** The lengths below the present one that {@link rewind} takes, the longest first. */
  get lengths(): number[] {
    return [...new Set(this.#kept.map(({ length }) => length))].sort((a, b) => b - a);
  }

  /** Whether any layer has a state. */
  get isEmpty(): boolean {
    return this.#now.size === 0;
  }

  /** Goes back to states that are kept. @throws RocError USAGE where none are, with the lengths that are */
  rewind(length: number): void {
    const found = this.#kept.find((kept) => kept.length === length);
    if (!found) {
      const lengths = [0, ...this.lengths].join(", ");
      const why = "layers with a state of fixed size cannot forget single tokens";
      throw new RocError("USAGE", `rewind: length is ${length}, but ${why}. Give one of ${lengths}: see rewindable().`);
    }
    const before = this.#now;
    this.#now = new Map(found.states);
    this.#own.clear();
    const later = this.#kept.filter((kept) => kept.length > length);
    this.#ends = this.#ends.filter((kept) => kept.length <= length);
    if (this.#mark && this.#mark.length > length) this.#mark = undefined;
    for (const states of [before, ...later.map((kept) => kept.states)]) this.#free(states);
  }

  dispose(): void {
    const all = [this.#now, this.#marked, ...this.#kept.map(({ states }) => states)];
    this.#now = new Map();
    this.#marked = new Map();
    this.#ends = [];
    this.#mark = undefined;
    this.#own.clear();
    for (const states of all) this.#free(states);
  }

  get #kept(): Kept[] {
    return this.#mark ? [...this.#ends, this.#mark] : this.#ends;
  }

  #replace(states: States, layer: number, state: LayerState): void {
    const before = states.get(layer);
    states.set(layer, state);
    if (before) this.#free(new Map([[layer, before]]));
  }

  /** Frees tensors that nothing here holds any more. */
  #free(states: States): void {
    const all = [this.#now, this.#marked, ...this.#kept.map((kept) => kept.states)];
    for (const [layer, { window, memory }] of states) {
      const others = all.flatMap((one) => one.get(layer) ?? []);
      if (!others.some((one) => one.window === window)) window.dispose();
      if (!others.some((one) => one.memory === memory)) memory.dispose();
    }
  }
}

/** The state, which outlives the forward that made it. */
function held({ window, memory }: LayerState): LayerState {
  return { window: keep(window), memory: keep(memory) };
}
