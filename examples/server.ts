/**
 * A small server: whoever posts a picture gets its score as JSON. The model computes in a worker thread, so that the server
 * answers meanwhile; pictures that are posted at the same time are computed together on a GPU.
 *
 *     node dist/examples/server.js [PORT]
 *     curl --data-binary @photo.jpg localhost:8080/score
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { DEMO_MODEL, isRocError, load } from "roc4mllm";

const MAX_BYTES = 32 * 1024 * 1024;

const model = await load(DEMO_MODEL);

/** The body of a request; undefined where it is too large. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= MAX_BYTES) chunks.push(chunk);
    // Read on all the same: a client that is still sending would not see the answer.
    else chunks.length = 0;
  }
  return bytes <= MAX_BYTES ? Buffer.concat(chunks) : undefined;
}

async function answer(request: IncomingMessage): Promise<[status: number, body: unknown]> {
  if (request.method !== "POST" || request.url !== "/score") return [404, { error: "POST a picture to /score" }];
  const picture = await bodyOf(request);
  if (picture === undefined) return [413, { error: `a picture may have ${MAX_BYTES} bytes` }];
  try {
    const { score, std, distribution } = await model.scoreOne(picture);
    return [200, { score, std, distribution }];
  } catch (error) {
    if (isRocError(error)) return [422, { error: error.message, code: error.code }];
    throw error;
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

const server = createServer((request, response) => {
  answer(request).then(
    ([status, body]) => send(response, status, body),
    (error: unknown) => {
      console.error(error);
      if (!response.headersSent) send(response, 500, { error: "internal error" });
    },
  );
});

server.listen(Number(process.argv[2] ?? 8080), () => {
  const address = server.address();
  console.log(`listening on port ${typeof address === "object" ? address?.port : address}`);
});

process.once("SIGTERM", () => {
  server.close();
  server.closeIdleConnections();
  model.dispose();
});
