/** The key-value cache of models whose rows of pictures share positions (M-RoPE). */
import { RocError } from "../../../errors.js";
import { KvCache } from "../../../nn/index.js";
import { scope } from "../../../torch/index.js";

/** Counts of positions run behind or ahead of those of tokens once a picture was seen, so each sequence has its own. */
export class PositionCache extends KvCache {
  /** How far each sequence's positions are ahead of the number of tokens: the same after a step as before. */
  #ahead: readonly number[] = [];
  /** Tokens up to the end of the last picture. */
  picturesEnd = 0;

  /** Of each sequence: the position of its next token. */
  get next(): readonly number[] {
    return this.#ahead.map((ahead) => ahead + this.length);
  }

  set next(positions: readonly number[]) {
    this.#ahead = positions.map((position) => position - this.length);
  }

  /** The count goes on behind whole pictures only: their rows share positions. */
  override rewind(length: number): void {
    if (length > 0 && length < this.picturesEnd) {
      const remedy = `Give a length from ${this.picturesEnd} on, or 0 and the pictures once more.`;
      throw new RocError("USAGE", `rewind: length is ${length}, which is before the end of a picture. ${remedy}`);
    }
    const before = this.length;
    const forgotten = scope(() => this.real?.slice(1, length).sum(1).toNumbers());
    const behind = this.next;
    super.rewind(length);
    this.next = length === 0 ? [] : behind.map((next, b) => next - (forgotten?.[b] ?? before - length));
    if (length === 0) this.picturesEnd = 0;
  }

  override rewindable(length: number): number {
    const kept = super.rewindable(length);
    return kept < this.picturesEnd ? 0 : kept;
  }

  protected override nextPositions(): readonly number[] {
    return this.next;
  }
}
