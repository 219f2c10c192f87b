/** Chromium, where the machine has one. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";
import { chromium, type Browser } from "playwright-core";

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
