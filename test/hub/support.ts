/**
 * A hub with one repository on a local port, which can refuse, drop or stall connections and send wrong bytes. Large files
 * come by a redirect from a second port, as with the real hub.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { isRocError, type ErrorCode } from "../../src/errors.js";
import type { DownloadOptions } from "../../src/hub/index.js";
import { folderWith } from "../cli/support.js";

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

export interface FakeFile {
  readonly content: Buffer;
  /** Stored as a large file, with a SHA-256; else with git's blob hash. */
  readonly lfs?: boolean;
}

export interface Asked {
  readonly path: string;
  readonly range: string | undefined;
  readonly token: string | undefined;
  /** Bytes of content that were sent. */
  sent: number;
}

export interface FakeHub {
  readonly endpoint: string;
  /** Its repository's name. */
  readonly repo: string;
  readonly files: Map<string, FakeFile>;
  /** Every request for a file's content, to the hub for small files and to the second port for large ones. */
  readonly asked: Asked[];
  /** Tokens that the hub received, in order. */
  readonly tokens: (string | undefined)[];
  /** Bytes after which the next responses for a path are dropped, one entry per request. */
  readonly cuts: Map<string, number[]>;
  /** Bytes after which the responses for a path stall. */
  readonly holds: Map<string, number>;
  /** Sent instead of the content. */
  readonly wrong: Map<string, Buffer>;
  /** Statuses of the next responses for a path, or for "api". */
  readonly refusals: Map<string, number[]>;
  /** Custom responses, by path, or for "info" and "tree". */
  readonly answers: Map<string, RequestListener>;
  /** Ranges are answered with the whole file. */
  ignoresRanges: boolean;
  /** The listing has no git hashes. */
  withoutOids: boolean;
  /** Required token, if set. */
  secret: string | undefined;
  close(): Promise<void>;
}

export function checksum({ content, lfs }: FakeFile): string {
  if (lfs) return createHash("sha256").update(content).digest("hex");
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}

/** For `assert.rejects`: a RocError with this code and message. */
export const fails =
  (code: ErrorCode, message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(isRocError(error), String(error));
    assert.match(error.message, message);
    assert.equal(error.code, code);
    return true;
  };

/** Options of a download from a hub into a cache of its own. */
export function into(
  t: TestContext,
  hub: FakeHub,
  more: DownloadOptions["settings"] = {},
): DownloadOptions & { readonly repo: string; readonly cacheDir: string } {
  const cacheDir = folderWith(t, {});
  const settings = { endpoint: hub.endpoint, cacheDir, token: undefined, offline: false, ...more };
  return { settings, retryDelay: 1, cacheDir, repo: join(cacheDir, "models--owner--model") };
}

/** Starts a hub with one repository, `owner/model` or one of another name; it is closed with the test. */
export async function fakeHub(
  t: Pick<TestContext, "after">,
  files: Record<string, FakeFile>,
  { repo = "owner/model" }: { readonly repo?: string } = {},
): Promise<FakeHub> {
  const front = await listen((request, response) => answer(hub, store.endpoint, request, response));
  const store = await listen((request, response) => sendContent(hub, pathOf(request), request, response));
  const close = async (): Promise<void> => void (await Promise.all([front.close(), store.close()]));
  const hub: FakeHub = {
    endpoint: front.endpoint,
    repo,
    files: new Map(Object.entries(files)),
    asked: [],
    tokens: [],
    cuts: new Map(),
    holds: new Map(),
    wrong: new Map(),
    refusals: new Map(),
    answers: new Map(),
    ignoresRanges: false,
    withoutOids: false,
    secret: undefined,
    close,
  };
  t.after(close);
  return hub;
}

/** A server on a local port, which is closed with the test. */
export async function serve(t: Pick<TestContext, "after">, listener: RequestListener): Promise<string> {
  const { endpoint, close } = await listen(listener);
  t.after(close);
  return endpoint;
}

