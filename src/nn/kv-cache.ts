/** Keys and values of the tokens that a decoder has seen. */
import { cat, keep, type Tensor } from "../torch/index.js";
import type { Past } from "./attention.js";

interface Entry {
  readonly k: Tensor;
  readonly v: Tensor;
}

/**
 * One entry a layer; its tensors outlive the scopes of the forwards that made them. A forward that failed halfway leaves
 * a cache that must be disposed.
 */
export class KvCache implements Past {
  readonly #layers: Entry[] = [];
  #length = 0;
  #real: Tensor | null = null;

  get length(): number {
    return this.#length;
  }

  get real(): Tensor | null {
    return this.#real;
  }

  /** Adds a layer's new keys and values `[batch, kvHeads, T, headDim]`; returns all of them. */
  append(layer: number, k: Tensor, v: Tensor): Entry {
    const before = this.#layers[layer];
    const entry = before
      ? { k: keep(cat([before.k, k], 2)), v: keep(cat([before.v, v], 2)) }
      : { k: keep(k), v: keep(v) };
    this.#layers[layer] = entry;
    before?.k.dispose();
    before?.v.dispose();
    return entry;
  }

  /** Called when every layer has appended `count` tokens. @param real `[batch, length]` bool or null, see {@link Past} */
  advance(count: number, real: Tensor | null): void {
    this.#length += count;
    this.#real?.dispose();
    this.#real = real === null ? null : keep(real);
  }

  dispose(): void {
    for (const { k, v } of this.#layers.splice(0)) {
      k.dispose();
      v.dispose();
    }
    this.#real?.dispose();
    this.#real = null;
    this.#length = 0;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
