/** `/v1/library/scan` and `/v1/library/bursts`: what goes on in the library, and which of its photos belong together. */
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { isRocError } from "../../errors.js";
import { planCulling, type CullingPhoto } from "../../library/culling/plan.js";
import { readLook, type Look } from "../../library/culling/look.js";
import type { Photo } from "../../library/catalog.js";
import type { App, Shared } from "../app.js";
import { problemSchema } from "../schemas.js";
import { judgeFor, libraryOf } from "./library.js";

const problems = { "4xx": problemSchema, "5xx": problemSchema };
/** How often a scan, which is another process, is looked at; and how often a listener hears that nothing is new. */
const [LOOK_MS, QUIET_MS] = [1000, 15_000];
/** Photos whose looks are read for one answer. */
const MOST = 500;
/** Photos further apart are no burst: others need not be looked at. */
const NEAR_MS = 60_000;
const AT_ONCE = 4;
/** Looks that are kept. */
const KEPT = 2000;

export function addLibraryState(app: App, shared: Shared): void {
  addScan(app, shared);
  addBursts(app, shared);
}

function addScan(app: App, shared: Shared): void {
  const summary =
    "Progress of the latest scan, as events: {id, started, ended, files, scored, failed}, when it changes";
  app.get("/v1/library/scan", { schema: { summary, response: problems } }, async (request, reply) => {
    const library = libraryOf(shared);
    const first = await library.ask("scan", {});
    async function* events(): AsyncGenerator<string> {
      let [said, silent] = ["", 0];
      for (let state: unknown = first; !request.gone.aborted; state = await library.ask("scan", {})) {
        const text = JSON.stringify(state ?? null);
        if (text !== said) yield `data: ${text}\n\n`;
        else if ((silent += LOOK_MS) >= QUIET_MS) yield ": nothing new\n\n";
        if (text !== said || silent >= QUIET_MS) silent = 0;
        said = text;
        await sleep(LOOK_MS, undefined, { signal: request.gone }).catch(() => undefined);
      }
    }
    reply.type("text/event-stream; charset=utf-8").header("x-accel-buffering", "no");
    return reply.send(Readable.from(events()) as never);
  });
}

const burstsSchema = z
  .object({
    bursts: z.array(
      z.object({
        kind: z.enum(["burst", "bracket", "copies"]),
        photos: z.array(z.object({ id: z.string(), best: z.number(), kept: z.boolean() })).readonly(),
      }),
    ),
    looked: z.int().meta({ description: "Photos that are near in time to others, and were compared." }),
    complete: z.boolean().meta({ description: `False where more than ${MOST} photos are near in time: name a folder or a condition.` }), // prettier-ignore
  })
  .meta({ id: "Bursts" });

const burstsQuery = z.strictObject({ where: z.string().max(2000).optional(), folder: z.string().max(4096).optional() });

function addBursts(app: App, shared: Shared): void {
  const looks = new Map<string, Look>();
  const schema = {
    summary: "Photos that belong together: bursts, brackets and copies, the best of each first",
    querystring: burstsQuery,
    response: { 200: burstsSchema, ...problems },
  };
  app.get("/v1/library/bursts", { schema }, async (request) => {
    const { where, folder } = request.query;
    const query = { where, folder, sort: "taken" as const };
    const { photos } = await libraryOf(shared).ask("photos", { query, judge: await judgeFor(shared, undefined) });
    const near = nearInTime(photos);
    const ids = new Map(near.map(({ file, id }) => [file, `${id}`]));
    const seen = near.slice(0, MOST);
    const { groups } = planCulling(await shots(seen, looks, request.gone));
    const bursts = groups.map(({ kind, photos }) => ({
      kind,
      photos: photos.map(({ file, best, kept }) => ({ id: ids.get(file) ?? "", best, kept })),
    }));
    return { bursts, looked: seen.length, complete: seen.length === near.length };
  });
}

/** Scored photos that another one was taken shortly before or after. */
function nearInTime(photos: readonly Photo[]): Photo[] {
  const timed = photos.filter((photo) => photo.score && timeOf(photo) !== undefined);
  const isNear = (a: Photo | undefined, b: Photo | undefined): boolean =>
    a !== undefined && b !== undefined && Math.abs((timeOf(a) ?? 0) - (timeOf(b) ?? 0)) <= NEAR_MS;
  return timed.filter((photo, i) => isNear(photo, timed[i - 1]) || isNear(photo, timed[i + 1]));
}

function timeOf({ taken }: Photo): number | undefined {
  const time = taken === undefined ? NaN : Date.parse(`${taken}Z`);
  return Number.isFinite(time) ? time : undefined;
}

/** With their looks, which are kept; photos that cannot be read are left out. */
async function shots(photos: readonly Photo[], looks: Map<string, Look>, signal: AbortSignal): Promise<CullingPhoto[]> {
  const found: CullingPhoto[] = [];
  const rest = [...photos];
  const work = async (): Promise<void> => {
    for (let photo = rest.pop(); photo; photo = rest.pop()) {
      const { file, camera, width, height, metadata, score, digest = file } = photo;
      try {
        const look = looks.get(digest) ?? (await readLook(file, signal));
        looks.set(digest, look);
        const [oldest] = looks.keys();
        if (looks.size > KEPT && oldest !== undefined) looks.delete(oldest);
        const exposureBias = metadata?.["exposureBias"];
        if (score) found.push({ file, time: timeOf(photo), camera, width, height, look, score, ...(typeof exposureBias === "number" && { exposureBias }) }); // prettier-ignore
      } catch (error) {
        if (!isRocError(error) || error.code === "ABORTED") throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found;
}
