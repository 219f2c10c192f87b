/** The page that scores in the browser, in Chromium: nothing answers but a server of files, and then not even that. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { DEMO_MODEL, load } from "../../src/engine/index.js";
import { exportOnnx, type OnnxExport } from "../../src/onnx/export.js";
import { browser, NO_BROWSER } from "../e2e/browser.js";
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

/** Drops what is on the disk, folders too. */
async function dropPaths(page: Page, files: readonly string[]): Promise<void> {
  const client = await page.context().newCDPSession(page);
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const) await client.send("Input.dispatchDragEvent", { type, x: 400, y: 400, data }); // prettier-ignore
}

test("of a folder, photos of one name are told apart, and what is no picture by its name is left out", { skip }, async (t) => {
  const { page } = await opened(t);
  const folder = join(FOLDER, "trip");
  for (const [i, day] of ["day-1", "day-2"].entries()) {
    mkdirSync(join(folder, day), { recursive: true });
    copyFileSync(FILES[i] ?? "", join(folder, day, "a.jpg"));
    for (const other of [".DS_Store", "notes.json", "._a.jpg"]) writeFileSync(join(folder, day, other), "no picture");
  }
  writeFileSync(join(folder, "raw.cr2"), "no picture, but called like one");
  await page.getByText("Photos stay in this browser").waitFor();
  await dropPaths(page, [folder]);
  await page.getByText("2 photos scored, 1 could not be; 6 other files left out").waitFor();
  const names = await page.locator(".card .name").allInnerTexts();
  assert.deepEqual(names.sort(), ["trip/day-1/a.jpg", "trip/day-2/a.jpg", "trip/raw.cr2"]);
}); // prettier-ignore

test("a picture of too many pixels is said to be too large, before it is decoded", { skip }, async (t) => {
  const { page } = await opened(t);
  const [width, height] = [30_000, 30_000];
  const at = (length: number, parts: Readonly<Record<number, number>>): DataView => {
    const view = new DataView(new ArrayBuffer(length));
    for (const [place, value] of Object.entries(parts)) view.setUint8(Number(place), value);
    return view;
  };
  const png = at(40, {});
  Buffer.from("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "latin1").forEach((byte, i) => png.setUint8(i, byte));
  png.setUint32(16, width);
  png.setUint32(20, height);
  const jpeg = at(60, { 0: 0xff, 1: 0xd8, 2: 0xff, 3: 0xe0, 5: 16, 20: 0xff, 21: 0xff, 22: 0xc2, 24: 17, 25: 8 });
  jpeg.setUint16(26, height);
  jpeg.setUint16(28, width);
  const gif = at(20, {});
  Buffer.from("GIF89a").forEach((byte, i) => gif.setUint8(i, byte));
  gif.setUint16(6, width, true);
  gif.setUint16(8, height, true);
  const webp = at(40, { 24: (width - 1) & 255, 25: (width - 1) >> 8, 27: (height - 1) & 255, 28: (height - 1) >> 8 });
  Buffer.from("RIFF\0\0\0\0WEBPVP8X").forEach((byte, i) => webp.setUint8(i, byte));
  const files = Object.entries({ "a.png": png, "b.jpg": jpeg, "c.gif": gif, "d.webp": webp });
  await page.evaluate(`(${DROP})(${JSON.stringify(files.map(([name, view]) => [name, Buffer.from(view.buffer).toString("base64")]))})`); // prettier-ignore
  await page.getByText("0 photos scored, 4 could not be").waitFor();
  for (const word of await page.locator(".card .failure").allInnerTexts())
    assert.match(word, /^The picture has 900 million pixels; at most 100 are scored/);
});

test("a WebP is turned by its Exif, as score turns it", { skip }, async (t) => {
  const { page } = await opened(t);
  using model = await load(DEMO_MODEL, { dtype: "float32" });
  const pixels = await sharp(FILES[3]).resize(200, 133).png().toBuffer();
  const turned = await Promise.all(
    [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) =>
      sharp(pixels).withMetadata({ orientation }).webp({ lossless: true }).toBuffer(),
    ),
  );
  const files = turned.map((webp, i) => [`${i + 1}.webp`, webp.toString("base64")]);
  await page.evaluate(`(${DROP})(${JSON.stringify(files)})`);
  await untilScored(page, files.length);
  const found = await cards(page);
  const scores = new Set<string>();
  for (const [i, webp] of turned.entries()) {
    const { score } = await model.scoreOne(webp);
    const card = found.find(({ name }) => name === `${i + 1}.webp`);
    assert.ok(Math.abs((card?.score ?? NaN) - score) < 1e-4, `${i + 1}: ${card?.score} in the browser, ${score} here`);
    scores.add(score.toFixed(3));
  }
  assert.ok(scores.size > 4, "the turns differ");
  const shapes = await page.evaluate<boolean[]>(
    `[...document.querySelectorAll(".card img")].map((one) => one.naturalWidth > one.naturalHeight)`,
  );
  assert.equal(shapes.filter(Boolean).length, 4);
});

test("neither the page nor its worker asks another place", { skip }, async (t) => {
  const server = await serveFolder(made.folder);
  t.after(server.close);
  const other = await serveFolder(made.folder);
  t.after(other.close);
  const page = await (await browser(t)).newPage();
  await page.goto(server.address);
  await page.getByText("Photos stay in this browser").waitFor();
  const [worker, ...more] = page.workers();
  assert.ok(worker && more.length === 0);
  const asking = `(address) => fetch(address, { method: "POST", body: "photo", mode: "no-cors" }).then(() => "sent", ({ message }) => message)`;
  const evaluate = [(code: string) => page.evaluate<string>(code), (code: string) => worker.evaluate<string>(code)];
  for (const said of evaluate) {
    assert.equal(await said(`(${asking})("${other.address}")`), "Failed to fetch");
    assert.equal(await said(`(${asking})("${server.address}")`), "sent");
    assert.match(await said(`import("${other.address}app.js").then(() => "run", ({ message }) => message)`), /^Failed to fetch/); // prettier-ignore
  }
  assert.deepEqual(other.asked, []);
});

test("a runtime that was cut is named, not the model", { skip }, async (t) => {
  const server = await serveFolder(made.folder);
  t.after(server.close);
  server.instead.set("runtime.wasm", readFileSync(join(made.folder, "runtime.wasm")).subarray(0, 100_000));
  // The runtime says its own errors on the console too.
  const page = await (await browser(t)).newPage();
  await page.goto(server.address);
  await page
    .getByRole("alert")
    .getByText(/^runtime.wasm cannot be loaded/)
    .waitFor();
});

test("a page without its script says what may be the matter", { skip }, async (t) => {
  const { page } = await opened(t, DESKTOP, ({ instead }) => void instead.set("app.js", "missing"));
  await page.getByText("app.js is missing there or damaged").waitFor();
  await page.getByText("Either the page was opened as a file").waitFor();
});

test("without its worker the page says so, and what is dropped does not wait for ever", { skip }, async (t) => {
  const { page } = await opened(t, DESKTOP, ({ instead }) => void instead.set("worker.js", "missing"));
  await page.getByRole("alert").getByText("worker.js cannot be read: the server says 404").waitFor();
  await page.evaluate(`(${DROP})(${JSON.stringify(await pictures())})`);
  await page.getByText("0 photos scored, 4 could not be").waitFor();
});

for (const [file, change, message] of [
  ["worker.js", () => Buffer.from("no script"), /^The page's worker does not run/],
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
