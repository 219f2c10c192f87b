/**
 * Scoring over HTTP, for programs that have the server within their own: `import { createServer } from "roc4mllm/server"`.
 *
 * @module roc4mllm/server
 */
export { createServer } from "./app.js";
export { isLoopback } from "./guard.js";
export {
  SERVER_LIMITS,
  type ServerLimits,
  type ServerOptions,
  type ServerQueueState,
  type ServerWorkers,
} from "./options.js";
export { defaultLibrary } from "../library/open.js";
