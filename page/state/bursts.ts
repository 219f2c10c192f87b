/** Photos of one moment: the server looks for them in the background. */
import { get, ServerError } from "../api/client.js";
import type { LibraryBursts } from "../api/types.js";
import { app } from "./app.js";
import { libraryId, type Burst } from "./photo.js";
import { noteFault, untilReady } from "./server.js";
import { pauseUntilSeen } from "./wait.js";

/** Milliseconds between two questions, at first and at last. */
const [SOON, LATE] = [1500, 30_000];

let bursts: ReadonlyMap<string, Burst> = new Map();
let watching: object | undefined;

export function burstOf(id: string): Burst | undefined {
  return bursts.get(id);
}

/** Asks for bursts until all photos have been looked at; who asks anew takes the place of the one before. */
export async function watchBursts(): Promise<void> {
  const own = (watching = {});
  for (let pause = SOON; watching === own; pause = Math.min(LATE, pause * 1.5)) {
    try {
      const found = await get<LibraryBursts>("v1/library/bursts");
      if (watching !== own) return;
      enter(found);
      if (found.complete) return;
    } catch (error) {
      if (error instanceof ServerError && error.status === 404) return;
      if (noteFault(error)) await untilReady();
    }
    await pauseUntilSeen(pause);
  }
}

function enter(found: LibraryBursts): void {
  const entries = found.bursts.flatMap(({ photos }) => {
    // By its first photo it stays the same one when others are found.
    const id = Math.min(...photos.map((photo) => Number(photo.id)));
    return photos.map((photo, rank): [string, Burst] => [photo.id, { id, rank, members: photos.length }]);
  });
  // A search that has begun anew knows less for a while.
  if (!found.complete && entries.length < bursts.size) return;
  if (JSON.stringify(entries) === JSON.stringify([...bursts])) return;
  bursts = new Map(entries);
  app.set({ shelf: app.state.shelf.map((photo) => ({ ...photo, burst: bursts.get(libraryId(photo) ?? "") })) });
}
