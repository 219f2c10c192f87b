/** The connections of a server that ends: what clients have begun to send is answered, and nobody who is silent is waited for. */
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { endRaw } from "./errors.js";

/** How often connections are looked at while the server ends, in milliseconds. */
const LOOK_MS = 50;
/** How long a connection may be without a whole request then: what a client has just sent is still on its way. */
const SILENT_MS = 1000;

/**
 * While the server ends, a connection ends with its answer, and is not kept open for the next request; one that sends nothing, or
 * half of a request, is closed.
 *
 * @param receivingMs for requests whose bodies are still coming
 */
export function addClosing(app: FastifyInstance, receivingMs: number): void {
  const { server } = app;
  const open = openRequests(server);
  let since: number | undefined;
  server.closeIdleConnections = () => {
    const waited = since === undefined ? 0 : performance.now() - since;
    for (const [socket, requests] of open) {
      const isSilent = requests.size === 0 && waited > SILENT_MS;
      const isStuck = waited > receivingMs && [...requests].some(({ complete }) => !complete);
      if (isStuck || (isSilent && socket.bytesRead > 0)) endRaw(socket, "503 Service Unavailable", "IN_USE", "The server ends. Try again."); // prettier-ignore
      if (isSilent) socket.destroySoon();
    }
  };
  app.addHook("preClose", async () => {
    since = performance.now();
    if (!server.listening) return;
    // Connections that wait for being taken are.
    await sleep(LOOK_MS);
    const looking = setInterval(() => server.closeIdleConnections(), LOOK_MS);
    server.once("close", () => clearInterval(looking));
  });
  app.addHook("onSend", async (_request, reply) => {
    if (since !== undefined) reply.header("connection", "close");
  });
}

/** Every connection with its requests that are not answered yet. */
function openRequests(server: Server): ReadonlyMap<Socket, ReadonlySet<IncomingMessage>> {
  const open = new Map<Socket, Set<IncomingMessage>>();
  server.on("connection", (socket: Socket) => {
    open.set(socket, new Set());
    socket.once("close", () => open.delete(socket));
  });
  server.on("request", (request, response) => {
    const requests = open.get(request.socket);
    requests?.add(request);
    response.once("close", () => requests?.delete(request));
  });
  return open;
}
