/** The library: its photos page by page, in the server's order. */
import { events, get, request, send, ServerError } from "../api/client.js";
import type { LibraryBursts, LibraryPage, LibraryPhoto } from "../api/types.js";
import { app, type AppState, type SavedChange } from "./app.js";
import type { Burst, Facts, Filter, Photo, Rating } from "./photo.js";
import { Outdated, partOf, type Saved } from "./rating.js";
import { noteFault, untilReady } from "./server.js";

/** Photos of the first page, which a person waits for, and of those after it. */
const [FIRST, NEXT] = [200, 1000];
/** Pixels of a thumbnail's longer edge. */
const THUMBNAIL = 480;
/** Milliseconds without a letter after which a filter is asked for. */
const PAUSE = 250;

let cursor: string | null = null;
let running: AbortController | undefined;

/** Opens the library, where the server has one; waits for a token, and for a server that does not answer. */
export async function openShelf(): Promise<void> {
  let page = await load();
  while (!page && (app.state.server === "locked" || app.state.server === "gone")) {
    await untilReady();
    page = await load();
  }
  if (page?.total === undefined || page.total === null) return;
  // What was dropped meanwhile stays in sight.
  app.set({ library: page.total, source: app.state.dropped.length > 0 ? "dropped" : "library" });
  followFilters();
  void watchScan();
  await watchBursts();
}

/** Fetches the first page. @returns undefined where there is no library, or another order was asked for meanwhile */
async function load(): Promise<LibraryPage | undefined> {
  running?.abort();
  const own = (running = new AbortController());
  cursor = null;
  app.set({ loading: true });
  try {
    const page = await get<LibraryPage>(pathOf(app.state, FIRST), own.signal);
    if (own.signal.aborted) return undefined;
    app.set({ shelf: page.photos.map((photo) => onShelf(photo, page)), total: page.total ?? undefined });
    cursor = page.next;
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

/** Fetches the next page, once. */
export async function more(): Promise<void> {
  if (app.state.source !== "library" || cursor === null || running) return;
  const own = (running = new AbortController());
  try {
    const page = await get<LibraryPage>(`${pathOf(app.state, NEXT)}&cursor=${encodeURIComponent(cursor)}`, own.signal);
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

function tell(error: unknown): void {
  if (noteFault(error)) return;
  if (!(error instanceof ServerError)) return app.set({ server: "gone" });
  // A server without a library is one for photos that are dropped.
  if (error.status !== 404) app.set({ fault: error.message });
}

/** Asks again when filter or order change. */
function followFilters(): void {
  const wanted = ({ filter, sort }: AppState): string => JSON.stringify([whereOf(filter), sort]);
  let [last, timer] = [wanted(app.state), 0];
  app.subscribe(() => {
    const now = wanted(app.state);
    if (app.state.source !== "library" || now === last) return;
    last = now;
    clearTimeout(timer);
    timer = window.setTimeout(() => void load(), PAUSE);
  });
}

function pathOf({ filter, sort }: AppState, limit: number): string {
  const query = new URLSearchParams({ sort, limit: String(limit) });
  const where = whereOf(filter);
  if (where !== "") query.set("where", where);
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

/** A text has the quotes round it that it does not hold; of two kinds the double ones are lost. */
function quoted(text: string): string {
  return text.includes('"') && !text.includes("'") ? `'${text}'` : `"${text.replaceAll('"', "")}"`;
}

function onShelf(photo: LibraryPhoto, { judge }: LibraryPage): Photo {
  const { id, name, folder, size, width, height, digest, modified, score, error } = photo;
  const path = `v1/library/photos/${id}`;
  const version = `v=${digest ?? modified}`;
  return {
    ...{ key: keyOf(id), name, folder, bytes: size, width, height, viewable: true, facts: factsOf(photo) },
    thumbnail: `${path}/thumbnail?size=${THUMBNAIL}&${version}`,
    image: `${path}/image?${version}`,
    ...ratingOf(photo),
    percentile: score?.percentile,
    score: score && judge ? { ...score, file: name, scale: judge.scale, model: judge.name } : undefined,
    failure: error,
    burst: bursts.get(id),
  };
}

/** Keys of the page by the library's ids, and back. */
function keyOf(id: string): string {
  return `l${id}`;
}

export function libraryId({ key }: Pick<Photo, "key">): string | undefined {
  return key.startsWith("l") ? key.slice(1) : undefined;
}

let bursts: ReadonlyMap<string, Burst> = new Map();

/** Milliseconds between two questions, at first and at last. */
const [SOON, LATE] = [1500, 30_000];

/** Asks for bursts until all photos have been looked at. */
async function watchBursts(): Promise<void> {
  for (let pause = SOON; ; pause = Math.min(LATE, pause * 1.5)) {
    const found = await get<LibraryBursts>("v1/library/bursts").catch(() => undefined);
    if (found) enterBursts(found);
    if (found?.complete ?? true) return;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function enterBursts(found: LibraryBursts): void {
  const entries = found.bursts.flatMap(({ photos }, id) =>
    photos.map((photo, rank): [string, Burst] => [photo.id, { id, rank, members: photos.length }]),
  );
  if (entries.length === bursts.size) return;
  bursts = new Map(entries);
  app.set({ shelf: app.state.shelf.map((photo) => ({ ...photo, burst: bursts.get(libraryId(photo) ?? "") })) });
}

/** Milliseconds between two looks at a scan, which is another program's. */
const SCAN_LOOK = 4000;

/** What a scan has done so far. */
interface ScanState {
  /** Whether it goes on: one that was killed has not ended, and does not. */
  readonly running: boolean;
  readonly scored: number;
  readonly failed: number;
}

/** Shows the progress of a scan for as long as it runs, and what it has found. */
async function watchScan(): Promise<void> {
  for (;;) {
    const now = await scanState().catch(() => undefined);
    if (now === undefined) return app.set({ scan: undefined });
    if (now?.running) app.set({ scan: { done: now.scored, failed: now.failed } });
    else if (app.state.scan !== undefined) {
      app.set({ scan: undefined });
      if (app.state.source === "library") await load();
    }
    await new Promise((resolve) => setTimeout(resolve, SCAN_LOOK));
  }
}

async function scanState(): Promise<ScanState | null> {
  // The first event is how it stands; staying would keep the server from ending.
  for await (const data of events("v1/library/scan")) return JSON.parse(data) as ScanState | null;
  return null;
}

let saved: Promise<unknown> = Promise.resolve();

/**
 * Has the server keep a part of a rating, in the order in which they were given.
 *
 * @param undone the change that it takes back: the sidecar has its bytes of before then
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
