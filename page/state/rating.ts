/** What a person says of photos: shown at once, saved one after another, and taken back where it cannot be saved. */
import { messageOf } from "../../src/errors.js";
import { app, photoOf, say, update, visible, type Change, type SavedChange } from "./app.js";
import { partOf, type Rating } from "./photo.js";
import { noteFault } from "./server.js";
import { Outdated, saveRating, type Saved } from "./shelf.js";

/** Ratings that are on their way, and what is known to be saved of their photos. */
const waiting = new Map<string, { saved: Rating; readonly changes: Partial<Rating>[] }>();

/** Rates the selected photo. */
export function rate(after: Partial<Rating>): void {
  const photo = photoOf(app.state, app.state.selected);
  if (!photo) return;
  const { key, name } = photo;
  const before = partOf(photo, after);
  const isSame = before.stars === after.stars && before.flag === after.flag;
  // What is the same here may be another by now where it is saved.
  if (isSame && waiting.has(key)) return;
  const done = apply({ key, after }, after);
  const saved = done.then(({ change }) => change, () => undefined); // prettier-ignore
  const change: Change = { key, name, before, after, saved };
  if (!isSame) app.set({ undo: [...app.state.undo, change] });
  say(`${name}: ${ratingText({ ...photo, ...after })}`);
  done.catch((error: unknown) => {
    app.set({ undo: app.state.undo.filter((one) => one !== change) });
    tell(change, error);
  });
}

export function ratingText({ stars, flag }: Rating): string {
  const words = [flag === "pick" && "picked", flag === "reject" && "rejected", stars > 0 && starsText(stars)];
  return words.filter(Boolean).join(", ") || "not rated";
}

export function starsText(stars: number): string {
  return stars === 1 ? "1 star" : `${stars} stars`;
}

/** Takes the last rating back, whether its photo is among those that are shown or not. */
export function undo(): void {
  const last = app.state.undo.at(-1);
  if (!last) return say("Nothing to undo");
  const isHere = visible(app.state).some(({ key }) => key === last.key);
  app.set({ undo: app.state.undo.slice(0, -1), ...(isHere && { selected: last.key }) });
  const place = isHere ? "" : " (not among these photos)";
  apply(last, last.before, last.saved).then(
    ({ rating }) => say(`Undone. ${last.name}${place}: ${ratingText(rating)}`),
    (error: unknown) => {
      if (!(error instanceof Outdated)) app.set({ undo: [...app.state.undo, last] });
      tell(last, error);
    },
  );
}

/** Shows a change and saves it. @throws why it is not saved; it is no longer shown then */
async function apply(
  { key, after }: Pick<Change, "key" | "after">,
  change: Partial<Rating>,
  undone?: Promise<SavedChange>,
): Promise<Saved> {
  const { dropped, shelf, lone } = app.state;
  const photo = [...dropped, ...shelf, ...(lone ? [lone] : [])].find((one) => one.key === key);
  const { stars, flag }: Rating = photo ?? { stars: 0, flag: undefined, ...after };
  const own = waiting.get(key) ?? { saved: { stars, flag }, changes: [] };
  waiting.set(key, own);
  own.changes.push(change);
  // Others of the same photo may be on their way: each that fails is taken back alone.
  const show = (): void => update(key, Object.assign({}, own.saved, ...own.changes) as Rating);
  show();
  try {
    const done = await saveRating(key, change, () => own.saved, undone);
    own.saved = done.rating;
    return done;
  } catch (error) {
    if (error instanceof Outdated) own.saved = error.now;
    throw error;
  } finally {
    own.changes.splice(own.changes.indexOf(change), 1);
    if (own.changes.length === 0) waiting.delete(key);
    show();
  }
}

function tell({ key, name }: Change, error: unknown): void {
  noteFault(error);
  const now = error instanceof Outdated ? error.now : photoOf(app.state, key);
  say(`Not saved. ${name}${now ? `: ${ratingText(now)}` : ""}`);
  app.set({
    fault:
      error instanceof Outdated
        ? `${name} has been rated elsewhere: ${ratingText(error.now)}. That stays; to change it, rate it again.`
        : `${name} keeps its rating: ${messageOf(error)}`,
  });
}
