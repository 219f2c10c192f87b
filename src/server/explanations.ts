/** Explanations of the library's photos: one at a time, as each costs as many pictures as a small batch, and the latest ones are kept. */
import type { Explanation, Model } from "../engine/index.js";
import { RocError } from "../errors.js";
import type { Photo } from "../library/catalog.js";
import { Refusal } from "./errors.js";

/** Pictures that one explanation scores: fewer than the command line, since somebody waits, and other pictures behind it. */
const EVALUATIONS = 64;
/** Explanations that wait or are computed. */
const MOST_WAITING = 8;
/** Explanations that are kept, some ten kilobytes each. */
const MOST_KEPT = 512;

export class Explanations {
  readonly #kept = new Map<string, Explanation>();
  readonly #model: Model;
  readonly #pixels: number;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** @param pixels of a photo at most */
  constructor(model: Model, pixels: number) {
    [this.#model, this.#pixels] = [model, pixels];
  }

  /**
   * @param file the photo's, of what is a file now
   * @param of an attribute; default: the overall score
   * @throws Refusal 429 where too many wait; 501 of a model that cannot be explained; RocError as `Model.explain()`
   */
  async of(photo: Photo, file: string, of: string | undefined, signal: AbortSignal): Promise<Explanation> {
    const key = JSON.stringify([photo.digest ?? `${photo.id} ${photo.modified}`, of]);
    const kept = this.#kept.get(key);
    if (kept) return kept;
    if (this.#waiting >= MOST_WAITING)
      throw new Refusal(429, "IN_USE", "Too many explanations wait already. Try again in 5 s.", { "retry-after": "5" });
    this.#waiting += 1;
    const made = this.#last.then(() => this.#kept.get(key) ?? this.#explain(file, of, signal));
    this.#last = made.catch(() => undefined);
    try {
      const map = await made;
      this.#keep(key, map);
      return map;
    } finally {
      this.#waiting -= 1;
    }
  }

  async #explain(file: string, of: string | undefined, signal: AbortSignal): Promise<Explanation> {
    if (signal.aborted) throw new RocError("ABORTED", "The client has gone.");
    const map = await this.#model.explain?.(file, { of, evaluations: EVALUATIONS, signal, maxPixels: this.#pixels });
    if (map) return map;
    throw new Refusal(501, "USAGE", "The model of this server cannot be explained.");
  }

  #keep(key: string, map: Explanation): void {
    this.#kept.set(key, map);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }
}
