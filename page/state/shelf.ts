/** The library: its photos page by page, in the server's order. */
import { get, request, send, ServerError } from "../api/client.js";
import type { LibraryPage, LibraryPhoto } from "../api/types.js";
import { app, say, type AppState, type SavedChange } from "./app.js";
import { burstOf } from "./bursts.js";
import { keyOf, libraryId, partOf, type Facts, type Filter, type Photo, type Rating } from "./photo.js";
import { noteFault } from "./server.js";

/** Photos of the first page, which a person waits for, and of those after it. */
const [FIRST, NEXT] = [200, 1000];
/** Pixels of a thumbnail's longer edge. */
const THUMBNAIL = 480;
/** Milliseconds without a letter after which a filter is asked for. */
const PAUSE = 250;

let cursor: string | null = null;
let judge: LibraryPage["judge"] = null;
let running: AbortController | undefined;

/** Fetches the first page. @returns undefined where there is no library, or another order was asked for meanwhile */
export async function load(): Promise<LibraryPage | undefined> {
  running?.abort();
  const own = (running = new AbortController());
  cursor = null;
  app.set({ loading: true });
  try {
    const page = await get<LibraryPage>(pathOf(app.state, FIRST), own.signal);
    if (own.signal.aborted) return undefined;
    app.set({ shelf: page.photos.map((photo) => onShelf(photo, page)), total: page.total ?? undefined });
    cursor = page.next;
    judge = page.judge;
    // What was wrong with the filter before is not any more.
    if (app.state.fault === told) app.set({ fault: undefined });
    return page;
  } catch (error) {
    if (!own.signal.aborted) tell(error);
    return undefined;
  } finally {
    if (running === own) {
      running = undefined;
      app.set({ loading: false });
    }
  }
}

let coming: Promise<void> | undefined;

/** Fetches the next page, once. */
export function more(): Promise<void> {
  return (coming ??= fetchMore().finally(() => (coming = undefined)));
}

async function fetchMore(): Promise<void> {
  if (app.state.source !== "library" || cursor === null || running) return;
  const own = (running = new AbortController());
  try {
    const page = await get<LibraryPage>(pathOf(app.state, NEXT, cursor), own.signal);
    if (own.signal.aborted) return;
    cursor = page.next;
    running = undefined;
    app.set({ shelf: [...app.state.shelf, ...page.photos.map((photo) => onShelf(photo, page))] });
  } catch (error) {
    if (!own.signal.aborted) tell(error);
  } finally {
    if (running === own) running = undefined;
  }
}

/** Fetches all that is left, as long as nothing else is asked for. */
export async function everything(): Promise<void> {
  for (let last: string | null | undefined; cursor !== null && cursor !== last;) {
    last = cursor;
    await more();
    if (cursor !== null) say(`${app.state.shelf.length} of ${app.state.total ?? "more"} photos are here`);
  }
}

/** Fetches anew what is here, in the place of it: photos have been added, moved or rated. @throws as {@link get} */
export async function refresh(): Promise<void> {
  const all = await get<LibraryPage>("v1/library/photos?limit=1");
  app.set({ library: all.total ?? undefined });
  if (running || app.state.source !== "library") return;
  const own = (running = new AbortController());
  const { length } = app.state.shelf;
  try {
    const photos: Photo[] = [];
    let [total, next]: [number | undefined, string | null] = [undefined, null];
    do {
      const limit = Math.min(NEXT, Math.max(FIRST, length - photos.length));
      const page: LibraryPage = await get<LibraryPage>(pathOf(app.state, limit, next), own.signal);
      if (own.signal.aborted) return;
      photos.push(...page.photos.map((photo) => onShelf(photo, page)));
      [total, next, judge] = [total ?? page.total ?? undefined, page.next, page.judge];
    } while (next !== null && photos.length < length);
    cursor = next;
    app.set({ shelf: photos, total, refreshed: app.state.refreshed + 1 });
  } finally {
    if (running === own) running = undefined;
  }
}

/** Fetches one photo, which may be far down or filtered out. */
export async function fetchLone(id: string): Promise<Photo | undefined> {
  const { taste } = app.state;
  const query = taste === undefined ? "" : `?${new URLSearchParams({ taste })}`;
  const photo = await get<LibraryPhoto>(`v1/library/photos/${id}${query}`).catch(() => undefined);
  const lone = photo && onShelf(photo, { judge });
  app.set({ lone });
  return lone;
}

let told: string | undefined;

function tell(error: unknown): void {
  if (noteFault(error)) return;
  if (!(error instanceof ServerError)) return app.set({ server: "gone" });
  // A server without a library is one for photos that are dropped.
  if (error.status !== 404) app.set({ fault: (told = error.message) });
}

/** Asks again when filter or order change. */
export function followFilters(): void {
  const wanted = ({ filter, sort, taste, learned }: AppState): string =>
    JSON.stringify([whereOf(filter), sort, taste, learned]);
  let [last, timer] = [wanted(app.state), 0];
  app.subscribe(() => {
    const now = wanted(app.state);
    if (app.state.source !== "library" || now === last) return;
    last = now;
    clearTimeout(timer);
    timer = window.setTimeout(() => void load(), PAUSE);
  });
}

