/** Photos that are dropped, in Chromium: scored, best first, seen and rated by hand, by keyboard and by ear. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { NO_BROWSER } from "../e2e/browser.js";
import { fakeServer } from "./server.js";
import { axeFinds, choose, DESKTOP, FILES, labels, openPage, PHONE, PHOTOS, untilScored } from "./support.js";

const skip = NO_BROWSER;

/** Looks at a phone of the smallest width too. */
async function fits(page: Page): Promise<void> {
  const size = page.viewportSize();
  if (size && size.width < 400) {
    await page.setViewportSize({ width: 320, height: 600 });
    await fitsNow(page);
    await page.setViewportSize(size);
  }
  await fitsNow(page);
}

async function fitsNow(page: Page): Promise<void> {
  // A phone shows a page that is too wide in a smaller size: its window is as wide then.
  const width = page.viewportSize()?.width ?? 0;
  assert.ok(
    (await page.evaluate<number>("document.documentElement.scrollWidth")) <= width,
    "nothing hangs over the side",
  );
  const cut =
    await page.evaluate(`[...document.querySelectorAll("header button, header select, .bar button, .filters *")].filter((element) => {
    const { left, right, width } = element.getBoundingClientRect();
    return width > 0 && (left < 0 || right > ${width});
  }).map((element) => element.ariaLabel ?? element.textContent)`);
  assert.deepEqual(cut, [], "every tool is in sight");
}

for (const [name, options] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  test(`${name}: from an empty page to a comparison, and axe finds nothing`, { skip }, async (t) => {
    const { address } = await fakeServer(t);
    const page = await openPage(t, address, options);
    await page.getByText("It knows nothing of real photographs").waitFor();
    const filters = page.getByRole("button", { name: "Filters" });
    await filters.click();
    await fits(page);
    await filters.click();
    assert.deepEqual(await axeFinds(page), []);
    await choose(page, FILES);
    await untilScored(page, PHOTOS.length);
    await page
      .locator(".tile img")
      .nth(PHOTOS.length - 1)
      .waitFor();
    await fits(page);
    assert.deepEqual(await axeFinds(page), []);
    assert.match((await labels(page)).join("\n"), /^abstract-dull.jpg, 9.4 of 10, give or take 1.4\narchitecture/);
    await page.locator(".tile").first().click();
    await page
      .getByRole("img", { name: /Predicted ratings: mean 9.40, standard deviation 1.40, most often 9/ })
      .waitFor();
    await fits(page);
    assert.deepEqual(await axeFinds(page), []);
    await page.getByRole("button", { name: "4 stars" }).click();
    await page.getByRole("button", { name: "Compare" }).click();
    await page.locator(".pane").nth(1).waitFor();
    await fits(page);
    assert.deepEqual(await axeFinds(page), []);
    await page.getByRole("button", { name: "Back to all photos" }).click();
    assert.match((await labels(page))[0] ?? "", /4 stars/);
    const small =
      await page.evaluate(`[...document.querySelectorAll("button, select, input:not(.file)")].filter((element) => {
      const { width, height } = element.getBoundingClientRect();
      return width > 0 && (width < 40 || height < 40);
    }).map((element) => element.outerHTML)`);
    assert.deepEqual(small, [], "fingers hit every tool");
  });
}

