/** The thread that parses large JSON bodies. */
import { parentPort, type TransferListItem } from "node:worker_threads";
import type { FromParser, ToParser } from "./json-body.js";
import { parseBody } from "./json-parse.js";

parentPort?.on("message", ({ id, body }: ToParser) => {
  const parsed = parseBody(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
  const buffers = "pictures" in parsed ? parsed.pictures.map(({ buffer }) => buffer as TransferListItem) : [];
  parentPort?.postMessage({ id, parsed } satisfies FromParser, buffers);
});
