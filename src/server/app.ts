/** The server as an object: routes, limits and guards around a model. Nothing listens before `listen()` is called. */
import { setMaxListeners } from "node:events";
import { Readable } from "node:stream";
import helmet from "@fastify/helmet";
import multipart from "@fastify/multipart";
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import type { NamedImage, ScoreFailure } from "../engine/index.js";
import { orAborted } from "../engine/prefetch.js";
import { beginning, RocError } from "../errors.js";
import { addClosing } from "./connections.js";
import { answerError, answerGarbage, errorBody, isLeaving, ofDisk, Refusal } from "./errors.js";
import { requireFile } from "./photo-files.js";
import { addGuard } from "./guard.js";
import { addJsonBodies } from "./json-body.js";
import { Library } from "./library.js";
import { Metrics } from "./metrics.js";
import { addOpenApi } from "./openapi.js";
import { SERVER_LIMITS, type ServerLimits, type ServerOptions } from "./options.js";
import { pictureOf, picturesOf } from "./pictures.js";
import { ScoringQueue, type Visit } from "./queue.js";
import { addHealth } from "./routes/health.js";
import { addMetrics } from "./routes/metrics.js";
import { addModels } from "./routes/models.js";
import { addPage } from "./routes/page.js";
import { addChat } from "./routes/chat.js";
import { addExplain } from "./routes/explain.js";
import { addBursts } from "./routes/bursts.js";
import { addCompare } from "./routes/compare.js";
import { addLibrary } from "./routes/library.js";
import { addLibraryState } from "./routes/library-state.js";
import { addRating } from "./routes/rating.js";
import { addScore } from "./routes/score.js";
import { addTastes } from "./routes/tastes.js";
import type { PictureText } from "./schemas.js";

/** What the routes share. */
export interface Shared {
  readonly options: ServerOptions;
  readonly limits: ServerLimits;
  readonly queue: ScoringQueue;
  readonly metrics: Metrics;
  readonly library: Library | undefined;
  /** The pictures that a request sends, or names by their ids in the library; of ids that lead to none, why. @throws Refusal */
  readonly picturesOf: (request: FastifyRequest) => Promise<(NamedImage | ScoreFailure)[]>;
  /** A picture out of JSON. @throws Refusal */
  readonly pictureOf: (text: PictureText) => Promise<NamedImage>;
}

/** A server whose routes check by zod. */
export type App = ReturnType<typeof newApp>;

declare module "fastify" {
  interface FastifyRequest {
    /** Its part of the queue, for routes that compute. */
    visit: Visit | undefined;
    /** Fires when its client has gone before it was answered. */
    gone: AbortSignal;
  }
  interface FastifyContextConfig {
    /** Whether the route's requests take part in the queue's limits. */
    queued?: boolean;
    /** Whether it is answered without a token. */
    open?: boolean;
  }
}

/** Shortest token: what is shorter can be guessed. */
const SHORTEST_TOKEN = 16;

function newApp(limits: ServerLimits) {
  return fastify({
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    maxRequestsPerSocket: limits.requestsPerConnection,
    forceCloseConnections: "idle",
    return503OnClosing: false,
    exposeHeadRoutes: true,
    // Slow clients are looked for once a second.
    http: { headersTimeout: limits.headersMs, connectionsCheckingInterval: 1000 },
    routerOptions: { maxParamLength: 128, ignoreTrailingSlash: false },
    clientErrorHandler: answerGarbage,
    // A URL that is none.
    frameworkErrors: (error, _request, reply) => {
      void (reply as FastifyReply).code(400).send(errorBody("USAGE", beginning(error.message, 200)));
    },
  })
    .setValidatorCompiler(validatorCompiler)
    .setSerializerCompiler(serializerCompiler)
    .withTypeProvider<ZodTypeProvider>();
}

/**
 * A server that scores pictures over HTTP: `POST /v1/score`, an OpenAPI document at `/openapi.json`, and what docs/serve.md lists.
 *
 * @returns a fastify instance, for `listen()` or `inject()`; `close()` ends it once everything that was accepted is answered
 * @throws RocError USAGE for a token that is too short
 *
 * @example
 * ```ts
 * import { DEMO_MODEL, load } from "roc4mllm";
 * import { createServer } from "roc4mllm/server";
 *
 * using model = await load(DEMO_MODEL);
 * const server = createServer({ model });
 * const { statusCode } = await server.inject({ url: "/health" }); // or: await server.listen({ port: 8080 })
 * console.log(statusCode); // 200
 * await server.close();
 * ```
 *
 * @category Server
 */
export function createServer(options: ServerOptions): FastifyInstance {
  checkToken(options.token);
  const limits: ServerLimits = { ...SERVER_LIMITS, ...options.limits };
  const app = newApp(limits);
  app.server.maxConnections = limits.connections;
  const metrics: Metrics = new Metrics(() => queue, options.onFault ?? (() => undefined), options.workers);
  const queue = new ScoringQueue(options.model, limits, metrics, options.workers?.ahead);
  addErrors(app, metrics);
  addHeaders(app);
  addGuard(app, { token: options.token, hosts: options.hosts ?? [], isOpen: ({ routeOptions: { config } }) => config.open === true }); // prettier-ignore
  addVisits(app, limits, queue, metrics);
  addJsonBodies(app);
  // The parser never gets to the end of what it skips where that has to wait: all of a body has room.
  void app.register(multipart, { limits: formLimits(limits), fileHwm: limits.bodyBytes });
  addOpenApi(app);
  const library = options.library === undefined ? undefined : new Library(options.library);
  const fromLibrary = library && ((id: number) => pictureFrom(library, id));
  const shared: Shared = {
    ...{ options, limits, queue, metrics, library },
    picturesOf: (request) =>
      orAborted(picturesOf(request, limits, fromLibrary), AbortSignal.timeout(limits.requestMs), tooSlow),
    pictureOf: (text) => pictureOf(text, 1, limits, fromLibrary),
  };
  app.after(() => {
    addHealth(app, shared);
    addModels(app, shared);
    addScore(app, shared);
    addCompare(app, shared);
    addChat(app, shared);
    addLibrary(app, shared);
    addLibraryState(app, shared);
    addExplain(app, shared);
    addBursts(app, shared);
    addRating(app, shared);
    addTastes(app, shared);
    addMetrics(app, shared);
    addPage(app, shared);
  });
  addClosing(app, limits.headersMs);
  app.addHook("onClose", async () => {
    metrics.stop();
    await library?.end();
  });
  return app;
}

