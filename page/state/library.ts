/** The library while the page is open: it waits for the server, and shows what a scan, another program, finds. */
import { events, get } from "../api/client.js";
import { app } from "./app.js";
import { watchBursts } from "./bursts.js";
import { noteFault, untilReady } from "./server.js";
import { followFilters, load, refresh } from "./shelf.js";
import { loadTastes } from "./taste.js";
import { pauseUntilSeen } from "./wait.js";

/** Milliseconds between two looks for a library: the first scan may make it while the page is open. */
const MISSING = 5000;

/** Opens the library, once the server has one; waits for a token, and for a server that does not answer. */
export async function openLibrary(): Promise<void> {
  const scanned = scanState().catch(() => undefined);
  let page = await load();
  while (!page) {
    if (app.state.server === "locked" || app.state.server === "gone") await untilReady();
    else await untilThere();
    page = await load();
  }
  if (page.total === null) return;
  // What was dropped meanwhile stays in sight.
  app.set({ library: page.total, source: app.state.dropped.length > 0 ? "dropped" : "library" });
  followFilters();
  void watchScan(JSON.stringify(await scanned));
  void watchBursts();
  void loadTastes();
}

/** Resolves once there is a library, or something else to wait for. */
async function untilThere(): Promise<void> {
  for (;;) {
    await pauseUntilSeen(MISSING);
    try {
      await get("v1/library/photos?limit=1");
      return;
    } catch (error) {
      if (noteFault(error)) return;
    }
  }
}

/** Milliseconds between two looks at a scan, and the share of the time that goes into showing what it finds. */
const [LOOK, SHARE] = [3000, 0.1];

/** What a scan has done so far. */
interface ScanState {
  /** Whether it goes on: one that was killed has not ended, and does not. */
  readonly running: boolean;
  readonly scored: number;
}

/**
 * Shows the progress of a scan for as long as it runs, and what it has found: also one that has come and gone between two looks.
 *
 * @param seen the state that the photos which are here are of
 */
async function watchScan(seen: string | undefined): Promise<never> {
  for (let next = 0; ; await pauseUntilSeen(LOOK)) {
    try {
      const now = await scanState();
      if (now?.running) app.set({ scan: now.scored });
      const text = JSON.stringify(now);
      if (text !== seen && !(now?.running && performance.now() < next)) {
        const began = performance.now();
        await refresh();
        next = performance.now() + (performance.now() - began) / SHARE;
        seen = text;
        if (!now?.running) void watchBursts();
      }
      if (!now?.running) app.set({ scan: undefined });
    } catch (error) {
      app.set({ scan: undefined });
      if (noteFault(error)) await untilReady();
    }
  }
}

async function scanState(): Promise<ScanState | null> {
  // The first event is how it stands; staying would take one of the few connections that a browser has for a server.
  for await (const data of events("v1/library/scan")) return JSON.parse(data) as ScanState | null;
  return null;
}
