/** Tokens that may not come next, as they change from step to step: of repeated runs, and ends that come too early. */
import { fromTypedArray, keep, scope, zeros, type Tensor } from "../torch/index.js";
import type { GenerationOptions } from "./types.js";

type ForbiddenOptions = Pick<GenerationOptions, "noRepeatNgramSize" | "minNewTokens" | "minLength" | "stopIds">;

/** Whether the options forbid any token at any step. */
export function isForbidding({ noRepeatNgramSize, minNewTokens = 0, minLength = 0 }: ForbiddenOptions): boolean {
  return noRepeatNgramSize !== undefined || minNewTokens > 0 || minLength > 0;
}

/** What a batch's rows hold, and what none of them may choose next. Its tensor stays, so that a choice can be recorded. */
export class Forbidden {
  /** `[batch, vocabSize]` bool */
  readonly #mask: Tensor;
  /** Prompt and new tokens, by row. */
  readonly #rows: readonly number[][];
  /** Ids by the tokens before them, by row. */
  readonly #after: readonly Map<string, Set<number>>[];
  /** Steps in which no sequence ends. */
  readonly #least: number;
  #steps = 0;

  constructor(
    prompts: readonly (readonly number[])[],
    private readonly vocabSize: number,
    private readonly options: ForbiddenOptions,
    device: string,
  ) {
    const { minNewTokens, minLength = 0 } = options;
    this.#least = minNewTokens ?? minLength - Math.max(...prompts.map(({ length }) => length));
    this.#mask = keep(scope(() => zeros([prompts.length, vocabSize], { dtype: "bool", device })));
    this.#rows = prompts.map(() => []);
    this.#after = prompts.map(() => new Map());
    for (const [row, ids] of prompts.entries()) for (const id of ids) this.#add(row, id);
  }

  /** Before a choice: what it may not choose. */
  prepare(): void {
    const { vocabSize } = this;
    const mask = new Uint8Array(this.#rows.length * vocabSize);
    const early = this.#steps < this.#least ? (this.options.stopIds ?? []) : [];
    for (const row of this.#rows.keys()) {
      const repeated = this.#after[row]?.get(this.#prefix(row)) ?? [];
      for (const id of [...early, ...repeated]) if (id >= 0 && id < vocabSize) mask[row * vocabSize + id] = 1;
    }
    scope(() => this.#mask.copy_(fromTypedArray(mask, [this.#rows.length, vocabSize], { dtype: "bool" })));
  }

  /** @param logits `[batch, vocabSize]` */
  apply(logits: Tensor): Tensor {
    return logits.maskedFill(this.#mask, -Infinity);
  }

  /** Takes what was chosen, one token a row. */
  push(ids: readonly number[]): void {
    this.#steps += 1;
    for (const [row, id] of ids.entries()) this.#add(row, id);
  }

  dispose(): void {
    this.#mask.dispose();
  }

  #add(row: number, id: number): void {
    const { noRepeatNgramSize: size } = this.options;
    const held = this.#rows[row];
    if (size === undefined || !held) return;
    if (held.length >= size - 1) {
      const prefix = this.#prefix(row);
      const after = this.#after[row]?.get(prefix) ?? new Set();
      this.#after[row]?.set(prefix, after.add(id));
    }
    held.push(id);
  }

  /** The last tokens of a run that the next one would complete. */
  #prefix(row: number): string {
    const { noRepeatNgramSize: size = 1 } = this.options;
    const held = this.#rows[row] ?? [];
    return held.slice(held.length + 1 - size).join();
  }
}
