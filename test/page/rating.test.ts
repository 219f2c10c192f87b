/** Ratings in Chromium: what others gave stays, what fails is told where one looks, and undo undoes. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Page } from "playwright-core";
import { NO_BROWSER } from "../e2e/browser.js";
import { until } from "../server/support.js";
import { fakeServer, libraryPhoto, photosPage, type Answer, type FakeServer } from "./server.js";
import { choose, DESKTOP, FILES, JPEG, labels, openPage, untilScored } from "./support.js";

const skip = NO_BROWSER;

interface Stored {
  stars: number;
  pick?: "pick" | "reject" | "none";
}

/** A library of three photos whose ratings others change too. */
async function openRated(
  t: TestContext,
): Promise<{ page: Page; server: FakeServer; stored: Stored[]; puts: () => string[] }> {
  const stored: Stored[] = Array.from({ length: 3 }, () => ({ stars: 0 }));
  const photo = (i: number): object => {
    const { stars, pick } = stored[i] ?? assert.fail();
    const rating = { stars, ...(pick !== undefined && pick !== "none" && { pick }) };
    return libraryPhoto(i + 1, 9 - i, { folder: "/p", name: `${i}.jpg`, percentile: 50, ...rating });
  };
  const put = (path: string): Answer => {
    const i = Number(/photos\/(\d+)/.exec(path)?.[1]) - 1;
    const { was = {}, ...change } = JSON.parse(server.asked.at(-1)?.split(" ").slice(2).join(" ") ?? "") as Partial<Stored> & { was?: Partial<Stored> }; // prettier-ignore
    const now = stored[i] ?? assert.fail();
    const isStale = was.stars !== undefined && was.stars !== now.stars && change.stars !== now.stars;
    if (isStale) return [409, { error: { code: "IN_USE", message: "It has been rated elsewhere." }, photo: photo(i) }];
    stored[i] = { ...now, ...change };
    return [200, photo(i)];
  };
  const server = await fakeServer(t, {
    "GET /v1/library/photos?": (path) => photosPage(path, 3, photo),
    "GET /v1/library/photos/": () => [200, JPEG],
    "PUT /v1/library/photos/": put,
  });
  const page = await openPage(t, server.address, DESKTOP);
  await page.locator(".tile").first().focus();
  const puts = (): string[] => server.asked.filter((line) => line.startsWith("PUT")).map((line) => line.split(" ").slice(2).join(" ")); // prettier-ignore
  return { page, server, stored, puts };
}

/** Waits until a photo is spoken of so. */
function spoken(page: Page, words: RegExp): Promise<void> {
  return page.getByRole("option", { name: words }).waitFor();
}

test("each key says one thing: what others gave since stays, and is shown", { skip }, async (t) => {
  const { page, stored, puts } = await openRated(t);
  for (const photo of stored) photo.stars = 5;
  await page.keyboard.press("p");
  await spoken(page, /^0.jpg.*picked, 5 stars$/);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("0");
  await page.getByRole("alert").getByText("1.jpg has been rated elsewhere: 5 stars.").waitFor();
  await spoken(page, /^1.jpg.*, 5 stars$/);
  await page.keyboard.press("2");
  await spoken(page, /^1.jpg.*, 2 stars$/);
  // The page shows a star before it is kept.
  await until(() => stored[1]?.stars === 2);
  assert.deepEqual(puts(), [
    '{"pick":"pick","was":{"pick":"none"}}',
    '{"stars":0,"was":{"stars":0}}',
    '{"stars":2,"was":{"stars":5}}',
  ]);
  assert.deepEqual(stored.map(({ stars }) => stars), [5, 2, 5]); // prettier-ignore
});

test(
  "undo takes back what is not among the photos that are shown, and nothing that others gave",
  { skip },
  async (t) => {
    const { page, server, stored } = await openRated(t);
    await page.keyboard.press("3");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("4");
    await spoken(page, /^1.jpg.*, 4 stars$/);
    server.instead.set("GET /v1/library/photos?", () => [200, { photos: [], next: null, total: 0, judge: null }]);
    await page.getByLabel("Order").selectOption("By name");
    await page.getByText("No photo passes these filters").waitFor();
    const status = page.getByRole("status");
    await page.keyboard.press("Control+z");
    await status.getByText("Undone. 1.jpg (not among these photos): not rated").waitFor();
    assert.deepEqual(stored.map(({ stars }) => stars), [3, 0, 0]); // prettier-ignore
    await choose(page, FILES.slice(0, 1));
    await untilScored(page, 1);
    await page.keyboard.press("Control+z");
    await status.getByText("Undone. 0.jpg (not among these photos): not rated").waitFor();
    assert.deepEqual(stored.map(({ stars }) => stars), [0, 0, 0]); // prettier-ignore
    server.instead.clear();
    await page.getByRole("button", { name: /Library/ }).click();
    await page.getByLabel("Order").selectOption("Best first");
    await page.locator(".tile").first().focus();
    await page.keyboard.press("3");
    await spoken(page, /^0.jpg.*, 3 stars$/);
    await until(() => stored[0]?.stars === 3);
    if (stored[0]) stored[0].stars = 5;
    await page.keyboard.press("Control+z");
    await spoken(page, /^0.jpg.*, 5 stars$/);
    await page.getByRole("alert").getByText("0.jpg has been rated elsewhere: 5 stars").waitFor();
  },
);

test("what cannot be saved is told in the open photo; what was saved after it stays", { skip }, async (t) => {
  const { page, server, stored } = await openRated(t);
  let failing = 1;
  const full: Answer = [409, { error: { code: "FILE_UNWRITABLE", message: "0.jpg.xmp cannot be written: the disk is full." } }]; // prettier-ignore
  server.instead.set("PUT ", () => (failing-- > 0 ? full : undefined));
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "0.jpg" });
  await dialog.waitFor();
  await page.keyboard.press("3");
  await page.keyboard.press("4");
  await dialog.getByRole("alert").getByText("0.jpg keeps its rating: 0.jpg.xmp cannot be written").waitFor();
  await dialog.locator('[aria-label="4 stars"][aria-pressed="true"]').waitFor();
  assert.equal(stored[0]?.stars, 4);
  await dialog.getByRole("button", { name: "Close" }).click();
  failing = 1;
  await page.keyboard.press("5");
  await dialog.getByRole("alert").getByText("0.jpg keeps its rating").waitFor();
  await dialog.locator('[aria-label="4 stars"][aria-pressed="true"]').waitFor();
  assert.match(await page.locator("[role=status]").innerText(), /^Not saved. 0.jpg: 4 stars$/);
  server.hangUp(true);
  await page.keyboard.press("5");
  await dialog.getByRole("alert").getByText("The server does not answer. What").waitFor();
  await dialog.getByText("0.jpg keeps its rating: the server does not answer").waitFor();
  server.hangUp(false);
  await dialog.getByText("The server does not answer. What").waitFor({ state: "detached" });
  await page.keyboard.press("Escape");
  await page.getByRole("alert").getByText("0.jpg keeps its rating").waitFor();
  assert.match((await labels(page))[0] ?? "", /4 stars$/);
});
