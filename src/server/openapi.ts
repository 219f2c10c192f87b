/** The OpenAPI document and the page that shows it, without a network. */
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { packageVersion } from "../version.js";
import type { App } from "./app.js";

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

interface Document {
  readonly paths?: Readonly<Record<string, Readonly<Record<string, object>> | undefined>>;
}

function withBodies(document: Document): Document {
  const paths = { ...document.paths };
  for (const path of WITH_PICTURES) {
    const post = paths[path]?.["post"];
    if (post) paths[path] = { ...paths[path], post: { ...post, requestBody: PICTURES_BODY } };
  }
  return { ...document, paths };
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
    transformObject: (document) => withBodies(jsonSchemaTransformObject(document) as Document) as never,
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
