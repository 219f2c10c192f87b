/** `GET /v1/library/scan`: what goes on in the library. */
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { App, Shared } from "../app.js";
import { problems } from "../schemas.js";
import { libraryOf } from "./library.js";

/** How often a scan, which is another process, is looked at; and how often a listener hears that nothing is new. */
const [LOOK_MS, QUIET_MS] = [1000, 15_000];

export function addLibraryState(app: App, shared: Shared): void {
  // Whoever listens to what has no end is not waited for.
  const ending = new AbortController();
  app.addHook("preClose", async () => ending.abort());
  const summary =
    "Progress of the latest scan, as events: {id, started, ended, running, files, scored, failed}, when it changes";
  app.get("/v1/library/scan", { schema: { summary, response: problems } }, async (request, reply) => {
    const library = libraryOf(shared);
    const signal = AbortSignal.any([request.gone, ending.signal]);
    const first = await library.ask("scan", {});
    async function* events(): AsyncGenerator<string> {
      let [said, silent] = ["", 0];
      for (let state: unknown = first; !signal.aborted; state = await library.ask("scan", {})) {
        const text = JSON.stringify(state ?? null);
        if (text !== said) yield `data: ${text}\n\n`;
        else if ((silent += LOOK_MS) >= QUIET_MS) yield ": nothing new\n\n";
        if (text !== said || silent >= QUIET_MS) silent = 0;
        said = text;
        await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    reply.type("text/event-stream; charset=utf-8").header("x-accel-buffering", "no");
    return reply.send(Readable.from(events()) as never);
  });
}
