/** The gallery of scored photos: one file that needs no network, best first. */
import type { OutputKind } from "../../files/index.js";
import { bars, columns, columnsChart, html, page, WIDTH, type Content, type Markup } from "../../html/index.js";
import { readableName } from "../../image/index.js";
import type { ScoreFailure, ScoreInterval, ScoreResult } from "../../engine/index.js";
import { countBeyond, scaleText } from "../../metrics/beyond.js";
import { shareText } from "../../metrics/conformal.js";
import type { Thumbnail } from "../thumbnails.js";
import { SCRIPT } from "./script.js";

/** A photo of the gallery. */
export interface GalleryPhoto {
  readonly result: ScoreResult & { readonly percentile?: number };
  /** Undefined: the file has no picture that can be shown. */
  readonly thumbnail: Thumbnail | undefined;
  /** Which parts move the score. */
  readonly heat?: Thumbnail | undefined;
  /** Address of the photo itself, relative to the page. */
  readonly href?: string | undefined;
  /** Camera, lens and exposure, as one line. */
  readonly exif?: string | undefined;
  /** When it was taken: local time, ISO 8601. */
  readonly taken?: string | undefined;
}

export interface Gallery {
  /** Best first. */
  readonly photos: readonly GalleryPhoto[];
  readonly failures: readonly ScoreFailure[];
  /** Scores of all photos of the call, also of those that the page does not show. */
  readonly scores: readonly number[];
  /** What the scores are worth on real photographs, in a sentence. */
  readonly worth: { readonly text: string; readonly demo: boolean };
  /** What the intervals of the results say, as a sentence without its full stop. */
  readonly calibration?: string | undefined;
  /** How the thumbnails were made, in a sentence. */
  readonly thumbnails: string;
}

type Scale = ScoreResult["scale"];

/** As many as a reader tells apart. */
const MOST_BINS = 20;
const OVERVIEW_BINS = 18;

const TITLE = "Scored photos";

/** What a gallery is known by when the next one takes its place. */
export const GALLERY: OutputKind = {
  name: "gallery that roc4mllm wrote",
  isOurs: (start) => /^<!doctype html>/.test(start) && start.includes(`<title>${TITLE}</title>`),
};

