/** The library in Chromium: a hundred thousand photos of which few are drawn, filters, bursts, ratings that are kept. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test, type TestContext } from "node:test";
import type { Page } from "playwright-core";
import { NO_BROWSER } from "../e2e/browser.js";
import { fakeServer, libraryPhoto, photosPage, scanAnswer, type Answer, type FakeServer } from "./server.js";
import { axeFinds, DESKTOP, FILES, JPEG, labels, openPage, PHONE, untilScored } from "./support.js";

const skip = NO_BROWSER;
const TOTAL = 100_000;

function photo(i: number): object {
  return libraryPhoto(i + 1, 9.9 - (9 * i) / TOTAL, {
    ...{ folder: "/photos/2026", name: `DSC_${i}.jpg`, size: 5e6, percentile: 100 - (100 * i) / TOTAL },
    ...{ digest: `${i}`.padStart(64, "0"), width: i % 3 === 0 ? 4000 : 6000, height: i % 3 === 0 ? 6000 : 4000, taken: "2026-05-31T18:30:00", camera: "NIKON Z 6" },
    metadata: { iso: 200, aperture: 2.8, exposureTime: 0.004, lens: "50 mm f/1.8" },
  }); // prettier-ignore
}

/** Pages of all photos, in the order of their scores whatever is asked. */
function photos(path: string): Answer {
  return photosPage(path, TOTAL, photo);
}

async function openLibrary(
  t: TestContext,
  options: typeof DESKTOP | typeof PHONE,
  more: Readonly<Record<string, (path: string) => Answer>> = {},
): Promise<{ page: Page; server: FakeServer }> {
  const server = await fakeServer(t, {
    "GET /v1/library/photos?": photos,
    "GET /v1/library/photos/": () => [200, JPEG],
    ...more,
  });
  const page = await openPage(t, server.address, options);
  await page.locator(".tile").first().waitFor();
  return { page, server };
}

test("a hundred thousand photos: few are drawn, the rest comes with scrolling", { skip }, async (t) => {
  const { page, server } = await openLibrary(t, DESKTOP);
  assert.ok((await page.locator(".tile").count()) < 80);
  assert.match(await page.getByRole("button", { name: /Library/ }).innerText(), /100,000/);
  assert.equal(await page.locator(".tile").first().getAttribute("aria-setsize"), `${TOTAL}`);
  assert.deepEqual(await axeFinds(page), []);
  const pagesBefore = server.asked.filter((line) => line.includes("cursor=")).length;
  assert.ok(pagesBefore <= 2, "only what is near is fetched");
  await page.evaluate("document.querySelector('main').scrollTo(0, 1e9)");
  await page.locator('.tile[aria-posinset="1200"]').waitFor();
  assert.ok((await page.locator(".tile").count()) < 80);
});

test("a filter is asked of the library in its own words; nothing found is said", { skip }, async (t) => {
  const { page, server } = await openLibrary(t, PHONE);
  await page.getByRole("button", { name: "Filters" }).click();
  assert.deepEqual(await axeFinds(page), []);
  await page.getByLabel("Share").selectOption("Best 10%");
  await page.getByLabel("Stars").selectOption("3 or more");
  await page.getByLabel("Flag").selectOption("Not rejected");
  server.instead.set("GET /v1/library/photos?", () => [200, { photos: [], next: null, total: 0, judge: null }]);
  await page.getByLabel("Camera").fill('Z "6"');
  await page.getByLabel("From").fill("2026-05-01");
  await page.getByText("No photo passes these filters").waitFor();
  const [last = ""] = server.asked.filter((line) => line.startsWith("GET /v1/library/photos?")).slice(-1);
  const where = new URL(last.split(" ")[1] ?? "", server.address).searchParams.get("where");
  assert.equal(
    where,
    "percentile >= 90 and stars >= 3 and not pick = reject and camera ~ 'Z \"6\"' and taken >= 2026-05-01",
  );
  server.instead.clear();
  await page.getByRole("button", { name: "Show all photos" }).click();
  await page.locator(".tile").first().waitFor();
});

test("a library behind a token opens once the token is given", { skip }, async (t) => {
  const server = await fakeServer(t, {
    "GET /v1/library/photos?": photos,
    "GET /v1/library/photos/": () => [200, JPEG],
  });
  server.instead.set("GET /v1/", () => [401, { error: { code: "USAGE", message: "A token is needed." } }]);
  const page = await openPage(t, server.address, DESKTOP);
  await page.getByLabel("This server asks for its token").fill("a token of 16 letters");
  server.instead.clear();
  await page.getByRole("button", { name: "Unlock" }).click();
  await page.locator(".tile").first().waitFor();
  assert.match((await labels(page))[0] ?? "", /^DSC_0.jpg/);
});

