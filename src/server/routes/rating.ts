/** `/v1/library/photos/{id}/rating`: a person's stars and flag, into the library and the photo's XMP sidecar, and back again. */
import { dirname } from "node:path";
import { z } from "zod";
import type { Photo } from "../../library/catalog.js";
import type { PersonRating } from "../../library/rate.js";
import { namingIn, writeSidecar, type SidecarNaming, type SidecarWrite } from "../../photos/xmp.js";
import type { App, Shared } from "../app.js";
import { Changes } from "../changes.js";
import { Refusal } from "../errors.js";
import { photoSchema, problems } from "../schemas.js";
import { idOf, idParams, judgeFor, libraryOf, shownPhoto, unpathed } from "./library.js";

const body = z
  .strictObject({
    stars: z.int().min(0).max(5).meta({ description: "0: none." }),
    pick: z.enum(["pick", "reject", "none"]),
    naming: z.enum(["appended", "replaced"]).optional().meta({ description: "Where there is no sidecar yet: IMG.CR2.xmp, or IMG.xmp as Lightroom has it. Default: as most of the folder's are called." }), // prettier-ignore
  })
  .meta({ id: "Rating" });

const rated = photoSchema
  .extend({ change: z.string().meta({ description: "Names this change for DELETE." }) })
  .meta({ id: "RatedPhoto" });

const changeQuery = z.strictObject({
  change: z.string().max(100).meta({ description: "`change` of the answer to PUT." }),
});

const PATH = "/v1/library/photos/:id/rating";

export function addRating(app: App, shared: Shared): void {
  const changes = new Changes();
  // One after another: two writes of one sidecar would find each other's.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const shown = async (id: number) => shownPhoto(await libraryOf(shared).photo(id, await judgeFor(shared, undefined)));
  const summary = "Rate a photo of the library: stars and flag, in its XMP sidecar too";
  const put = { summary, params: idParams, body, response: { 200: rated, ...problems } };
  app.put(PATH, { schema: put }, async (request) => {
    const id = idOf(request.params);
    const { stars, pick, naming } = request.body;
    const library = libraryOf(shared);
    const change = await inTurn(async () => {
      const photo = await library.photo(id);
      const writes = await write(photo, { stars, pick }, naming).catch(unpathed(photo));
      await library.ask("rate", { id, rating: { stars, pick } });
      return changes.add({ photo: id, writes, before: ratingOf(photo) });
    });
    return { ...(await shown(id)), change };
  });
  const back = "Take a rating back that was given lately: its sidecar has every byte of before, or is removed";
  const taken = { summary: back, params: idParams, querystring: changeQuery, response: { 200: photoSchema, ...problems } }; // prettier-ignore
  app.delete(PATH, { schema: taken }, async (request) => {
    const id = idOf(request.params);
    const library = libraryOf(shared);
    await inTurn(async () => {
      const photo = await library.photo(id);
      const before = await changes.takeBack(request.query.change, id).catch(unpathed(photo));
      if (!before) throw new Refusal(404, "FILE_NOT_FOUND", "No such change of this photo can be taken back.");
      await library.ask("rate", { id, rating: before });
    });
    return shown(id);
  });
}

/** Writes a rating into a photo's sidecars. @returns what was written */
async function write(
  { file }: Photo,
  { stars, pick }: PersonRating,
  naming: SidecarNaming | undefined,
): Promise<readonly SidecarWrite[]> {
  const rule = naming ?? (await namingIn(dirname(file)));
  const { writes } = await writeSidecar(file, { rating: stars, pick }, rule, { by: "person" });
  return writes;
}

/** What the library says of a photo, as a person would have said it. */
function ratingOf({ stars = 0, pick }: Photo): PersonRating {
  return { stars: Math.max(0, stars), pick: pick ?? (stars < 0 ? "reject" : "none") };
}