/** @returns HTML */
export function galleryPage({ photos, failures, scores, worth, calibration, thumbnails }: Gallery): string {
  const [first] = photos;
  const scale = first?.result.scale ?? { min: 0, max: 1 };
  const attributes = [...new Set(photos.flatMap(({ result }) => Object.keys(result.attributes ?? {})))];
  const count = `${photos.length === scores.length ? "" : `${photos.length} of `}${counted(scores.length, "scored photo")}`;
  return page({
    title: TITLE,
    header: html`<p class="quiet">
        ${count}, best first.
        ${first && html`Scored ${scaleText(scale, countBeyond(scores, scale))} by ${readableName(first.result.model)}.`}
      </p>
      <p class="${worth.demo ? "alert" : "quiet"}">${worth.text}</p>`,
    sections: [
      ...(scores.length > 1 ? [{ id: "all", title: "All scores", body: overview(scores, scale) }] : []),
      { id: "best", title: "Photos", body: html`${controls(photos, attributes, scale)}${cards(photos, attributes)}` },
      ...(failures.length > 0 ? [{ id: "failed", title: "Without a score", body: failed(failures) }] : []),
    ],
    footer: html`<p>
      ± is how much raters would differ, as the model predicts it. ${calibration && `${calibration}.`} ${thumbnails}
    </p>`,
    script: SCRIPT,
  });
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** A value of the scale: two decimals, one where the scale is long, three where it is short. */
function valueText(value: number, { min, max }: Scale): string {
  return value.toFixed(digitsOf({ min, max }));
}

function digitsOf({ min, max }: Scale): number {
  return max - min > 20 ? 1 : max - min > 1 ? 2 : 3;
}

function overview(scores: readonly number[], scale: Scale): Markup {
  const { min, max } = scale;
  const counts = new Array<number>(OVERVIEW_BINS).fill(0);
  const wide = (max - min) / OVERVIEW_BINS;
  for (const score of scores) {
    const bin = Math.min(OVERVIEW_BINS - 1, Math.max(0, Math.floor((score - min) / wide)));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const names = counts.map((_, i) => valueText(min + i * wide, scale).replace(/\.?0+$/, ""));
  return html`<div class="card">
    ${columnsChart(counts, names, `How many photos have which score, from ${min} to ${max}`)}
  </div>`;
}

/** Sorts by the script's words: a card's `data-` value, and up or down. */
function sortsOf(photos: readonly GalleryPhoto[], attributes: readonly string[]): [value: string, text: string][] {
  const isDated = photos.some(({ taken }) => taken !== undefined);
  return [
    ["score down", "Score, best first"],
    ["score up", "Score, worst first"],
    ["std up", "Spread, least first"],
    ["name up", "Name"],
    ...(isDated
      ? [
          ["taken up", "Date, oldest first"] as [string, string],
          ["taken down", "Date, newest first"] as [string, string],
        ]
      : []),
    ...attributes.map((name, i): [string, string] => [`a${i} down`, `${name}, best first`]),
  ];
}

function controls(photos: readonly GalleryPhoto[], attributes: readonly string[], { min, max }: Scale): Markup {
  const step = (max - min) / 20 >= 1 ? 1 : (max - min) / 20 >= 0.1 ? 0.1 : 0.01;
  // Shown by the script: without one they would do nothing.
  return html`<form id="controls" class="controls" hidden>
    <label
      >Sort
      <select name="sort">
        ${sortsOf(photos, attributes).map(([value, text]) => html`<option value="${value}">${text}</option>`)}
      </select></label
    >
    <label
      >Least score
      <input
        name="least"
        type="number"
        inputmode="decimal"
        step="${step}"
        min="${min}"
        max="${max}"
        placeholder="${min}"
    /></label>
    <label>Find <input name="find" type="search" placeholder="name, camera, comment" /></label>
    <button type="reset">Reset</button>
    <output id="shown" aria-live="polite"></output>
  </form>`;
}

function cards(photos: readonly GalleryPhoto[], attributes: readonly string[]): Markup {
  return html`<ul id="photos" class="gallery photos">
    ${photos.map((photo) => card(photo, attributes))}
  </ul>`;
}

function card({ result, thumbnail, heat, href, exif, taken }: GalleryPhoto, attributes: readonly string[]): Markup {
  const { scale, score, std, damaged, interval } = result;
  const name = nameOf(result.file);
  const facts = factsOf(result, exif, taken);
  const own = attributes.map((attribute, i) => html` data-a${i}="${result.attributes?.[attribute] ?? ""}"`);
  const picture = thumbnail
    ? html`<img
        src="${thumbnail.address}"
        width="${thumbnail.width}"
        height="${thumbnail.height}"
        alt="${name}"
        loading="lazy"
        decoding="async"
      />`
    : html`<span class="no-picture">no picture</span>`;
  return html`<li
    class="card"
    data-score="${score}"
    data-std="${std ?? ""}"
    data-name="${name}"
    data-taken="${taken ?? ""}"
    ${own}
  >
    ${href === undefined ? picture : html`<a href="${href}" title="Open ${name}">${picture}</a>`}
    <div class="body">
      <div class="top">
        <h3>${name}</h3>
        <p class="score">
          ${valueText(score, scale)}${std !== null && html` <small>± ${valueText(std, scale)}</small>`}
        </p>
      </div>
      ${interval && html`<p class="quiet">${intervalText(interval, scale)}</p>`}
      ${facts !== "" && html`<p class="quiet">${facts}</p>`}
      ${damaged !== undefined && html`<p class="bad">damaged: ${damaged}</p>`}
      ${distribution(result)}${attributeBars(result.attributes, scale)} ${wordsOf(result)}${heat && heatOf(heat, name)}
    </div>
  </li> `;
}

/** The map, opened where somebody asks. */
function heatOf({ address, width, height }: Thumbnail, name: string): Markup {
  return html`<details>
    <summary>What moves the score</summary>
    <img
      src="${address}"
      width="${width}"
      height="${height}"
      loading="lazy"
      alt="${name}: blue parts lift the score, orange parts lower it"
    />
  </details>`;
}

/** Where the rating lies by a calibration. */
function intervalText({ low, high, level }: ScoreInterval, scale: Scale): string {
  return `${valueText(low, scale)} to ${valueText(high, scale)} in ${shareText(level)}`;
}

/** The last part of a path. */
function nameOf(file: string): string {
  return readableName(file.split(/[\\/]/).at(-1) || file);
}

function factsOf({ percentile }: GalleryPhoto["result"], exif?: string, taken?: string): string {
  const rank = percentile === undefined ? undefined : `percentile ${Math.round(percentile)}`;
  const when = taken?.slice(0, 16).replace("T", " ");
  return [rank, exif, when].filter((part) => part !== undefined && part !== "").join(" · ");
}

/** The predicted ratings, gathered to as many columns as can be told apart. */
function distribution({ distribution, scale, score, std }: ScoreResult): Content {
  if (distribution === null || distribution.length < 2) return undefined;
  const { min, max } = scale;
  const every = Math.ceil(distribution.length / MOST_BINS);
  const bins = Math.ceil(distribution.length / every);
  const shares = Array.from({ length: bins }, (_, i) => distribution.slice(i * every, (i + 1) * every).reduce((sum, part) => sum + part, 0)); // prettier-ignore
  const at = (i: number): string =>
    String(Number((min + ((max - min) * Math.min(i, distribution.length - 1)) / (distribution.length - 1)).toFixed(2)));
  const names = shares.map((_, i) => (every === 1 ? at(i) : `${at(i * every)} to ${at((i + 1) * every - 1)}`));
  const percents = shares.map((share) => Math.round(share * 1000) / 10);
  const label = `Predicted ratings from ${min} to ${max}: mean ${valueText(score, scale)}${std === null ? "" : `, spread ${valueText(std, scale)}`}`;
  // The tallest column fills the chart: its share is in its tooltip.
  return html`<svg
      class="columns ratings"
      viewBox="0 0 ${WIDTH} 62"
      role="img"
      aria-label="${label}"
      preserveAspectRatio="none"
    >
      ${columns(percents, { names: names.map((name) => `${name} (%)`), height: 60 })}
    </svg>
    <p class="ends" aria-hidden="true"><span>${min}</span><span>${max}</span></p>`;
}

function attributeBars(attributes: ScoreResult["attributes"] = {}, scale: Scale): Content {
  const known = Object.entries(attributes).flatMap(([name, value]) => (value === null ? [] : [{ name, value }]));
  return known.length === 0 ? undefined : bars(known, scale, digitsOf(scale));
}

/** The comment, and the answers to further questions: of those with scores their bars. */
function wordsOf({ comment = "", answers = [], scale }: ScoreResult): Content {
  return [
    comment.trim() !== "" && html`<blockquote>${comment}</blockquote>`,
    ...answers.map(({ prompt, answer, scores, comment: said }) =>
      scores
        ? html`${attributeBars(scores, scale)}${said !== undefined && html`<blockquote>${said}</blockquote>`}`
        : html`<p><span class="quiet">${prompt.replace("<image>", "").trim()}</span><br />${answer}</p>`,
    ),
  ];
}

function failed(failures: readonly ScoreFailure[]): Markup {
  return html`<ul>
    ${failures.map(({ file, error }) => html`<li>${readableName(file)}: ${readableName(error.message)} (${error.code})</li>`)}
  </ul>`;
}
