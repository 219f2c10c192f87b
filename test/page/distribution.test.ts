/** The chart of predicted ratings, in Chromium: of many ratings, whose bars are narrower than the numbers below them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_BROWSER } from "../e2e/browser.js";
import { fakeServer } from "./server.js";
import { choose, DESKTOP, FILES, openPage } from "./support.js";

for (const [score, labels] of [
  [62.5, ["0", "100", "62.5"]],
  // The score's own label is where the end's would be.
  [99.6, ["0", "99.6"]],
  [0.2, ["100", "0.2"]],
] as const) {
  test(
    `101 ratings, a score of ${score}: no number is cut, and none is on another`,
    { skip: NO_BROWSER },
    async (t) => {
      const { address, instead } = await fakeServer(t);
      const distribution = Array.from({ length: 101 }, (_, i) => Math.exp(-(((i - score) / 10) ** 2)));
      const scale = { min: 0, max: 100 };
      const result = { file: "a.jpg", score, scale, std: 7, distribution, attributes: {}, answer: "", model: "fake@0" };
      instead.set("POST /v1/score", () => [200, { results: [result] }]);
      const page = await openPage(t, address, DESKTOP);
      await choose(page, FILES.slice(0, 1));
      await page.locator(".tile img").click();
      await page.locator("svg.distribution").waitFor();
      const [chart, texts] = await page.evaluate<[[number, number], [string, number, number][]]>(`[
      (({ left, right }) => [left, right])(document.querySelector("svg.distribution").getBoundingClientRect()),
      [...document.querySelectorAll("svg.distribution text")].map((text) => {
        const { left, right } = text.getBoundingClientRect();
        return [text.textContent, left, right];
      }),
    ]`);
      assert.deepEqual(texts.map(([text]) => text), labels); // prettier-ignore
      let before = chart[0] - 0.5;
      for (const [text, left, right] of [...texts].sort((a, b) => a[1] - b[1])) {
        assert.ok(left >= before, `${text} begins at ${left}, before ${before}`);
        before = right;
      }
      assert.ok(before <= chart[1] + 0.5, `the last number ends at ${before}, the chart at ${chart[1]}`);
    },
  );
}