test("what the camera noted stands beside the photo; dropped photos are another heap", { skip }, async (t) => {
  const { page } = await openLibrary(t, DESKTOP);
  await page.locator(".tile").nth(1).click();
  const panel = page.getByRole("complementary", { name: "About this photo" });
  for (const text of ["NIKON Z 6", "1/250 s f/2.8 ISO 200", "6000 × 4000, 5.0 MB", "50 mm f/1.8", "best 1%"])
    await panel.getByText(text).waitFor();
  await page.keyboard.press("Escape");
  await page.locator("input[type=file]").first().setInputFiles(FILES.slice(0, 2));
  await untilScored(page, 2);
  assert.equal((await labels(page)).length, 2);
  await page.getByRole("button", { name: /Library/ }).click();
  assert.match((await labels(page))[0] ?? "", /^DSC_0.jpg/);
});

test("a calibrated checkpoint's intervals stand beside score, comparison and aspects", { skip }, async (t) => {
  const interval = { low: 6.852, high: 8.461, level: 0.9 };
  const scored = libraryPhoto(1, 7.78, { folder: "/photos", name: "a.jpg", percentile: 99 }) as { score: object };
  const other = { ...scored, id: "2", name: "b.jpg" };
  const intervals = { interval, attributeIntervals: { light: { ...interval, low: 5 } } };
  const { page } = await openLibrary(t, DESKTOP, {
    "GET /v1/library/photos?": (path) => photosPage(path, 2, (i) => (i > 0 ? other : { ...scored, score: { ...scored.score, ...intervals } })), // prettier-ignore
  });
  await page.locator(".tile").first().click();
  const panel = page.getByRole("complementary", { name: "About this photo" });
  await panel.getByText("Rated 6.85 to 8.46 in 90% of such photos").waitFor();
  await panel.getByText("5.00 to 8.46 in 90%").waitFor();
  assert.deepEqual(await axeFinds(page), []);
  await page.getByRole("button", { name: "Compare" }).click();
  assert.equal(await page.getByText("6.85 to 8.46 in 90%").count(), 1, "the other has none");
});

test("bursts are stacks with the best on top; B and the number open them", { skip }, async (t) => {
  const member = (id: number, best: number): object => ({ id: `${id}`, best, kept: best > 0.5 });
  const bursts = [{ kind: "burst", photos: [member(3, 0.6), member(2, 0.3), member(5, 0.1)] }];
  const { page } = await openLibrary(t, DESKTOP, {
    "GET /v1/library/bursts": () => [200, { bursts, looked: 3, complete: true }],
  });
  await page.locator(".tile.stacked").waitFor();
  const names = async (): Promise<string[]> =>
    (await labels(page)).slice(0, 5).map((label) => label.split(".")[0] ?? "");
  assert.deepEqual(await names(), ["DSC_0", "DSC_2", "DSC_3", "DSC_5", "DSC_6"]);
  assert.match((await labels(page))[1] ?? "", /best of 3 photos of a burst$/);
  assert.deepEqual(await axeFinds(page), []);
  await page.locator(".tile.stacked").focus();
  await page.keyboard.press("b");
  await page.locator(".tile.stacked").waitFor({ state: "detached" });
  assert.deepEqual(await names(), ["DSC_0", "DSC_2", "DSC_1", "DSC_4", "DSC_3"]);
  await page.keyboard.press("b");
  await page.locator(".tile .count").click();
  assert.deepEqual(await names(), ["DSC_0", "DSC_2", "DSC_1", "DSC_4", "DSC_3"]);
  await page.getByRole("button", { name: "Stack bursts" }).click();
  await page.locator('.tile[aria-label^="DSC_1."]').waitFor();
  assert.deepEqual(await names(), ["DSC_0", "DSC_1", "DSC_2", "DSC_3", "DSC_4"]);
});

test("a scan that goes on shows its progress; when it ends or is killed, the bar goes", { skip }, async (t) => {
  let state: object = { running: true, scored: 12, failed: 1 };
  const { page, server } = await openLibrary(t, DESKTOP, {
    "GET /v1/library/scan": () => scanAnswer(state),
  });
  const bar = page.getByRole("progressbar", { name: /Scanning/ });
  await page.getByText("Scanning: 12 photos scored").waitFor();
  assert.deepEqual(await axeFinds(page), []);
  state = { running: true, scored: 40, failed: 1 };
  await page.getByText("Scanning: 40 photos scored").waitFor();
  const pages = (): number => server.asked.filter((line) => line.startsWith("GET /v1/library/photos?")).length;
  const before = pages();
  // As a scan is that was killed: it has not ended, and does not run.
  state = { running: false, ended: null, scored: 40, failed: 1 };
  await bar.waitFor({ state: "detached" });
  assert.ok(pages() > before, "what it has found is shown");
});

test("a page that nobody sees asks for nothing, and catches up once it is seen", { skip }, async (t) => {
  let state: object = { running: false, scored: 12, failed: 0 };
  const { page, server } = await openLibrary(t, DESKTOP, {
    "GET /v1/library/bursts": () => [200, { bursts: [], looked: 0, complete: false }],
    "GET /v1/library/scan": () => scanAnswer(state),
  });
  const show = (visibility: string): Promise<unknown> =>
    page.evaluate(`Object.defineProperty(document, "visibilityState", { value: "${visibility}", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"))`);
  await show("hidden");
  await page.waitForTimeout(500);
  const before = server.asked.length;
  state = { running: true, scored: 40, failed: 0 };
  await page.waitForTimeout(4000);
  assert.equal(server.asked.length, before);
  await show("visible");
  await page.getByText("Scanning: 40 photos scored").waitFor();
});

