/** `/v1/library/...`: the photos of the library, by their ids. No path of a client reaches the file system. */
import type { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { SORTS, type Judge, type Photo } from "../../library/catalog.js";
import { withPhotoIntervals } from "../../library/intervals.js";
import { isJudge } from "../../library/judge.js";
import type { App, Shared } from "../app.js";
import { ofDisk, Refusal, withoutFolder } from "../errors.js";
import type { Library } from "../library.js";
import { judgeOf } from "../percentile.js";
import { openPicture, Thumbnails } from "../photo-files.js";
import { LIBRARY_ID } from "../pictures.js";
import { isOn, photoSchema, photosSchema, problems } from "../schemas.js";

const [USUAL, MOST] = [200, 1000];
/** Pixels of a thumbnail's longer edge. */
const THUMBNAIL = 320;

const photosQuery = z.strictObject({
  cursor: z.string().max(1000).optional().meta({ description: "`next` of the page before." }),
  sort: z
    .enum(SORTS)
    .optional()
    .meta({ description: "Default score. Highest first, names from A; unknown values last." }),
  reverse: z.enum(["", "true", "false"]).optional(),
  where: z.string().max(2000, "longer than 2000 letters; shorten it").optional().meta({ description: "As `roc4mllm library list --where` has it: score > 7 and taken >= 2026-05." }), // prettier-ignore
  folder: z.string().max(4096).optional().meta({ description: "Only photos in this folder, or below it." }),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MOST)
    .optional()
    .meta({ description: `Photos of a page; default ${USUAL}.` }),
  taste: z.string().min(1).max(64).optional().meta({ description: "The name of a taste: photos have its scores too; order by score and percentile are its own." }), // prettier-ignore
  judge: z.string().max(200).optional().meta({ description: "Whose scores: a judge's number or name; default: the server's own checkpoint where it has scored, else that of the latest scan." }), // prettier-ignore
});

export const idParams = z.object({ id: z.string().meta({ description: "As in a photo's `id`: digits.", pattern: "^[1-9][0-9]{0,14}$" }) }); // prettier-ignore

/** The number in the library. @throws Refusal 404 for what is no id: it names no photo */
export function idOf({ id }: z.infer<typeof idParams>): number {
  if (LIBRARY_ID.test(id)) return Number(id);
  throw new Refusal(404, "FILE_NOT_FOUND", "The library has no photo of this id: ids are digits.");
}

export function addLibrary(app: App, shared: Shared): void {
  addPhotos(app, shared);
  addFiles(app, shared);
}

/** @throws Refusal 404 */
export function libraryOf({ library }: Shared): Library {
  if (library) return library;
  throw new Refusal(404, "FILE_NOT_FOUND", "This server has no library. Start it with --library FILE.");
}

/** Whose scores are shown where nobody is asked for. */
export async function judgeFor(shared: Shared, asked: string | undefined): Promise<string | undefined> {
  if (asked !== undefined) return asked;
  const own = await ownJudge(shared);
  return own && `${own.id}`;
}

/** The server's own checkpoint among those that have scored. */
async function ownJudge(shared: Shared): Promise<Judge | undefined> {
  const own = await judgeOf(libraryOf(shared), shared.options.model);
  return own && own.scores > 0 ? own : undefined;
}

function addPhotos(app: App, shared: Shared): void {
  const list = { summary: "Photos of the library in order", querystring: photosQuery, response: { 200: photosSchema, ...problems } }; // prettier-ignore
  app.get("/v1/library/photos", { schema: list }, async (request) => {
    const { cursor, sort, reverse, where, folder, limit = USUAL, judge: asked, taste } = request.query;
    // A taste brings its own judge.
    const judge = taste === undefined ? await judgeFor(shared, asked) : asked;
    const query = { after: cursor, sort, where, taste, folder, limit, reverse: isOn(reverse) };
    const page = await libraryOf(shared).ask("photos", { query, judge });
    return {
      photos: calibratedPhotos(page.photos, page.judge, shared).map(shownPhoto),
      next: page.next ?? null,
      total: page.total ?? null,
      judge: page.judge
        ? { id: page.judge.id, name: page.judge.name, scale: page.judge.scale, scores: page.judge.scores }
        : null,
    };
  });
  const one = { summary: "A photo of the library", params: idParams, querystring: photosQuery.pick({ taste: true }).strict(), response: { 200: photoSchema, ...problems } }; // prettier-ignore
  app.get("/v1/library/photos/:id", { schema: one }, async (request) =>
    onePhoto(shared, idOf(request.params), request.query.taste),
  );
}

