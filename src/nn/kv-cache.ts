/** The key-value cache of a decoder. */
import { RocError } from "../errors.js";
import { aten, cat, empty, keep, ones, scope, zeros, type Tensor } from "../torch/index.js";
import type { Past } from "./attention.js";
import { LayerStates } from "./layer-states.js";
import { StepState, type StepParts, type StepPlacement } from "./step-state.js";

const isInference = aten("is_inference");
const indexCopy = aten("index_copy_");

/** Minimum growth of the buffers, in tokens. */
const LEAST_ROOM = 64;

/** A capacity is a multiple of this: fused attention on a GPU copies masks whose rows are not aligned. */
const CAPACITY_STEP = 64;

/**
 * How {@link Mllm.newCache} makes a cache.
 *
 * @category Checkpoints and models
 */
export interface CacheOptions {
  /**
   * Positions that there is to be room for, prompt and answer together; rounded up. Every step of one token then computes on
   * all of it with a mask, on the same shapes and tensors, so that it can be recorded as a CUDA graph. Default: the cache
   * grows, and a step computes on what is there.
   */
  readonly capacity?: number | undefined;
}

interface Entry {
  readonly k: Tensor;
  readonly v: Tensor;
}

/**
 * `[batch, kvHeads, capacity, headDim]` each, of which the first {@link KvCache.length} positions are filled. In memory
 * the heads of a position are adjacent: PyTorch's attention reads that layout faster where a head has 128 elements.
 */
interface Buffers extends Entry {
  readonly capacity: number;
  /** Created in inference mode: not writable outside of it. */
  readonly inference: boolean;
  /** Part of an autograd graph. */
  readonly recorded: boolean;
}

/**
 * One entry per layer, keys and values or (in {@link KvCache.states}) a state of fixed size; its tensors outlive the scopes of the forwards that made them. New tokens are written in place
 * after the old ones, into buffers that grow by half when they are full: a step copies only its own tokens. Where
 * gradients are recorded, nothing is written in place.
 *
 * A forward that failed halfway leaves a cache that must be disposed.
 */
export class KvCache implements Past {
  /** By layer, with gaps where layers have a state. */
  readonly #layers: Buffers[] = [];
  /** Of the layers that have no keys and values. */
  readonly states = new LayerStates();
  #length = 0;
  /** Without the columns of the steps since, whose tokens are all real. */
  #real: Tensor | null = null;
  #capacity: number | undefined;
  /** From the first step on, with a capacity. */
  #state: StepState | undefined;
  /** The state is to be written anew. */
  #stale = true;
  #inStep = false;
  /** The length before the {@link step} that is under way. */
  #start: number | undefined;

