/** `GET /v1/library/photos/{id}/explain`: which parts of a photo move its score. */
import { z } from "zod";
import type { App, Shared } from "../app.js";
import { Explanations } from "../explanations.js";
import { requireFile } from "../photo-files.js";
import { explanationSchema, problems } from "../schemas.js";
import { idOf, idParams, libraryOf, unpathed } from "./library.js";

const query = z.strictObject({
  of: z.string().max(200).optional().meta({ description: "Name of an attribute; default: the overall score." }),
  v: z
    .string()
    .max(100)
    .optional()
    .meta({ description: "The photo's digest, so that addresses of two contents differ." }),
});

const schema = {
  summary: "Which parts of a photo move its score",
  description:
    "Scores the photo some sixty times with parts of it replaced, one photo after another; the latest answers are kept. A server at which " +
    "too many wait answers 429.",
  params: idParams,
  querystring: query,
  response: { 200: explanationSchema, ...problems },
};

export function addExplain(app: App, shared: Shared): void {
  const { model } = shared.options;
  const explanations = new Explanations(model, shared.limits.pixels);
  app.get("/v1/library/photos/:id/explain", { schema }, async (request) => {
    const photo = await libraryOf(shared).photo(idOf(request.params));
    const file = await requireFile(photo).catch(unpathed(photo));
    const map = await explanations.of(photo, file, request.query.of, request.gone).catch(unpathed(photo));
    const { file: _, photo: size, values, ...facts } = map;
    return {
      id: `${photo.id}`,
      ...facts,
      ...size,
      values: Array.from(values, (value) => (Number.isNaN(value) ? null : value)),
    };
  });
}
