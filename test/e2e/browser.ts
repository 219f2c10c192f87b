/** Chromium, where the machine has one. */
import assert from "node:assert/strict";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Path of the browser: `CHROMIUM`, or one of the usual names on the path. */
function chromiumPath(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const places = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [process.env["CHROMIUM"] ?? "", ...places].filter(Boolean).find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const FOUND = chromiumPath();

/** As `skip` of a test: why it cannot run here, or false. */
export const NO_BROWSER = FOUND === undefined && "no Chromium here; install it (Debian: chromium) or set CHROMIUM";

/** A browser, which the caller closes. */
export async function launch(): Promise<Browser> {
  if (FOUND === undefined) throw new Error(String(NO_BROWSER));
  return chromium.launch({ executablePath: FOUND, args: ["--no-sandbox"] });
}

/** A browser that closes with the test. */
export async function browser(t: TestContext): Promise<Browser> {
  const opened = await launch();
  t.after(() => opened.close());
  return opened;
}

/**
 * Opens an address on a light desktop and a dark phone: it asks for nothing else, says nothing, and nothing hangs over the side.
 *
 * @param look what else is looked at there
 */
export async function onScreens(
  t: TestContext,
  address: string,
  look: (page: Page, colorScheme: "light" | "dark") => Promise<void>,
): Promise<void> {
  const chrome = await browser(t);
  for (const [width, colorScheme] of [
    [1280, "light"],
    [390, "dark"],
  ] as const) {
    const page = await chrome.newPage({ viewport: { width, height: 850 }, colorScheme });
    const [requests, errors]: [string[], string[]] = [[], []];
    page.on("request", (request) => requests.push(request.url()));
    page.on("console", (message) => errors.push(message.text()));
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(address);
    assert.deepEqual(requests.filter((url) => !url.startsWith("data:")), [address]); // prettier-ignore
    const widths = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]");
    assert.deepEqual(widths, [width, width], "nothing hangs over the side");
    await look(page, colorScheme);
    assert.deepEqual(errors, []);
    await page.close();
  }
}
