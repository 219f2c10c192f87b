/** The key-value cache of a decoder. */
import { RocError } from "../errors.js";
import { aten, cat, empty, keep, scope, type Tensor } from "../torch/index.js";
import type { Past } from "./attention.js";

const isInference = aten("is_inference");

/** Minimum growth of the buffers, in tokens. */
const LEAST_ROOM = 64;

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
 * One entry per layer; its tensors outlive the scopes of the forwards that made them. New tokens are written in place
 * after the old ones, into buffers that grow by half when they are full: a step copies only its own tokens. Where
 * gradients are recorded, nothing is written in place.
 *
 * A forward that failed halfway leaves a cache that must be disposed.
 */
export class KvCache implements Past {
  readonly #layers: Buffers[] = [];
  #length = 0;
  #real: Tensor | null = null;

  get length(): number {
    return this.#length;
  }

  get real(): Tensor | null {
    return this.#real;
  }

  /** Adds a layer's new keys and values `[batch, kvHeads, T, headDim]`; returns all of them, for use in this forward. */
  append(layer: number, k: Tensor, v: Tensor): Entry {
    const before = this.#layers[layer];
    const end = this.#length + k.size(2);
    const recorded = k.requiresGrad;
    if (!before || recorded || before.recorded) return this.#replace(layer, end, before, { k, v, recorded });
    const inference = isInference(k);
    const fits = before.capacity >= end && (inference || !before.inference);
    const buffers = fits ? before : this.#grow(layer, before, room(end), inference);
    const write = (buffer: Tensor, fresh: Tensor): Tensor => {
      buffer.narrow(2, this.#length, end - this.#length).copy_(fresh);
      return buffer.narrow(2, 0, end);
    };
    return { k: write(buffers.k, k), v: write(buffers.v, v) };
  }

  /** Called when every layer has appended `count` tokens. @param real `[batch, length]` bool or null, see {@link Past} */
  advance(count: number, real: Tensor | null): void {
    this.#length += count;
    this.#real?.dispose();
    this.#real = real === null ? null : keep(real);
  }

  /** Forgets the positions from `length` on; the buffers stay, except at 0. @throws RocError USAGE for no such length */
  rewind(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.#length) {
      const remedy = `Give a whole number from 0 to ${this.#length}, the positions in the cache.`;
      throw new RocError("USAGE", `rewind: length is ${length}. ${remedy}`);
    }
    if (length === 0) return this.dispose();
    const real = this.#real;
    this.#length = length;
    if (!real) return;
    this.#real = scope(() => {
      const kept = real.narrow(1, 0, length);
      return aten("all")(kept).item() === 0 ? keep(kept.clone()) : null;
    });
    real.dispose();
  }

  dispose(): void {
    for (const buffers of this.#layers.splice(0)) free(buffers);
    this.#real?.dispose();
    this.#real = null;
    this.#length = 0;
  }

  [Symbol.dispose](): void {
    this.dispose();
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
      const buffer = keep(empty([batch, capacity, heads, size], { dtype, device }).transpose(1, 2));
      buffer.narrow(2, 0, this.#length).copy_(old.narrow(2, 0, this.#length));
      return buffer;
    };
    const buffers = { k: copy(before.k), v: copy(before.v), capacity, inference, recorded: false };
    free(before);
    this.#layers[layer] = buffers;
    return buffers;
  }
}

function room(end: number): number {
  return end + Math.max(LEAST_ROOM, end >> 1);
}

function free({ k, v }: Entry): void {
  k.dispose();
  v.dispose();
}
