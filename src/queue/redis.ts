/** The connection to Redis: made on call, checked for what a queue needs, its faults in our words. */
import type { Redis } from "ioredis";
import { isRocError, messageOf, RocError } from "../errors.js";
import { PASSWORD_VARIABLE, type QueueAddress } from "./address.js";

/** How long the first connection may take. */
const FIRST_MS = 5000;
/** Between two tries to connect again. */
const LONGEST_PAUSE_MS = 2000;
/** BullMQ's scripts need it. */
const OLDEST = [6, 2] as const;

/** What queues are made of, loaded where one is asked for. @throws RocError USAGE where it is not installed */
export async function queueLibraries() {
  try {
    const [{ Queue, Worker, UnrecoverableError }, { Redis }] = await Promise.all([import("bullmq"), import("ioredis")]);
    return { Queue, Worker, UnrecoverableError, Redis };
  } catch (cause) {
    const remedy = "Install them: npm install bullmq ioredis (optional packages, which --omit=optional leaves out).";
    throw new RocError("USAGE", `Queues need the packages bullmq and ioredis. ${remedy}`, { cause });
  }
}

/**
 * A connection that has shown that it can hold a queue. From then on it connects again by itself, however long that takes.
 *
 * @throws RocError NETWORK where nobody answers; USAGE for a password that is wrong, or a database that is not there; CONFIG_INVALID for a Redis that loses jobs
 */
export async function connect(address: QueueAddress): Promise<Redis> {
  const { Redis } = await queueLibraries();
  let hasEnded = false;
  const redis = new Redis({
    ...address.options,
    lazyConnect: true,
    maxRetriesPerRequest: null,
    connectTimeout: FIRST_MS,
    // Duplicates, as BullMQ makes one for itself, end with it.
    retryStrategy: (times: number) => (hasEnded ? null : Math.min(100 * times, LONGEST_PAUSE_MS)),
    // A Redis that has become a replica takes nothing any more: another may be behind its name.
    reconnectOnError: (error: Error) => (error.message.startsWith("READONLY") ? 2 : false),
  });
  redis.once("end", () => (hasEnded = true));
  let latest: unknown;
  // Each of its tries tells; what matters is said by who waits.
  redis.on("error", (error: unknown) => (latest = error));
  try {
    await within(FIRST_MS, redis.connect());
    // ioredis itself goes on with the first database where there is none of this number.
    if (address.options.db > 0) await within(FIRST_MS, redis.select(address.options.db));
    check(await within(FIRST_MS, redis.info()), address);
    return redis;
  } catch (error) {
    redis.disconnect();
    throw isRocError(error) ? error : queueError(latest ?? error, address);
  }
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came within ${ms / 1000} s`)), ms);
  });
  promise.catch(() => undefined);
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A field of what Redis says of itself; "" where it has none. */
export function fieldOf(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? "";
}

/** @throws RocError CONFIG_INVALID */
function check(info: string, { shown }: QueueAddress): void {
  const version = fieldOf(info, "redis_version");
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    throw new RocError("CONFIG_INVALID", `Redis at ${shown} is ${version || "of no known version"}. Install ${OLDEST.join(".")} or later.`); // prettier-ignore
  if (fieldOf(info, "role") === "slave")
    throw new RocError("CONFIG_INVALID", `Redis at ${shown} is a replica, which takes no jobs. Give its master.`);
  const policy = fieldOf(info, "maxmemory_policy");
  if (policy === "noeviction" || policy === "") return;
  const remedy = "Set maxmemory-policy noeviction in its configuration, or now: redis-cli config set maxmemory-policy noeviction."; // prettier-ignore
  throw new RocError("CONFIG_INVALID", `Redis at ${shown} throws keys away when memory is short (maxmemory-policy ${policy}), and jobs would be lost. ${remedy}`); // prettier-ignore
}

/** Whether a command was refused for want of memory. */
export function isFull(error: unknown): boolean {
  const { previousErrors = [] } = (error ?? {}) as { previousErrors?: readonly unknown[] };
  return [error, ...previousErrors].some((one) => /^(ERR .*)?OOM |\bOOM command not allowed/.test(messageOf(one)));
}

/** What Redis or the way to it says, in our words. It may be anything, but never holds a password. */
export function queueError(error: unknown, { shown, options }: QueueAddress): RocError {
  const said = messageOf(error);
  const text = options.password === undefined ? said : said.replaceAll(options.password, "***");
  const make = (code: "OUT_OF_MEMORY" | "USAGE" | "NETWORK", message: string) => new RocError(code, message, { cause: new Error(text) }); // prettier-ignore
  if (isFull(error)) return make("OUT_OF_MEMORY", `Redis at ${shown} has no memory left (maxmemory). Raise it, or wait until workers have caught up; what is there stays.`); // prettier-ignore
  if (/WRONGPASS|invalid password/i.test(text)) return make("USAGE", `Redis at ${shown} refuses user or password. Check them: redis://USER@... and ${PASSWORD_VARIABLE}.`); // prettier-ignore
  if (/NOAUTH/.test(text)) return make("USAGE", `Redis at ${shown} asks for a password. Give it in ${PASSWORD_VARIABLE}, and a user as redis://USER@...`); // prettier-ignore
  if (/NOPERM/.test(text)) return make("USAGE", `Redis at ${shown} lets this user do too little (${text}). Its ACL needs ~roc4mllm:* &roc4mllm:* +@all -@dangerous +info.`); // prettier-ignore
  if (/DB index|SELECT is not allowed/i.test(text)) return make("USAGE", `Redis at ${shown} has no such database (${text}). Give one that it has, usually 0 to 15.`); // prettier-ignore
  return make(
    "NETWORK",
    `Redis at ${shown} does not answer (${text}). Start it, or check the address and the network.`,
  );
}