test("a comment is shown as it is written; a fault amid it is told", { skip }, async (t) => {
  const writing = new PassThrough();
  const judge = { id: "fake@0", object: "model", worth: "It knows nothing.", method: { comments: true } };
  const { page, server } = await openLibrary(t, DESKTOP, {
    "POST /v1/chat/completions": () => [200, writing, { "content-type": "text/event-stream" }],
  });
  server.instead.set("GET /v1/models", () => [200, { object: "list", data: [judge] }]);
  await page.reload();
  await page.locator(".tile").first().click();
  await page.getByRole("button", { name: "Ask for a comment" }).click();
  const write = (chunk: object): unknown => writing.write(`data: ${JSON.stringify(chunk)}\n\n`);
  write({ choices: [{ delta: { role: "assistant", content: "" } }] });
  write({ choices: [{ delta: { content: "A calm" } }] });
  const words = page.locator(".words");
  await words.getByText("A calm", { exact: true }).waitFor();
  assert.equal(await words.getAttribute("aria-busy"), "true");
  write({ choices: [{ delta: { content: " sea" } }] });
  await words.getByText("A calm sea", { exact: true }).waitFor();
  assert.deepEqual(await axeFinds(page), []);
  write({ error: { code: "INTERNAL", message: "The server has a fault." } });
  await page.getByRole("alert").getByText("No comment: The server has a fault.").waitFor();
  await words.getByText("A calm sea", { exact: true }).waitFor();
  const asked = server.asked.find((line) => line.startsWith("POST /v1/chat/completions")) ?? "";
  assert.match(asked, /"url":"1".*"stream":true/);
});

test("three aspects or more make a radar, with the numbers in bars below", { skip }, async (t) => {
  const { page } = await openLibrary(t, PHONE);
  await page.locator(".tile").first().click();
  const radar = page.getByRole("img", { name: "Single aspects: light 9.9, colour 8.9, composition 7.9" });
  await radar.waitFor();
  const inside = await page.evaluate(`[...document.querySelectorAll(".radar text")].every((text) => {
    const frame = text.ownerSVGElement.getBoundingClientRect();
    const { left, right, top, bottom } = text.getBoundingClientRect();
    return left >= frame.left && right <= frame.right && top >= frame.top && bottom <= frame.bottom;
  })`);
  assert.equal(inside, true, "no label is cut off");
  assert.deepEqual(await axeFinds(page), []);
});

test("what moves the score lies over the photo, by its button or its key, and is fetched once", { skip }, async (t) => {
  const [columns, rows] = [24, 16];
  const values = Array.from({ length: columns * rows }, (_, i) =>
    i % columns === 0 ? null : ((i % columns) - 12) / 100,
  );
  const map = { id: "1", model: "fake@0", method: "occlusion", replacement: "mean", of: null, score: 9.9, without: 5, scale: { min: 1, max: 10 }, columns, rows, width: 600, height: 400, values, evaluations: 64 }; // prettier-ignore
  const { page, server } = await openLibrary(t, DESKTOP);
  server.instead.set("GET /v1/library/photos/1/explain", () => [200, map]);
  await page.locator(".tile").first().dblclick();
  const button = page.getByRole("button", { name: "What moves the score" });
  await button.click();
  const heat = page.getByRole("img", { name: /blue parts lift it/ });
  await heat.waitFor();
  assert.equal(await button.getAttribute("aria-pressed"), "true");
  assert.deepEqual(await axeFinds(page), []);
  const box = await heat.boundingBox();
  assert.deepEqual(box, await page.locator(".zoomable img").boundingBox(), "it covers the photo, and nothing else");
  const pixel = (x: number): Promise<number[]> =>
    page.evaluate<number[]>(
      `[...document.querySelector("canvas.heat").getContext("2d").getImageData(${x}, 3, 1, 1).data]`,
    );
  const [unseen, lowers, lifts] = [await pixel(0), await pixel(2), await pixel(22)] as [number[], number[], number[]];
  assert.deepEqual(unseen.slice(0, 3), [0, 0, 0]);
  assert.ok((lowers[0] ?? 0) > (lowers[2] ?? 0) && (lifts[2] ?? 0) > (lifts[0] ?? 0), `${lowers} ${lifts}`);
  await page.keyboard.press("h");
  await heat.waitFor({ state: "detached" });
  await page.keyboard.press("h");
  await heat.waitFor();
  assert.equal(server.asked.filter((line) => line.includes("/explain")).length, 1);
  server.instead.set("GET /v1/library/photos/2/explain", () => [
    501,
    { error: { code: "USAGE", message: "The model of this server cannot be explained." } },
  ]);
  await page.keyboard.press("ArrowRight");
  await page.getByText("cannot be explained").first().waitFor();
  await heat.waitFor({ state: "detached" });
});
