/** What the page shows, and what a person does to it. */
import { arrange, NO_FILTER, stacked, type Filter, type Photo, type Rating, type Sort } from "./photo.js";
import type { Tastes } from "../api/types.js";
import { Store } from "./store.js";
import type { Teaching } from "./taste.js";

/** Who judges, and what that is worth. */
export interface Judge {
  readonly name: string;
  readonly worth: string;
  /** Whether it writes comments when it is asked. */
  readonly comments: boolean;
}

export interface Zoom {
  /** Screen pixels per pixel of the photo; undefined: all of it fits. */
  readonly scale: number | undefined;
  /** The point in the middle, as shares of width and height. */
  readonly x: number;
  readonly y: number;
}

export const FIT: Zoom = { scale: undefined, x: 0.5, y: 0.5 };

/** What a person has changed of a photo's rating. */
export interface Change {
  readonly key: string;
  readonly name: string;
  readonly before: Partial<Rating>;
  readonly after: Partial<Rating>;
  readonly saved: Promise<SavedChange>;
}

/** By which the server knows a change that it has kept; undefined: by none. */
export type SavedChange = string | undefined;

export interface AppState {
  readonly source: "dropped" | "library";
  /** Of the library: how many the server has; undefined where it has none. */
  readonly library: number | undefined;
  readonly server: "waiting" | "ready" | "gone" | "locked";
  readonly judge: Judge | undefined;
  readonly dropped: readonly Photo[];
  readonly shelf: readonly Photo[];
  /** How often the shelf was fetched anew. */
  readonly refreshed: number;
  /** A photo of the library that is not among them: an address has named it. */
  readonly lone: Photo | undefined;
  /** Dropped photos as they were when their ratings were last taken home. */
  readonly kept: readonly Photo[];
  readonly loading: boolean;
  /** Photos of the library that pass the filters, those too that are not here yet. */
  readonly total: number | undefined;
  readonly filter: Filter;
  readonly sort: Sort;
  /** Tastes that the library has. */
  readonly tastes: Tastes["tastes"];
  /** The name of the one by which the library is ordered; undefined: by the checkpoint alone. */
  readonly taste: string | undefined;
  /** How often one was learned here: the same name says something else then. */
  readonly learned: number;
  readonly teaching: Teaching | undefined;
  readonly stacks: boolean;
  /** The burst that is spread out. */
  readonly open: number | undefined;
  readonly selected: string | undefined;
  readonly view: "grid" | "photo" | "compare";
  /** The reference of a comparison that stays. */
  readonly pinned: string | undefined;
  readonly zoom: Zoom;
  readonly panel: boolean;
  /** Whether what moves the score lies over the photo. */
  readonly heat: boolean;
  readonly filters: boolean;
  readonly help: boolean;
  /** Height of a row in pixels. */
  readonly size: number;
  readonly undo: readonly Change[];
  /** Read out, and shown for a while. */
  readonly said: string;
  readonly fault: string | undefined;
  /** How many photos a scan has scored that goes on. */
  readonly scan: number | undefined;
}

export const app = new Store<AppState>({
  source: "dropped",
  library: undefined,
  server: "waiting",
  judge: undefined,
  dropped: [],
  shelf: [],
  refreshed: 0,
  lone: undefined,
  kept: [],
  loading: false,
  total: undefined,
  filter: NO_FILTER,
  sort: "score",
  tastes: [],
  taste: undefined,
  learned: 0,
  teaching: undefined,
  stacks: true,
  open: undefined,
  selected: undefined,
  view: "grid",
  pinned: undefined,
  zoom: FIT,
  panel: true,
  heat: false,
  filters: false,
  help: false,
  size: window.innerWidth < 600 ? 150 : 220,
  undo: [],
  said: "",
  fault: undefined,
  scan: undefined,
});

let known: { readonly from: readonly unknown[]; readonly photos: readonly Photo[] } = { from: [], photos: [] };

/** The photos in the order of the page. The library's come in order from the server. */
export function visible(state: AppState): readonly Photo[] {
  const { source, dropped, shelf, filter, sort, stacks, open } = state;
  const from = [source, dropped, shelf, filter, sort, stacks, open];
  if (from.every((part, i) => part === known.from[i])) return known.photos;
  const all = source === "dropped" ? arrange(dropped, filter, sort) : shelf;
  known = { from, photos: stacks ? stacked(all, open) : all };
  return known.photos;
}

/** How many there are, those too that are not here yet. */
export function countOf(state: AppState): number {
  const { source, total, shelf } = state;
  const here = visible(state).length;
  // What a stack hides is not counted.
  return source === "library" ? Math.max(here, (total ?? 0) - (shelf.length - here)) : here;
}

export function photoOf(state: AppState, key: string | undefined): Photo | undefined {
  const { dropped, shelf, source, lone } = state;
  const found = (source === "dropped" ? dropped : shelf).find((photo) => photo.key === key);
  return found ?? (source === "library" && lone?.key === key ? lone : undefined);
}

/** The photo that is open, alone or in a comparison. */
export function openedPhoto(state: AppState): Photo | undefined {
  return state.view === "grid" ? undefined : photoOf(state, state.selected);
}

export function say(said: string): void {
  app.set({ said });
}

export function select(key: string | undefined): void {
  app.set({ selected: key });
}

/** Selects the photo so many further on. @returns whether there is one */
export function step(by: number): boolean {
  const photos = visible(app.state);
  const at = photos.findIndex(({ key }) => key === app.state.selected);
  const next = photos[at < 0 ? 0 : Math.max(0, Math.min(photos.length - 1, at + by))];
  if (!next || next.key === app.state.selected) return false;
  select(next.key);
  return true;
}

export function openPhoto(key: string): void {
  app.set({ selected: key, view: "photo", zoom: FIT });
}

export function close(): void {
  app.set({ view: "grid", zoom: FIT });
}

/** Changes photos by key, wherever they are. */
export function update(key: string, change: Partial<Photo>): void {
  const changed = (photos: readonly Photo[]): readonly Photo[] =>
    photos.some((photo) => photo.key === key)
      ? photos.map((photo) => (photo.key === key ? { ...photo, ...change } : photo))
      : photos;
  const { dropped, shelf, lone } = app.state;
  app.set({ dropped: changed(dropped), shelf: changed(shelf), lone: lone && changed([lone])[0] });
}

/** Spreads a burst out, or stacks it again. */
export function toggleBurst(key: string | undefined): void {
  const { open } = app.state;
  const burst = photoOf(app.state, key)?.burst;
  if (!burst) return;
  app.set({ open: burst.id === open ? undefined : burst.id });
  say(burst.id === open ? "Stacked" : `${burst.members} photos of a burst, best first`);
}