async function listen(listener: RequestListener): Promise<{ endpoint: string; close: () => Promise<void> }> {
  const server = createServer(listener);
  await new Promise<void>((started) => server.listen(0, "127.0.0.1", started));
  const close = () => new Promise<void>((ended) => (server.closeAllConnections(), server.close(() => ended())));
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

function pathOf({ url }: IncomingMessage): string {
  return decodeURIComponent(new URL(url ?? "", "http://hub").pathname.slice(1));
}

function tokenOf({ headers }: IncomingMessage): string | undefined {
  return /^Bearer (.*)$/.exec(headers.authorization ?? "")?.[1];
}

function answer(hub: FakeHub, store: string, request: IncomingMessage, response: ServerResponse): void {
  const json = (status: number, body: unknown): void =>
    void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  const token = tokenOf(request);
  hub.tokens.push(token);
  if (hub.secret !== undefined && token !== hub.secret) return json(401, { error: "token" });
  const url = pathOf(request).replace(hub.repo, "owner/model");
  const path = /^owner\/model\/resolve\/[^/]+\/(.*)$/.exec(url)?.[1];
  const refusal = hub.refusals.get(path ?? "api")?.shift();
  if (refusal !== undefined) return json(refusal, { error: "not now" });
  const kind = /^api\/models\/owner\/model\/tree\//.test(url) ? "tree" : url.startsWith("api/") ? "info" : path;
  const own = hub.answers.get(kind ?? "");
  if (own) return void own(request, response);
  if (/^api\/models\/owner\/model(\/revision\/[^/]+)?$/.test(url)) {
    return json(200, { _id: "1", id: "owner/model", sha: COMMIT, private: false, gated: false, likes: 0, downloads: 0, lastModified: "2026-01-01T00:00:00Z" }); // prettier-ignore
  }
  if (/^api\/models\/owner\/model\/tree\/[^/]+\/?$/.test(url)) {
    return json(200, [...hub.files].map(([name, file]) => entryOf(name, file, hub.withoutOids))); // prettier-ignore
  }
  const file = hub.files.get(path ?? "");
  if (path === undefined || !file) return json(404, { error: "not found" });
  response.setHeader("x-repo-commit", COMMIT);
  response.setHeader("etag", `"${checksum(file)}"`);
  if (!file.lfs) return sendContent(hub, path, request, response);
  response.setHeader("x-linked-etag", `"${checksum(file)}"`);
  response.setHeader("x-linked-size", file.content.length);
  response.writeHead(302, { location: `${store}/${path}` }).end();
}

function entryOf(path: string, file: FakeFile, withoutOids: boolean): object {
  const { length: size } = file.content;
  const oid = !withoutOids && { oid: file.lfs ? "a".repeat(40) : checksum(file) };
  return {
    type: "file",
    path,
    size,
    ...oid,
    ...(file.lfs && { lfs: { oid: checksum(file), size, pointerSize: 130 } }),
  };
}

function sendContent(hub: FakeHub, path: string, request: IncomingMessage, response: ServerResponse): void {
  const content = hub.wrong.get(path) ?? hub.files.get(path)?.content ?? Buffer.alloc(0);
  const range = hub.ignoresRanges ? undefined : request.headers.range;
  const [from = 0, last = content.length - 1] = [.../^bytes=(\d+)-(\d+)?$/.exec(range ?? "") ?? []].slice(1).map((text) => (text ? Number(text) : undefined)); // prettier-ignore
  const rest = content.subarray(from, last + 1);
  const asked: Asked = { path, range: request.headers.range, token: tokenOf(request), sent: 0 };
  if (request.method !== "HEAD") hub.asked.push(asked);
  if (range !== undefined && rest.length === 0) {
    return void response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
  }
  const partial = range !== undefined && { "content-range": `bytes ${from}-${last}/${content.length}` };
  response.writeHead(partial ? 206 : 200, { "content-length": rest.length, ...partial });
  if (request.method === "HEAD") return void response.end();
  const hold = hub.holds.get(path);
  const cut = hold ?? hub.cuts.get(path)?.shift();
  const sent = rest.subarray(0, cut);
  asked.sent = sent.length;
  if (cut === undefined) response.end(sent);
  else response.write(sent, () => hold ?? setTimeout(() => response.destroy(), 20));
}
