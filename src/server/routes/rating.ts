/** `/v1/library/photos/{id}/rating`: a person's stars and flag, into the library and the photo's XMP sidecar, and back again. */
import { dirname } from "node:path";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { changedRating, isStale, ratingOnDisk, type PersonRating, type RatingPart } from "../../library/rate.js";
import { namingIn, writeSidecar, type SidecarNaming } from "../../photos/xmp.js";
import type { App, Shared } from "../app.js";
import { Changes } from "../changes.js";
import { errorBody, Refusal } from "../errors.js";
import type { Library } from "../library.js";
import { photoSchema, problems, problemSchema } from "../schemas.js";
import { idOf, idParams, judgeFor, libraryOf, shownPhoto, unpathed } from "./library.js";

const stars = z.int().min(0).max(5);
const pick = z.enum(["pick", "reject", "none"]);

const body = z
  .strictObject({
    stars: stars.optional().meta({ description: "0: none." }),
    pick: pick.optional(),
    was: z.strictObject({ stars: stars.optional(), pick: pick.optional() }).optional().meta({ description: "What the client has seen of what it changes: where the photo says otherwise by now, nothing is written, and the answer is 409." }), // prettier-ignore
    naming: z.enum(["appended", "replaced"]).optional().meta({ description: "Where there is no sidecar yet: IMG.CR2.xmp, or IMG.xmp as Lightroom has it. Default: as most of the folder's are called." }), // prettier-ignore
  })
  .refine(({ stars, pick }) => stars !== undefined || pick !== undefined, "give stars, pick or both")
  .meta({ id: "Rating" });

const conflictSchema = problemSchema
  .extend({ photo: photoSchema.optional().meta({ description: "As it is now, where what was seen is not." }) })
  .meta({ id: "RatingConflict" });

const rated = photoSchema
  .extend({ change: z.string().meta({ description: "Names this change for DELETE." }) })
  .meta({ id: "RatedPhoto" });

const changeQuery = z.strictObject({
  change: z.string().max(100).meta({ description: "`change` of the answer to PUT." }),
});

type Asked = RatingPart & { readonly was?: RatingPart | undefined; readonly naming?: SidecarNaming | undefined };

/** Headers by which a client says of what it has seen: ratings have no tags or times that could be compared. */
const CONDITIONS = ["if-match", "if-none-match", "if-unmodified-since"] as const;

/** What is asked for under a condition is not done without it. @throws Refusal 412 */
async function refuseConditions({ headers }: FastifyRequest): Promise<void> {
  const found = CONDITIONS.find((name) => headers[name] !== undefined);
  if (found === undefined) return;
  const message = `${found} is not compared here, so nothing is written. Leave it out, and say what you have seen in \`was\`.`;
  throw new Refusal(412, "USAGE", message);
}

const UNCONDITIONAL = "If-Match, If-None-Match and If-Unmodified-Since are answered with 412: nothing is written.";

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
  const put = {
    summary: "Rate a photo of the library: stars and flag, in its XMP sidecar too",
    description:
      "Each of stars and pick alone, or both: what is not named stays as it is beside the photo, whoever gave it. With `was`, a client " +
      `that has not seen the latest rating changes nothing. ${UNCONDITIONAL}`,
    params: idParams,
    body,
    response: { 200: rated, 409: conflictSchema, ...problems },
  };
  app.put(PATH, { schema: put, onRequest: refuseConditions }, async (request, reply) => {
    const id = idOf(request.params);
    const change = await inTurn(() => rate(libraryOf(shared), id, request.body, changes));
    const photo = await shown(id);
    if (change !== undefined) return { ...photo, change };
    const message = `${photo.name}: it has been rated elsewhere in the meantime; what is there now stays. Look, and rate it again.`;
    return reply.code(409).send({ ...errorBody("IN_USE", message), photo });
  });
  const back = "Take a rating back that was given lately: its sidecar has every byte of before, or is removed";
  const taken = { summary: back, description: UNCONDITIONAL, params: idParams, querystring: changeQuery, response: { 200: photoSchema, ...problems } }; // prettier-ignore
  app.delete(PATH, { schema: taken, onRequest: refuseConditions }, async (request) => {
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

/**
 * Writes what is asked for, and keeps it among the changes.
 *
 * @returns the change's name; undefined where a client wants to change what it has not seen: the library then knows what it is
 */
async function rate(
  library: Library,
  id: number,
  { was = {}, naming, ...wanted }: Asked,
  changes: Changes,
): Promise<string | undefined> {
  const photo = await library.photo(id);
  const enter = ({ stars, pick }: PersonRating): Promise<boolean> =>
    library.ask("rate", { id, rating: { stars, pick } });
  const now = await ratingOnDisk(photo).catch(unpathed(photo));
  if (isStale(now, wanted, was)) {
    await enter(now);
    return undefined;
  }
  const { change, after } = changedRating(now, wanted);
  const rule = naming ?? (await namingIn(dirname(photo.file)));
  const { writes } = await writeSidecar(photo.file, change, rule, { by: "person" }).catch(unpathed(photo));
  await enter(after);
  return changes.add({ photo: id, writes, before: { stars: now.stars, pick: now.pick } });
}