/** A picture of the library for scoring. @throws Refusal */
async function pictureFrom(library: Library, id: number): Promise<NamedImage> {
  const photo = await library.photo(id);
  try {
    return { name: `${id}`, data: await requireFile(photo) };
  } catch (error) {
    throw ofDisk(error, photo.file);
  }
}

function tooSlow(): Refusal {
  return new Refusal(408, "USAGE", "The request took too long to arrive.");
}

/** @throws RocError USAGE */
function checkToken(token: string | undefined): void {
  if (token === undefined || (token.length >= SHORTEST_TOKEN && /^[\x21-\x7e]+$/.test(token))) return;
  const remedy = `Give ${SHORTEST_TOKEN} or more letters, digits and signs without blanks, as openssl rand -hex 32 writes them.`;
  throw new RocError("USAGE", `The token can be guessed or cannot be sent. ${remedy}`);
}

function addErrors(app: FastifyInstance, metrics: Metrics): void {
  // What fails once the status has been sent reaches no handler: the connection ends, and the log alone says why.
  app.addHook("onSend", async (request, reply, payload) => {
    if (!(payload instanceof Readable)) return;
    payload.on("error", (error: FastifyError) => {
      if (reply.raw.headersSent && !isLeaving(error, request)) metrics.onFault(error);
    });
  });
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(error, request, reply, metrics.onFault));
  app.setNotFoundHandler((_request, reply) => {
    void reply.code(404).send(errorBody("USAGE", "There is nothing here. What there is: GET /openapi.json."));
  });
}

/** Headers that every answer has. */
function addHeaders(app: FastifyInstance): void {
  void app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: CONTENT_POLICY },
    // Over TLS the proxy says it.
    strictTransportSecurity: false,
    referrerPolicy: { policy: "no-referrer" },
    xFrameOptions: { action: "deny" },
  });
  app.addHook("onSend", async (_request, reply) => {
    // A photo may be kept for ever; why it could not be read, may not.
    if (reply.statusCode >= 400 || !reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
  });
}

/** The page has its own scripts and styles and shows pictures that a visitor has dropped, and nothing else. */
const CONTENT_POLICY = {
  "default-src": ["'none'"],
  "script-src": ["'self'"],
  "style-src": ["'self'"],
  "img-src": ["'self'", "blob:", "data:"],
  "connect-src": ["'self'"],
  "font-src": ["'self'"],
  "manifest-src": ["'self'"],
  "form-action": ["'self'"],
  "base-uri": ["'none'"],
  "frame-ancestors": ["'none'"],
};

/** Takes requests into the queue before their bodies are read, and notes when they have gone. */
function addVisits(app: FastifyInstance, limits: ServerLimits, queue: ScoringQueue, metrics: Metrics): void {
  app.decorateRequest("visit", undefined);
  app.decorateRequest("gone");
  app.addHook("onRequest", async (request, reply) => {
    const { method, headers, routeOptions } = request;
    const started = performance.now();
    const gone = new AbortController();
    // Every picture of a request listens.
    setMaxListeners(0, gone.signal);
    request.gone = gone.signal;
    reply.raw.once("close", () => {
      request.visit?.leave();
      if (!reply.raw.writableFinished) gone.abort();
      metrics.answered(method, routeOptions.url ?? "none", reply.statusCode, (performance.now() - started) / 1000);
    });
    checkBodyHeaders(headers);
    if (routeOptions.config.queued !== true || method !== "POST") return;
    const bytes = Number(headers["content-length"] ?? limits.bodyBytes);
    if (bytes > limits.bodyBytes) throw new Refusal(413, "IMAGE_TOO_LARGE", `The request has more than ${limits.bodyBytes} bytes. Send less at a time.`); // prettier-ignore
    request.visit = queue.enter(bytes);
  });
}

/** Longest boundary of a form's parts; RFC 2046 has 70 characters, and the parser answers nothing sensible to hundreds. */
const LONGEST_BOUNDARY = 200;

/** Before a body is read. @throws Refusal 400, 415 */
function checkBodyHeaders({
  "content-encoding": coding = "identity",
  "content-type": type = "",
}: FastifyRequest["headers"]): void {
  if (coding.toLowerCase() !== "identity")
    throw new Refusal(415, "USAGE", "Bodies are not unpacked here. Send the request without Content-Encoding.");
  const boundary = /;\s*boundary=("[^"]*"|[^;\s]*)/i.exec(type)?.[1] ?? "";
  if (boundary.length > LONGEST_BOUNDARY)
    throw new Refusal(
      400,
      "USAGE",
      `The form's boundary has more than ${LONGEST_BOUNDARY} characters. Send a shorter one.`,
    );
}

/** Everything in a form but its files is refused, as soon as it is seen. */
function formLimits({ pictureBytes, pictures }: ServerLimits) {
  return {
    fileSize: pictureBytes,
    files: pictures,
    parts: pictures + 1,
    fields: 1,
    fieldSize: 1024,
    fieldNameSize: 100,
    headerPairs: 20,
  };
}
