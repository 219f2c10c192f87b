/**
 * How soon the page shows a large library: from the address being opened to the first paint, to photos with their scores, and to
 * their thumbnails, in Chromium on this machine.
 *
 *   npm run bench:page [-- --photos 100000] [--rounds 7] [--json] [--out FILE.json]
 *
 * The library is written straight into its database: links to the example photos, each with a score of its own. `serve` runs
 * as a process with the demo weights. Every round is a browser's first visit; the server has made no thumbnails in the first.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, mkdtempSync, readdirSync, copyFileSync, rmSync, statSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Browser } from "playwright-core";
import type { Connection } from "../src/library/connection.js";
import { openToWrite } from "../src/library/open.js";
import { launch } from "../test/e2e/browser.js";
import { median } from "./peer.js";
import { RESULT_OPTIONS, writeResult } from "./results.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const VIEWPORT = { width: 1440, height: 900 };
/** Files of a folder: more are slow to list. */
const IN_FOLDER = 1000;

interface Visit {
  /** Milliseconds since the address was opened. */
  readonly firstPaint: number;
  /** The first photos are laid out, with their scores. */
  readonly photos: number;
  /** All thumbnails in sight are decoded. */
  readonly thumbnails: number;
}

export interface PageBench {
  readonly machine: string | undefined;
  readonly cores: number;
  /** Work on the machine when it began. */
  readonly load: number;
  readonly photos: number;
  readonly browser: string;
  /** In the first the server makes the thumbnails. */
  readonly first: Visit;
  /** Medians of the others. */
  readonly later: Visit;
  readonly rounds: number;
}

/** Fills a library with so many photos, all of which exist. */
async function fill(file: string, folder: string, count: number): Promise<void> {
  const examples = `${ROOT}examples/photos`;
  mkdirSync(folder, { recursive: true });
  const sources = readdirSync(examples).map((name) => {
    copyFileSync(join(examples, name), join(folder, name));
    return join(folder, name);
  });
  const opened = await openToWrite(file);
  const { connection } = opened;
  try {
    connection.write(() => {
      const now = new Date().toISOString();
      connection.run(
        "INSERT INTO judges (id, key, name, settings, low, high, added) VALUES (1, 'bench', 'bench@0', '{}', 1, 10, ?)",
        [now],
      );
      connection.run("INSERT INTO scans (id, started, roots, judge) VALUES (1, ?, '[]', 1)", [now]);
      for (let i = 0; i < count; i++) {
        const below = join(folder, String(Math.floor(i / IN_FOLDER)));
        if (i % IN_FOLDER === 0) mkdirSync(below);
        addPhoto(connection, below, sources[i % sources.length] ?? "", i);
      }
    });
  } finally {
    await opened.close();
  }
}

function addPhoto(connection: Connection, folder: string, source: string, i: number): void {
  const name = `DSC_${i}.jpg`;
  linkSync(source, join(folder, name));
  const { size, mtimeMs, ctimeMs, ino } = statSync(source);
  const day = `2026-0${1 + (i % 9)}-${10 + (i % 19)}T12:00:00`;
  connection.run("INSERT INTO pictures (id, digest, described, width, height, taken, camera) VALUES (?, ?, 1, 384, 256, ?, 'Bench')", [i + 1, new Uint8Array(randomBytes(32)), day]); // prettier-ignore
  const [modified, changed] = [mtimeMs, ctimeMs].map((time) => BigInt(Math.round(time)) * 1_000_000n) as [
    bigint,
    bigint,
  ];
  const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
  connection.run("INSERT INTO files (folder, name, size, modified, changed, inode, picture, added) VALUES (?, ?, ?, ?, ?, ?, ?, '2026')", [bytes(folder), bytes(name), size, modified, changed, ino, i + 1]); // prettier-ignore
  const score = 1 + 9 * ((i * 0.618034) % 1);
  const weights = Float64Array.from({ length: 10 }, (_, k) => Math.exp(-((k + 1 - score) ** 2) / 4));
  const sum = weights.reduce((a, b) => a + b, 0);
  const distribution = new Uint8Array(weights.map((weight) => weight / sum).buffer);
  connection.run("INSERT INTO scores (picture, judge, score, std, distribution, answer, scan) VALUES (?, 1, ?, 1.4, ?, '', 1)", [i + 1, score, distribution]); // prettier-ignore
}

