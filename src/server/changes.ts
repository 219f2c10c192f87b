/** Ratings that were given lately, so that each can be taken back with every byte. */
import { randomUUID } from "node:crypto";
import type { PersonRating } from "../library/rate.js";
import { restoreSidecar, type SidecarWrite } from "../photos/xmp.js";

/** What a rating has changed. */
interface Change {
  readonly photo: number;
  readonly writes: readonly SidecarWrite[];
  /** What the library said before. */
  readonly before: PersonRating;
}

const [MOST, MOST_BYTES] = [1000, 32 * 2 ** 20];

export class Changes {
  readonly #changes = new Map<string, Change>();
  #bytes = 0;

  /** Keeps a change; of too many the oldest are forgotten. @returns its name */
  add(change: Change): string {
    const name = randomUUID();
    this.#changes.set(name, change);
    this.#bytes += bytesOf(change);
    for (const oldest of this.#changes.keys()) {
      if (this.#changes.size <= MOST && this.#bytes <= MOST_BYTES) break;
      this.#forget(oldest);
    }
    return name;
  }

  /**
   * Puts back what stood in a photo's sidecars before a change; a sidecar that it made is removed.
   *
   * @returns what the library said before; undefined where there is no such change
   * @throws RocError IN_USE where a sidecar is no longer what was written
   */
  async takeBack(name: string, photo: number): Promise<PersonRating | undefined> {
    const change = this.#changes.get(name);
    if (change?.photo !== photo) return undefined;
    for (const write of change.writes.toReversed()) await restoreSidecar(write);
    this.#forget(name);
    return change.before;
  }

  #forget(name: string): void {
    const change = this.#changes.get(name);
    if (change) this.#bytes -= bytesOf(change);
    this.#changes.delete(name);
  }
}

function bytesOf({ writes }: Change): number {
  return writes.reduce((sum, { before, after }) => sum + (before?.length ?? 0) + after.length, 0);
}
