/** `GET /health`: whether the server can score, for those who watch it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { App, Shared } from "../app.js";

const healthSchema = z
  .object({
    ready: z
      .boolean()
      .meta({ description: "Whether pictures are scored: false once the model cannot be used any more." }),
    model: z.string(),
    queue: z.object({ waiting: z.int(), computing: z.int(), limit: z.int() }),
    drift: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: "How far the checkpoint's scores are from its raters', on pictures held back from its training; null where it does not say." }), // prettier-ignore
  })
  .meta({ id: "Health" });

export function addHealth(app: App, { options: { model }, limits, queue }: Shared): void {
  const drift = driftOf(model.folder);
  app.get(
    "/health",
    {
      schema: { summary: "Whether the server can score", response: { 200: healthSchema, 503: healthSchema } },
      config: { open: true },
    },
    async (_request, reply) => {
      const ready = queue.fault === undefined;
      const state = { waiting: queue.length, computing: queue.computing, limit: limits.queue };
      return reply.code(ready ? 200 : 503).send({ ready, model: model.name, queue: state, drift: await drift });
    },
  );
}

/** What a checkpoint's training says of its scores on pictures that it has not seen. */
async function driftOf(folder: string | undefined): Promise<Record<string, unknown> | null> {
  if (folder === undefined) return null;
  const text = await readFile(join(folder, "training.json"), "utf8").catch(() => "{}");
  const { test } = JSON.parse(text) as { test?: Record<string, unknown> };
  return test ?? null;
}
