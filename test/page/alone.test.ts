/** The page that scores in the browser, in Chromium: nothing answers but a server of files, and then not even that. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { DEMO_MODEL, load } from "../../src/engine/index.js";
import { exportOnnx, type OnnxExport } from "../../src/onnx/export.js";
import { NO_BROWSER } from "../e2e/browser.js";
import { DROP, serveFolder, type FileServer } from "./alone-server.js";
import { axeFinds, choose, DESKTOP, FILES, openPage, PHONE } from "./support.js";

const skip = NO_BROWSER;

const FOLDER = mkdtempSync(join(tmpdir(), "roc4mllm-alone-"));
after(() => rmSync(FOLDER, { recursive: true, force: true }));

let made: OnnxExport;
before(async () => {
  if (!skip) made = await exportOnnx(DEMO_MODEL, join(FOLDER, "page"), { page: true });
});

async function opened(
  t: TestContext,
  options: Parameters<typeof openPage>[2] = DESKTOP,
  prepare: (server: FileServer) => void = () => undefined,
): Promise<{ page: Page; server: FileServer }> {
  const server = await serveFolder(made.folder);
  t.after(server.close);
  prepare(server);
  const page = await openPage(t, "about:blank", options);
  const others: string[] = [];
  page.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(server.address)) others.push(request.url());
  });
  t.after(() => assert.deepEqual(others, [], "no other place is asked"));
  await page.goto(server.address);
  return { page, server };
}

/** The photos as PNGs, as `[name, base64]`: whole, a strip, one that is smaller than what the model sees, and one with holes. */
async function pictures(): Promise<(readonly [name: string, text: string])[]> {
  const [first = "", second = "", third = "", fourth = ""] = FILES;
  const made = [
    sharp(first),
    sharp(second).extract({ left: 0, top: 20, width: 300, height: 41 }),
    sharp(third).resize(50, 70),
    sharp(fourth).greyscale(),
  ];
  const bytes = await Promise.all(made.map((picture) => picture.png().toBuffer()));
  return bytes.map((png, i) => [`${i}-${basename(FILES[i] ?? "", ".jpg")}.png`, png.toString("base64")] as const);
}

interface Card {
  readonly name: string;
  readonly score: number;
  readonly spread: number;
}

function cards(page: Page): Promise<Card[]> {
  return page.evaluate(
    `[...document.querySelectorAll(".card[data-score]")].map(({ dataset: { name, score, spread } }) => ({ name, score: Number(score), spread: Number(spread) }))`,
  );
}

async function untilScored(page: Page, count: number): Promise<void> {
  await page
    .locator(".card[data-score]")
    .nth(count - 1)
    .waitFor();
}

test("without a network dropped PNGs have the scores of score, best first", { skip }, async (t) => {
  const { page, server } = await opened(t);
  await page.getByText("Photos stay in this browser").waitFor();
  await page.getByText("know nothing of real photographs").waitFor();
  server.close();
  await page.context().setOffline(true);
  const files = await pictures();
  await page.evaluate(`(${DROP})(${JSON.stringify(files)})`);
  await untilScored(page, files.length);
  const found = await cards(page);
  using model = await load(DEMO_MODEL, { dtype: "float32" });
  for (const [name, text] of files) {
    const { score, std } = await model.scoreOne(Buffer.from(text, "base64"));
    const card = found.find((one) => one.name === name);
    assert.ok(Math.abs((card?.score ?? NaN) - score) < 1e-4, `${name}: ${card?.score} in the browser, ${score} here`);
    assert.ok(Math.abs((card?.spread ?? NaN) - (std ?? NaN)) < 1e-4, `${name}: spread ${card?.spread}, ${std} here`);
  }
  const scores = found.map(({ score }) => score);
  assert.deepEqual(scores, [...scores].sort((a, b) => b - a)); // prettier-ignore
  assert.equal(await page.getByRole("status").innerText(), "4 photos scored");
  const wanted = ["app.css", "app.js", "index.html", "manifest.json", "model.onnx", "runtime.wasm", "worker.js"];
  assert.deepEqual([...new Set(server.asked)].sort(), wanted);
});

for (const [name, options] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  test(`${name}: JPEGs are chosen; axe finds nothing, empty and full`, { skip }, async (t) => {
    const { page } = await opened(t, options);
    await page.getByText("Photos stay in this browser").waitFor();
    assert.deepEqual(await axeFinds(page), []);
    await choose(page, FILES.slice(0, 3));
    await untilScored(page, 3);
    await page.locator("summary").first().click();
    await page.getByRole("img", { name: /Predicted ratings: mean/ }).first().waitFor(); // prettier-ignore
    assert.deepEqual(await axeFinds(page), []);
    const width = page.viewportSize()?.width ?? 0;
    assert.ok((await page.evaluate<number>("document.documentElement.scrollWidth")) <= width, "nothing hangs over");
  });
}

test("what is no picture is said beside its name, and the rest goes on", { skip }, async (t) => {
  const { page } = await opened(t);
  const text = (content: string): string => Buffer.from(content).toString("base64");
  const [photo] = await pictures();
  const damaged = readFileSync(FILES[0] ?? "").subarray(0, 40);
  const files = [["notes.txt", text("no picture")], ["empty.png", ""], ["cut.jpg", damaged.toString("base64")], photo];
  await page.evaluate(`(${DROP})(${JSON.stringify(files)})`);
  await page.getByText("1 photo scored, 3 could not be").waitFor();
  const words = await page.locator(".card .failure").allInnerTexts();
  assert.deepEqual(words.map((word) => word.split(/[,.]/)[0]), [
    "This is no picture that this browser reads",
    "The file is empty",
    "This is no picture that this browser reads",
  ]); // prettier-ignore
  assert.deepEqual(await axeFinds(page), []);
});

for (const [file, change, message] of [
  ["manifest.json", () => Buffer.from('{"format": 1'), /manifest.json is damaged, or of another version/],
  [
    "manifest.json",
    (bytes) => Buffer.from(bytes.toString().replace('"format": 1', '"format": 2')),
    /of another version than this page/,
  ],
  ["model.onnx", (bytes) => bytes.subarray(0, 1000), /model.onnx is not the model that manifest.json describes/],
  ["model.onnx", (bytes) => Buffer.from(bytes).fill(7, 5000, 5001), /is not the model that manifest.json describes/],
] as const satisfies readonly [string, (bytes: Buffer) => Buffer, RegExp][]) {
  // prettier-ignore
  test(`${file} that is damaged: ${message.source}`, { skip }, async (t) => {
    const { page } = await opened(t, DESKTOP, ({ instead }) => {
      instead.set(file, change(readFileSync(join(made.folder, file))));
    });
    await page.getByRole("alert").getByText(message).waitFor();
    assert.match(await page.getByRole("alert").innerText(), /export it anew \(roc4mllm export onnx --page\)/);
    await page.getByText("There is no model.").waitFor();
  });
}