function pathOf({ filter, sort, taste }: AppState, limit: number, cursor: string | null = null): string {
  const query = new URLSearchParams({ sort, limit: String(limit) });
  if (cursor !== null) query.set("cursor", cursor);
  const where = whereOf(filter);
  if (where !== "") query.set("where", where);
  if (taste !== undefined) query.set("taste", taste);
  return `v1/library/photos?${query}`;
}

/** A filter in the library's words. */
function whereOf({ best, stars, flag, name, folder, camera, from, to }: Filter): string {
  const flags = { any: "", kept: "not pick = reject", unflagged: "pick = none" } as const;
  const conditions = [
    best !== undefined && `percentile >= ${100 - best}`,
    stars > 0 && `stars >= ${stars}`,
    flag === "pick" || flag === "reject" ? `pick = ${flag}` : flags[flag],
    name && `name ~ ${quoted(name)}`,
    folder && `folder ~ ${quoted(folder)}`,
    camera && `camera ~ ${quoted(camera)}`,
    from && `taken >= ${from}`,
    to && `taken <= ${to}`,
  ];
  return conditions.filter(Boolean).join(" and ");
}

/** A text has the quotes round it that it does not hold; of two kinds the double ones are written twice. */
function quoted(text: string): string {
  return text.includes('"') && !text.includes("'") ? `'${text}'` : `"${text.replaceAll('"', '""')}"`;
}

/** Whose scores are on the shelf. */
export function shelfJudge(): LibraryPage["judge"] {
  return judge;
}

export function onShelf(photo: LibraryPhoto, { judge }: Pick<LibraryPage, "judge">): Photo {
  const { id, name, folder, size, width, height, digest, modified, score, taste, error } = photo;
  const path = `v1/library/photos/${id}`;
  const version = `v=${digest ?? modified}`;
  return {
    ...{ key: keyOf(id), name, folder, bytes: size, width, height, viewable: true, facts: factsOf(photo) },
    thumbnail: `${path}/thumbnail?size=${THUMBNAIL}&${version}`,
    image: `${path}/image?${version}`,
    ...ratingOf(photo),
    percentile: (taste ?? score)?.percentile,
    taste,
    score: score && judge ? { ...score, file: name, scale: judge.scale, model: judge.name } : undefined,
    failure: error,
    burst: burstOf(id),
  };
}

/** A photo has another rating by now than the one that was seen. */
export class Outdated extends Error {
  constructor(readonly now: Rating) {
    super("it has been rated elsewhere in the meantime");
  }
}

/** What came of a change. */
export interface Saved {
  /** The photo's rating now. */
  readonly rating: Rating;
  readonly change: SavedChange;
}

let saved: Promise<unknown> = Promise.resolve();

/**
 * Has the server keep a part of a rating, in the order in which they were given; those of dropped photos stay on the page.
 *
 * @param was what is known of the rating when its turn comes
 * @param undone the change that it takes back: the sidecar has its bytes of before then
 * @throws Outdated; why it cannot be saved
 */
export async function saveRating(
  key: string,
  change: Partial<Rating>,
  was: () => Rating,
  undone?: Promise<SavedChange>,
): Promise<Saved> {
  const id = libraryId({ key });
  if (id === undefined) return { rating: { ...was(), ...change }, change: undefined };
  const path = `v1/library/photos/${id}/rating`;
  const done = saved.then(async () => (await takeBack(path, await undone)) ?? putRating(path, change, was()));
  saved = done.catch(() => undefined);
  return done;
}

/** @returns undefined where that cannot be: a change of before the server was started anew, a sidecar of others */
async function takeBack(path: string, change: SavedChange): Promise<Saved | undefined> {
  if (change === undefined) return undefined;
  try {
    const answer = await request(`${path}?change=${change}`, { method: "DELETE" });
    return { rating: ratingOf((await answer.json()) as LibraryPhoto), change: undefined };
  } catch (error) {
    if (error instanceof ServerError && (error.status === 404 || error.status === 409)) return undefined;
    throw error;
  }
}

async function putRating(path: string, change: Partial<Rating>, was: Rating): Promise<Saved> {
  const body = { ...inServersWords(change), was: inServersWords(partOf(was, change)) };
  try {
    const photo = await send<LibraryPhoto & { readonly change?: string }>("PUT", path, body);
    return { rating: ratingOf(photo), change: photo.change };
  } catch (error) {
    const { photo } = (error instanceof ServerError ? error.body : {}) as { photo?: LibraryPhoto };
    throw photo ? new Outdated(ratingOf(photo)) : error;
  }
}

function inServersWords(rating: Partial<Rating>): object {
  const { stars, flag = "none" } = rating;
  return { ...("stars" in rating && { stars }), ...("flag" in rating && { pick: flag }) };
}

function ratingOf({ stars = 0, pick }: LibraryPhoto): Rating {
  return { stars: Math.max(0, stars), flag: pick ?? (stars < 0 ? "reject" : undefined) };
}

function factsOf({ taken, camera, metadata = {} }: LibraryPhoto): Facts {
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
  return {
    ...{ taken, camera, lens: text(metadata["lens"]) },
    ...{ iso: number(metadata["iso"]), aperture: number(metadata["aperture"]) },
    ...{ exposureTime: number(metadata["exposureTime"]), exposureBias: number(metadata["exposureBias"]) },
    focalLength: number(metadata["focalLength"]),
  };
}
