/** `PUT /v1/library/photos/{id}/rating`: a person's stars and flag, into the library and the photo's XMP sidecar. */
import { z } from "zod";
import { writeSidecar } from "../../photos/xmp.js";
import type { App, Shared } from "../app.js";
import { ofDisk } from "../errors.js";
import { photoSchema, problems } from "../schemas.js";
import { idOf, idParams, judgeFor, libraryOf, shownPhoto } from "./library.js";

const body = z
  .strictObject({
    stars: z.int().min(0).max(5).meta({ description: "0: none." }),
    pick: z.enum(["pick", "reject", "none"]),
    naming: z.enum(["appended", "replaced"]).optional().meta({ description: "Where there is no sidecar yet: IMG.CR2.xmp (default), or IMG.xmp as Lightroom has it." }), // prettier-ignore
  })
  .meta({ id: "Rating" });

export function addRating(app: App, shared: Shared): void {
  const schema = {
    summary: "Rate a photo of the library: stars and flag, in its XMP sidecar too",
    params: idParams,
    body,
    response: { 200: photoSchema, ...problems },
  };
  // One after another: two writes of one sidecar would find each other's.
  let last: Promise<unknown> = Promise.resolve();
  app.put("/v1/library/photos/:id/rating", { schema }, async (request) => {
    const id = idOf(request.params);
    const { stars, pick, naming } = request.body;
    const library = libraryOf(shared);
    const write = async (): Promise<void> => {
      const { file } = await library.photo(id);
      await writeSidecar(file, { rating: stars, pick }, naming, { by: "person" }).catch((error: unknown) => {
        throw ofDisk(error, file);
      });
      await library.ask("rate", { id, rating: { stars, pick } });
    };
    const done = last.then(write);
    last = done.catch(() => undefined);
    await done;
    return shownPhoto(await library.photo(id, await judgeFor(shared, undefined)));
  });
}
