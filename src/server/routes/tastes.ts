/** `/v1/library/tastes` and `/v1/library/pairs`: what a person likes, learned of stars or of answers about two photos. */
import { z } from "zod";
import { TASTE_SOURCES } from "../../library/taste/ratings.js";
import type { App, Shared } from "../app.js";
import { Refusal } from "../errors.js";
import { LIBRARY_ID } from "../pictures.js";
import { pairSchema, problems, tastesSchema, learnedSchema, answeredSchema } from "../schemas.js";
import { judgeFor, libraryOf, shownPhoto } from "./library.js";

const id = z.string().regex(LIBRARY_ID, "ids are digits").meta({ description: "As in a photo's `id`." });

const learning = z
  .strictObject({
    name: z.string().min(1).max(64).meta({ description: "What to call it; one of this name is replaced." }),
    from: z.enum(TASTE_SOURCES).optional().meta({ description: "Default pairs: what was answered here. stars and xmp: as `roc4mllm taste learn --from` has them." }), // prettier-ignore
  })
  .meta({ id: "Learn" });

const answer = z.strictObject({ better: id, worse: id }).meta({ id: "PairAnswer" });

const answerParams = z.object({ id: z.string().meta({ description: "As in `id` of the answer to POST.", pattern: "^[1-9][0-9]{0,14}$" }) }); // prettier-ignore

export function addTastes(app: App, shared: Shared): void {
  const list = { summary: "Tastes that were learned, by name", querystring: z.strictObject({}), response: { 200: tastesSchema, ...problems } }; // prettier-ignore
  app.get("/v1/library/tastes", { schema: list }, async () => libraryOf(shared).ask("tastes", {}));
  const learn = {
    summary: "Learn a taste, which is kept only where it beats the checkpoint on held-out ratings",
    description: "The answer says whether it was kept, and the figures. Learning takes seconds, one at a time: meanwhile the answer is 409.", // prettier-ignore
    body: learning,
    response: { 200: learnedSchema, ...problems },
  };
  app.post("/v1/library/tastes", { schema: learn }, async (request) => {
    const { name, from = "pairs" } = request.body;
    return libraryOf(shared).learn({ name, from, judge: await judgeFor(shared, undefined) });
  });
  addPairs(app, shared);
}

function addPairs(app: App, shared: Shared): void {
  const next = {
    summary: "Two photos: which of them do you like better?",
    description: "Chosen at random among those whose answer would tell most, by what was answered before.",
    querystring: z.strictObject({}),
    response: { 200: pairSchema, ...problems },
  };
  app.get("/v1/library/pairs/next", { schema: next }, async () => {
    const judge = await judgeFor(shared, undefined);
    const { photos, answers } = await libraryOf(shared).ask("pair", { judge });
    return { photos: photos.map(shownPhoto), answers };
  });
  const given = { summary: "Keep an answer: the first photo is liked better", body: answer, response: { 200: answeredSchema, ...problems } }; // prettier-ignore
  app.post("/v1/library/pairs", { schema: given }, async (request) => {
    const { better, worse } = request.body;
    const kept = await libraryOf(shared).ask("answer", { better: Number(better), worse: Number(worse) });
    if (kept.id === undefined)
      throw new Refusal(404, "FILE_NOT_FOUND", "There are no such two photos in the library, of different pictures.");
    return { id: `${kept.id}`, answers: kept.answers };
  });
  const back = { summary: "Take an answer back", params: answerParams, response: { 200: answeredSchema, ...problems } };
  app.delete("/v1/library/pairs/:id", { schema: back }, async ({ params }) => {
    const number = LIBRARY_ID.test(params.id) ? Number(params.id) : 0;
    const kept = await libraryOf(shared).ask("unanswer", { id: number });
    if (kept.id === undefined) throw new Refusal(404, "FILE_NOT_FOUND", "There is no such answer.");
    return { id: `${kept.id}`, answers: kept.answers };
  });
}
