/** `POST /v1/score`: one result a picture. */
import { plainOutcome, type PlainOutcome } from "../../engine/index.js";
import type { App, Shared } from "../app.js";
import { statusOf } from "../errors.js";
import { percentilesOf } from "../percentile.js";
import { isOn, problemSchema, scoredSchema, scoreQuerySchema, unscoredSchema } from "../schemas.js";

const schema = {
  summary: "Score pictures",
  description:
    'Pictures as files of a form (field "file", repeated) or as {"images": [...]} in JSON; one result each, in their order. A picture ' +
    "that cannot be scored has {file, error} in its place; where that is so for all of them, the status says why.",
  querystring: scoreQuerySchema,
  response: { 200: scoredSchema, "4xx": unscoredSchema, "5xx": problemSchema },
};

export function addScore(app: App, { options: { model }, queue, library, picturesOf }: Shared): void {
  app.post("/v1/score", { schema, config: { queued: true } }, async (request, reply) => {
    const { attributes, comment } = request.query;
    const pictures = await picturesOf(request);
    const asked = isOn(comment) ? { comments: true } : {};
    const outcomes = await Promise.all(pictures.map((picture) => queue.score(picture, asked, request.gone)));
    const percentiles = await percentilesOf(library, model, outcomes.map((one) => ("error" in one ? NaN : one.score))); // prettier-ignore
    const results = outcomes.map((outcome, i) => shown(plainOutcome(outcome), isOn(attributes, true), percentiles[i]));
    const failures = results.flatMap((result) => (result.error ? [{ file: result.file, error: result.error }] : []));
    const [first] = failures;
    if (!first || failures.length < results.length) return reply.code(200).send({ results });
    return reply.code(statusOf(first.error.code) as 422).send({ error: first.error, results: failures });
  });
}

/** An outcome with its percentile, and without its attributes where they are not wanted. */
function shown(outcome: PlainOutcome, withAttributes: boolean, percentile: number | undefined) {
  if (outcome.error) return outcome;
  const { attributes, ...others } = outcome;
  const wanted = withAttributes && attributes && { attributes };
  return { ...others, ...wanted, ...(percentile !== undefined && { percentile }) };
}
