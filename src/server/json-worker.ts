/** The thread that parses large JSON bodies. */
import { parseBody } from "./json-parse.js";
import { answerQuestions } from "./thread-side.js";

answerQuestions(
  (body: Uint8Array) => parseBody(Buffer.from(body.buffer, body.byteOffset, body.byteLength)),
  (parsed) => ("pictures" in parsed ? parsed.pictures.map(({ buffer }) => buffer) : []),
);
