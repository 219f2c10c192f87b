/** `GET /health`: whether the server can score, for those who watch it. */
import { join } from "node:path";
import { z } from "zod";
import { driftOf } from "../../engine/precision.js";
import { readJsonAs } from "../../files/index.js";
import type { App, Shared } from "../app.js";

const testSchema = z.record(z.string(), z.unknown());

const healthSchema = z
  .object({
    ready: z
      .boolean()
      .meta({ description: "Whether pictures are scored: false once the model cannot be used any more." }),
    model: z.string(),
    queue: z.object({ waiting: z.int(), computing: z.int(), limit: z.int() }),
    workers: z
      .object({ alive: z.int(), waiting: z.int(), active: z.int() })
      .optional()
      .meta({ description: "Where other machines score: those that are alive, and pictures of all servers that wait for them or are with them." }), // prettier-ignore
    drift: z
      .number()
      .nullable()
      .meta({ description: "What computing in 16 or 8 bits moves scores by on average, as a share of their spread, as measured for the family; 0 in float32, null where it is not measured." }), // prettier-ignore
    heldBack: testSchema
      .nullable()
      .meta({ description: "What the checkpoint's training measured on pictures held back from it; null where it does not say." }), // prettier-ignore
  })
  .meta({ id: "Health" });

export function addHealth(app: App, { options: { model, workers }, limits, queue }: Shared): void {
  const drift = driftOf(model.settings ?? {}) ?? null;
  const heldBack = heldBackOf(model.folder);
  app.get(
    "/health",
    {
      schema: { summary: "Whether the server can score", response: { 200: healthSchema, 503: healthSchema } },
      config: { open: true },
    },
    async (_request, reply) => {
      const shared = await workers?.state().catch(() => undefined);
      const ready = model.lost?.aborted !== true && (!workers || (shared?.up === true && shared.workers > 0));
      const state = { waiting: queue.length, computing: queue.computing, limit: limits.queue };
      return reply.code(ready ? 200 : 503).send({
        ...{ ready, model: model.name, queue: state },
        ...(shared && { workers: { alive: shared.workers, waiting: shared.waiting, active: shared.active } }),
        ...{ drift, heldBack: await heldBack },
      });
    },
  );
}

/** What a checkpoint's training says of its scores on pictures that it has not seen. */
async function heldBackOf(folder: string | undefined): Promise<Record<string, unknown> | null> {
  if (folder === undefined) return null;
  try {
    return (await readJsonAs(join(folder, "training.json"), z.object({ test: testSchema }))).test;
  } catch {
    // A checkpoint may say nothing, or something else: it scores all the same.
    return null;
  }
}
