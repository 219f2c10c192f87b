/** Requests to the hub: who asks, how often, and what to say when it does not answer or refuses. */
import { setTimeout as wait } from "node:timers/promises";
import { messageOf, RocError } from "../errors.js";
import type { HubSettings } from "./settings.js";

/** Attempts in a row that bring nothing. */
const ATTEMPTS = 5;

export interface Patience {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds before the second attempt; doubled for each one more. Default: 1000. */
  readonly retryDelay?: number | undefined;
  /** Milliseconds without a byte after which a connection counts as cut. Default: a minute. */
  readonly idleTime?: number | undefined;
}

/**
 * `fetch` with the token, which is told to the hub alone. The client library's own parameter for it takes only tokens
 * that begin as those of the public hub, which a mirror's need not.
 *
 * @throws RocError USAGE where the endpoint is no address
 */
export function hubFetch({ endpoint, token }: HubSettings, signal: AbortSignal | undefined): typeof fetch {
  if (!/^https?:/.test(endpoint) || !URL.canParse(endpoint)) {
    throw new RocError("USAGE", `HF_ENDPOINT is ${JSON.stringify(endpoint)}, which is no address (https://...).`);
  }
  const { origin } = new URL(endpoint);
  return (input, init) => {
    const headers = new Headers(init?.headers);
    const url = new URL(input instanceof Request ? input.url : input);
    if (token && url.origin === origin) headers.set("Authorization", `Bearer ${token}`);
    return fetch(input, { ...init, headers, ...(signal && { signal }) });
  };
}

/** An error of the file system; those of the network lie beneath a TypeError of `fetch`. */
export function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && "code" in error;
}

/**
 * Calls `attempt` until it does not throw. Errors of ours and of the file system end it at once, others after five
 * attempts that brought nothing.
 *
 * @param what for messages
 * @param brought whether the last attempt brought something
 * @throws RocError NETWORK; what `attempt` throws; an AbortError
 */
export async function persist<T>(
  what: string,
  { signal, retryDelay = 1000 }: Patience,
  attempt: () => Promise<T>,
  brought: () => boolean = () => false,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (signal?.aborted || error instanceof RocError || isFileError(error)) throw error;
      if (brought()) failures = 1;
      if (failures >= ATTEMPTS) throw unreachable(what, error);
    }
    await wait(retryDelay * 2 ** (failures - 1), undefined, { ...(signal && { signal }) });
  }
}

/** A refusal that asking again does not change; undefined for any other. */
export function refusal(status: number, what: string): RocError | undefined {
  if (status === 429 || status >= 500) return undefined;
  const gated = "If it is gated, accept its terms on its page; then set HF_TOKEN to a token that may read it.";
  const remedies: Readonly<Record<number, string>> = {
    // So it answers for what does not exist, too, to those that it does not know.
    401: `lets nobody unknown to it have ${what} (HTTP 401). Check the spelling, and HF_TOKEN if it is set. ${gated}`,
    403: `does not let you have ${what} (HTTP 403). ${gated}`,
    404: `has no ${what} (HTTP 404). Check the spelling and the revision; a private one needs HF_TOKEN.`,
  };
  return new RocError("NETWORK", `The hub ${remedies[status] ?? `answered HTTP ${status} for ${what}.`}`);
}

/** What to say of a hub that does not answer. */
function unreachable(what: string, cause: unknown): RocError {
  const reason = cause instanceof Error && cause.cause ? messageOf(cause.cause) : messageOf(cause);
  const remedy = "Check the connection (and HF_ENDPOINT); what has come is kept, and the same command goes on with it.";
  return new RocError("NETWORK", `${what} could not be fetched: ${reason}. ${remedy}`, { cause });
}
