/** Taste on the page: two photos are compared, what is learned is told, and orders the library. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createServer } from "../../src/server/index.js";
import { NO_BROWSER } from "../e2e/browser.js";
import { redModel } from "../library/support.js";
import { byFirst, ratedLibrary } from "../library/taste/support.js";
import { axeFinds, DESKTOP, labels, openPage } from "./support.js";

test(
  "a taste is taught, learned with its gain, chosen, and shown beside the score",
  { skip: NO_BROWSER },
  async (t) => {
    const library = await ratedLibrary(t, 60, byFirst);
    const server = createServer({ model: redModel([]), library });
    t.after(() => server.close());
    const page = await openPage(t, await server.listen({ port: 0, host: "127.0.0.1" }), DESKTOP);
    await page.locator(".tile .score").first().waitFor();
    const before = await labels(page);
    const choice = page.locator(".taste select");
    await choice.selectOption({ label: "Teach your taste …" });
    const first = page.locator(".choice").first();
    await first.waitFor();
    assert.deepEqual(await axeFinds(page), []);
    await page.getByText("0 answers", { exact: true }).waitFor();
    await page.keyboard.press("ArrowLeft");
    await page.getByText("1 answer", { exact: true }).waitFor();
    await page.locator(".choice:enabled").first().click();
    await page.getByText("2 answers", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Take the last answer back" }).click();
    await page.getByText("1 answer", { exact: true }).waitFor();
    assert.ok(await page.getByRole("button", { name: "Learn from answers" }).isDisabled());
    await page.getByRole("button", { name: "Learn from my stars" }).click();
    await page.locator(".told", { hasText: /SRCC with the stars, on held-out photos: .* a gain of 0\.\d\d/ }).waitFor();
    await page.keyboard.press("Escape");
    await page.locator('.tile[aria-label*="by the taste mine"]').first().waitFor();
    assert.equal(await choice.inputValue(), "mine");
    assert.notDeepEqual(await labels(page), before);
    // What lies under the mouse shows its name too.
    await page.mouse.move(0, 0);
    assert.deepEqual(await axeFinds(page), []);
    await page.locator(".tile").first().click();
    await page.locator(".liked", { hasText: /\d by the taste mine/ }).waitFor();
    await page.keyboard.press("Escape");
    await choice.selectOption("");
    await page.locator('.tile[aria-label*="by the taste"]').first().waitFor({ state: "detached" });
    assert.deepEqual(await labels(page), before);
  },
);
