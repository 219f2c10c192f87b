/** The page of advice: each photo before and after, the edits in words and the gain with its interval. It needs no network. */
import type { ScoreFailure } from "../engine/index.js";
import { writeOutput, type OutputKind } from "../files/index.js";
import { html, page, type Content, type Markup } from "../html/index.js";
import { applyEdits, type Edits } from "../image/edits/index.js";
import { decodeImage, readableName, type ImageInput, type RgbImage } from "../image/index.js";
import { smallCopy, type Thumbnail } from "../report/thumbnails.js";
import { gainText, preferredText } from "./text.js";
import type { Advice, Suggestion } from "./types.js";

const TITLE = "Advice on photos";

/** What a page is known by when the next one takes its place. */
export const ADVICE_PAGE: OutputKind = {
  name: "page of advice that roc4mllm wrote",
  isOurs: (start) => /^<!doctype html>/.test(start) && start.includes(`<title>${TITLE}</title>`),
};

const SIZE = { side: 640, quality: 72 } as const;

/** A photo with what was said of it. */
export interface AdvisedFile {
  readonly advice: Advice;
  readonly data: ImageInput;
}

export interface AdvicePageOptions {
  readonly photos: readonly AdvisedFile[];
  readonly failures: readonly ScoreFailure[];
  /** What the scores are worth on real photographs. */
  readonly worth: { readonly text: string; readonly demo: boolean };
  readonly maxPixels?: number | undefined;
}

/** A suggestion beside its picture. */
interface Shown {
  readonly suggestion: Suggestion;
  readonly after: Thumbnail;
}

/** Writes the page; photos one after another, so that one is in memory at a time. @returns its bytes */
export async function writeAdvicePage(file: string, options: AdvicePageOptions): Promise<number> {
  const { photos, failures, worth, maxPixels } = options;
  const bodies: Markup[] = [];
  for (const { advice, data } of photos) {
    const photo = await decodeImage(data, { name: advice.file, ...(maxPixels !== undefined && { maxPixels }) });
    const shown = [];
    for (const suggestion of advice.suggestions.filter(({ helps }) => helps))
      shown.push({ suggestion, after: await editedCopy(photo, suggestion.edits) });
    bodies.push(cardOf(advice, await smallCopy(photo, SIZE), shown));
  }
  const text = page({
    title: TITLE,
    header: html`<p class="quiet">
        A gain is the mean over small variations of both pictures that the search has not seen; 95% of the gains of
        further variations are expected within its limits. The photos themselves are not changed.
      </p>
      <p class="${worth.demo ? "alert" : "quiet"}">${worth.text}</p>`,
    sections: [
      ...photos.map(({ advice }, i) => ({ id: `photo-${i + 1}`, title: readableName(advice.file), body: bodies[i] })),
      ...(failures.length > 0 ? [{ id: "failed", title: "Without a score", body: failuresOf(failures) }] : []),
    ],
  });
  const content = Buffer.from(text);
  await writeOutput(file, ADVICE_PAGE, content);
  return content.length;
}

async function editedCopy(photo: RgbImage, edits: Edits): Promise<Thumbnail> {
  return smallCopy(await applyEdits(photo, edits), SIZE);
}

function picture({ address, width, height }: Thumbnail, alt: string): Markup {
  return html`<img
    src="${address}"
    width="${width}"
    height="${height}"
    alt="${alt}"
    style="max-width:100%;height:auto"
  />`;
}

function cardOf(advice: Advice, before: Thumbnail, shown: readonly Shown[]): Markup {
  const { score, scale, scorings, model } = advice;
  return html`<p class="quiet">${scorings} scorings from ${scale.min} to ${scale.max} by ${readableName(model)}.</p>
    ${shown.length === 0 && html`<p><strong>Nothing helps.</strong> ${refusalOf(advice)}</p>`}
    <div class="charts start">
      <figure class="card">
        ${picture(before, "before")}
        <figcaption>
          <h3>Before: ${score.toFixed(2)}</h3>
        </figcaption>
      </figure>
      ${shown.map(afterOf)}
    </div>`;
}

function afterOf({ suggestion, after }: Shown): Markup {
  const { words, score, gain, preferred } = suggestion;
  return html`<figure class="card">
    ${picture(after, `after: ${words.join(", ")}`)}
    <figcaption>
      <h3>After: ${score.toFixed(2)}, gain ${gainText(gain)}</h3>
      <ul>
        ${words.map((word) => html`<li>${word}</li>`)}
      </ul>
      <p>${preferredText(preferred)}</p>
    </figcaption>
  </figure>`;
}

/** What the best of the rejected would have gained. */
function refusalOf({ suggestions: [best] }: Advice): Content {
  if (!best) return "No edit that was tried scores higher than the photo as it is.";
  return html`The best that was found, ${best.words.join(", ")}, gains ${gainText(best.gain)}:
  ${best.gain.low > 0 ? "too little to matter" : "no more than small variations of the photo do"}.`;
}

function failuresOf(failures: readonly ScoreFailure[]): Markup {
  return html`<ul>
    ${failures.map(({ file, error }) => html`<li>${readableName(file)}: ${readableName(error.message)} (${error.code})</li>`)}
  </ul>`;
}
