/** Where a queue is: a URL of Redis, which may hold a password and is therefore never written as it was given. */
import { RocError } from "../errors.js";

/** Variable with the password, which the command line would show to everybody on the machine. */
export const PASSWORD_VARIABLE = "ROC4MLLM_QUEUE_PASSWORD";

/** A Redis that is reached. */
export interface QueueAddress {
  /** For messages: without user and password. */
  readonly shown: string;
  /** For ioredis. */
  readonly options: {
    readonly host: string;
    readonly port: number;
    readonly db: number;
    readonly username?: string;
    readonly password?: string;
    readonly tls?: Record<string, never>;
  };
}

const FORM = "redis://HOST:PORT, redis://USER@HOST:PORT/DATABASE, or rediss:// for TLS";

/** Whether a text is meant as a queue's URL. */
export function isQueueUrl(text: string): boolean {
  return /^[a-z]+:\/\//i.test(text);
}

/**
 * @param env holds the password where the URL has none
 * @throws RocError USAGE, whose message has nothing of the URL, as that may hold a password
 */
export function parseAddress(text: string, env: Readonly<Record<string, string | undefined>> = {}): QueueAddress {
  const url = parsed(text);
  if (url === null || !["redis:", "rediss:"].includes(url.protocol) || url.hostname === "")
    throw new RocError("USAGE", `--queue is no address of Redis. Give ${FORM}.`);
  const [database = "0", ...others] = url.pathname.replace(/^\//, "").split("/");
  const db = Number(database === "" ? "0" : database);
  if (others.length > 0 || !Number.isInteger(db) || db < 0)
    throw new RocError("USAGE", `--queue: what follows the port is no number of a database. Give ${FORM}.`);
  if (url.search !== "" || url.hash !== "")
    throw new RocError("USAGE", `--queue takes nothing behind ? or #. Give ${FORM}.`);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = Number(url.port === "" ? "6379" : url.port);
  const username = decoded(url.username);
  const password = decoded(url.password) || env[PASSWORD_VARIABLE] || "";
  return {
    shown: `${url.protocol}//${url.hostname}:${port}${db === 0 ? "" : `/${db}`}`,
    options: {
      ...{ host, port, db },
      ...(username !== "" && { username }),
      ...(password !== "" && { password }),
      ...(url.protocol === "rediss:" && { tls: {} }),
    },
  };
}

function parsed(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** @throws RocError USAGE */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new RocError("USAGE", "--queue: user or password hold a % that is none of a URL's. Write it as %25.");
  }
}
