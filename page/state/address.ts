/** The open photo in the address and among the browser's steps, so that Back closes it and a link opens it. */
import { app, close, FIT, openedPhoto, photoOf, type AppState } from "./app.js";
import { keyOf, libraryId } from "./photo.js";
import { fetchLone } from "./shelf.js";

const VIEWS = ["grid", "photo", "compare"] as const;

/** Steps of the browser that the page has made: 0 in the grid, 1 in a photo, 2 in a comparison. */
let depth = 0;
/** Whether the browser is on its way back, because the page was closed a view. */
let leaving = false;

/** Follows the page and the browser. @returns what opens the photo that the address names, once there are photos */
export function followAddress(): () => void {
  const named = location.hash;
  depth = depthOf(history.state);
  app.subscribe(sync);
  window.addEventListener("popstate", ({ state }) => {
    depth = depthOf(state);
    if (!leaving) return void open(location.hash);
    leaving = false;
    sync();
  });
  return () => {
    if (named !== "" && app.state.view === "grid") void open(named);
  };
}

function depthOf(state: unknown): number {
  return (state as { depth?: number } | null)?.depth ?? 0;
}

function hashOf(state: AppState): string {
  const photo = openedPhoto(state);
  return photo ? `#${state.view}=${libraryId(photo) ?? photo.key}` : "";
}

/** Makes the browser's step that of the page. */
function sync(): void {
  if (leaving) return;
  const hash = hashOf(app.state);
  const wanted = hash === "" ? 0 : VIEWS.indexOf(app.state.view);
  if (wanted < depth) {
    leaving = true;
    history.go(wanted - depth);
  } else if (wanted > depth) {
    while (depth < wanted) history.pushState({ depth: ++depth }, "", hash);
  } else if (location.hash !== hash) history.replaceState({ depth }, "", hash || location.pathname + location.search);
}

/** Shows what an address names. */
async function open(hash: string): Promise<void> {
  const [, view, name = ""] = /^#(photo|compare)=(\w+)$/.exec(hash) ?? [];
  // A link that somebody has opened or typed has the grid below it.
  if (depth === 0 && location.hash !== "") history.replaceState({ depth }, "", location.pathname + location.search);
  if (!view) return close();
  const isId = /^\d+$/.test(name);
  const key = isId ? keyOf(name) : name;
  const found = photoOf(app.state, key) ?? (isId && app.state.source === "library" ? await fetchLone(name) : undefined);
  if (found) app.set({ selected: key, view: view as AppState["view"], zoom: FIT });
  else close();
  sync();
}

/** Asks before ratings of dropped photos are lost, which only this page has. */
export function guardRatings(): void {
  window.addEventListener("beforeunload", (event) => {
    const kept = new Map(app.state.kept.map((photo) => [photo.key, photo]));
    const isLost = app.state.dropped.some(({ key, stars, flag }) => {
      const { stars: before, flag: flagBefore } = kept.get(key) ?? { stars: 0, flag: undefined };
      return stars !== before || flag !== flagBefore;
    });
    if (isLost) event.preventDefault();
  });
}
