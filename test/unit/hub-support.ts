/** A hub of a few repositories on a local port, which can refuse, cut connections and send wrong bytes. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

export interface FakeFile {
  readonly content: Buffer;
  /** Kept as a large file, with a SHA-256; else git's blob hash. */
  readonly lfs?: boolean;
}

export interface FakeHub {
  readonly endpoint: string;
  readonly files: Map<string, FakeFile>;
  /** What was asked of `resolve/`: path and range, with the token. */
  readonly asked: { path: string; range: string | undefined; token: string | undefined }[];
  /** Bytes after which the next answers for a path are cut, one a request. */
  readonly cuts: Map<string, number[]>;
  /** Sent instead of the content. */
  readonly wrong: Map<string, Buffer>;
  /** Of every request, if set. */
  status: number | undefined;
  /** Token that is asked for, if set. */
  secret: string | undefined;
  close(): Promise<void>;
}

export function checksum({ content, lfs }: FakeFile): string {
  if (lfs) return createHash("sha256").update(content).digest("hex");
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}

/** Starts a hub with one repository, `owner/model`; it ends with the test. */
export async function fakeHub(t: TestContext, files: Record<string, FakeFile>): Promise<FakeHub> {
  const server = createServer((request, response) => answer(hub, request, response));
  await new Promise<void>((started) => server.listen(0, "127.0.0.1", started));
  const close = () => new Promise<void>((ended) => (server.closeAllConnections(), server.close(() => ended())));
  const hub: FakeHub = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    files: new Map(Object.entries(files)),
    asked: [],
    cuts: new Map(),
    wrong: new Map(),
    status: undefined,
    secret: undefined,
    close,
  };
  t.after(close);
  return hub;
}

function answer(hub: FakeHub, request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? "", hub.endpoint);
  const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1];
  const json = (status: number, body: unknown): void =>
    void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  if (hub.status !== undefined) return json(hub.status, { error: "no" });
  if (hub.secret !== undefined && token !== hub.secret) return json(401, { error: "token" });
  if (/^\/api\/models\/owner\/model(\/revision\/[^/]+)?$/.test(pathname)) {
    return json(200, { _id: "1", id: "owner/model", sha: COMMIT, private: false, gated: false, likes: 0, downloads: 0, lastModified: "2026-01-01T00:00:00Z" }); // prettier-ignore
  }
  if (pathname === `/api/models/owner/model/tree/${COMMIT}` || pathname === `/api/models/owner/model/tree/${COMMIT}/`) {
    return json(200, [...hub.files].map(([path, file]) => entryOf(path, file))); // prettier-ignore
  }
  const path = decodeURIComponent(/^\/owner\/model\/resolve\/[0-9a-f]+\/(.*)$/.exec(pathname)?.[1] ?? "");
  const file = hub.files.get(path);
  if (!file) return json(404, { error: "not found" });
  const range = request.headers.range;
  hub.asked.push({ path, range, token });
  send(hub, path, hub.wrong.get(path) ?? file.content, range, response);
}

function entryOf(path: string, file: FakeFile): object {
  const { length: size } = file.content;
  const lfs = file.lfs && { lfs: { oid: checksum(file), size, pointerSize: 130 } };
  return { type: "file", path, size, oid: file.lfs ? "a".repeat(40) : checksum(file), ...lfs };
}

function send(hub: FakeHub, path: string, content: Buffer, range: string | undefined, response: ServerResponse): void {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
  const rest = content.subarray(from);
  const partial = range !== undefined && { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` };
  response.writeHead(partial ? 206 : 200, { "content-length": rest.length, ...partial });
  const cut = hub.cuts.get(path)?.shift();
  if (cut === undefined) response.end(rest);
  else response.write(rest.subarray(0, cut), () => setTimeout(() => response.destroy(), 20));
}
