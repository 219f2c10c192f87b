/** The page from the server itself, over a library that was scanned with the demo weights: what a photographer has. */
import assert from "node:assert/strict";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import sharp from "sharp";
import { DEMO_MODEL, load } from "../../src/engine/index.js";
import { scan } from "../../src/library/scan/scan.js";
import { readSidecar } from "../../src/photos/xmp.js";
import { createServer } from "../../src/server/index.js";
import { NO_BROWSER } from "../e2e/browser.js";
import { ROOT } from "../support.js";
import { choose, DESKTOP, FILES, labels, openPage, untilScored } from "./support.js";

test(
  "a scanned library: best first, rated into XMP and back, beside photos that are dropped",
  { skip: NO_BROWSER },
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "roc-served-"));
    t.after(() => rm(folder, { recursive: true }));
    const photos = join(folder, "photos");
    await mkdir(photos);
    const names = (await readdir(`${ROOT}examples/photos`)).filter((name) => name.endsWith(".jpg"));
    for (const name of names) await copyFile(`${ROOT}examples/photos/${name}`, join(photos, name));
    // Another exposure of the best, a second later.
    const best = sharp(`${ROOT}examples/photos/portrait-good.jpg`);
    const at = (second: number) => ({ IFD2: { DateTimeOriginal: `2026:05:31 18:30:0${second}` } });
    await best.clone().withExif(at(1)).toFile(join(photos, "portrait-good.jpg"));
    await best.clone().modulate({ brightness: 0.7 }).withExif(at(2)).toFile(join(photos, "portrait-late.jpg"));
    names.push("portrait-late.jpg");
    const library = join(folder, "library.db");
    using model = await load(DEMO_MODEL);
    await scan({ library, model, folders: [photos], files: names.map((name) => join(photos, name)) });
    const faults: Error[] = [];
    const server = createServer({ model, library, onFault: (error) => faults.push(error) });
    t.after(() => server.close());
    const address = await server.listen({ port: 0, host: "127.0.0.1" });
    const page = await openPage(t, address, DESKTOP);
    await page.getByText(/demo@[0-9a-f]+. The demo weights show that everything works/).waitFor();
    await page.locator(".tile.stacked").waitFor();
    await untilScored(page, names.length - 1);
    assert.match((await labels(page))[0] ?? "", /^portrait-good.jpg, 8\.\d of 10, give or take/);
    await page.locator(".tile").first().focus();
    const sidecar = join(photos, "portrait-good.jpg.xmp");
    const answered = async (key: string): Promise<void> => {
      const put = page.waitForResponse((response) => response.request().method() === "PUT");
      await page.keyboard.press(key);
      assert.equal((await put).status(), 200);
    };
    const undone = async (): Promise<void> => {
      const taken = page.waitForResponse((response) => response.request().method() === "DELETE");
      await page.keyboard.press("Control+z");
      assert.equal((await taken).status(), 200);
    };
    await answered("2");
    await undone();
    assert.ok(!(await readdir(photos)).includes("portrait-good.jpg.xmp"), "what the rating made is gone again");
    await answered("4");
    const starred = await readFile(sidecar);
    await answered("p");
    assert.deepEqual(await readSidecar(sidecar), { rating: 4, pick: "pick", ours: false });
    await undone();
    assert.deepEqual(await readFile(sidecar), starred);
    await answered("x");
    assert.deepEqual(await readSidecar(sidecar), { beneath: 4, pick: "reject", ours: false });
    await answered("u");
    assert.deepEqual(await readSidecar(sidecar), { rating: 4, ours: false });
    await page.reload();
    await page.locator(".tile.stacked").waitFor();
    await untilScored(page, names.length - 1);
    assert.match((await labels(page))[0] ?? "", /^portrait-good.jpg.*, 4 stars, best of 2 photos of a burst$/);
    await page.getByRole("button", { name: "Filters" }).click();
    await page.getByRole("form", { name: "Filters" }).getByLabel("Stars").selectOption("4 or more");
    await page.locator(".tile").nth(1).waitFor({ state: "detached" });
    await choose(page, FILES.slice(0, 2));
    await page.getByRole("button", { name: "Clear" }).click();
    await untilScored(page, 2);
    assert.ok(!(await readFile(sidecar, "utf8")).includes("undefined"));
    assert.deepEqual(faults, []);
  },
);
