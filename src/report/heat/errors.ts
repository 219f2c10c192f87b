/** The pictures that a model scored worst, each with what moved its score. */
import type { Model } from "../../engine/index.js";
import { isRocError, RocError } from "../../errors.js";
import { decimals, html, type Markup, type Section } from "../../html/index.js";
import { scoredOf, type Scored } from "../pictures.js";
import type { RunFolder } from "../run-folder.js";
import { smallPicture, thumbnailOfBytes } from "../thumbnails.js";
import { heatPicture } from "./overlay.js";

export interface ExplainedErrors {
  /** Pictures at most. */
  readonly count: number;
  /** The one that was evaluated. */
  readonly model: Model | undefined;
  /** Called with the number of pictures that are ready. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

const SIDE = 480;
const QUALITY = 72;

/** @throws RocError USAGE for another model than the one that was evaluated, or none; ABORTED */
export async function explainedErrors(
  { summary, predictions }: RunFolder,
  { count, model, onProgress }: ExplainedErrors,
  signal: AbortSignal | undefined,
): Promise<Section> {
  const { system } = summary.provenance;
  if (!model?.explain) throw new RocError("USAGE", `--explain: the model ${system} is needed. Name it by --model.`);
  if (digestIn(model.name) !== digestIn(system)) {
    const text = `--explain: the evaluation is of ${system}, and the model is ${model.name}`;
    throw new RocError("USAGE", `${text}. Name the one that was evaluated by --model.`);
  }
  const error = ({ truth, predicted }: Scored): number => Math.abs(predicted - truth);
  const worst = scoredOf(predictions)
    .toSorted((a, b) => error(b) - error(a))
    .slice(0, count);
  const cards: Markup[] = [];
  for (const one of worst) {
    cards.push(await card(one, model, signal));
    onProgress?.(cards.length);
  }
  const body = html`<p class="quiet">
      The largest errors: parts in blue lift the model's score, parts in orange lower it. The legend's numbers are
      points of the score a cell.
    </p>
    <ul class="pictures">
      ${cards}
    </ul>`;
  return { id: "explained", title: "What moved the scores that are farthest off", body };
}

/** What of a model's name says which bytes it is of. */
function digestIn(name: string): string {
  return name.split("@").at(-1) ?? name;
}

async function card(
  { prediction, truth, predicted }: Scored,
  model: Model,
  signal: AbortSignal | undefined,
): Promise<Markup> {
  const { id, image } = prediction;
  const picture = await heatOf(image, model, signal);
  const alt = `Picture ${id}: blue parts lift its score, orange parts lower it`;
  return html`<li>
    ${picture === undefined ? html`<div class="no-picture">no picture</div>` : html`<img src="${picture}" alt="${alt}" />`}
    <p>
      <b>${decimals(predicted, 2)}</b> <span class="quiet">predicted</span><br /><b>${decimals(truth, 2)}</b>
      <span class="quiet">true</span><br /><span class="quiet id">${id}</span>
    </p>
  </li> `;
}

/** Undefined where the picture is not there any more. */
async function heatOf(image: string, model: Model, signal: AbortSignal | undefined): Promise<string | undefined> {
  try {
    const map = await model.explain?.(image, { ...(signal && { signal }) });
    if (!map) return undefined;
    const png = await heatPicture(await smallPicture(image, { side: SIDE }), map);
    return (await thumbnailOfBytes(png, { side: SIDE, quality: QUALITY })).address;
  } catch (error) {
    if (isRocError(error) && /^(FILE_|IMAGE_)/.test(error.code)) return undefined;
    throw error;
  }
}
