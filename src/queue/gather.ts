/** Jobs of a worker that the model computes together: those that are asked the same. */
import type { Model, Outcome, ScoreOptions } from "../engine/types.js";
import type { WrittenText } from "../roc/question.js";
import { messageOf } from "../errors.js";
import type { StoredImage } from "../image/index.js";
import { perceptualHash } from "../library/look.js";
import type { Asked, Beside } from "./job.js";

/** How long a batch that is not full waits for more. */
const GATHER_MS = 5;

/** A picture's result. */
export type Scored = Beside & { readonly outcome: Outcome };

interface Place {
  readonly name: string;
  readonly data: Uint8Array;
  readonly asked: Asked;
  readonly resolve: (scored: Scored) => void;
  readonly reject: (error: unknown) => void;
}

export class Gather {
  readonly #waiting = new Map<string, Place[]>();
  readonly #timers = new Map<string, NodeJS.Timeout>();

  /** @param size pictures that the model computes together */
  constructor(
    private readonly model: Model,
    private readonly size: number,
  ) {}

  /** A picture's result. @throws what the model throws, as for all of its batch */
  score(name: string, data: Uint8Array, asked: Asked): Promise<Scored> {
    return new Promise((resolve, reject) => {
      const key = JSON.stringify(asked);
      const group = this.#waiting.get(key) ?? [];
      group.push({ name, data, asked, resolve, reject });
      this.#waiting.set(key, group);
      if (group.length >= this.size) return this.#go(key);
      if (!this.#timers.has(key)) this.#timers.set(key, setTimeout(() => this.#go(key), GATHER_MS)); // prettier-ignore
    });
  }

  #go(key: string): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    const group = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    void this.#run(group);
  }

  async #run(group: readonly Place[]): Promise<void> {
    const hashes = new Map<string, bigint>();
    const written = new Map<string, Map<number, WrittenText>>();
    const { look, told, ...asked } = group[0]?.asked ?? {};
    const options: ScoreOptions = {
      ...asked,
      ...(look && { onPicture: async (file: string, picture: StoredImage) => void hashes.set(file, await perceptualHash(picture)) }), // prettier-ignore
      ...(told && { onText: ({ file, ...piece }) => add(written, file, piece) }),
    };
    let done = 0;
    try {
      for await (const outcome of this.model.score(
        group.map(({ name, data }) => ({ name, data })),
        options,
      )) {
        const texts = written.get(outcome.file);
        group[done++]?.resolve({ outcome, hash: hashes.get(outcome.file), ...(texts && { written: [...texts.values()] }) }); // prettier-ignore
      }
      for (const { reject } of group.slice(done)) reject(new Error("the model gave no result"));
    } catch (error) {
      for (const { reject } of group.slice(done)) reject(error instanceof Error ? error : new Error(messageOf(error)));
    }
  }
}

/** Pieces of an answer become one. */
function add(all: Map<string, Map<number, WrittenText>>, file: string, piece: WrittenText): void {
  const own = all.get(file) ?? new Map<number, WrittenText>();
  all.set(file, own);
  own.set(piece.question, { ...piece, text: (own.get(piece.question)?.text ?? "") + piece.text });
}
