/** `POST /v1/compare`: which of a few pictures is the best. */
import { z } from "zod";
import type { NamedImage, ScoreResult } from "../../engine/index.js";
import { checkAsking, checkCompared, comparisonOf, plainComparison, SO_MANY } from "../../engine/compare.js";
import type { App, Shared } from "../app.js";
import { statusOf } from "../errors.js";
import { comparedSchema, unscoredSchema } from "../schemas.js";

/** Of a question, in characters: it stands in every prompt. */
const LONGEST_QUESTION = 1000;

const schema = {
  summary: "Compare two to eight pictures",
  description:
    "Pictures as for /v1/score. One rating is drawn of each picture's distribution: the answer says how likely each is to have the highest " +
    "and the lowest, and how likely it is above each other one. All of them need a score: the status says why one has none. With `ask` " +
    "the model answers a question about them together, in every order (of more than three, every pair in both orders).",
  querystring: z.strictObject({
    ask: z.string().max(LONGEST_QUESTION).optional().meta({ description: "A question in words; what a place adds to its answers is taken out, and told in `places`." }), // prettier-ignore
  }),
  response: { 200: comparedSchema, "4xx": unscoredSchema, "5xx": unscoredSchema },
};

export function addCompare(app: App, shared: Shared): void {
  app.post("/v1/compare", { schema, config: { queued: true } }, async (request, reply) => {
    const { model } = shared.options;
    const { ask } = request.query;
    checkAsking(model, ask);
    const pictures = await shared.picturesOf(request);
    checkCompared(pictures.length, `send ${SO_MANY} to compare`);
    const outcomes = await shared.queue.scoreAll(pictures, {}, request.gone);
    const failure = outcomes.find((outcome) => "error" in outcome);
    if (failure && "error" in failure) {
      return reply.code(statusOf(failure.error.code) as 422).send({ error: failure.error });
    }
    const scores = outcomes as ScoreResult[];
    const compared = await comparisonOf(model, pictures as NamedImage[], scores, { ask, signal: request.gone });
    return reply.code(200).send(plainComparison(compared));
  });
}
