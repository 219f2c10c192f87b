/** The items of one array in a JSON file that may be larger than the longest string (AVA-Captions is). */
import { Tokenizer, TokenParser, TokenType } from "@streamparser/json";
import { messageOf, RocError } from "../errors.js";
import { firstFault, readChunks, refusePointer } from "../files/index.js";
import { invalid } from "./files.js";

/** Maximum nesting of lists and objects: the parser visits all open ones for every value. */
const MOST_DEPTH = 64;

/** Depth of the outermost object's fields. */
const IN_OBJECT = 1;

/** An item with its position in the array, counted from 1. */
export interface JsonItem {
  readonly value: unknown;
  readonly position: number;
}

export interface JsonItemsOptions {
  /** Name of an item in errors. */
  readonly item: string;
  readonly remedy: string;
}

/** The parser and its position in the file. */
class ItemParser {
  /** Parsed items that are not yet consumed. */
  items: unknown[] = [];
  /** Whether the array is complete. */
  finished = false;
  inArray = false;
  depth = 0;
  /** Offset of the last token, in bytes. */
  offset = 0;
  /** The last string of the outermost value, a key where a colon follows. */
  #lastString: unknown;
  /** The last key of the outermost object: at an opening bracket, the key of the opened value. */
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

  /** @throws Error where the bytes are not JSON, or nest too deeply */
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
      if (++this.depth > MOST_DEPTH) throw new Error(`lists and objects nest more than ${MOST_DEPTH} deep`);
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
 * @throws RocError FILE_NOT_FOUND; FILE_UNREADABLE where it is not UTF-8; DATA_INVALID naming the item where it is not
 *   JSON, or where the file is truncated or has no such array
 */
export async function* jsonItems(
  file: string,
  key: string,
  { item, remedy }: JsonItemsOptions,
): AsyncGenerator<JsonItem, void, void> {
  const parser = new ItemParser(key);
  const check = new Utf8Check();
  const whereOf = (name: string): string => (parser.inArray ? `${file}, ${name} ${position + 1}` : file);
  let position = 0;
  let line = 1;
  for await (const chunk of chunks(file, remedy)) {
    const length = check.lengthIn(chunk);
    const failure = failureOf(() => parser.take(chunk.subarray(0, length)));
    const items = parser.items;
    parser.items = [];
    for (const value of items) yield { value, position: ++position };
    if (failure) throw failureAt(whereOf(item), parser.offset, failure, remedy);
    line += lineEndsIn(chunk.subarray(0, length));
    if (length < chunk.length) throw notUtf8(`${whereOf("item")}, line ${line}`, chunk[length] ?? 0);
  }
  const failure = failureOf(() => parser.end());
  if (failure) throw invalid(file, "ends in the middle (it was cut short)", remedy, failure);
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

function failureAt(where: string, offset: number, failure: Error, remedy: string): RocError {
  // The parser quotes whole tokens.
  const text = messageOf(failure);
  const short = text.length > 200 ? `${text.slice(0, 199)}…` : text;
  return invalid(where, `is not JSON near byte ${offset} (${short})`, remedy, failure);
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

/** Finds invalid UTF-8, which the parser does not check. */
class Utf8Check {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });

  /** Number of leading UTF-8 bytes of the next chunk, including a character that continues in the following one. */
  lengthIn(chunk: Uint8Array): number {
    try {
      this.#decoder.decode(chunk, { stream: true });
      return chunk.length;
    } catch {
      // The rest of a character that started in the previous chunk.
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
  // UTF-16 would be parsed byte by byte.
  if (chunk.includes(0)) throw invalid(file, "is not in UTF-8", remedy);
}
