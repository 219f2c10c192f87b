/**
 * Bursts of a whole library. They are looked for in the background, since every photo that has a neighbour in time is read for it:
 * what has been found so far is there at once.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Catalog, Judge, Photo } from "../catalog.js";
import { readLook } from "./look.js";
import { timeOf, WINDOW } from "./pairs.js";
import { planCulling, type CullingPhoto, type GroupKind } from "./plan.js";

/** Photos of a page. */
const AT_ONCE = 500;

/** Photos that belong together, best first. */
export interface LibraryBurst {
  readonly kind: GroupKind;
  /** `best`: chance to be the best of them; null where the judge gives scores alone. */
  readonly photos: readonly { readonly id: number; readonly best: number | null; readonly kept: boolean }[];
}

export interface LibraryBursts {
  readonly bursts: readonly LibraryBurst[];
  /** Photos that have been looked at. */
  readonly looked: number;
  /** Whether there is nothing left to look at. */
  readonly complete: boolean;
}

const NOTHING: LibraryBursts = { bursts: [], looked: 0, complete: true };

/** One search from its beginning: what one that was given up still finds goes nowhere. */
interface Search {
  readonly key: string;
  found: LibraryBursts;
}

/** A search in one library, which begins again where photos were added or another judge is asked. */
export class BurstSearch {
  #current: Search | undefined;

  constructor(private readonly catalog: Catalog) {}

  /** What has been found so far; begins where nobody has asked before. */
  found(judge: Judge | undefined): LibraryBursts {
    if (!judge) return NOTHING;
    // Copies have no scores of their own.
    const key = `${judge.id} ${judge.scores} ${this.catalog.count({ judge })}`;
    if (this.#current?.key === key) return this.#current.found;
    const search: Search = (this.#current = { key, found: { ...NOTHING, complete: false } });
    this.#search(judge, search).catch(() => {
      // Whatever went wrong: the next one who asks begins again.
      if (this.#current === search) this.#current = undefined;
    });
    return search.found;
  }

  async #search(judge: Judge, search: Search): Promise<void> {
    let run: TimedPhoto[] = [];
    const copies = new Map<string, Photo[]>();
    for await (const { photo: found, time } of this.#scored(judge)) {
      if (this.#current !== search) return;
      if (time === undefined) {
        // Nothing is near it but what is the same.
        if (found.digest) copies.set(found.digest, [...(copies.get(found.digest) ?? []), found]);
        continue;
      }
      const photo = { photo: found, time };
      const last = run.at(-1);
      if (last && last.time - photo.time > WINDOW) {
        await enter(run, search);
        run = [];
      }
      run.push(photo);
    }
    await enter(run, search);
    for (const photos of copies.values()) if (photos.length > 1) enterCopies(photos, search);
    search.found = { ...search.found, complete: true };
  }

  /** Scored photos, the newest first, those without a time last. */
  async *#scored(judge: Judge): AsyncGenerator<{ readonly photo: Photo; readonly time: number | undefined }> {
    for (let after: string | undefined; ;) {
      const page = this.catalog.photos({ judge, sort: "taken", limit: AT_ONCE, after });
      for (const photo of page.photos) {
        const time = timeOf(photo.taken);
        if (photo.score) yield { photo, time };
      }
      after = page.next;
      if (after === undefined) return;
      await turn();
    }
  }
}

/** Groups photos of which each is near the next in time. */
async function enter(run: readonly TimedPhoto[], search: Search): Promise<void> {
  if (run.length < 2) return;
  const photos: CullingPhoto[] = [];
  for (const one of run) photos.push(...(await lookedAt(one)));
  const ids = new Map(run.map(({ photo }) => [photo.file, photo.id]));
  const bursts = planCulling(photos).groups.map(({ kind, photos }): LibraryBurst => {
    const members = photos.map(({ file, best, kept }) => ({ id: ids.get(file) ?? 0, best, kept }));
    return { kind, photos: members };
  });
  const { bursts: before, looked } = search.found;
  search.found = { bursts: [...before, ...bursts], looked: looked + run.length, complete: false };
}

/** Files of one content. */
function enterCopies(photos: readonly Photo[], search: Search): void {
  const members = photos.map(({ id }, i) => ({ id, best: 1 / photos.length, kept: i === 0 }));
  const { bursts, looked } = search.found;
  const found: LibraryBurst = { kind: "copies", photos: members };
  search.found = { bursts: [...bursts, found], looked: looked + photos.length, complete: false };
}

interface TimedPhoto {
  readonly photo: Photo;
  /** Milliseconds of the camera's own clock. */
  readonly time: number;
}

/** With its look; nothing where the file cannot be read any more. */
async function lookedAt({ photo, time }: TimedPhoto): Promise<CullingPhoto[]> {
  const { file, camera, width, height, metadata, score } = photo;
  const bias = metadata?.["exposureBias"];
  const exposureBias = typeof bias === "number" ? bias : undefined;
  const look = await readLook(file).catch(() => undefined);
  return look && score ? [{ file, time, camera, width, height, exposureBias, look, score }] : [];
}