/** Starts `serve`. @returns the process and its address */
async function serve(library: string): Promise<{ child: ChildProcess; address: string }> {
  const main = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
  const args = [main, "serve", "--port", "0", "--json", "--library", library];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) {
    return { child, address: (JSON.parse(line) as { address: string }).address };
  }
  throw new Error("bench: serve ended before it gave its address");
}

/** Notes when photos and thumbnails are there, from within the page. */
const WATCH = `
  window.seen = {};
  const look = () => {
    const now = performance.now();
    const tiles = [...document.querySelectorAll(".tile")];
    if (tiles.some((tile) => tile.querySelector(".score"))) window.seen.photos ??= now;
    const near = tiles.filter((tile) => { const box = tile.getBoundingClientRect(); return box.top < innerHeight && box.bottom > 0; });
    const ready = (tile) => { const image = tile.querySelector("img"); return image !== null && image.complete && image.naturalWidth > 0; };
    if (near.length > 0 && near.every(ready)) window.seen.thumbnails ??= now;
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
`;

async function visit(chrome: Browser, address: string): Promise<Visit> {
  const context = await chrome.newContext({ viewport: VIEWPORT });
  try {
    const page = await context.newPage();
    await page.addInitScript(WATCH);
    await page.goto(address);
    await page.locator(".tile img").first().waitFor();
    for (;;) {
      const seen = await page.evaluate<{ photos: number; thumbnails?: number; firstPaint?: number }>(
        `({ ...window.seen, firstPaint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime })`,
      );
      const { photos, thumbnails, firstPaint } = seen;
      if (thumbnails !== undefined && firstPaint !== undefined) return { firstPaint, photos, thumbnails };
    }
  } finally {
    await context.close();
  }
}

export interface PageOptions {
  readonly photos: number;
  /** Visits, two or more. */
  readonly rounds: number;
}

/** Measures in a temporary folder, which is removed. */
export async function benchPage({ photos, rounds }: PageOptions): Promise<PageBench> {
  const folder = mkdtempSync(join(tmpdir(), "roc-page-"));
  try {
    const library = join(folder, "library.db");
    await fill(library, join(folder, "photos"), photos);
    const [load = 0] = loadavg();
    const { child, address } = await serve(library);
    const chrome = await launch();
    try {
      // A browser's own first window takes longest.
      await (await chrome.newPage()).goto("about:blank");
      const visits: Visit[] = [];
      for (let round = 0; round < rounds; round++) visits.push(await visit(chrome, address));
      const [first, ...others] = visits as [Visit, ...Visit[]];
      const middle = (key: keyof Visit): number => median(others.map((one) => one[key]));
      const later = { firstPaint: middle("firstPaint"), photos: middle("photos"), thumbnails: middle("thumbnails") };
      return { machine: cpus()[0]?.model, cores: cpus().length, load, photos, browser: `Chromium ${chrome.version()}`, first, later, rounds }; // prettier-ignore
    } finally {
      await chrome.close();
      child.kill("SIGTERM");
      await new Promise((resolve) => child.once("exit", resolve));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The figures for a person. */
export function pageTable({ photos, browser, load, first, later, rounds }: PageBench): string {
  const row = (name: string, { firstPaint, photos, thumbnails }: Visit): string =>
    [name.padEnd(28), ...[firstPaint, photos, thumbnails].map((ms) => ms.toFixed(0).padStart(16))].join("");
  const head = ["milliseconds", "first paint", "photos, scores", "thumbnails"];
  return [
    `a library of ${photos} photos, ${browser}, load ${load.toFixed(1)}`,
    [head[0]?.padEnd(28), ...head.slice(1).map((text) => text.padStart(16))].join(""),
    row("first visit", first),
    row(`median of ${rounds - 1} later ones`, later),
    "",
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      photos: { type: "string", default: "100000" },
      rounds: { type: "string", default: "7" },
      ...RESULT_OPTIONS,
    },
  });
  const found = await benchPage({ photos: Number(values.photos), rounds: Number(values.rounds) });
  const text = writeResult(found, values.out);
  process.stdout.write(values.json ? text : pageTable(found));
}
