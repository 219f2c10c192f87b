/** The OpenAPI document and the page that shows it, without a network. */
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { z } from "zod";
import { packageVersion } from "../version.js";
import type { App } from "./app.js";
import { usageSchema } from "./schemas.js";

const DESCRIPTION = `Scores photos: how good, and how sure. Errors are \`{"error": {"code", "message"}}\`; a server that has too much
to do answers 429 with Retry-After. Nothing is fetched for a client: pictures are sent, or are the library's.`;

/** Routes that take pictures as a form or as JSON, which fastify's schemas cannot say. */
const WITH_PICTURES = ["/v1/score", "/v1/compare"];

const PICTURES_BODY = {
  required: true,
  content: {
    "multipart/form-data": {
      schema: {
        type: "object",
        properties: {
          file: { type: "array", items: { type: "string", contentMediaType: "application/octet-stream" } },
        },
        required: ["file"],
      },
    },
    "application/json": { schema: { $ref: "#/components/schemas/PicturesInput" } },
  },
};

const chunkSchema = z
  .object({
    id: z.string(),
    object: z.literal("chat.completion.chunk"),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        delta: z.object({ role: z.literal("assistant").optional(), content: z.string().optional() }),
        logprobs: z.null(),
        finish_reason: z.enum(["stop", "length"]).nullable(),
      }),
    ),
    usage: usageSchema
      .nullable()
      .optional()
      .meta({ description: "With stream_options.include_usage: null but in the last one, which has no choices." }),
  })
  .meta({ description: "An event's data, which data: [DONE] ends." });

const scanSchema = z
  .object({
    id: z.int(),
    started: z.string().meta({ description: "ISO 8601, UTC." }),
    ended: z.string().nullable().meta({ description: "Null while it runs, and where it was killed." }),
    running: z.boolean().meta({ description: "Whether it goes on." }),
    files: z.int().meta({ description: "Known at the end." }),
    scored: z.int(),
    failed: z.int(),
  })
  .nullable()
  .meta({ description: "An event's data; null where there was no scan." });

const jpegSchema = z.string().meta({ contentMediaType: "image/jpeg" });

/** What is answered otherwise than as JSON alone: path, method, type and schema. */
const ANSWERS = [
  ["/v1/chat/completions", "post", "text/event-stream", chunkSchema],
  ["/v1/library/scan", "get", "text/event-stream", scanSchema],
  ["/v1/library/photos/{id}/thumbnail", "get", "image/jpeg", jpegSchema],
  ["/v1/library/photos/{id}/image", "get", "image/*", z.string().meta({ contentMediaType: "image/*" })],
  ["/metrics", "get", "text/plain", z.string()],
] as const;

interface Operation {
  readonly responses?: Readonly<Record<string, { readonly content?: object } | undefined>>;
  readonly [field: string]: unknown;
}

type Paths = Readonly<Record<string, Readonly<Record<string, Operation>> | undefined>>;

interface Document {
  readonly paths?: Paths;
  readonly components?: { readonly schemas?: Readonly<Record<string, object>>; readonly [field: string]: unknown };
}

/** The document with what fastify cannot say of bodies and answers, a name for each operation, and each schema once. */
function completed(document: Document): Document {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const [path, operations] of Object.entries(document.paths ?? {}))
    for (const [method, operation] of Object.entries(operations ?? {}))
      (paths[path] ??= {})[method] = { operationId: operationId(method, path), ...operation };
  for (const path of WITH_PICTURES) {
    const post = paths[path]?.["post"];
    if (post) paths[path] = { ...paths[path], post: { ...post, requestBody: PICTURES_BODY } };
  }
  for (const [path, method, type, schema] of ANSWERS) {
    const operation = paths[path]?.[method];
    if (!operation) continue;
    const { content: usual } = (method === "post" && operation.responses?.["200"]) || {};
    const content = { ...usual, [type]: { schema: z.toJSONSchema(schema, { target: "draft-2020-12" }) } };
    const responses = { ...operation.responses, 200: { description: "Default Response", content } };
    paths[path] = { ...paths[path], [method]: { ...operation, responses } };
  }
  return withoutDoubles({ ...document, paths });
}

/** `GET /v1/library/photos/{id}/image` is `getLibraryPhotosByIdImage`. */
function operationId(method: string, path: string): string {
  const words =
    path
      .replace(/^\/v1\b/, "")
      .replace(/\{(\w+)\}/g, "by-$1")
      .match(/[A-Za-z0-9]+/g) ?? [];
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

/** Every schema is there as what is sent and, as `...Input`, as what is taken: what nothing refers to is left out. */
function withoutDoubles(document: Document): Document {
  const all = document.components?.schemas ?? {};
  const used = new Set<string>();
  const waiting = refsIn(document.paths);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (used.has(name)) continue;
    used.add(name);
    waiting.push(...refsIn(all[name]));
  }
  const nameOf = (name: string): string => {
    const plain = name.replace(/Input$/, "");
    return used.has(plain) ? name : plain;
  };
  const kept = Object.entries(all).filter(([name]) => used.has(name)).map(([name, schema]) => [nameOf(name), schema]); // prettier-ignore
  const whole = { ...document, components: { ...document.components, schemas: Object.fromEntries(kept) as object } };
  const text = JSON.stringify(whole).replace(REFERENCE, (_, name: string) => `"#/components/schemas/${nameOf(name)}"`);
  return JSON.parse(text) as Document;
}

const REFERENCE = /"#\/components\/schemas\/(\w+)"/g;

function refsIn(part: unknown): string[] {
  return [...(JSON.stringify(part) ?? "").matchAll(REFERENCE)].map(([, name = ""]) => name);
}

/** `/openapi.json` and `/docs`. */
export function addOpenApi(app: App): void {
  void app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "roc4mllm", description: DESCRIPTION, version: packageVersion(), license: { name: "MIT" } },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      security: [{}, { token: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => completed(jsonSchemaTransformObject(document) as Document) as never,
  });
  void app.register(async (open) => {
    open.addHook("onRoute", (route) => {
      route.config = { ...route.config, open: true };
    });
    await open.register(swaggerUi, {
      routePrefix: "/docs",
      staticCSP: true,
      transformStaticCSP: ownOnly,
      uiConfig: { validatorUrl: null },
    });
    open.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
  });
}

/** The page's content policy without the web and without TLS, which a loopback address has not. */
function ownOnly(policy: string): string {
  return policy.replace(/ (https:|validator\.swagger\.io)(?=[ ;])/g, "").replace(" upgrade-insecure-requests;", "");
}
