/** Tastes of the library, and teaching one: which of two photos does a person like better? */
import { get, request, send } from "../api/client.js";
import type { Learned, LibraryPair, Tastes } from "../api/types.js";
import { app, say } from "./app.js";
import type { Photo } from "./photo.js";
import { noteFault } from "./server.js";
import { onShelf, shelfJudge } from "./shelf.js";

/** What is asked at the moment. */
export interface Teaching {
  /** Undefined while they are fetched, or where there are none left. */
  readonly photos: readonly [Photo, Photo] | undefined;
  readonly answers: number;
  /** The latest answer, which can be taken back. */
  readonly last: string | undefined;
  readonly busy: boolean;
  /** What came of learning, in the server's words. */
  readonly told: string | undefined;
}

/** What the page's tastes are called that nobody names. */
const USUAL = "mine";

function set(change: Partial<Teaching>): void {
  const { teaching } = app.state;
  // It was closed meanwhile.
  if (teaching) app.set({ teaching: { ...teaching, ...change } });
}

/** Fetches which tastes there are. */
export async function loadTastes(): Promise<void> {
  try {
    const { tastes } = await get<Tastes>("v1/library/tastes");
    const { taste } = app.state;
    app.set({ tastes, taste: tastes.some(({ name }) => name === taste) ? taste : undefined });
  } catch (error) {
    noteFault(error);
  }
}

export function openTeaching(): void {
  app.set({ teaching: { photos: undefined, answers: 0, last: undefined, busy: false, told: undefined } });
  void ask();
}

export function closeTeaching(): void {
  app.set({ teaching: undefined });
}

/** Does one thing at a time, and tells what went wrong. */
async function busily(work: () => Promise<void>): Promise<void> {
  if (!app.state.teaching || app.state.teaching.busy) return;
  set({ busy: true });
  try {
    await work();
  } catch (error) {
    if (!noteFault(error)) set({ told: error instanceof Error ? error.message : String(error) });
  } finally {
    set({ busy: false });
  }
}

async function fetchPair(): Promise<void> {
  const { photos, answers } = await get<LibraryPair>("v1/library/pairs/next");
  const [first, second] = photos.map((photo) => onShelf(photo, { judge: shelfJudge() }));
  set({ photos: first && second && [first, second], answers });
}

/** Two other photos. */
export function ask(): Promise<void> {
  return busily(fetchPair);
}

/** Keeps that the left or the right photo is liked better, and asks about two others. */
export function answer(side: 0 | 1): Promise<void> {
  return busily(async () => {
    const { photos } = app.state.teaching ?? {};
    if (!photos) return;
    const [better, worse] = [photos[side], photos[1 - side] as Photo].map(({ key }) => key.slice(1));
    const { id, answers } = await send<{ id: string; answers: number }>("POST", "v1/library/pairs", { better, worse });
    set({ last: id, answers, told: undefined });
    say(`${photos[side].name} is liked better; ${answers} answers`);
    await fetchPair();
  });
}

/** Takes the latest answer back. */
export function unanswer(): Promise<void> {
  return busily(async () => {
    const { last } = app.state.teaching ?? {};
    if (last === undefined) return;
    const taken = await request(`v1/library/pairs/${last}`, { method: "DELETE" });
    const { answers } = (await taken.json()) as { answers: number };
    set({ last: undefined, answers });
    say("The answer was taken back");
  });
}

/** Learns, and orders the library by it where it was kept. */
export function learn(from: "pairs" | "stars"): Promise<void> {
  return busily(async () => {
    set({ told: "Learning …" });
    const { kept, why } = await send<Learned>("POST", "v1/library/tastes", { name: USUAL, from });
    set({ told: why });
    say(why);
    if (!kept) return;
    await loadTastes();
    // Also where it was chosen already: it says something else now.
    app.set({ taste: USUAL, learned: app.state.learned + 1 });
  });
}
