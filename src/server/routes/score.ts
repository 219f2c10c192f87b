/** `POST /v1/score`: one result a picture. */
import { plainOutcome, type ScoreFailure, type ScoreResult } from "../../engine/index.js";
import type { Model } from "../../engine/index.js";
import { requireModel } from "../../library/judge.js";
import { tasteOf } from "../../library/taste/head.js";
import type { KeptTaste } from "../../library/taste/tastes.js";
import type { App, Shared } from "../app.js";
import { Refusal, statusOf } from "../errors.js";
import type { Library } from "../library.js";
import { percentilesOf } from "../percentile.js";
import { isOn, scoredSchema, scoreQuerySchema, unscoredSchema } from "../schemas.js";

const schema = {
  summary: "Score pictures",
  description:
    'Pictures as files of a form (field "file", repeated) or as {"images": [...]} in JSON; one result each, in their order. A picture ' +
    "that cannot be scored has {file, error} in its place; where that is so for all of them, the status says why.",
  querystring: scoreQuerySchema,
  response: { 200: scoredSchema, "4xx": unscoredSchema, "5xx": unscoredSchema },
};

export function addScore(app: App, { options: { model }, queue, library, picturesOf }: Shared): void {
  app.post("/v1/score", { schema, config: { queued: true } }, async (request, reply) => {
    const { attributes, comment, embedding, taste: name } = request.query;
    const taste = name === undefined ? undefined : await tasteFor(library, name, model);
    const pictures = await picturesOf(request);
    const asked = { ...(isOn(comment) && { comments: true }), ...((isOn(embedding) || taste) && { embedding: true }) };
    const outcomes = await queue.scoreAll(pictures, asked, request.gone);
    const percentiles = await percentilesOf(library, model, outcomes.map((one) => ("error" in one ? NaN : one.score))); // prettier-ignore
    const results = outcomes.map((outcome, i) => ({
      ...shown(outcome, { attributes: isOn(attributes, true), embedding: isOn(embedding) }, percentiles[i]),
      ...(taste && tasted(outcome, taste)),
    }));
    const failures = results.flatMap((result) => (result.error ? [{ file: result.file, error: result.error }] : []));
    const [first] = failures;
    if (!first || failures.length < results.length) return reply.code(200).send({ results });
    return reply.code(statusOf(first.error.code) as 422).send({ error: first.error, results: failures });
  });
}

/** An outcome with what is asked for beside the command line's own, and without its attributes where they are not wanted. */
function shown(
  outcome: ScoreResult | ScoreFailure,
  wants: { readonly attributes: boolean; readonly embedding: boolean },
  percentile: number | undefined,
) {
  const plain = plainOutcome(outcome);
  if (plain.error || "error" in outcome) return plain;
  const { attributes, attributeIntervals, ...others } = plain;
  const { embedding } = outcome;
  return {
    ...others,
    ...(wants.attributes && attributes && { attributes }),
    ...(wants.attributes && attributeIntervals && { attributeIntervals }),
    ...(percentile !== undefined && { percentile }),
    ...(wants.embedding && embedding !== undefined && { embedding: embedding && Array.from(embedding) }),
  };
}

/** A taste of the library, for what the server's model gives. @throws Refusal 404; RocError USAGE for one of another checkpoint */
async function tasteFor(library: Library | undefined, name: string, model: Model): Promise<KeptTaste> {
  if (!library) throw new Refusal(404, "FILE_NOT_FOUND", "This server has no library, and thus no tastes. Start it with --library FILE."); // prettier-ignore
  const { of, ...taste } = await library.ask("taste", { name });
  requireModel(taste, of, model);
  return taste;
}

function tasted(outcome: ScoreResult | ScoreFailure, { name, head }: KeptTaste) {
  if ("error" in outcome || outcome.embedding?.length !== head.weights.length) return {};
  return { taste: { name, score: tasteOf(head, outcome.score, outcome.embedding) } };
}