  /** @throws RocError USAGE for a capacity that is no whole number above 0 */
  constructor({ capacity }: CacheOptions = {}) {
    this.#capacity = capacity === undefined ? undefined : rounded(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** Positions that there is room for; undefined: it grows. */
  get capacity(): number | undefined {
    return this.#capacity;
  }

  get real(): Tensor | null {
    const real = this.#real;
    const since = real ? this.#length - real.size(1) : 0;
    if (!real || since === 0) return real;
    return cat([real, ones([real.size(0), since], { dtype: "bool", device: real.device })], 1);
  }

  /** Room for more positions; what was recorded of steps before is void. @throws RocError USAGE as the constructor */
  reserve(capacity: number): void {
    const more = rounded(capacity);
    if (this.#capacity === undefined || more <= this.#capacity) return;
    this.#capacity = more;
    this.#forgetState();
  }

  /**
   * Runs `run`, which computes a forward of one token with this cache or replays what was recorded of one, and counts it.
   *
   * @throws RocError USAGE where there is no room
   */
  step<T>(run: () => T): T {
    this.checkRoom(1);
    if (this.#state) this.#settle(this.#state);
    const start = this.#length;
    this.#start = start;
    try {
      return run();
    } finally {
      this.#start = undefined;
      this.#length = start + 1;
    }
  }

  /** @throws RocError USAGE where there is no room for `count` positions more */
  checkRoom(count: number): void {
    if (this.#capacity === undefined || this.#length + count <= this.#capacity) return;
    const held = `The cache has room for ${this.#capacity} positions and holds ${this.#length}: ${count} more do not fit.`;
    throw new RocError("USAGE", `${held} Make it with a larger capacity.`);
  }

  /** Whether a forward of `T` tokens is a step on fixed shapes. */
  takesStep(T: number, attentionMask: Tensor | undefined): boolean {
    return this.#capacity !== undefined && T === 1 && this.#length > 0 && attentionMask === undefined;
  }

  /**
   * Where the tokens of a step are, which {@link append} and {@link advance} follow; undefined where it {@link takesStep} not.
   *
   * @throws RocError USAGE where there is no room
   */
  beginStep(T: number, attentionMask: Tensor | undefined, parts: StepParts): StepPlacement | undefined {
    if (!this.takesStep(T, attentionMask)) return undefined;
    // What is recorded may run a second time, where it could not be.
    this.#length = this.#start ?? this.#length;
    this.checkRoom(1);
    this.#state ??= new StepState(this.#batch, this.#capacity ?? 0, parts);
    this.#settle(this.#state);
    this.#inStep = true;
    return this.#state.begin();
  }

  /** Adds a layer's new keys and values `[batch, kvHeads, T, headDim]`; returns all of them, for use in this forward. */
  append(layer: number, k: Tensor, v: Tensor): Entry {
    const before = this.#layers[layer];
    if (before && this.#inStep && this.#state) return this.#write(layer, before, this.#state.slot, { k, v });
    const end = this.#length + k.size(2);
    const recorded = k.requiresGrad;
    if (!before || recorded || before.recorded) return this.#replace(layer, end, before, { k, v, recorded });
    const inference = isInference(k);
    const fits = before.capacity >= end && (inference || !before.inference);
    const buffers = fits ? before : this.#grow(layer, before, this.#capacity ?? room(end), inference);
    const write = (buffer: Tensor, fresh: Tensor): Tensor => {
      buffer.narrow(2, this.#length, end - this.#length).copy_(fresh);
      return buffer.narrow(2, 0, end);
    };
    return { k: write(buffers.k, k), v: write(buffers.v, v) };
  }

  /**
   * Called when every layer has appended `count` tokens.
   *
   * @param real `[batch, length]` bool or null, see {@link Past}
   * @param mark how many of the tokens are before the marked states, see {@link LayerStates.end}
   */
  advance(count: number, real: Tensor | null, mark?: number): void {
    const before = this.#length;
    this.#length += count;
    this.states.end(this.#length, mark === undefined ? undefined : before + mark);
    if (this.#inStep) {
      this.#inStep = false;
      return this.#state?.end();
    }
    this.#stale = true;
    this.#real?.dispose();
    this.#real = real === null ? null : keep(real);
  }

  /** The largest length up to `length` that {@link rewind} takes: that itself, unless layers have a state. */
  rewindable(length: number): number {
    if (this.states.isEmpty || length >= this.#length) return length;
    return this.states.lengths.find((kept) => kept <= length) ?? 0;
  }

  /**
   * Forgets the positions from `length` on; the buffers stay, except at 0.
   *
   * @throws RocError USAGE for no such length, and where layers have a state for one that is not {@link rewindable}
   */
  rewind(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.#length) {
      const remedy = `Give a whole number from 0 to ${this.#length}, the positions in the cache.`;
      throw new RocError("USAGE", `rewind: length is ${length}. ${remedy}`);
    }
    if (length === 0) return this.dispose();
    if (length === this.#length) return;
    if (!this.states.isEmpty) this.states.rewind(length);
    const before = this.#real;
    this.#real = scope(() => {
      const kept = this.real?.narrow(1, 0, length);
      return kept && aten("all")(kept).item() === 0 ? keep(kept.clone()) : null;
    });
    before?.dispose();
    this.#length = length;
    this.#stale = true;
  }

  dispose(): void {
    for (const buffers of Object.values(this.#layers.splice(0))) free(buffers);
    this.states.dispose();
    this.#real?.dispose();
    this.#real = null;
    this.#length = 0;
    this.#forgetState();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Position ids of the next tokens, where they are no plain count of the real ones. */
  protected nextPositions(): readonly number[] | undefined {
    return undefined;
  }

  get #batch(): number {
    const [buffers] = Object.values(this.#layers);
    return buffers?.k.size(0) ?? this.states.batch ?? 0;
  }

  #settle(state: StepState): void {
    if (!this.#stale) return;
    scope(() => state.write({ length: this.#length, real: this.real }, this.nextPositions()));
    this.#stale = false;
  }

  #forgetState(): void {
    this.#state?.dispose();
    this.#state = undefined;
    this.#stale = true;
  }

  /** Writes where `slot` says, and returns all of the buffers. */
  #write(layer: number, before: Buffers, slot: Tensor, { k, v }: Entry): Entry {
    if (k.requiresGrad || before.recorded) {
      const remedy = "Call the model inside inferenceMode() or noGrad(), or take a cache without a capacity.";
      throw new RocError("USAGE", `A cache with a capacity records no gradients. ${remedy}`);
    }
    const capacity = this.#capacity ?? 0;
    const inference = isInference(k);
    const fits = before.capacity >= capacity && (inference || !before.inference);
    const buffers = fits ? before : this.#grow(layer, before, capacity, inference);
    indexCopy(buffers.k, 2, slot, k);
    indexCopy(buffers.v, 2, slot, v);
    return buffers;
  }

  /** Stores the tensors without a copy (the prompt's are copied only if a step follows), concatenated to earlier ones. */
  #replace(layer: number, end: number, before: Buffers | undefined, fresh: Entry & { recorded: boolean }): Entry {
    const join = (old: Tensor, more: Tensor): Tensor => cat([old.narrow(2, 0, this.#length), more], 2);
    const [k, v] = before ? [join(before.k, fresh.k), join(before.v, fresh.v)] : [fresh.k, fresh.v];
    const recorded = fresh.recorded || (before?.recorded ?? false);
    this.#layers[layer] = { k: keep(k), v: keep(v), capacity: end, inference: isInference(k), recorded };
    if (before) free(before);
    return { k, v };
  }

  #grow(layer: number, before: Buffers, capacity: number, inference: boolean): Buffers {
    const copy = (old: Tensor): Tensor => {
      const { shape, dtype, device } = old;
      const [batch = 0, heads = 0, , size = 0] = shape;
      // A masked value counts 0 times, which is NaN for what some memory holds.
      const make = this.#capacity === undefined ? empty : zeros;
      const buffer = keep(make([batch, capacity, heads, size], { dtype, device }).transpose(1, 2));
      buffer.narrow(2, 0, this.#length).copy_(old.narrow(2, 0, this.#length));
      return buffer;
    };
    const buffers = { k: copy(before.k), v: copy(before.v), capacity, inference, recorded: false };
    free(before);
    this.#layers[layer] = buffers;
    return buffers;
  }
}

function rounded(capacity: number): number {
  if (!Number.isSafeInteger(capacity) || capacity < 1) {
    throw new RocError("USAGE", `newCache: capacity is ${capacity}; give a whole number above 0.`);
  }
  return Math.ceil(capacity / CAPACITY_STEP) * CAPACITY_STEP;
}

function room(end: number): number {
  return end + Math.max(LEAST_ROOM, end >> 1);
}

function free({ k, v }: Entry): void {
  k.dispose();
  v.dispose();
}
