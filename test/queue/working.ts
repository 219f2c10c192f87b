/** Workers and callers of a queue that end with their test. */
import { createHash } from "node:crypto";
import type { Outcome } from "../../src/engine/types.js";
import { openQueue, type QueuedModel, type QueueOptions } from "../../src/queue/client.js";
import { startWorker, type WorkerOptions } from "../../src/queue/worker.js";
import { FakeModel, type RedisForTest } from "./redis.js";

export async function working({ address, before }: RedisForTest, options: Partial<WorkerOptions> = {}) {
  const model = (options.model as FakeModel | undefined) ?? new FakeModel();
  const worker = await startWorker({ address, takeoverMs: 1000, ...options, model });
  before(() => worker.close());
  return { worker, model };
}

export async function opened(
  { address, before }: RedisForTest,
  options: Partial<QueueOptions> = {},
): Promise<QueuedModel> {
  const model = await openQueue({ address, ...options });
  before(() => model.dispose());
  return model;
}

/** A caller of a queue whose worker has offered its checkpoint and gone: what is asked waits. */
export async function openedAlone(redis: RedisForTest, options: Partial<QueueOptions> = {}): Promise<QueuedModel> {
  const { worker } = await working(redis);
  const model = await opened(redis, options);
  await worker.close();
  return model;
}

export async function all(outcomes: AsyncIterable<Outcome>): Promise<Outcome[]> {
  const found: Outcome[] = [];
  for await (const outcome of outcomes) found.push(outcome);
  return found;
}

export const sha = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");
