/** The page of advice in a browser: nothing is refused, nothing is wider than a phone, and a screen reader has a name for every picture. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { test } from "node:test";
import { writeAdvicePage } from "../../src/advice/page.js";
import type { Advice, Suggestion } from "../../src/advice/types.js";
import { folderWith } from "../cli/support.js";
import { axeFinds, FILES, openPage, PHONE } from "./support.js";

const suggestion: Suggestion = {
  edits: { exposure: 1 },
  words: ["+1.00 EV exposure (brighter)"],
  score: 6.5,
  gain: { value: 0.8, low: 0.6, high: 1 },
  preferred: 0.65,
  helps: true,
};
const advice: Advice = {
  ...{ file: FILES[0] ?? "", score: 5.7, scale: { min: 1, max: 10 }, helps: true, cause: "exposure" },
  ...{ suggestions: [suggestion], scorings: 90, size: { width: 320, height: 214 }, model: "fake@0" },
};

test("the page of advice shows before and after, on a phone too, without a network", async (t) => {
  const file = join(folderWith(t, {}), "advice.html");
  const refused = { ...suggestion, helps: false, gain: { value: 0.1, low: -0.2, high: 0.4 } };
  const photos = [advice, { ...advice, file: FILES[1] ?? "", helps: false, suggestions: [refused] }];
  const failures = [{ file: "<b>.jpg", error: { code: "IMAGE_BROKEN", message: "<b>.jpg: not an image" } as const }];
  const worth = { text: "Nothing is known.", demo: false };
  await writeAdvicePage(file, { photos: photos.map((one) => ({ advice: one, data: one.file })), failures, worth });
  const page = await openPage(t, pathToFileURL(file).href, PHONE);
  const shown = await page.evaluate("[...document.images].map(({ complete, naturalWidth, alt }) => [complete && naturalWidth > 100, alt])"); // prettier-ignore
  assert.deepEqual(shown, [[true, "before"], [true, "after: +1.00 EV exposure (brighter)"], [true, "before"]]); // prettier-ignore
  assert.equal(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), true);
  const text = (await page.locator("body").innerText()).replace(/\s+/g, " ");
  assert.match(text, /After: 6.50, gain \+0.80 \(\+0.60 to \+1.00\)/);
  assert.match(
    text,
    /Nothing helps. The best that was found, \+1.00 EV exposure \(brighter\), gains \+0.10 \(−0.20 to \+0.40\): no more than small variations/,
  );
  assert.match(text, /<b>.jpg: not an image \(IMAGE_BROKEN\)/);
  assert.deepEqual(await axeFinds(page), []);
});
