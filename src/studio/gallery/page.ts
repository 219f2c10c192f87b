/** The gallery of a studio: pictures with votes, attributes and comments. */
import sharp from "sharp";
import { RocError } from "../../errors.js";
import { AADB_ATTRIBUTE_SCALE, AADB_ATTRIBUTES } from "../../data/aadb.js";
import { AVA_SCALE, voteStatistics } from "../../data/ava.js";
import { bars, columnsChart, html, page, table, type Content, type Markup } from "../../html/index.js";
import { PARA_ATTRIBUTES, PARA_SCALE } from "../../data/para.js";
import type { OnProgress } from "../../data/types.js";
import { labelCeilings } from "../ceilings.js";
import type { Composition } from "../factors.js";
import type { StudioPictures } from "../pictures.js";
import { findStudio, gallerySamples, type FoundStudio, type GallerySample } from "./samples.js";

/** Longest side of a picture in the page, and its JPEG quality. */
const SIDE = 512;
const QUALITY = 80;
const RATINGS = Array.from({ length: 10 }, (_, i) => String(i + 1));
const HALVES = Array.from({ length: 9 }, (_, i) => (1 + i / 2).toFixed(1));
/** Number of simulated pictures for the table of ceilings. */
const CEILING_PICTURES = 1000;

export interface GalleryOptions {
  /** Pictures to show, spread evenly from the best to the worst. Default 24. */
  readonly count?: number;
  /** Called with the number of pictures that are in the page, and of all. */
  readonly onProgress?: OnProgress;
  /** Ends it with RocError ABORTED. */
  readonly signal?: AbortSignal;
}

/**
 * The gallery of a studio that was written to `folder` (in one format, or in several).
 *
 * @returns HTML
 * @throws RocError FILE_NOT_FOUND, DATA_INVALID (another version's studio), ABORTED
 */
export async function studioGallery(folder: string, options: GalleryOptions = {}): Promise<string> {
  const { count = 24, onProgress, signal } = options;
  const found = await findStudio(folder);
  const samples = await gallerySamples(found, count);
  const cards: Markup[] = [];
  for (const sample of samples) {
    if (signal?.aborted) throw new RocError("ABORTED", `Stopped after ${cards.length} of ${samples.length} pictures.`);
    cards.push(card(sample, await embedded(sample.image)));
    onProgress?.(cards.length, samples.length);
  }
  const { seed } = found.recipe;
  return page({
    title: `The studio, seed ${seed}`,
    header: introduction(found, samples.length),
    sections: [
      {
        id: "all",
        title: "All pictures",
        body: html`<div class="charts start">${overview(found.studio)}${ceilings(seed)}</div>`,
      },
      { id: "pictures", title: "From the best to the worst", body: html`<div class="gallery">${cards}</div>` },
    ],
  });
}

function introduction({ recipe }: FoundStudio, shown: number): Markup {
  const { count, longEdge, patterns = false } = recipe;
  const what = `${count} pictures, ${longEdge} pixels on the long edge, ${patterns ? "with" : "without"} patterns; ${shown} of them here.`;
  const how = "Composed and rated by a program: every label follows from the seed. No person took a picture or voted.";
  return html`<p class="quiet">${what} ${how}</p>`;
}

function overview({ pictures }: StudioPictures): Markup {
  const halves = new Array<number>(18).fill(0);
  const scenes = new Map<string, number>();
  for (const { votes, composition } of pictures) {
    const bin = Math.min(17, Math.max(0, Math.floor((voteStatistics(votes).mean - 1) * 2)));
    halves[bin] = (halves[bin] ?? 0) + 1;
    scenes.set(composition.scene, (scenes.get(composition.scene) ?? 0) + 1);
  }
  const names = halves.map((_, i) => String(1 + i / 2));
  const rows = [...scenes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => ({ name, value }));
  const most = Math.max(...rows.map(({ value }) => value), 1);
  return html`<section class="card">
    <h3>Mean scores</h3>
    ${columnsChart(halves, names, "Histogram of the mean scores")}
    <h4>Scenes</h4>
    ${bars(rows, { min: 0, max: most }, 0)}
  </section>`;
}

function ceilings(seed: string | number): Markup {
  const rows = labelCeilings(seed, CEILING_PICTURES).map(({ format, label, srcc, plcc }) => [
    `${format} ${label}`,
    ...[srcc, plcc].map((value) => value.toFixed(3)),
  ]);
  const label = "Ceilings of every label";
  return html`<section class="card">
    <h3>What the raters' noise leaves possible</h3>
    <p class="quiet">
      The composed truth against its ratings, simulated on ${CEILING_PICTURES} pictures with patterns.
    </p>
    ${details(label, table({ label, head: ["label", "SRCC", "PLCC"], rows }))}
  </section>`;
}

function card(sample: GallerySample, source: string): Markup {
  const { picture, score, comments, title, theme } = sample;
  const { id, votes, composition } = picture;
  const known = `latent ${composition.latent.toFixed(2)}, ${score.count} raters, theme ${theme}, picture ${id}`;
  return html`<article class="card">
    <img src="${source}" alt="${title}" loading="lazy" />
    <div class="body">
      <div class="top">
        <h3>${title}</h3>
        <span class="score">${score.mean.toFixed(2)} <small>± ${score.std.toFixed(2)}</small></span>
      </div>
      <p class="quiet">${known}</p>
      ${columnsChart(votes, RATINGS, `Votes on picture ${id}`)}
      ${comments.map((text) => html`<blockquote>${text}</blockquote>`)}
      ${details("What it was composed of", composed(composition))}
      ${details("AADB: score and attributes", aadb(sample))}${details("PARA and ICAA17K", para(sample))}
    </div>
  </article> `;
}

function details(summary: string, content: Content): Markup {
  return html`<details>
    <summary>${summary}</summary>
    ${content}
  </details>`;
}

/** Merits as bars around the middle: good to the right, bad to the left. */
function composed({ merits, patterns }: Composition): Markup {
  const factors = Object.entries(merits).map(([name, merit]) => ({ name, value: 2 * merit - 1 }));
  const drawn = Object.entries<number>({ ...patterns }).map(([name, value]) => ({ name, value }));
  return bars([...factors, ...drawn], { min: -1, max: 1 });
}

function aadb({ aadb: { score, attributes } }: GallerySample): Markup {
  const rated = AADB_ATTRIBUTES.map((name) => ({ name, value: attributes[name].mean }));
  return bars([{ name: "score", value: score }, ...rated], AADB_ATTRIBUTE_SCALE);
}

function para({ para: { score, attributes }, colour }: GallerySample): Markup {
  const rated = PARA_ATTRIBUTES.map((name) => ({ name, value: attributes[name].mean }));
  return html`<h4>PARA, aesthetic score ${score.mean.toFixed(2)}</h4>
    ${columnsChart(score.counts, HALVES, "PARA's votes")}${bars(rated, PARA_SCALE)}
    <h4>ICAA17K, colour ${colour.mean.toFixed(2)} of ${AVA_SCALE.max}</h4>
    ${columnsChart(colour.counts, RATINGS, "Votes on the colours")}`;
}

/** An image as a data URL, scaled down where it is large. */
async function embedded(file: string): Promise<string> {
  const size = { width: SIDE, height: SIDE, fit: "inside", withoutEnlargement: true } as const;
  const bytes = await sharp(file).resize(size).jpeg({ quality: QUALITY }).toBuffer();
  return `data:image/jpeg;base64,${bytes.toString("base64")}`;
}
