/** `GET /metrics`: figures for Prometheus. */
import type { App, Shared } from "../app.js";

export function addMetrics(app: App, { metrics }: Shared): void {
  app.get("/metrics", { schema: { summary: "Figures for Prometheus" } }, async (_request, reply) => {
    const text = await metrics.text();
    return reply.type(metrics.registry.contentType).send(text);
  });
}
