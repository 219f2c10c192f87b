/** `GET /v1/models`: the one checkpoint that scores here, in OpenAI's form. */
import { z } from "zod";
import { worthOf } from "../../engine/worth.js";
import type { App, Shared } from "../app.js";
import { checkModel } from "../chat.js";
import { problems } from "../schemas.js";

const modelSchema = z
  .object({
    id: z.string(),
    object: z.literal("model"),
    created: z.int().meta({ description: "Seconds since 1970 when the server began." }),
    owned_by: z.string(),
    scale: z.object({ min: z.number(), max: z.number() }),
    worth: z.string().meta({ description: "What its scores are worth on real photographs." }),
    digest: z.string().nullable().meta({ description: "SHA-256 over the checkpoint's files." }),
    calibration: z
      .object({ level: z.number(), data: z.string(), pictures: z.int() })
      .nullable()
      .meta({ description: "What the intervals of its results rest on; null: they have none." }),
    method: z.record(z.string(), z.unknown()).nullable().meta({ description: "What the checkpoint is asked and how its scores are read." }), // prettier-ignore
  })
  .meta({ id: "Model" });

const modelsSchema = z.object({ object: z.literal("list"), data: z.array(modelSchema) });

export function addModels(app: App, { options: { model } }: Shared): void {
  const created = Math.floor(Date.now() / 1000);
  const { name, scale, digest, method, calibration } = model;
  const one = {
    id: name,
    object: "model" as const,
    created,
    owned_by: "roc4mllm",
    scale: { min: scale.min, max: scale.max },
    worth: worthOf(model).text,
    digest: digest ?? null,
    calibration: calibration ? { level: calibration.level, data: calibration.data.name, pictures: calibration.data.count } : null, // prettier-ignore
    method: method ? { ...method } : null,
  };
  app.get(
    "/v1/models",
    { schema: { summary: "Which checkpoint scores", response: { 200: modelsSchema, ...problems } } },
    async () => ({
      object: "list" as const,
      data: [one],
    }),
  );
  app.get(
    "/v1/models/:id",
    {
      schema: {
        summary: "The checkpoint, by its name",
        params: z.object({ id: z.string() }),
        response: { 200: modelSchema, ...problems },
      },
    },
    async ({ params: { id } }) => {
      checkModel(id, name);
      return one;
    },
  );
}
