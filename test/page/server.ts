/** The built page, and answers of the API in the server's own forms: scores by name, failures and refusals when asked. */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, extname, join } from "node:path";
import { Readable } from "node:stream";
import type { TestContext } from "node:test";
import { ROOT } from "../support.js";

const PAGE = join(ROOT, "dist/page");
const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
/** As strict as the server's. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

export type Answer = readonly [status: number, body: unknown, headers?: Readonly<Record<string, string>>];

export interface FakeServer {
  readonly address: string;
  /** Method, path and query of what was asked, and the body of what is no form. */
  readonly asked: string[];
  /** What is answered in the place of the usual, by the beginning of "METHOD /path". */
  readonly instead: Map<string, () => Answer | undefined>;
  /** No connection is answered any more, until it is called with false. */
  readonly hangUp: (gone: boolean) => void;
}

/** A distribution of ten ratings around a score from 1 to 10. */
function resultFor(file: string, score: number): object {
  const weights = Array.from({ length: 10 }, (_, i) => Math.exp(-((i + 1 - score) ** 2) / 4));
  const sum = weights.reduce((a, b) => a + b, 0);
  const distribution = weights.map((weight) => weight / sum);
  const answer = `The aesthetic rate of the image is ${score}.`;
  return { file, score, scale: { min: 1, max: 10 }, std: 1.4, distribution, attributes: { light: score, colour: score - 1, composition: score - 2 }, answer, model: "fake@0" }; // prettier-ignore
}

/** The files of a form, each scored by its place in the alphabet. */
function scoreForm(body: Buffer): Answer {
  const names = [...body.toString("latin1").matchAll(/name="file"; filename="([^"]+)"/g)].map(([, name = ""]) => name);
  const results = names.map((name) =>
    name.startsWith("broken")
      ? { file: name, error: { code: "IMAGE_BROKEN", message: `${name} is damaged; export it again.` } }
      : resultFor(name, 9.4 - (name.charCodeAt(0) - 97) / 4),
  );
  return [200, { results }];
}

interface Described extends Readonly<Record<string, unknown>> {
  readonly folder: string;
  readonly name: string;
  readonly percentile: number;
}

/** A photo of the library as the server describes it. */
export function libraryPhoto(id: number, score: number, { percentile, ...rest }: Described): object {
  const { file: _, scale: __, model: ___, ...judged } = resultFor("", score) as Record<string, unknown>;
  const size = { width: 600, height: 400, size: 5000, modified: 1.7e12 };
  return { id: `${id}`, file: `${rest.folder}/${rest.name}`, ...size, ...rest, score: { ...judged, percentile } };
}

/** A page of the library's photos, in their order whatever is asked. */
export function photosPage(path: string, total: number, photoAt: (i: number) => object): Answer {
  const query = new URL(path, "http://localhost").searchParams;
  const [from, limit] = [Number(query.get("cursor") ?? 0), Number(query.get("limit"))];
  const count = Math.min(limit, total - from);
  const next = from + count < total ? `${from + count}` : null;
  const judge = { id: 1, name: "fake@0", scale: { min: 1, max: 10 }, scores: total };
  return [200, { photos: Array.from({ length: count }, (_, i) => photoAt(from + i)), next, total: from === 0 ? total : null, judge }]; // prettier-ignore
}

/** How a scan stands, as the one event of a stream. */
export function scanAnswer(state: object): Answer {
  return [200, Readable.from([`data: ${JSON.stringify(state)}\n\n`]), { "content-type": "text/event-stream" }];
}

const MODELS: Answer = [200, { object: "list", data: [{ id: "fake@0", object: "model", worth: "It knows nothing of real photographs." }] }]; // prettier-ignore

function fileAnswer(path: string, response: ServerResponse): void {
  const file = join(PAGE, path === "/" ? "index.html" : basename(path));
  if (!existsSync(file)) return void response.writeHead(404).end();
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "text/plain" }).end(readFileSync(file));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** @throws where the page is not built: set-up builds it */
export async function fakeServer(
  t: TestContext,
  routes: Readonly<Record<string, (path: string) => Answer>> = {},
): Promise<FakeServer> {
  const asked: string[] = [];
  const instead = new Map<string, () => Answer | undefined>();
  let gone = false;
  const answerTo = (key: string, body: Buffer): Answer | undefined => {
    const found = [...instead].find(([begins]) => key.startsWith(begins))?.[1]();
    if (found) return found;
    if (key === "POST /v1/score") return scoreForm(body);
    if (key === "GET /v1/models") return MODELS;
    return Object.entries(routes).find(([begins]) => key.startsWith(begins))?.[1](key.split(" ")[1] ?? "");
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "", url = "" } = request;
    if (gone) return void request.destroy();
    const body = await bodyOf(request);
    const isForm = request.headers["content-type"]?.startsWith("multipart/") ?? false;
    asked.push(`${method} ${url}${isForm || body.length === 0 ? "" : ` ${body.toString()}`}`);
    response.setHeader("content-security-policy", POLICY);
    const answer = answerTo(`${method} ${url}`, body);
    if (!answer) return url.startsWith("/v1/") ? void response.writeHead(404, { "content-type": "application/json" }).end('{"error":{"code":"USAGE","message":"There is nothing here."}}') : fileAnswer(url, response); // prettier-ignore
    const [status, value, headers = {}] = answer;
    if (value instanceof Readable) return void value.pipe(response.writeHead(status, headers));
    const isBytes = value instanceof Uint8Array;
    response.writeHead(status, { "content-type": isBytes ? "image/jpeg" : "application/json", ...headers });
    response.end(isBytes ? value : JSON.stringify(value));
  };
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const hangUp = (off: boolean): void => {
    gone = off;
    if (off) server.closeAllConnections();
  };
  return { address: `http://127.0.0.1:${port}/`, asked, instead, hangUp };
}
