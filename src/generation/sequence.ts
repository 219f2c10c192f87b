/** One sequence of a batch: what it holds and whether it continues. */
import { GrowingText } from "./text.js";
import type { Finished, GeneratedSequence, GenerationOptions, StepToken } from "./types.js";

export class Sequence {
  finished: Finished | undefined;
  readonly #ids: number[] = [];
  readonly #text: GrowingText | undefined;
  #stopId: number | undefined;

  /** @param row its place in the batch */
  constructor(
    private readonly row: number,
    private readonly options: GenerationOptions & { readonly maxNewTokens: number },
  ) {
    const { tokenizer, stopStrings = [] } = options;
    this.#text = tokenizer && new GrowingText(tokenizer, stopStrings);
  }

  /** What the model is fed next; undefined: nothing, it has ended. */
  get next(): number | undefined {
    return this.finished ? undefined : this.#ids.at(-1);
  }

  /** Takes the next token; none where the sequence has ended before. */
  push(tokenId: number): StepToken[] {
    if (this.finished) return [];
    const accepted = this.#accept(tokenId);
    this.finished = accepted.finished;
    return [{ row: this.row, tokenId, ...accepted }];
  }

  result(): GeneratedSequence {
    return {
      ids: this.#ids,
      ...(this.#stopId !== undefined && { stopId: this.#stopId }),
      text: this.#text?.text ?? "",
      finished: this.finished ?? "length",
    };
  }

  #accept(tokenId: number): Pick<StepToken, "text" | "finished"> {
    const { stopIds = [], maxNewTokens } = this.options;
    if (stopIds.includes(tokenId)) {
      this.#stopId = tokenId;
      return { text: this.#text?.end() ?? "", finished: "stop" };
    }
    this.#ids.push(tokenId);
    const text = this.#text?.push(tokenId) ?? "";
    if (this.#text?.stopped) return { text, finished: "stop" };
    if (this.#ids.length < maxNewTokens) return { text };
    return { text: text + (this.#text?.end() ?? ""), finished: "length" };
  }
}
