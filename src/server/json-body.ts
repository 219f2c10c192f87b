/**
 * JSON bodies. Large ones hold pictures in base64: they are parsed and decoded in a thread of their own, so that the server goes on
 * answering meanwhile.
 */
import type { FastifyInstance } from "fastify";
import { Refusal } from "./errors.js";
import { parseBody, type Parsed } from "./json-parse.js";
import { Thread } from "./thread.js";

/** Smaller ones take less time here than on their way to another thread. */
const SMALL = 2 ** 16;

/** Parses JSON bodies; what of them is base64 of a picture becomes bytes. */
export function addJsonBodies(app: FastifyInstance): void {
  const thread = new Thread<Uint8Array, Parsed>(new URL("./json-worker.js", import.meta.url), {
    name: "roc4mllm json",
  });
  app.removeContentTypeParser(["application/json", "text/plain"]);
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: unknown, body: Buffer) => {
    const parsed = body.length <= SMALL ? parseBody(body) : await parsedElsewhere(thread, body);
    if ("problem" in parsed) throw new Refusal(400, "USAGE", parsed.problem);
    return parsed.value;
  });
  // Clients say a type for every request: what has no body has none.
  app.addHook("onRequest", async ({ method, headers }) => {
    const isEmpty = headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) === 0;
    if (method === "DELETE" && isEmpty) delete headers["content-type"];
  });
  app.addHook("onClose", () => thread.end());
}

function parsedElsewhere(thread: Thread<Uint8Array, Parsed>, body: Buffer): Promise<Parsed> {
  const own = Uint8Array.from(body);
  return thread.ask(own, [own.buffer]);
}
