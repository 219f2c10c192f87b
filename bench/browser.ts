/**
 * The page that scores in the browser against `score` on this machine: how long a photo takes, how far the scores lie apart, how
 * large the files are.
 *
 *   npm run bench:browser [-- --rounds 5] [--json] [--out FILE.json]
 *
 * The demo weights, in Chromium without a network and in this process, each on one core; the example photos as they are (JPEG) and as
 * PNG, and one of them enlarged to 12 million pixels. Every round is a new window, which has loaded the model.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import sharp from "sharp";
import { DEMO_MODEL, load, type Model } from "../src/engine/index.js";
import { exportOnnx } from "../src/onnx/export.js";
import { launch } from "../test/e2e/browser.js";
import { serveFolder } from "../test/page/alone-server.js";
import { median } from "./peer.js";
import { RESULT_OPTIONS, writeResult } from "./results.js";

const PHOTOS = fileURLToPath(new URL("../../examples/photos/", import.meta.url));

/** Milliseconds of a photo, medians, by the part that takes them. */
interface Times {
  /** In the browser: decoding, its thumbnail and preparing. */
  readonly prepare: number;
  /** In the browser: the model. */
  readonly model: number;
  /** `score` with one thread, from file to score. */
  readonly here: number;
}

export interface BrowserBench {
  readonly machine: string | undefined;
  readonly load: number;
  readonly browser: string;
  readonly rounds: number;
  /** Milliseconds from the address being opened until the model is ready, served by this machine: median. */
  readonly ready: number;
  readonly times: Readonly<Record<string, Times>>;
  /** Largest difference of a score on 1 to 10 from that of `score`, by kind of picture. */
  readonly differences: Readonly<Record<string, number>>;
  /** Bytes, and compressed by gzip. */
  readonly files: Readonly<Record<string, readonly [bytes: number, gzip: number]>>;
}

/** The pictures by kind, as files in a folder. */
async function pictures(folder: string): Promise<Record<string, string[]>> {
  const jpegs = readdirSync(PHOTOS).filter((name) => name.endsWith(".jpg")).map((name) => join(PHOTOS, name)); // prettier-ignore
  const pngs = await Promise.all(
    jpegs.map(async (file) => {
      const png = join(folder, `${basename(file, ".jpg")}.png`);
      writeFileSync(png, await sharp(file).png().toBuffer());
      return png;
    }),
  );
  const large = join(folder, "large.jpg");
  writeFileSync(large, await sharp(jpegs[0]).resize(4000, 3000, { fit: "fill" }).jpeg({ quality: 92 }).toBuffer());
  return { png: pngs, jpeg: jpegs, "jpeg, 12 megapixels": [large] };
}

interface Seen {
  readonly name: string;
  readonly score: number;
  readonly times: readonly [number, number];
}

/** Scores files in a window of its own. */
async function visit(
  chrome: Browser,
  address: string,
  files: readonly string[],
): Promise<{ ready: number; seen: Seen[] }> {
  const context = await chrome.newContext();
  try {
    const page = await context.newPage();
    const begin = performance.now();
    await page.goto(address);
    await page.getByText("Photos stay in this browser").waitFor();
    const ready = performance.now() - begin;
    await context.setOffline(true);
    await page.locator("input[type=file]").setInputFiles([...files]);
    await page.locator(".card[data-score]").nth(files.length - 1).waitFor(); // prettier-ignore
    const seen = await page.evaluate<Seen[]>(
      `[...document.querySelectorAll(".card")].map(({ dataset: { name, score, times } }) => ({ name, score: Number(score), times: times.split(" ").map(Number) }))`,
    );
    return { ready, seen };
  } finally {
    await context.close();
  }
}

async function timed(model: Model, file: string): Promise<{ score: number; ms: number }> {
  const begin = performance.now();
  const { score } = await model.scoreOne(file);
  return { score, ms: performance.now() - begin };
}

/** Measures in a temporary folder, which is removed. */
export async function benchBrowser({ rounds }: { readonly rounds: number }): Promise<BrowserBench> {
  const folder = mkdtempSync(join(tmpdir(), "roc-browser-"));
  const chrome = await launch();
  const { folder: page, files: written } = await exportOnnx(DEMO_MODEL, join(folder, "page"), { page: true });
  const server = await serveFolder(page);
  const model = await load(DEMO_MODEL, { dtype: "float32", threads: 1 });
  try {
    const [begun = 0] = loadavg();
    const [times, differences, ready]: [Record<string, Times>, Record<string, number>, number[]] = [{}, {}, []];
    for (const [kind, files] of Object.entries(await pictures(folder))) {
      await timed(model, files[0] ?? "");
      const there: Seen[] = [];
      const here: { score: number; ms: number }[] = [];
      let apart = 0;
      for (let round = 0; round < rounds; round++) {
        const visited = await visit(chrome, server.address, files);
        ready.push(visited.ready);
        there.push(...visited.seen);
        for (const file of files) {
          const own = await timed(model, file);
          here.push(own);
          const score = visited.seen.find(({ name }) => name === basename(file))?.score ?? NaN;
          apart = Math.max(apart, Math.abs(score - own.score));
        }
      }
      const of = (part: 0 | 1): number => median(there.map((one) => one.times[part]));
      times[kind] = { prepare: of(0), model: of(1), here: median(here.map(({ ms }) => ms)) };
      differences[kind] = apart;
    }
    const sizes = Object.keys(written).map((name) => {
      const bytes = readFileSync(join(page, name));
      return [name, [bytes.length, gzipSync(bytes).length]] as const;
    });
    const files = Object.fromEntries(sizes);
    return { machine: cpus()[0]?.model, load: begun, browser: `Chromium ${chrome.version()}`, rounds, ready: median(ready), times, differences, files }; // prettier-ignore
  } finally {
    model.dispose();
    server.close();
    await chrome.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The figures for a person. */
function browserTable({ browser, load: busy, ready, times, differences, files }: BrowserBench): string {
  const rows = Object.entries(times).map(
    ([kind, { prepare, model, here }]) =>
    [kind.padEnd(24), ...[prepare, model, here].map((ms) => ms.toFixed(1).padStart(12)), (differences[kind] ?? NaN).toExponential(1).padStart(12)].join(""), // prettier-ignore
  );
  const sum = (at: 0 | 1): string => (Object.values(files).reduce((all, sizes) => all + sizes[at], 0) / 1e6).toFixed(1);
  const head = ["prepare", "model", "score here", "difference"].map((text) => text.padStart(12));
  return [
    `${browser}, load ${busy.toFixed(1)}: ready after ${ready.toFixed(0)} ms; ${sum(0)} MB, ${sum(1)} MB by gzip`,
    ["milliseconds".padEnd(24), ...head].join(""),
    ...rows,
    "",
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" }, ...RESULT_OPTIONS } });
  const found = await benchBrowser({ rounds: Number(values.rounds) });
  const text = writeResult(found, values.out);
  process.stdout.write(values.json ? text : browserTable(found));
}
