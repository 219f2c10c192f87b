/** `POST /v1/chat/completions`: pictures asked in words, in OpenAI's form. */
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import type { FastifyError } from "fastify";
import { z } from "zod";
import { plainOutcome, type ScoreResult, type WrittenPiece } from "../../engine/index.js";
import type { App, Shared } from "../app.js";
import { chatSchema, checkModel, questionOf, UntilStop, type ChatQuestion } from "../chat.js";
import { Refusal, refusalFor, statusOf } from "../errors.js";
import { problems, usageSchema } from "../schemas.js";

const completionSchema = z
  .looseObject({
    id: z.string(),
    object: z.literal("chat.completion"),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({ role: z.literal("assistant"), content: z.string(), refusal: z.null() }),
        logprobs: z.null(),
        finish_reason: z.enum(["stop", "length"]),
      }),
    ),
    usage: usageSchema,
  })
  .meta({ id: "ChatCompletion" });

const schema = {
  summary: "Ask about a picture, in OpenAI's form",
  description:
    "One picture, and a question in words; a question for the score gets the checkpoint's own answer. With stream: true, events of " +
    "chat.completion.chunk and [DONE].",
  body: chatSchema,
  response: { 200: completionSchema, ...problems },
};

type Reason = "stop" | "length";

/** What of an answer comes at a time. */
interface Piece {
  readonly text: string;
}

interface End {
  readonly reason: Reason;
  readonly usage: z.infer<typeof usageSchema>;
  /** None where the model was told to stop before it had finished. */
  readonly result?: ScoreResult;
}

export function addChat(app: App, shared: Shared): void {
  app.post("/v1/chat/completions", { schema, config: { queued: true } }, async (request, reply) => {
    const { model } = shared.options;
    checkModel(request.body.model, model.name);
    const question = questionOf(request.body, model.method);
    const pieces = answer(shared, question, request.gone);
    // What is wrong is a status as long as nothing has been sent.
    const first = await pieces.next();
    const head = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: model.name };
    if (request.body.stream === true) {
      const withUsage = request.body.stream_options?.include_usage === true;
      reply
        .type("text/event-stream; charset=utf-8")
        .header("cache-control", "no-cache")
        .header("x-accel-buffering", "no");
      const refusalOf = (error: unknown): Refusal => refusalFor(error as FastifyError, request, shared.metrics.onFault);
      return reply.send(Readable.from(events(head, first, pieces, withUsage, refusalOf)) as never);
    }
    let [text, step] = ["", first];
    for (; !step.done; step = await pieces.next()) text += step.value.text;
    const { reason, usage, result } = step.value;
    const message = { role: "assistant" as const, content: text.trimEnd(), refusal: null };
    const choices = [{ index: 0, message, logprobs: null, finish_reason: reason }];
    return reply
      .code(200)
      .send({ ...head, object: "chat.completion", choices, usage, ...(result && { result: plainOutcome(result) }) });
  });
}

/** The answer piece by piece, as the model writes it, or the checkpoint's own word by word. */
async function* answer(shared: Shared, question: ChatQuestion, gone: AbortSignal): AsyncGenerator<Piece, End> {
  const picture = await shared.pictureOf(question.picture);
  const { prompt, maxTokens, temperature, seed } = question;
  const written = new Pieces<WrittenPiece>();
  const drawn = temperature > 0 && { temperature, ...(seed !== undefined && { seed }) };
  const questions = prompt === undefined ? {} : { questions: [{ prompt, ...(maxTokens !== undefined && { maxTokens }), ...drawn }] }; // prettier-ignore
  const stopping = new AbortController();
  const signal = AbortSignal.any([gone, stopping.signal]);
  const outcome = shared.queue
    .score(picture, { ...questions, onText: (piece) => written.add(piece) }, signal)
    .finally(() => written.end());
  outcome.catch(() => undefined);
  const until = new UntilStop(question.stops);
  const usual: Tally = { prompt: 0, completion: 0, reason: "stop" };
  let tally = usual;
  for await (const piece of written) {
    if (prompt !== undefined && piece.question < 0) continue;
    tally = { prompt: piece.promptTokens, completion: piece.tokens, reason: piece.finished ?? tally.reason };
    const text = until.push(piece.text);
    if (text !== "") yield { text };
    if (until.stopped) {
      // The model writes no further token that nobody is shown.
      stopping.abort();
      return { reason: "stop", usage: usageOf(tally) };
    }
  }
  const result = await outcome;
  if ("error" in result) throw new Refusal(statusOf(result.error.code), result.error.code, result.error.message);
  const all = prompt === undefined ? (result.answer.match(/\S+\s*/g) ?? []) : [];
  // The checkpoint's own answer is not written token by token: as much of it is shown as there may be tokens.
  const isCut = prompt === undefined && maxTokens !== undefined && maxTokens < tally.completion;
  const words = isCut ? all.slice(0, Math.floor((all.length * maxTokens) / tally.completion)) : all;
  if (isCut) tally = { ...tally, completion: maxTokens, reason: "length" };
  for (const text of [...words.map((word) => until.push(word)), until.push("", true)]) if (text !== "") yield { text };
  return { reason: until.stopped ? "stop" : tally.reason, usage: usageOf(tally), result };
}

interface Tally {
  readonly prompt: number;
  readonly completion: number;
  readonly reason: Reason;
}

function usageOf({ prompt, completion }: Tally): End["usage"] {
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

/** The events of a stream. */
async function* events(
  head: object,
  first: IteratorResult<Piece, End>,
  pieces: AsyncIterator<Piece, End>,
  withUsage: boolean,
  refusalOf: (error: unknown) => Refusal,
): AsyncGenerator<string> {
  const event = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
  const chunk = (delta: object, reason: Reason | null): string =>
    event({
      ...head,
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
      ...(withUsage && { usage: null }),
    });
  try {
    yield chunk({ role: "assistant", content: "" }, null);
    let step = first;
    for (; !step.done; step = await pieces.next()) yield chunk({ content: step.value.text }, null);
    const { reason, usage } = step.value;
    yield chunk({}, reason);
    if (withUsage) yield event({ ...head, object: "chat.completion.chunk", choices: [], usage });
    yield "data: [DONE]\n\n";
  } catch (error) {
    const { code, message } = refusalOf(error);
    yield event({ error: { code, message, type: "server_error", param: null } });
  }
}

/** Values that are added by one and taken by another. */
class Pieces<Value> implements AsyncIterable<Value> {
  readonly #values: Value[] = [];
  #hasEnded = false;
  #wake: () => void = () => undefined;

  add(value: Value): void {
    this.#values.push(value);
    this.#wake();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Value> {
    for (;;) {
      const next = this.#values.shift();
      if (next !== undefined) yield next;
      else if (this.#hasEnded) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
