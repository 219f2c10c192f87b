/** A photo of the grid: its score, spread, stars and flag, legible on any picture. */
import type { JSX } from "preact";
import { shownScore, type Photo } from "../state/photo.js";
import { openPhoto, select, toggleBurst } from "../state/app.js";
import { ratingText } from "../state/rating.js";
import { Icon } from "./icons.js";
import { countText, percentOn, px, scoreText } from "./numbers.js";

export interface TileProps {
  readonly photo: Photo;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly position: number;
  readonly count: number;
  readonly selected: boolean;
  /** Photos that the stack holds; undefined: it is none. */
  readonly stacked: number | undefined;
}

export function Tile(props: TileProps): JSX.Element {
  const { photo, left, top, width, height, position, count, selected, stacked } = props;
  const { key, thumbnail, flag, name } = photo;
  return (
    <div
      role="option"
      id={`photo-${key}`}
      class={`tile ${flag ?? ""} ${stacked === undefined ? "" : "stacked"} ${width < 130 ? "small" : ""}`}
      style={{ left: px(left), top: px(top), width: px(width), height: px(height) }}
      tabIndex={selected ? 0 : -1}
      aria-selected={selected}
      aria-posinset={position}
      aria-setsize={count}
      aria-label={spoken(photo, stacked)}
      onClick={() => openPhoto(key)}
      onFocus={() => select(key)}
    >
      {thumbnail === undefined ? (
        <Blank photo={photo} />
      ) : (
        <img src={thumbnail} alt="" decoding="async" draggable={false} />
      )}
      <Caption photo={photo} />
      {flag && (
        <span class="flag">
          <Icon name={flag} />
        </span>
      )}
      {stacked !== undefined && (
        <span
          class="count"
          data-text={stacked}
          onClick={(event) => {
            event.stopPropagation();
            toggleBurst(key);
          }}
        >
          <Icon name="stack" />
        </span>
      )}
      <span class="hover">{name}</span>
    </div>
  );
}

/** What a screen reader says. */
function spoken(photo: Photo, stacked: number | undefined): string {
  const { name, score, taste, failure } = photo;
  const number = shownScore(photo);
  const judged =
    score && number !== undefined
      ? `${scoreText(number)} of ${score.scale.max}${taste ? ` by the taste ${taste.name}` : score.std === null ? "" : `, give or take ${scoreText(score.std)}`}`
      : failure
        ? "could not be scored"
        : "not scored yet";
  const rating = ratingText(photo);
  const burst = stacked === undefined ? "" : `best of ${countText(stacked, "photo")} of a burst`;
  return [name, judged, rating === "not rated" ? "" : rating, burst].filter(Boolean).join(", ");
}

/** In the place of a picture that a browser cannot show. */
function Blank({ photo }: { photo: Photo }): JSX.Element {
  const ending = /\.([^.]+)$/.exec(photo.name)?.[1]?.toUpperCase() ?? "";
  return (
    <span class={`blank ${photo.viewable === undefined ? "waits" : ""}`}>
      {photo.viewable === false && <b>{ending}</b>}
      {photo.viewable === false && <span>{photo.name}</span>}
    </span>
  );
}

function Caption({ photo }: { photo: Photo }): JSX.Element {
  const { score, taste, failure, stars } = photo;
  const number = shownScore(photo);
  return (
    <span class="caption">
      {number !== undefined ? (
        <b class="score">{scoreText(number)}</b>
      ) : (
        <span class="none">{failure ? "no score" : "…"}</span>
      )}
      {score && taste && <Spread score={number ?? score.score} std={0} scale={score.scale} />}
      {score && !taste && score.std !== null && <Spread score={score.score} std={score.std} scale={score.scale} />}
      {stars > 0 && <span class="stars" data-text={"★".repeat(stars)} />}
    </span>
  );
}

/** Where on the scale the ratings would lie: the score, a standard deviation to both sides. */
function Spread(props: { score: number; std: number; scale: { min: number; max: number } }): JSX.Element {
  const { score, std, scale } = props;
  const [low, high] = [percentOn(scale, score - std), percentOn(scale, score + std)];
  return (
    <span class="spread">
      <i style={{ left: `${low}%`, width: `${high - low}%` }} />
      <em style={{ left: `${percentOn(scale, score)}%` }} />
    </span>
  );
}
