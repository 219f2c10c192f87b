/** The gallery of `score --html` in a real browser: no network, phone and desktop, keyboard, screen readers. */
import assert from "node:assert/strict";
import { cpSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { folderWith, resultFor, runCli } from "../cli/support.js";
import { ROOT } from "../support.js";
import { browser, NO_BROWSER, onScreens } from "./browser.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SCORES: Readonly<Record<string, number>> = { "landscape-good": 8.25, "portrait-good": 7, "abstract-dull": 3.5 };

/** A gallery of three photos, one of them without a picture, as an address. */
async function galleryAddress(t: TestContext): Promise<string> {
  const folder = folderWith(t, { "photos/abstract-dull.jpg": "no picture" });
  for (const name of ["landscape-good.jpg", "portrait-good.jpg"])
    cpSync(join(ROOT, "examples/photos", name), join(folder, "photos", name));
  const page = join(folder, "best.html");
  const distribution = [0.05, 0.05, 0.1, 0.1, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05];
  const { code, stderr } = await runCli(["score", join(folder, "photos"), "--html", page, "--percentile"], (file) => {
    const score = SCORES[/([\w-]+)\.jpg$/.exec(file)?.[1] ?? ""] ?? 1;
    const attributes = { light: 10 - score, "sharpness of the subject": score };
    return { ...resultFor(file, score), distribution, attributes, comment: `Rated ${score}.` };
  });
  assert.equal(code, 0, stderr);
  return pathToFileURL(page).href;
}

const shown = (page: Page): Promise<string[]> => page.locator("#photos > li:visible h3").allTextContents();

test(
  "fits a desktop and a phone, light and dark, without a request, an error or a fault that axe finds",
  { skip: NO_BROWSER },
  async (t) => {
    await onScreens(t, await galleryAddress(t), async (page) => {
      // By the debugger's door: the page's policy lets no other script in.
      await page.evaluate(AXE);
      const found = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>("axe.run()");
      assert.deepEqual(found.violations.map(({ id, nodes }) => [id, nodes[0]?.html]), []); // prettier-ignore
    });
  },
);

test("is sorted and filtered by keyboard, and says how many photos are left", { skip: NO_BROWSER }, async (t) => {
  const page = await (await browser(t)).newPage();
  await page.goto(await galleryAddress(t));
  const best = ["landscape-good.jpg", "portrait-good.jpg", "abstract-dull.jpg"];
  assert.deepEqual(await shown(page), best);
  await page.keyboard.press("Tab");
  await page.keyboard.type("Name");
  assert.deepEqual(await shown(page), best.toSorted());
  await page.keyboard.press("End");
  assert.deepEqual(await shown(page), best);
  await page.keyboard.press("ArrowUp");
  assert.deepEqual(await shown(page), best.toReversed());
  await page.keyboard.press("Tab");
  await page.keyboard.type("5");
  assert.deepEqual(await shown(page), ["portrait-good.jpg", "landscape-good.jpg"]);
  assert.equal(await page.getByRole("status").innerText(), "2 photos of 3");
  await page.keyboard.press("Tab");
  await page.keyboard.type("rated 8.25");
  assert.deepEqual(await shown(page), ["landscape-good.jpg"]);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page
    .getByRole("status")
    .filter({ hasText: /^3 photos$/ })
    .waitFor();
  assert.deepEqual(await shown(page), best);
  await page.getByRole("link", { name: "landscape-good.jpg" }).focus();
  assert.match(String(await page.evaluate("document.activeElement.href")), /\/photos\/landscape-good\.jpg$/);
});
