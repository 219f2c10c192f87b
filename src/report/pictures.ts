/** The pictures of the report: which ones, and small copies of them inside the page. */
import { RocError } from "../errors.js";
import { SCORE, type Prediction } from "../eval/index.js";
import { decimals, html, type Markup } from "../html/index.js";
import { thumbnailOf, type Thumbnail } from "./thumbnails.js";

const PER_LIST = 8;
/** Sharp enough for a card on a dense screen. */
const THUMBNAIL = { side: 320, quality: 68 };
/** Of a comment. */
const MOST_LETTERS = 140;

/** A prediction with both scores there. */
export interface Scored {
  readonly prediction: Prediction;
  readonly truth: number;
  readonly predicted: number;
}

/** Those that have a prediction. */
export function scoredOf(predictions: readonly Prediction[]): Scored[] {
  return predictions.flatMap((prediction) => {
    const [truth, predicted] = [prediction.truth[SCORE], prediction.predicted[SCORE]];
    return typeof truth === "number" && typeof predicted === "number" ? [{ prediction, truth, predicted }] : [];
  });
}

/** The ends of a ranking, each with its pictures. */
export async function rankedExamples(scored: readonly Scored[], signal?: AbortSignal): Promise<Markup> {
  const error = ({ truth, predicted }: Scored): number => predicted - truth;
  const lists = [
    { title: "Scored highest", of: (one: Scored) => one.predicted, from: -Infinity },
    { title: "Scored lowest", of: (one: Scored) => -one.predicted, from: -Infinity },
    { title: "Scored too high", of: error, from: 0 },
    { title: "Scored too low", of: (one: Scored) => -error(one), from: 0 },
  ];
  const thumbnails = new Map<string, Promise<Thumbnail | undefined>>();
  const sections: Markup[] = [];
  for (const { title, of, from } of lists) {
    const within = scored.filter((one) => of(one) > from);
    if (within.length === 0) continue;
    const best = within.toSorted((a, b) => of(b) - of(a)).slice(0, PER_LIST);
    const cards: Markup[] = [];
    for (const one of best) {
      if (signal?.aborted) throw new RocError("ABORTED", "The report was stopped.", { cause: signal.reason });
      const { image } = one.prediction;
      const thumbnail = thumbnails.get(image) ?? thumbnailOf(image, THUMBNAIL);
      thumbnails.set(image, thumbnail);
      cards.push(card(one, await thumbnail));
    }
    sections.push(
      html`<h3>${title}</h3>
        <ul class="pictures">
          ${cards}
        </ul>`,
    );
  }
  return html`${sections}`;
}

function card(
  { prediction: { id, theme, comment }, truth, predicted }: Scored,
  thumbnail: Thumbnail | undefined,
): Markup {
  const error = predicted - truth;
  const alt = `Picture ${id}${theme === undefined ? "" : `, ${theme}`}`;
  const picture =
    thumbnail === undefined
      ? html`<div class="no-picture">no picture</div>`
      : html`<img src="${thumbnail.address}" alt="${alt}" />`;
  const size = decimals(Math.abs(error), 2);
  const sign = Number(size) === 0 ? "±" : error > 0 ? "+" : "−";
  return html`<li>
    ${picture}
    <p>
      <b>${decimals(predicted, 2)}</b> <span class="quiet">predicted</span><br /><b>${decimals(truth, 2)}</b>
      <span class="quiet">true (${sign}${size})</span><br /><span class="quiet id">${id}</span
      >${comment !== undefined && html`<span class="said">${cut(comment)}</span>`}
    </p>
  </li> `;
}

/** What of a comment has room on a card. */
function cut(comment: string): string {
  return comment.length <= MOST_LETTERS ? comment : `${comment.slice(0, MOST_LETTERS).trimEnd()}…`;
}
