/** What a server is made of, and how much it takes at a time. */
import type { Model } from "../engine/index.js";

/**
 * Where a model's pictures go that other machines score.
 *
 * @category Server
 */
export interface ServerWorkers {
  /** Pictures that are sent to them at a time. */
  readonly ahead: number;
  /** What their queue looks like. */
  readonly state: () => Promise<ServerQueueState>;
}

/**
 * What the queue of {@link ServerWorkers} looks like.
 *
 * @category Server
 */
export interface ServerQueueState {
  /** Whether it answers. */
  readonly up: boolean;
  /** Pictures that wait. */
  readonly waiting: number;
  /** Pictures that are with workers. */
  readonly active: number;
  /** Pictures that were given up. */
  readonly failed: number;
  /** Workers that are alive. */
  readonly workers: number;
}

/**
 * How much a server takes at a time. What goes beyond is refused before it is read or decoded.
 *
 * @category Server
 */
export interface ServerLimits {
  /** Bytes of a request's body; default 64 MiB. */
  readonly bodyBytes: number;
  /** Bytes of one picture's file; default 64 MiB. */
  readonly pictureBytes: number;
  /** Pictures of a request; default 32. */
  readonly pictures: number;
  /** Pixels of a picture, which its header tells before it is decoded; default 150 million. */
  readonly pixels: number;
  /** Pictures that are received, wait or are computed; further ones are told 429. Default 256. */
  readonly queue: number;
  /** Bytes of all bodies that are received or wait; further ones are told 429. Default 512 MiB. */
  readonly queueBytes: number;
  /** Connections at a time; further ones are closed. Default 4096. */
  readonly connections: number;
  /** Milliseconds for a request's headers; default 10,000. */
  readonly headersMs: number;
  /** Milliseconds for a whole request to arrive; default 120,000. */
  readonly requestMs: number;
  /** Milliseconds that a connection stays open without a request; default 65,000: longer than usual proxies keep theirs. */
  readonly keepAliveMs: number;
  /** Requests of one connection; the last one is told to open another. Default 10,000. */
  readonly requestsPerConnection: number;
  /** Milliseconds that a batch which is not full waits for more pictures, where the model computes several together. Default 5. */
  readonly gatherMs: number;
}

const MIB = 2 ** 20;

/**
 * The limits that hold where nothing else is said.
 *
 * @category Server
 */
export const SERVER_LIMITS: ServerLimits = {
  bodyBytes: 64 * MIB,
  pictureBytes: 64 * MIB,
  pictures: 32,
  pixels: 150e6,
  queue: 256,
  queueBytes: 512 * MIB,
  connections: 4096,
  headersMs: 10_000,
  requestMs: 120_000,
  keepAliveMs: 65_000,
  requestsPerConnection: 10_000,
  gatherMs: 5,
};

/**
 * What {@link createServer} takes.
 *
 * @category Server
 */
export interface ServerOptions {
  /** Scores the pictures. It stays the caller's: dispose it when the server is closed. */
  readonly model: Model;
  /** Where the model's pictures are scored by other machines. Default: nowhere else. */
  readonly workers?: ServerWorkers | undefined;
  /** File of the library whose photos are shown and whose scores give percentiles; it may come into being later. */
  readonly library?: string | undefined;
  /**
   * What every request but those for the page's own files and `/health` has to bring as `Authorization: Bearer TOKEN`, 16
   * characters or more. Without one, requests that do not come through a loopback address are refused.
   */
  readonly token?: string | undefined;
  /**
   * Names by which clients may call this server, beside localhost and addresses: those of a reverse proxy, as
   * "photos.example.org". Requests for other names are refused, so that no web page can reach the server under a name of its own.
   */
  readonly hosts?: readonly string[] | undefined;
  /** Told of faults of the server, which clients are told nothing of; default: nobody is. */
  readonly onFault?: ((error: Error) => void) | undefined;
  /** What differs from {@link SERVER_LIMITS}. */
  readonly limits?: Partial<ServerLimits> | undefined;
  /** Folder of the built page; default: the package's own, where it is built. */
  readonly page?: string | undefined;
}
