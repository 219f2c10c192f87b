/** Requests to the hub: authentication, retries, time-outs, and the messages for refusals and failed connections. */
import { setTimeout as wait } from "node:timers/promises";
import { fetch as undiciFetch } from "undici";
import { messageOf, RocError } from "../errors.js";
import { EnvironmentDispatcher, proxyFor } from "./proxy.js";
import { checkToken, cleanCause, shown, withoutSecrets } from "./secrets.js";
import type { HubSettings } from "./settings.js";
import { isSystemError } from "../files/index.js";

/** Consecutive attempts without progress. */
const ATTEMPTS = 5;
/** Milliseconds without a response, or with almost no data, after which a connection counts as lost. */
const IDLE_TIME = 30_000;
/** Minimum bytes of a response in that time, and of an attempt that counts as progress. */
export const PROGRESS = 16_384;
/** Longest pause, in milliseconds, that the hub may request before the next attempt. */
const LONGEST_WAIT = 300_000;

export interface Patience {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds before the second attempt; doubles with each further one. Default: 1000. */
  readonly retryDelay?: number | undefined;
  /**
   * Milliseconds without a response, or with less than 16 KiB of an incomplete one, after which a connection counts as
   * lost. Default: half a minute.
   */
  readonly idleTime?: number | undefined;
  /** Called with a sentence when the hub requests a pause. */
  readonly onWait?: ((text: string) => void) | undefined;
}

/** A connection to the hub for the duration of one download. */
export interface HubClient {
  /** Like the global one, except that refusals, idle connections and requested pauses throw. */
  readonly fetch: typeof fetch;
  /** Closes every connection. */
  end(): Promise<void>;
}

/** The hub requests a pause. */
class Busy extends Error {
  /** @param milliseconds the pause, if the hub states one */
  constructor(
    status: number,
    readonly milliseconds: number | undefined,
  ) {
    super(`HTTP ${status}`);
  }
}

/**
 * Connects to the hub, through the environment's proxy. The token is sent only to the hub itself; the client library's own
 * parameter for it accepts only tokens with the public hub's prefix, which a mirror's may lack.
 *
 * @throws RocError USAGE where the endpoint or a proxy is not an address, or the token is malformed
 */
export function connect({ endpoint, token }: HubSettings, { idleTime = IDLE_TIME }: Patience): HubClient {
  const { origin, username, password } = /^https?:/.test(endpoint) && URL.canParse(endpoint) ? new URL(endpoint) : {};
  if (origin === undefined) {
    throw new RocError(
      "USAGE",
      `HF_ENDPOINT is ${JSON.stringify(shown(endpoint))}, which is not an address (https://...).`,
    );
  }
  if (username || password) {
    const text = `HF_ENDPOINT is ${JSON.stringify(shown(endpoint))}, with a user or password in it`;
    throw new RocError("USAGE", `${text}. Give only the address, and the credentials as HF_TOKEN.`);
  }
  checkToken(token);
  proxyFor(new URL(endpoint), process.env);
  const dispatcher = new EnvironmentDispatcher(process.env);
  const ask = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    const url = new URL(input instanceof Request ? input.url : input);
    if (token && url.origin === origin) headers.set("Authorization", `Bearer ${token}`);
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(new Error(`no answer for ${idleTime / 1000} s`)), idleTime);
    const signal = init.signal ? AbortSignal.any([init.signal, silence.signal]) : silence.signal;
    try {
      const given = { ...init, headers, signal, dispatcher } as unknown as Parameters<typeof undiciFetch>[1];
      return await undiciFetch(url, given);
    } finally {
      clearTimeout(timer);
    }
  };
  return { fetch: ask, end: () => dispatcher.end() };
}

/** The error for an unsuccessful response, with the pause that it requests. @param what was requested, for messages */
export async function refused(response: Response, what: string): Promise<Error> {
  await response.body?.cancel().catch(() => undefined);
  const { status, headers } = response;
  return refusal(status, what) ?? new Busy(status, pauseOf(headers.get("retry-after")));
}

/** Milliseconds of a `Retry-After`: seconds, or a date. */
function pauseOf(text: string | null): number | undefined {
  if (text === null) return undefined;
  const pause = /^\s*\d+\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(pause) && pause > 0 ? pause : undefined;
}

/**
 * The chunks of a response body, which must keep making progress.
 *
 * @throws Error where it stalls
 */