test("by keyboard alone: rate, flag, undo, compare, zoom, and back where one was", { skip }, async (t) => {
  const { address } = await fakeServer(t);
  const page = await openPage(t, address, DESKTOP);
  const press = async (...keys: readonly string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Add photos" }).focus();
  await press("Enter");
  await (await chooser).setFiles(FILES);
  await untilScored(page, PHOTOS.length);
  await press("Tab");
  for (let i = 0; i < 12 && (await page.evaluate("document.activeElement.role")) !== "option"; i++) await press("Tab");
  await press("ArrowRight", "3", "p", "ArrowRight", "x", "ArrowRight", "5", "Control+z");
  const after = await labels(page);
  assert.match(after[1] ?? "", /^architecture-garish.jpg, .*picked, 3 stars/);
  assert.match(after[2] ?? "", /^landscape-bad.jpg, .*rejected/);
  assert.doesNotMatch(after[3] ?? "", /star/);
  await press("Home", "ArrowRight", "u", "0", "Enter");
  await page.getByRole("dialog", { name: "architecture-garish.jpg" }).waitFor();
  await press("ArrowRight", "r", "ArrowRight", " ");
  assert.deepEqual(await page.evaluate("[...document.querySelectorAll('.pane')].map((pane) => pane.ariaLabel)"), ["landscape-bad.jpg", "landscape-good.jpg"]); // prettier-ignore
  assert.match(await page.locator(".pane").first().innerText(), /Reference/);
  await press("z");
  const shown = await page.evaluate<number[][]>(`[...document.querySelectorAll(".pane img")].map((image) => [image.getBoundingClientRect().width, image.naturalWidth])`); // prettier-ignore
  for (const [width, natural] of shown) assert.ok(Math.abs((width ?? 0) - (natural ?? 1)) < 1, "both at 100%");
  await press("ArrowRight", "4", "Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.locator('.tile:focus[aria-label^="portrait-good.jpg"]').waitFor();
  assert.match((await labels(page))[4] ?? "", /4 stars/);
  assert.match((await labels(page))[1] ?? "", /give or take 1.4$/);
  await press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  assert.deepEqual(await axeFinds(page), []);
});

test("what fails, what is full and what is gone is told, and goes on", { skip }, async (t) => {
  const server = await fakeServer(t);
  const page = await openPage(t, server.address, DESKTOP);
  await page.getByText("Judge:").waitFor();
  let full = 1;
  server.instead.set("POST /v1/score", () => (full-- > 0 ? [429, { error: { code: "IN_USE", message: "full" } }, { "retry-after": "0" }] : undefined)); // prettier-ignore
  await page.locator("input[type=file]").first().setInputFiles([{ name: "broken.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no picture") }, { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no") }]); // prettier-ignore
  await page.getByText("no score").waitFor();
  assert.match(await page.getByRole("status").innerText(), /0 photos scored, 1 could not be/);
  await page.locator(".tile").click();
  await page.getByText("broken.jpg is damaged; export it again.").waitFor();
  await page.getByText("This photo cannot be shown.").waitFor();
  await page.keyboard.press("Escape");
  const last = FILES.slice(-1);
  const failure = { file: "x", error: { code: "IMAGE_BROKEN", message: "It is damaged." } };
  let failing = 1;
  server.instead.set("POST /v1/score", () => (failing-- > 0 ? [200, { results: [failure] }] : undefined));
  await choose(page, last);
  await page.getByRole("status").getByText("0 photos scored, 2 could not be").waitFor();
  await choose(page, last);
  await page.getByRole("status").getByText("1 photos scored, 1 could not be").waitFor();
  assert.equal(await page.locator(".tile").count(), 2, "a photo that failed is tried again when it is given again");
  server.hangUp(true);
  await choose(page, FILES.slice(0, 2));
  await page.getByRole("alert").getByText("The server does not answer").waitFor();
  server.hangUp(false);
  await untilScored(page, 3);
  assert.equal(await page.getByRole("alert").count(), 0);
});

test("a token is asked for, and taken along", { skip }, async (t) => {
  const server = await fakeServer(t);
  let locked = true;
  const refuse = () =>
    locked ? ([401, { error: { code: "USAGE", message: "A token is needed." } }] as const) : undefined;
  const wrong = [403, { error: { code: "USAGE", message: "That token is not this server's." } }] as const;
  server.instead.set("GET /v1/models", refuse);
  const page = await openPage(t, server.address, DESKTOP);
  const token = page.getByLabel("This server asks for its token");
  assert.equal(await page.getByRole("button", { name: "Unlock" }).isDisabled(), true);
  server.instead.set("POST /v1/score", () => (locked ? wrong : undefined));
  server.instead.set("GET /v1/models", () => (locked ? wrong : undefined));
  await token.fill("another token of 16 letters");
  await page.getByRole("button", { name: "Unlock" }).click();
  await page.getByRole("alert").getByText("That token is not this server's.").waitFor();
  await choose(page, FILES.slice(0, 2));
  await page.getByText("Scoring: 0 of 2 photos").waitFor();
  await token.fill("\t a token; of 16 letters ");
  locked = false;
  await page.getByRole("button", { name: "Unlock" }).click();
  await page.getByText("Judge:").waitFor();
  await untilScored(page, 2);
  assert.match(String(await page.evaluate("document.cookie")), /^roc4mllm-token=a%20token%3B%20of%2016%20letters$/);
});
