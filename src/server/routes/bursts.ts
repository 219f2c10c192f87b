/** `GET /v1/library/bursts`: photos of the library that belong together. */
import { z } from "zod";
import type { App, Shared } from "../app.js";
import { burstsSchema, problems } from "../schemas.js";
import { judgeFor, libraryOf } from "./library.js";

export function addBursts(app: App, shared: Shared): void {
  const schema = {
    summary: "Bursts, brackets and copies of the library, each best first",
    description:
      "They are looked for in the background from the first request on: `complete` says whether all photos have been looked at. " +
      "By time, perceptual hash and structure together; the order by comparison of the predicted distributions.",
    querystring: z.strictObject({}),
    response: { 200: burstsSchema, ...problems },
  };
  app.get("/v1/library/bursts", { schema }, async () => {
    const { bursts, ...progress } = await libraryOf(shared).ask("bursts", { judge: await judgeFor(shared, undefined) });
    const shown = bursts.map(({ kind, photos }) => ({
      kind,
      photos: photos.map((photo) => ({ ...photo, id: `${photo.id}` })),
    }));
    return { bursts: shown, ...progress };
  });
}
