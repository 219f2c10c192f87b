/** Ways through a library in Chromium: to its end, back by the browser, by a link, and while a scan adds to it. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Page } from "playwright-core";
import { NO_BROWSER } from "../e2e/browser.js";
import { until } from "../server/support.js";
import { fakeServer, libraryPhoto, photosPage, scanAnswer, type Answer, type FakeServer } from "./server.js";
import { choose, DESKTOP, FILES, JPEG, openPage, untilScored } from "./support.js";

const skip = NO_BROWSER;

interface Moving {
  readonly page: Page;
  readonly server: FakeServer;
  /** Ids of the photos in their order; others may come. */
  readonly ids: number[];
  readonly address: string;
}

async function openMoving(t: TestContext, count: number, more: Readonly<Record<string, () => Answer>> = {}, hash = "", instead?: () => Answer | undefined): Promise<Moving> {
  const ids = Array.from({ length: count }, (_, i) => i + 1);
  const photo = (id: number): object => libraryPhoto(id, 5, { folder: "/p", name: `${id}.jpg`, percentile: 50 });
  const photos = (path: string): Answer => photosPage(path, ids.length, (i) => photo(ids[i] ?? assert.fail()));
  const one = (path: string): Answer => {
    const [, id] = /photos\/(\d+)$/.exec(path) ?? [];
    return [200, id === undefined ? JPEG : photo(Number(id))];
  };
  const server = await fakeServer(t, { ...more, "GET /v1/library/photos?": photos, "GET /v1/library/photos/": one });
  if (instead) server.instead.set("GET /v1/library/", instead);
  const page = await openPage(t, `${server.address}${hash}`, DESKTOP);
  if (!instead) await page.locator(".tile").first().waitFor();
  return { page, server, ids, address: server.address };
} // prettier-ignore

test("End is the last photo of the library, those too that were not here yet", { skip }, async (t) => {
  const { page } = await openMoving(t, 2600);
  await page.locator(".tile").first().focus();
  await page.keyboard.press("End");
  await page.locator('.tile:focus[aria-label^="2600.jpg"]').waitFor();
  await page.keyboard.press("Home");
  await page.locator('.tile:focus[aria-label^="1.jpg"]').waitFor();
});

test("Back closes a comparison, then a photo, and stays on the page; Forward opens it again", { skip }, async (t) => {
  const { page, address } = await openMoving(t, 5);
  const hash = async (wanted: string): Promise<void> => {
    await until(async () => (await page.evaluate("location.hash")) === wanted);
  };
  await page.locator(".tile").nth(1).click();
  await hash("#photo=2");
  await page.keyboard.press("ArrowRight");
  await hash("#photo=3");
  await page.keyboard.press(" ");
  await hash("#compare=3");
  await page.locator(".pane").nth(1).waitFor();
  await page.evaluate("history.back()");
  await page.locator(".pane").first().waitFor({ state: "detached" });
  await page.getByRole("dialog", { name: "3.jpg" }).waitFor();
  await page.evaluate("history.back()");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.evaluate("history.forward()");
  await page.getByRole("dialog", { name: "3.jpg" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await hash("");
  assert.equal(page.url().replace(/#$/, ""), address);
  await page.locator(".tile").nth(4).click();
  await page.reload();
  await page.getByRole("dialog", { name: "5.jpg" }).waitFor();
});

test("a link opens its photo, though it is far down; Back shows it among all photos", { skip }, async (t) => {
  const { page } = await openMoving(t, 900, {}, "#photo=801");
  await page.getByRole("dialog", { name: "801.jpg" }).waitFor();
  await page.getByRole("complementary", { name: "About this photo" }).getByText("5.00").first().waitFor();
  await page.evaluate("history.back()");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.locator('.tile:focus[aria-label^="801.jpg"]').waitFor();
});

test("ratings of dropped photos are not lost without a question, but once they are taken home", { skip }, async (t) => {
  const { page } = await openMoving(t, 2);
  await choose(page, FILES.slice(0, 1));
  await untilScored(page, 1);
  await page.locator(".tile").first().focus();
  await page.keyboard.press("4");
  const question = page.waitForEvent("dialog");
  await page.close({ runBeforeUnload: true });
  const dialog = await question;
  assert.equal(dialog.type(), "beforeunload");
  await dialog.dismiss();
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save as CSV" }).click();
  await saved;
  await page.close({ runBeforeUnload: true });
  if (!page.isClosed()) await page.waitForEvent("close");
});

test("a library that the first scan makes is opened by the page that waited for it", { skip }, async (t) => {
  let isThere = false;
  const missing: Answer = [404, { error: { code: "FILE_NOT_FOUND", message: "Make a library." } }];
  const { page } = await openMoving(t, 3, {}, "", () => (isThere ? undefined : missing));
  await page.getByRole("heading", { name: "Drop photos here" }).waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  isThere = true;
  await page.getByRole("button", { name: /Library/ }).waitFor();
  await page.locator(".tile").nth(2).waitFor();
});

test(
  "what a scan finds comes in while it runs, also by one that was short, also after the server was gone",
  { skip },
  async (t) => {
    let state = { id: 1, running: false, ended: "then" as string | null, scored: 5, failed: 0 };
    let bursts: object[] = [];
    const { page, server, ids } = await openMoving(t, 500, {
      "GET /v1/library/scan": () => scanAnswer(state),
      "GET /v1/library/bursts": () => [200, { bursts, looked: 5, complete: true }],
    });
    const tab = page.getByRole("button", { name: /Library/ });
    await tab.getByText("500").waitFor();
    await page.evaluate("document.querySelector('main').scrollTo(0, 3000)");
    assert.equal(await page.evaluate("document.querySelector('main').scrollTop"), 3000);
    // A tile that is in sight: those of before the jump go once the page has looked where it is.
    const inSight = `(() => {
      const view = document.querySelector("main").getBoundingClientRect();
      const isIn = ({ top, bottom }) => top >= view.top && bottom <= view.bottom;
      return [...document.querySelectorAll(".tile")].find((tile) => isIn(tile.getBoundingClientRect()))?.ariaLabel;
    })()`;
    let seen: unknown;
    await until(async () => (seen = await page.evaluate(inSight)) !== undefined);
    const place = async (): Promise<unknown> => page.evaluate(`[...document.querySelectorAll(".tile")].find((tile) => tile.ariaLabel === ${JSON.stringify(seen)})?.getBoundingClientRect().top - document.querySelector("main").getBoundingClientRect().top`); // prettier-ignore
    const before = await place();
    state = { id: 2, running: true, ended: null, scored: 1, failed: 0 };
    ids.unshift(...Array.from({ length: 12 }, (_, i) => 600 + i));
    await page.getByText("Scanning: 1 photo scored").waitFor();
    await tab.getByText("512").waitFor();
    assert.equal(await place(), before, "what is in sight stays where it is");
    server.hangUp(true);
    await page.getByRole("alert").getByText("The server does not answer").waitFor();
    ids.push(701);
    const member = (id: number): object => ({ id: `${id}`, best: 0.5, kept: true });
    bursts = [{ kind: "copies", photos: [member(600), member(601)] }];
    state = { id: 3, running: false, ended: "now", scored: 1, failed: 0 };
    server.hangUp(false);
    await tab.getByText("513").waitFor();
    await page.evaluate("document.querySelector('main').scrollTo(0, 0)");
    await page.locator(".tile.stacked").waitFor();
    assert.equal(await page.getByText("Scanning").count(), 0);
  },
);
