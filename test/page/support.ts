/** What the tests of the page share: a window on it, and what must never happen there. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { after, type TestContext } from "node:test";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { launch } from "../e2e/browser.js";
import { ROOT } from "../support.js";

const AXE = createRequire(import.meta.url).resolve("axe-core");

/** Photos in the order of their scores by the fake server. */
export const PHOTOS = ["abstract-dull", "architecture-garish", "landscape-bad", "landscape-good", "portrait-good", "still-life-fair"]; // prettier-ignore
export const FILES = PHOTOS.map((name) => `${ROOT}examples/photos/${name}.jpg`);

/** What a photo of the library looks like. */
export const JPEG = readFileSync(FILES[0] ?? "");

export const DESKTOP = { viewport: { width: 1280, height: 800 }, colorScheme: "light" } as const;
export const PHONE = { viewport: { width: 390, height: 844 }, colorScheme: "dark", hasTouch: true, isMobile: true } as const; // prettier-ignore

/** One browser for the tests of a file. */
let chrome: Promise<Browser> | undefined;
after(async () => (await chrome)?.close());

/** The page in a window of its own, which fails the test when something is refused or thrown. */
export async function openPage(t: TestContext, address: string, options: BrowserContextOptions): Promise<Page> {
  const context = await (await (chrome ??= launch())).newContext({ reducedMotion: "reduce", ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.stack ?? error.message));
  page.on("console", (message) => {
    // A status that the page answers for is told too.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      faults.push(message.text());
  });
  t.after(() => assert.deepEqual(faults, []));
  await page.goto(address);
  return page;
}

/** What axe finds, as rules with the elements. */
export async function axeFinds(page: Page): Promise<string[]> {
  if (!(await page.evaluate("'axe' in window"))) await page.evaluate(`${await source()}; 0`);
  const found = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })");
  const { violations } = found as { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] };
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" | ")}`,
  );
}

let text: string | undefined;

async function source(): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  text ??= await readFile(AXE, "utf8");
  return text;
}

/** Adds photos by the system's choice of files. */
export async function choose(page: Page, files: readonly string[]): Promise<void> {
  await page
    .locator("input[type=file]")
    .first()
    .setInputFiles([...files]);
}

/** Waits until that many photos have a score. */
export async function untilScored(page: Page, count: number): Promise<void> {
  await page
    .locator(".tile .score")
    .nth(count - 1)
    .waitFor();
}

/** What a screen reader says of the photos, in order. */
export async function labels(page: Page): Promise<string[]> {
  const script = `[...document.querySelectorAll(".tile")].sort((a, b) => a.ariaPosInSet - b.ariaPosInSet).map((tile) => tile.ariaLabel)`;
  return page.evaluate<string[]>(script);
}
