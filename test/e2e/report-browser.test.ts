/** The report in a real browser: readable on a phone and in the dark, usable by keyboard, silent on the network. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { answerOf, ratedFolder, runEval, temporary } from "../unit/eval-support.js";
import { browser, NO_BROWSER } from "./browser.js";

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
  const address = await reportAddress(t);
  const chrome = await browser(t);
  for (const [width, colorScheme] of [
    [1280, "light"],
    [390, "dark"],
  ] as const) {
    // prettier-ignore
    const page = await chrome.newPage({ viewport: { width, height: 850 }, colorScheme });
    const [requests, faults]: [string[], string[]] = [[], []];
    page.on("request", (request) => requests.push(request.url()));
    page.on("console", (message) => faults.push(message.text()));
    page.on("pageerror", (error) => faults.push(error.message));
    await page.goto(address);
    assert.deepEqual(requests.filter((url) => !url.startsWith("data:")), [address]); // prettier-ignore
    assert.deepEqual(faults, []);
    const widths = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]");
    assert.deepEqual(widths, [width, width], "nothing hangs over the side");
    const broken = await page.evaluate("[...document.images].filter((image) => image.naturalWidth === 0).length");
    assert.equal(broken, 0);
    const colors = await page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"); // prettier-ignore
    const [ink = 0, paper = 0] = (colors as string[]).map((color) => Number(/\d+/.exec(color)?.[0]));
    assert.ok(colorScheme === "dark" ? ink > 200 && paper < 40 : ink < 60 && paper > 200, String(colors));
    // Axis numbers are read at arm's length on a phone.
    const letters = await page.evaluate("document.querySelector('#scatter svg text').getBoundingClientRect().height");
    assert.ok((letters as number) >= 10, `axis texts are ${String(letters)} pixels high`);
    await page.close();
  }
});

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
