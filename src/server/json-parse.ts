/** A JSON body to a value: bounded in depth, without keys that change prototypes, pictures decoded. */
import { RocError } from "../errors.js";
import { decodeBase64 } from "./base64.js";

/** A body's value, or what is wrong with it. */
export type Parsed =
  { readonly value: unknown; readonly pictures: readonly Uint8Array[] } | { readonly problem: string };

/** Levels of lists and objects: the deepest body that makes sense, a chat's, has six. */
const DEEPEST = 16;
/** Shorter texts are no pictures, and are left to who reads them. */
const SHORTEST_PICTURE = 1024;
/** Values of all lists and objects: a request's pictures and texts are far fewer, and each costs time before it is refused. */
const MOST_VALUES = 20_000;
const FORBIDDEN: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

export function parseBody(body: Buffer): Parsed {
  try {
    checkShape(body);
    const pictures: Uint8Array[] = [];
    return { value: walk(JSON.parse(text(body)), pictures), pictures };
  } catch (error) {
    const isOurs = error instanceof RocError;
    return { problem: isOurs ? error.message : "The body is no JSON. Send an object as /docs says." };
  }
}

/** @throws TypeError for what is no UTF-8 */
function text(body: Buffer): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(body);
}

/** Before anything is built of it. */
function checkShape(body: Buffer): void {
  let [depth, values] = [0, 1];
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === 0x22) at = endOfText(body, at + 1);
    else if (byte === 0x2c) values += 1;
    else if (byte === 0x7b || byte === 0x5b) [depth, values] = [depth + 1, values + 1];
    else if (byte === 0x7d || byte === 0x5d) depth -= 1;
    if (depth > DEEPEST) throw new RocError("USAGE", `The body has more than ${DEEPEST} levels.`);
    if (values > MOST_VALUES) throw new RocError("USAGE", `The body has more than ${MOST_VALUES} values.`);
  }
}

/** Where a text that begins at `at` has its closing quote. */
function endOfText(body: Buffer, at: number): number {
  for (let from = at; ;) {
    const quote = body.indexOf(0x22, from);
    if (quote < 0) return body.length;
    let backslashes = 0;
    while (quote - 1 - backslashes >= at && body[quote - 1 - backslashes] === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return quote;
    from = quote + 1;
  }
}

/** The value with bytes in place of long base64, without keys that JSON.parse makes and an assignment would obey. */
function walk(value: unknown, pictures: Uint8Array[]): unknown {
  if (typeof value === "string") return picture(value, pictures);
  if (Array.isArray(value)) return value.map((one) => walk(one, pictures));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, one]) => {
    if (FORBIDDEN.has(key)) throw new RocError("USAGE", `The body has a key ${JSON.stringify(key)}. Leave it out.`);
    return [key, walk(one, pictures)] as const;
  });
  return Object.fromEntries(entries);
}

/** Base64 that is none stays text, and is refused where a picture is read. */
function picture(text: string, pictures: Uint8Array[]): string | Uint8Array {
  if (text.length < SHORTEST_PICTURE) return text;
  const bytes = decodeBase64(text);
  if (!bytes) return text;
  // Memory of its own, which can be given to another thread.
  const own = Uint8Array.from(bytes);
  pictures.push(own);
  return own;
}
