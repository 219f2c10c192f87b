/** Stars and flags of the selected photo. */
import type { JSX } from "preact";
import type { Photo } from "../state/photo.js";
import { rate, starsText } from "../state/rating.js";
import { Icon } from "./icons.js";

export function Rate({ photo }: { photo: Photo }): JSX.Element {
  return (
    <div class="rate">
      <div role="group" aria-label="Stars" class="starred">
        {[1, 2, 3, 4, 5].map((stars) => (
          <button
            key={stars}
            type="button"
            class={stars <= photo.stars ? "on" : ""}
            aria-label={starsText(stars)}
            aria-pressed={photo.stars === stars}
            title={`${stars} (again: none)`}
            onClick={() => rate({ stars: photo.stars === stars ? 0 : stars })}
          >
            <span aria-hidden="true">★</span>
          </button>
        ))}
      </div>
      <div role="group" aria-label="Flag" class="flags">
        {(["pick", "reject"] as const).map((flag) => (
          <button
            key={flag}
            type="button"
            class={`button named ${photo.flag === flag ? "on" : ""}`}
            aria-pressed={photo.flag === flag}
            title={flag === "pick" ? "P (U: neither)" : "X (U: neither)"}
            onClick={() => rate({ flag: photo.flag === flag ? undefined : flag })}
          >
            <Icon name={flag} />
            {flag === "pick" ? "Pick" : "Reject"}
          </button>
        ))}
      </div>
    </div>
  );
}
