/** Two photos side by side, in one zoom: on the left the reference, on the right the one that the keys rate. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { bestOf } from "../../src/metrics/best-of.js";
import { app, photoOf, say, select, visible } from "../state/app.js";
import type { Photo } from "../state/photo.js";
import { starsText } from "../state/rating.js";
import { useStore } from "../state/store.js";
import { exactText, intervalText } from "./numbers.js";
import { Rate } from "./Rate.js";
import { Zoomable } from "./Zoomable.js";

/** What a photo is compared with: the reference, else the photo after it, at the end the one before. */
export function comparePartner(photo: Photo): Photo | undefined {
  const { pinned } = app.state;
  if (pinned !== undefined && pinned !== photo.key) return photoOf(app.state, pinned);
  const photos = visible(app.state);
  const at = photos.findIndex(({ key }) => key === photo.key);
  return photos[at + 1] ?? photos[at - 1];
}

export function togglePin({ key, name }: Photo): void {
  const isPinned = app.state.pinned === key;
  app.set({ pinned: isPinned ? undefined : key });
  say(isPinned ? "No reference" : `${name} is the reference`);
}

export function Compare({ photo }: { photo: Photo }): JSX.Element {
  const pinned = useStore(app, (state) => state.pinned);
  const other = comparePartner(photo);
  const [left, right] = pinned !== undefined && pinned !== photo.key ? [other, photo] : [photo, other];
  if (!left || !right) return <p class="cannot">There is nothing to compare it with.</p>;
  return (
    <div class="compare" tabIndex={-1}>
      <Pane photo={left} other={right} active={left.key === photo.key} />
      <Pane photo={right} other={left} active={right.key === photo.key} />
    </div>
  );
}

function Pane({ photo, other, active }: { photo: Photo; other: Photo; active: boolean }): JSX.Element {
  const pinned = useStore(app, (state) => state.pinned);
  const chance = useMemo(() => chanceAgainst(photo, other), [photo, other]);
  return (
    <section
      class={`pane ${active ? "active" : ""}`}
      aria-label={photo.name}
      onClick={() => !active && select(photo.key)}
    >
      <Zoomable photo={photo} />
      <div class="under">
        <span class="name">
          {pinned === photo.key && <b class="chip">Reference</b>} {photo.name}
        </span>
        <span class="numbers">
          {photo.score && <strong>{exactText(photo.score.score)}</strong>}
          {photo.score && photo.score.std !== null && <span class="quiet">± {exactText(photo.score.std)}</span>}
          {photo.score?.interval && <span class="quiet">{intervalText(photo.score.interval)}</span>}
          {chance !== undefined && <span class="quiet">{chance}</span>}
        </span>
        {active ? <Rate photo={photo} /> : <Marks photo={photo} />}
      </div>
    </section>
  );
}

function Marks({ photo }: { photo: Photo }): JSX.Element {
  const flag = photo.flag === "pick" ? "picked" : photo.flag === "reject" ? "rejected" : "";
  return (
    <span class="marks">
      {photo.stars > 0 && <span aria-label={starsText(photo.stars)}>{"★".repeat(photo.stars)}</span>} {flag}
    </span>
  );
}

/**
 * How likely the photo is preferred to another, by their predicted ratings, in words; undefined where two judges have spoken. Scores
 * without a spread do not say how sure they are.
 */
function chanceAgainst({ score }: Photo, { score: other }: Photo): string | undefined {
  if (!score || !other || score.model !== other.model || score.distribution?.length !== other.distribution?.length)
    return undefined;
  const { wins, by } = bestOf([score, other]);
  return by === "scores" ? "by the score alone" : `preferred ${Math.round(100 * (wins[0]?.[1] ?? NaN))}%`;
}