async function onePhoto(shared: Shared, id: number, taste: string | undefined) {
  const library = libraryOf(shared);
  if (taste !== undefined) {
    const { of } = await library.ask("taste", { name: taste });
    const photo = await library.photo(id, undefined, taste);
    return shownPhoto(calibratedPhotos([photo], of, shared)[0] ?? photo);
  }
  const own = await ownJudge(shared);
  const photo = await library.photo(id, own && `${own.id}`);
  return shownPhoto(calibratedPhotos([photo], own, shared)[0] ?? photo);
}

/** With the intervals of the server's own checkpoint, where its scores are those of the judge. */
function calibratedPhotos(
  photos: readonly Photo[],
  judge: Judge | undefined,
  { options: { model } }: Shared,
): readonly Photo[] {
  const { calibration } = model;
  return judge && calibration && isJudge(judge, model) ? withPhotoIntervals(photos, judge, calibration) : photos;
}

/** As JSON, which has no whole numbers of 64 bits; without the hash, which is the library's own. */
export function shownPhoto({ id, hash: _, error, ...photo }: Photo) {
  const failure = error && { code: error.code, message: withoutFolder(error.message, photo.file) };
  return { id: `${id}`, ...photo, ...(failure && { error: failure }) };
}

/** `v`: the photo's digest, so that the answer can be kept for ever; `size`: pixels of the longer edge. */
const fileQuery = z.strictObject({
  v: z.string().max(100).optional(),
  size: z.coerce.number().int().min(16).max(8192).optional(),
});

interface FileRequest extends Pick<FastifyRequest, "headers"> {
  readonly params: z.infer<typeof idParams>;
  readonly query: z.infer<typeof fileQuery>;
}

/** Whose bytes are sent as they are. */
const picture = z.custom<Buffer | Readable>(() => true).meta({ type: "string", contentMediaType: "image/jpeg" });

function addFiles(app: App, shared: Shared): void {
  const thumbnails = new Thumbnails();
  const schema = { params: idParams, querystring: fileQuery, response: { 200: picture, 304: z.null(), ...problems } };
  const small = { ...schema, summary: "A small JPEG of a photo, upright" };
  app.get("/v1/library/photos/:id/thumbnail", { schema: small }, async (request, reply) => {
    const { size = THUMBNAIL } = request.query;
    const photo = await photoOf(request, size, reply);
    if (!photo) return reply.code(304).send(null);
    return reply
      .code(200)
      .type("image/jpeg")
      .send(await thumbnails.of(photo, size, request.gone).catch(unpathed(photo)));
  });
  const large = {
    ...schema,
    summary: "A photo's own file where browsers show it, else a JPEG; with ?size a smaller JPEG",
  };
  app.get("/v1/library/photos/:id/image", { schema: large }, async (request, reply) => {
    const { size } = request.query;
    const photo = await photoOf(request, size ?? "full", reply);
    if (!photo) return reply.code(304).send(null);
    if (size !== undefined)
      return reply
        .code(200)
        .type("image/jpeg")
        .send(await thumbnails.of(photo, size, request.gone).catch(unpathed(photo)));
    const { type, body } = await openPicture(photo, request.gone).catch(unpathed(photo));
    return reply.code(200).type(type).send(body);
  });

  /** The photo; undefined where the client has this size of it already. */
  async function photoOf(
    { params, query: { v }, headers }: FileRequest,
    size: number | string,
    reply: Pick<FastifyReply, "header">,
  ): Promise<Photo | undefined> {
    const photo = await libraryOf(shared).photo(idOf(params));
    const tag = `"${photo.digest ?? photo.modified}-${size}"`;
    reply.header("etag", tag);
    reply.header("cache-control", cacheOf(v));
    return headers["if-none-match"] === tag ? undefined : photo;
  }
}

/** Throws what is wrong with a photo's file, or its sidecar, for a client. */
export function unpathed({ file }: Photo): (error: unknown) => never {
  return (error) => {
    throw ofDisk(error, file);
  };
}

/** With the digest in the URL (`?v=`) it never changes. */
function cacheOf(version: string | undefined): string {
  return version === undefined ? "private, no-cache" : "private, max-age=31536000, immutable";
}
