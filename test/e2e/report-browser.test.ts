/** The report in a real browser: readable on a phone and in the dark, usable by keyboard, silent on the network. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { answerOf, ratedFolder, runEval, temporary } from "../eval/support.js";
import { browser, NO_BROWSER, onScreens } from "./browser.js";

/** The page of an evaluation with every chart, as an address. */
async function reportAddress(t: TestContext): Promise<string> {
  const [data, out] = [await ratedFolder(t), join(await temporary(t), "out")];
  await mkdir(out);
  const steps = Array.from({ length: 50 }, (_, i) => `{"type": "step", "step": ${i + 1}, "loss": ${1 / (i + 1)}}\n`);
  await writeFile(join(out, "metrics.jsonl"), steps.join(""));
  await runEval(["eval", "--data", data, "--out", out, "--resamples", "20", "--report"], (file) => ({
    ...answerOf(file),
    attributes: { light: 4, color: 5, composition: 6 },
  }));
  return pathToFileURL(join(out, "report.html")).href;
}

test("fits a desktop and a phone, light and dark, without a request or an error", { skip: NO_BROWSER }, async (t) => {
  await onScreens(t, await reportAddress(t), async (page, colorScheme) => {
    const broken = await page.evaluate("[...document.images].filter((image) => image.naturalWidth === 0).length");
    assert.equal(broken, 0);
    const colors = await page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"); // prettier-ignore
    const [ink = 0, paper = 0] = (colors as string[]).map((color) => Number(/\d+/.exec(color)?.[0]));
    assert.ok(colorScheme === "dark" ? ink > 200 && paper < 40 : ink < 60 && paper > 200, String(colors));
    // Axis numbers are read at arm's length on a phone.
    const letters = await page.evaluate("document.querySelector('#scatter svg text').getBoundingClientRect().height");
    assert.ok((letters as number) >= 10, `axis texts are ${String(letters)} pixels high`);
  });
});

/** Texts of a chart that overlap or hang over its edge. */
const CLASHES = `[...document.querySelectorAll("svg")].flatMap((svg) => {
  const edge = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
  const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
  const out = (box) => box.left < edge.left - 1 || box.right > edge.right + 1 || box.bottom > edge.bottom + 1;
  return texts.flatMap(({ text, box }, i) => [
    ...(out(box) ? [text + " is cut"] : []),
    ...texts.slice(0, i).filter((other) => over(box, other.box)).map((other) => text + " on " + other.text),
  ]);
})`;

test(
  "no text of a chart is cut or overlaps another, for few, equal or huge scores",
  { skip: NO_BROWSER },
  async (t) => {
    const folder = await temporary(t);
    const chrome = await browser(t);
    for (const [name, scale, predicted] of [
      ["unit", 1, (i: number) => i / 24],
      ["huge", 120_000, (i: number) => i * 5000],
      ["alike", 120_000, () => 50_000],
    ] as const) {
      const data = join(folder, name);
      await mkdir(data);
      const rows = Array.from({ length: 24 }, (_, i) => ({
        image: `p${i}.png`,
        score: (scale * (i + 0.5)) / 24,
        split: "test",
      }));
      await writeFile(join(data, "labels.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
      await writeFile(join(data, "dataset.json"), JSON.stringify({ name, scale: { min: 0, max: scale } }));
      await Promise.all(rows.map(({ image }) => writeFile(join(data, image), "")));
      const file = join(folder, `${name}.csv`);
      await writeFile(file, `id,score\n${rows.map(({ image }, i) => `${image},${predicted(i)}`).join("\n")}\n`);
      const { code, stderr } = await runEval(["eval", "--data", data, "--predictions", file, "--out", join(folder, `${name}-out`), "--resamples", "20", "--report"]); // prettier-ignore
      assert.equal(code, 0, stderr);
      for (const width of [1280, 390]) {
        const page = await chrome.newPage({ viewport: { width, height: 850 } });
        await page.goto(pathToFileURL(join(folder, `${name}-out`, "report.html")).href);
        assert.deepEqual(await page.evaluate(CLASHES), [], `${name}, ${width} pixels`);
        assert.equal(await page.evaluate("document.documentElement.scrollWidth"), width);
        await page.close();
      }
    }
  },
);

test("works by keyboard and by ear", { skip: NO_BROWSER }, async (t) => {
  const chrome = await browser(t);
  const page = await chrome.newPage();
  await page.goto(await reportAddress(t));
  assert.equal(await page.getByRole("main").count(), 1);
  assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), "fake@0 on Made up");
  const charts = page.getByRole("img", { name: /Predicted against true|Errors by true score|Is the predicted spread/ });
  assert.equal(await charts.count(), 3);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Agreement");
  const figures = page.locator("#residuals summary");
  await figures.focus();
  await page.keyboard.press("Enter");
  const region = page.getByRole("region", { name: "Errors by true score" }).first();
  assert.ok(await page.locator("#residuals table").isVisible());
  assert.ok((await region.getByRole("row").count()) > 3 || (await page.locator("#residuals tr").count()) > 3);
});