export async function* chunksOf(
  body: ReadableStream<Uint8Array>,
  { idleTime = IDLE_TIME, signal }: Patience,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  let since = 0;
  const cut = (error: unknown): void => void reader.cancel(error).catch(() => undefined);
  let stalled: Error | undefined;
  const watch = setInterval(() => {
    if (since < PROGRESS) stalled = new Error(`${since === 0 ? "nothing" : `only ${since} bytes`} came for ${idleTime / 1000} s`); // prettier-ignore
    if (stalled) cut(stalled);
    since = 0;
  }, idleTime);
  const stop = (): void => cut(signal?.reason);
  signal?.addEventListener("abort", stop);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (stalled) throw stalled;
      if (done) return;
      since += value.length;
      yield value;
    }
  } finally {
    clearInterval(watch);
    signal?.removeEventListener("abort", stop);
    cut(undefined);
  }
}

/**
 * Calls `attempt` until it succeeds. RocErrors and errors of the file system end it at once, others after five attempts
 * without progress. Between attempts it waits as long as the hub requests, up to a limit.
 *
 * @param what for messages
 * @param brought whether the last attempt made progress
 * @throws RocError NETWORK; what `attempt` throws; an AbortError
 */
export async function persist<T>(
  what: string,
  { signal, retryDelay = 1000, onWait }: Patience,
  attempt: () => Promise<T>,
  brought: () => boolean = () => false,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    let asked: number | undefined;
    try {
      return await attempt();
    } catch (error) {
      if (signal?.aborted || error instanceof RocError || isSystemError(error)) throw error;
      if (brought()) failures = 1;
      if (failures >= ATTEMPTS) throw unreachable(what, error);
      if (error instanceof Busy) asked = error.milliseconds;
      if (asked !== undefined && asked > LONGEST_WAIT)
        throw unreachable(what, error, `Try again in ${inWords(asked)}.`);
    }
    const pause = Math.max(asked ?? 0, retryDelay * 2 ** (failures - 1));
    if (asked !== undefined) onWait?.(`The hub is busy and asks for a pause: ${what} resumes in ${inWords(pause)}.`);
    await wait(pause, undefined, { ...(signal && { signal }) });
  }
}

function inWords(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} minutes`;
}

/** The error for a refusal that a retry cannot change; undefined for any other. */
function refusal(status: number, what: string): RocError | undefined {
  if (status === 429 || status >= 500 || status === 416) return undefined;
  const gated = "If it is gated, accept its terms on its page; then set HF_TOKEN to a token that may read it.";
  const remedies: Readonly<Record<number, string>> = {
    // The hub also answers so for a repository that does not exist, without authentication.
    401: `requires authentication for ${what} (HTTP 401). Check the spelling, and HF_TOKEN if it is set. ${gated}`,
    403: `denies access to ${what} (HTTP 403). ${gated}`,
    404: `has no ${what} (HTTP 404). Check the spelling and the revision; a private one needs HF_TOKEN.`,
  };
  return new RocError("NETWORK", `The hub ${remedies[status] ?? `answered HTTP ${status} for ${what}.`}`);
}

const CONNECTION = "Check the connection (and HF_ENDPOINT, and HTTPS_PROXY if there is a proxy)";

/** The error for a hub that does not respond. */
function unreachable(
  what: string,
  cause: unknown,
  remedy = `${CONNECTION}; what has arrived is retained, and the same command resumes the download.`,
): RocError {
  const reason = rootOf(cause).replace(/\.$/, "");
  return new RocError("NETWORK", `${what} could not be fetched: ${reason}. ${remedy}`, { cause });
}

/** The message of the root cause: network errors are wrapped more than once. */
function rootOf(error: unknown): string {
  let root = error;
  for (let depth = 0; depth < 10 && root instanceof Error && root.cause !== undefined; depth++) root = root.cause;
  // Where a host has several addresses and none responds, only the code is set.
  return messageOf(root) || String((root as NodeJS.ErrnoException).code);
}

/** A printable form of a download's error, without the token and the proxy's password. */
export function cleaned(error: unknown, { token, endpoint }: HubSettings): unknown {
  const secrets = [token, ...proxySecrets(endpoint)];
  if (error instanceof RocError) {
    const message = withoutSecrets(error.message, secrets);
    const cause = cleanCause(error.cause, secrets);
    return message === error.message && cause === error.cause ? error : new RocError(error.code, message, { cause });
  }
  return cleanCause(error, secrets);
}

function proxySecrets(endpoint: string): (string | undefined)[] {
  try {
    const authorization = proxyFor(new URL(endpoint), process.env)?.authorization?.replace("Basic ", "");
    const plain = authorization && Buffer.from(authorization, "base64").toString();
    return [authorization, plain, plain?.slice(plain.indexOf(":") + 1)];
  } catch {
    return [];
  }
}
