/** `GET /metrics`: figures for Prometheus. */
import { z } from "zod";
import type { App, Shared } from "../app.js";
import { problems } from "../schemas.js";

export function addMetrics(app: App, { metrics }: Shared): void {
  app.get(
    "/metrics",
    { schema: { summary: "Figures for Prometheus", response: { 200: z.string(), ...problems } } },
    async (_request, reply) => {
      const text = await metrics.text();
      return reply.code(200).type(metrics.registry.contentType).send(text);
    },
  );
}
