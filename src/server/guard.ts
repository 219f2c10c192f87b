/** Who may ask: from where, by which name, with which token, and from which web page. */
import { createHash, timingSafeEqual } from "node:crypto";
import { isIP, Socket } from "node:net";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Refusal } from "./errors.js";

/** Named cookie of the page, whose pictures cannot bring a header. */
const COOKIE = "roc4mllm-token";
const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/;

/**
 * Whether an address, or the name of this machine for itself, is reached from this machine alone.
 *
 * @category Server
 */
export function isLoopback(address: string): boolean {
  return address === "localhost" || LOOPBACK.test(address);
}

export interface GuardOptions {
  readonly token: string | undefined;
  readonly hosts: readonly string[];
  /** Whether everybody may have what a URL gives: the page's own files hold nothing of anybody. */
  readonly isOpen: (request: FastifyRequest) => boolean;
}

/** Looks at every request before anything else does. */
export function addGuard(app: FastifyInstance, { token, hosts, isOpen }: GuardOptions): void {
  const digest = token === undefined ? undefined : digestOf(token);
  const known = new Set(hosts.map((host) => host.toLowerCase()));
  app.addHook("onRequest", async (request) => {
    checkHost(request, known);
    checkOrigin(request);
    if (digest === undefined) return checkLocal(request);
    if (!isOpen(request)) checkToken(request, digest);
  });
}

/** A web page of others that has its own name point here is no client (DNS rebinding). */
function checkHost(request: FastifyRequest, known: ReadonlySet<string>): void {
  const host = hostOf(request.headers.host ?? "");
  if (host === "localhost" || isIP(host) !== 0 || known.has(host)) return;
  throw new Refusal(403, "USAGE", "This server is not called by that name. Name it with --allow-host to have it answer."); // prettier-ignore
}

/** The name or address in a Host header, without its port and brackets. */
function hostOf(header: string): string {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@\s]+))(?::\d{1,5})?$/i.exec(header) ?? [];
  return (bracketed ?? plain ?? "").toLowerCase();
}

/** A page of another site may send forms here without asking, though it cannot read the answer. */
function checkOrigin({ method, headers }: FastifyRequest): void {
  const { origin, host = "" } = headers;
  const isForeign =
    headers["sec-fetch-site"] === "cross-site" || (origin !== undefined && hostIn(origin) !== host.toLowerCase());
  if (!isForeign || method === "GET" || method === "HEAD") return;
  throw new Refusal(403, "USAGE", "Web pages of other sites may not use this server.");
}

function hostIn(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function checkLocal({ socket }: FastifyRequest): void {
  // What inject() asks comes from this program, through no socket.
  if (!(socket instanceof Socket) || isLoopback(socket.localAddress ?? "")) return;
  throw new Refusal(
    403,
    "USAGE",
    "Without a token this server answers its own machine alone. Start it with --token-file.",
  );
}

/** Takes as long for every wrong token, however much of it is right. */
function checkToken(request: FastifyRequest, digest: Buffer): void {
  const given = tokenOf(request);
  if (given === undefined) {
    const message = "A token is needed: send it as Authorization: Bearer TOKEN.";
    throw new Refusal(401, "USAGE", message, { "www-authenticate": 'Bearer realm="roc4mllm"' });
  }
  if (!timingSafeEqual(digestOf(given), digest)) throw new Refusal(403, "USAGE", "That token is not this server's.");
}

function tokenOf({ headers }: FastifyRequest): string | undefined {
  const [, bearer] = /^Bearer +([\x21-\x7e]+) *$/i.exec(headers.authorization ?? "") ?? [];
  if (headers.authorization !== undefined) return bearer;
  const cookies = (headers.cookie ?? "").split(/; */).map((cookie) => cookie.split("="));
  const [, value] = cookies.find(([name]) => name === COOKIE) ?? [];
  return value === undefined ? undefined : decoded(value);
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
