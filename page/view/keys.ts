/** What each key does. */
import { app, close, openPhoto, photoOf, step, toggleBurst, visible } from "../state/app.js";
import { rate, undo } from "../state/rating.js";
import { everything } from "../state/shelf.js";
import { comparePartner, togglePin } from "./Compare.js";
import { toggleHeat } from "./Heat.js";
import { pan, toggleZoom } from "./Zoomable.js";

/** The keys as the page tells them. */
export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ["← → ↑ ↓", "go from photo to photo"],
  ["Enter", "open the photo"],
  ["Esc", "back to all photos"],
  ["1 … 5", "give stars; 0 takes them"],
  ["P", "pick"],
  ["X", "reject"],
  ["U", "neither picked nor rejected"],
  ["Space", "compare side by side; in the grid: open"],
  ["R", "make it the reference of comparisons, or no longer"],
  ["Z", "100%, and back; the wheel zooms, Shift and arrows move"],
  ["B", "spread a burst out, or stack it"],
  ["H", "what moves the score: blue lifts it, orange lowers it"],
  ["I", "details"],
  ["Ctrl Z", "undo the last rating"],
  ["?", "these keys"],
];

const PAN = 0.1;

/** Arrows with Shift move a photo that is looked at closely. */
const PANS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-PAN, 0],
  ArrowRight: [PAN, 0],
  ArrowUp: [0, -PAN],
  ArrowDown: [0, PAN],
};

function space(): void {
  const { view, selected } = app.state;
  const photo = photoOf(app.state, selected);
  if (!photo) return;
  if (view === "grid") return openPhoto(photo.key);
  if (view === "photo" && !comparePartner(photo)) return;
  app.set({ view: view === "compare" ? "photo" : "compare" });
}

/** Selects the last photo of all, those too that are not here yet, unless something else is chosen meanwhile. */
async function toEnd(): Promise<void> {
  step(Infinity);
  const { selected, sort, filter, source } = app.state;
  await everything();
  const now = app.state;
  if (now.selected === selected && now.sort === sort && now.filter === filter && now.source === source) step(Infinity);
}

const ACTIONS: Readonly<Record<string, () => void>> = {
  ...Object.fromEntries([0, 1, 2, 3, 4, 5].map((stars) => [String(stars), () => rate({ stars })])),
  p: () => rate({ flag: "pick" }),
  x: () => rate({ flag: "reject" }),
  u: () => rate({ flag: undefined }),
  r: () => {
    const photo = photoOf(app.state, app.state.selected);
    if (photo) togglePin(photo);
  },
  b: () => toggleBurst(app.state.selected),
  " ": space,
  "?": () => app.set({ help: true }),
  Home: () => void step(-Infinity),
  End: () => void toEnd(),
  ArrowLeft: () => void step(-1),
  ArrowRight: () => void step(1),
};

/** Those of one photo. */
const IN_VIEWER: Readonly<Record<string, () => void>> = {
  z: () => toggleZoom(),
  i: () => app.set({ panel: !app.state.panel }),
  h: toggleHeat,
  Escape: close,
  ArrowUp: () => void step(-1),
  ArrowDown: () => void step(1),
};

const IN_GRID: Readonly<Record<string, () => void>> = {
  Enter: () => {
    const { selected } = app.state;
    if (selected !== undefined) openPhoto(selected);
  },
};

function actionOf(event: KeyboardEvent): (() => void) | undefined {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) return key === "z" && !event.shiftKey ? undo : undefined;
  if (event.altKey) return undefined;
  const inGrid = app.state.view === "grid";
  const by = PANS[key];
  if (by && event.shiftKey && !inGrid) return () => pan(...by);
  return (inGrid ? IN_GRID : IN_VIEWER)[key] ?? ACTIONS[key];
}

/** Whether the key belongs to what has the focus: text fields take all, buttons and lists of choices their own. */
function isTaken(event: KeyboardEvent): boolean {
  const { target, key } = event;
  if (!(target instanceof HTMLElement) || app.state.help || app.state.teaching) return true;
  if (target.matches("input:not([type=range]), textarea")) return true;
  if (target.matches("select, input")) return key !== "?";
  return target.matches("button, a, summary") && (key === "Enter" || key === " ");
}

/** One handler for the page. */
export function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || isTaken(event)) return;
  const inGrid = app.state.view === "grid";
  // Among the tools of the page the arrows and Enter are not those of the photos.
  if (inGrid && !isAmongPhotos(event.target) && ["Enter", "Home", "End", " "].includes(event.key)) return;
  const found = actionOf(event);
  const action = visible(app.state).length > 0 || event.key === "?" || found === undo ? found : undefined;
  if (!action) return;
  event.preventDefault();
  action();
}

function isAmongPhotos(target: EventTarget | null): boolean {
  return target === document.body || (target instanceof Element && target.closest(".grid") !== null);
}
