/** What workers offer: checkpoints that have scored for a queue, and how many workers of each are alive. */
import type { Redis } from "ioredis";
import { z } from "zod";
import type { Model } from "../engine/types.js";
import { RocError } from "../errors.js";
import { NAMES } from "./job.js";

/** How often a worker says that it is alive, and after how long without that it counts no more. */
const BEAT_MS = 5000;
const SILENT_MS = 20_000;

const offerSchema = z.looseObject({
  name: z.string(),
  digest: z.string().optional(),
  scale: z.object({ min: z.number(), max: z.number() }),
  settings: z.record(z.string(), z.unknown()),
  method: z.looseObject({}).optional(),
  calibration: z.looseObject({}).optional(),
  isDemo: z.boolean().optional(),
});

/** What a worker says of its model, with nothing of its machine. */
export interface Offer {
  readonly identity: string;
  readonly facts: Pick<Model, "name" | "digest" | "scale" | "settings" | "method" | "calibration"> & {
    readonly isDemo?: boolean | undefined;
  };
}

/** In one go, the old ones first: what a script writes after it has deleted is taken whatever Redis' memory is. */
const BEAT = `
redis.call("ZREMRANGEBYSCORE", KEYS[2], 0, ARGV[4])
redis.call("HSET", KEYS[1], ARGV[1], ARGV[2])
redis.call("ZADD", KEYS[2], ARGV[3], ARGV[5])`;

/** Offers a checkpoint, and says that a worker of it is alive until it is stopped. */
export async function offer(redis: Redis, { identity, facts }: Offer, worker: string): Promise<() => Promise<void>> {
  const place = NAMES.workers(identity);
  const text = JSON.stringify(facts);
  const beat = (): Promise<unknown> => redis.eval(BEAT, 2, NAMES.checkpoints, place, identity, text, Date.now(), Date.now() - 100 * SILENT_MS, worker); // prettier-ignore
  await beat();
  const timer = setInterval(() => void beat().catch(() => undefined), BEAT_MS);
  // A worker whose Redis has gone ends without having withdrawn.
  timer.unref();
  return async () => {
    clearInterval(timer);
    await redis.zrem(place, worker);
  };
}

/** Workers of an identity that are alive. */
export async function workersOf(redis: Redis, identity: string): Promise<number> {
  return redis.zcount(NAMES.workers(identity), Date.now() - SILENT_MS, "+inf");
}

/**
 * The checkpoint that is asked for by name, folder's name, the beginning of its digest, or the number of its queue; without one
 * the only one that there is, or the only one with workers.
 *
 * @throws RocError FILE_NOT_FOUND where no worker has offered it; USAGE where several fit
 */
export async function chooseOffer(redis: Redis, asked: string | undefined, shown: string): Promise<Offer> {
  const kept = Object.entries(await redis.hgetall(NAMES.checkpoints)).map(([identity, text]) => ({ identity, facts: factsOf(text) })); // prettier-ignore
  const fitting = asked === undefined ? kept : kept.filter((one) => isNamed(one, asked));
  const alive = await Promise.all(fitting.map(({ identity }) => workersOf(redis, identity)));
  const working = fitting.filter((_, at) => (alive[at] ?? 0) > 0);
  const [found, ...others] = working.length > 0 ? working : fitting;
  if (found && others.length === 0) return found;
  const list = (found ? [found, ...others] : kept).map(({ identity, facts }) => `\n  ${identity}  ${facts.name}`).join(""); // prettier-ignore
  if (found) throw new RocError("USAGE", `Several checkpoints are offered at ${shown}. Give one by --model NAME or its number here:${list}`); // prettier-ignore
  const which = asked === undefined ? "a checkpoint" : JSON.stringify(asked);
  const there = list === "" ? "" : ` Offered were:${list}\n`;
  const remedy = `Start a worker: roc4mllm worker --queue ${shown}${asked === undefined ? "" : ` --model ${asked}`}`;
  throw new RocError("FILE_NOT_FOUND", `No worker has offered ${which} at ${shown} yet.${there} ${remedy}`);
}

function factsOf(text: string): Offer["facts"] {
  return offerSchema.parse(JSON.parse(text)) as unknown as Offer["facts"];
}

function isNamed({ identity, facts: { name, digest } }: Offer, asked: string): boolean {
  const bare = name.split("@")[0] ?? name;
  const folder = asked.replace(/[/\\]+$/, "");
  const isDigest = /^[0-9a-f]{8,64}$/.test(asked) && digest?.startsWith(asked) === true;
  return asked === identity || asked === name || folder === bare || folder.endsWith(`/${bare}`) || isDigest;
}
