/** The items of one array in a JSON file that may be larger than the longest string (AVA-Captions is). */
import { Tokenizer, TokenParser, TokenType } from "@streamparser/json";
import { messageOf, RocError } from "../errors.js";
import { firstFault, readChunks, refusePointer } from "../files/index.js";
import { invalid } from "./files.js";

/** Lists and objects within one another, at most: the parser looks at all that are open for every value. */
const MOST_DEPTH = 64;

/** Of the outermost object's fields: it alone is open. */
const IN_OBJECT = 1;

/** An item with its place in the array, counted from 1. */
export interface JsonItem {
  readonly value: unknown;
  readonly position: number;
}

export interface JsonItemsOptions {
  /** What an item is called in errors. */
  readonly item: string;
  readonly remedy: string;
}

/** The parser, and where in the file it is. */
class ItemParser {
  /** Items that are read and not yet taken. */
  items: unknown[] = [];
  /** Whether the array has been seen to its end. */
  finished = false;
  inArray = false;
  depth = 0;
  /** Of the last token, in bytes. */
  offset = 0;
  /** The last string of the outermost value, a key where a colon follows. */
  #lastString: unknown;
  /** The last key of the outermost object: at an opening bracket, that of what opens. */
  #lastKey: unknown;
  readonly #tokenizer = new Tokenizer({ stringBufferSize: 65_536 });
  readonly #parser: TokenParser;
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
    this.#parser = new TokenParser({ paths: [`$.${key}.*`], keepStack: false });
    this.#parser.onValue = ({ value }) => {
      if (this.inArray) this.items.push(value);
    };
    this.#tokenizer.onToken = (info) => {
      this.offset = info.offset;
      this.#parser.write(info);
      this.#follow(info.token, info.value);
    };
  }

  /** @throws Error where the bytes are no JSON, or lie too deep */
  take(chunk: Uint8Array): void {
    this.#tokenizer.write(chunk);
  }

  /** @throws Error where the file ends within a value */
  end(): void {
    if (this.depth !== 0) throw new Error("a list or an object is not closed");
    this.#tokenizer.end();
  }

  #follow(token: TokenType, value: unknown): void {
    if (token === TokenType.LEFT_BRACKET || token === TokenType.LEFT_BRACE) {
      const isList = token === TokenType.LEFT_BRACKET && this.depth === IN_OBJECT;
      if (isList && this.#lastKey === this.#key && !this.finished) this.inArray = true;
      if (++this.depth > MOST_DEPTH) throw new Error(`lists and objects lie more than ${MOST_DEPTH} deep`);
    } else if (token === TokenType.RIGHT_BRACKET || token === TokenType.RIGHT_BRACE) {
      if (--this.depth !== IN_OBJECT || !this.inArray) return;
      this.inArray = false;
      this.finished = true;
    } else if (token === TokenType.STRING && this.depth === IN_OBJECT) {
      this.#lastString = value;
    } else if (token === TokenType.COLON && this.depth === IN_OBJECT) {
      this.#lastKey = this.#lastString;
    }
  }
}

/**
 * The items of the array `key` in the outermost object of a JSON file, one at a time.
 *
 * @throws RocError FILE_NOT_FOUND; FILE_UNREADABLE where it is not UTF-8; DATA_INVALID naming the item where it is no JSON,
 * and where the file ends in the middle or has no such array
 */
export async function* jsonItems(
  file: string,
  key: string,
  { item, remedy }: JsonItemsOptions,
): AsyncGenerator<JsonItem, void, void> {
  const parser = new ItemParser(key);
  const check = new Utf8Check();
  const place = (name: string): string => (parser.inArray ? `${file}, ${name} ${position + 1}` : file);
  let position = 0;
  let line = 1;
  for await (const chunk of chunks(file, remedy)) {
    const length = check.lengthIn(chunk);
    const fault = failureOf(() => parser.take(chunk.subarray(0, length)));
    const items = parser.items;
    parser.items = [];
    for (const value of items) yield { value, position: ++position };
    if (fault) throw faultAt(place(item), parser.offset, fault, remedy);
    line += lineEndsIn(chunk.subarray(0, length));
    if (length < chunk.length) throw notUtf8(`${place("item")}, line ${line}`, chunk[length] ?? 0);
  }
  const fault = failureOf(() => parser.end());
  if (fault) throw invalid(file, "ends in the middle (it was cut short)", remedy, fault);
  if (!parser.finished) throw invalid(file, `has no list "${key}"`, remedy);
}

function failureOf(action: () => void): Error | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

function faultAt(where: string, offset: number, fault: Error, remedy: string): RocError {
  // The parser quotes whole tokens.
  const text = messageOf(fault);
  const short = text.length > 200 ? `${text.slice(0, 199)}…` : text;
  return invalid(where, `is no JSON near byte ${offset} (${short})`, remedy, fault);
}

function notUtf8(where: string, byte: number): RocError {
  const remedy = "Save it as UTF-8, as by iconv -f ENCODING -t UTF-8.";
  return new RocError("FILE_UNREADABLE", `${where}: not UTF-8 (byte 0x${byte.toString(16)}). ${remedy}`);
}

function lineEndsIn(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count++;
  return count;
}

/** Passes on what is UTF-8: the parser looks for the ends of characters only. */
class Utf8Check {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });

  /** How many bytes of the next chunk are UTF-8, a character that goes on in the one behind it among them. */
  lengthIn(chunk: Uint8Array): number {
    try {
      this.#decoder.decode(chunk, { stream: true });
      return chunk.length;
    } catch {
      // The rest of a character that began in the chunk before.
      const rest = chunk.findIndex((byte) => (byte & 0xc0) !== 0x80);
      const start = rest < 0 || rest > 3 ? 0 : rest;
      return start + firstFault(Buffer.from(chunk.subarray(start)));
    }
  }
}

async function* chunks(file: string, remedy: string): AsyncGenerator<Uint8Array, void, void> {
  let isFirst = true;
  for await (const chunk of readChunks(file, { remedy })) {
    if (isFirst) checkStart(chunk, file, remedy);
    isFirst = false;
    yield chunk;
  }
}

function checkStart(chunk: Uint8Array, file: string, remedy: string): void {
  refusePointer(chunk, file);
  // Every other byte would be looked at as a letter of its own.
  if (chunk.includes(0)) throw invalid(file, "is not in UTF-8", remedy);
}
