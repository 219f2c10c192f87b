/** The items of one array in a JSON file that may be larger than the longest string (AVA-Captions is). */
import { decodeText, readChunks, refusePointer } from "../files/index.js";
import { invalid } from "./files.js";

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** Depth of what stands in the array: 1 in the outer object, 2 in the array. */
const IN_ARRAY = 2;

/**
 * Finds where the items of the array `key` of the outermost object begin and end, byte by byte. Only brackets and strings
 * are looked at; whether an item is JSON is for its parser to say.
 */
class Scanner {
  depth = 0;
  /** Whether the array has been seen to its end. */
  finished = false;
  #inString = false;
  #escaped = false;
  #inArray = false;
  /** The last string of the outermost object: at an opening bracket, the key of what opens. */
  #lastString: number[] = [];
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  /** @returns whether the byte belongs to an item; between two items it is a comma or a space */
  take(byte: number): boolean {
    if (this.#inString) {
      this.#takeInString(byte);
      return this.#inArray;
    }
    if (byte === QUOTE) {
      this.#inString = true;
      if (this.depth === 1) this.#lastString = [];
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      return this.#open(byte);
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      return this.#close();
    }
    return this.#inArray && (this.depth > IN_ARRAY || (byte !== COMMA && !SPACES.has(byte)));
  }

  #takeInString(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inString = false;
    if (this.depth === 1 && this.#inString && this.#lastString.length <= this.#key.length) this.#lastString.push(byte);
  }

  #open(byte: number): boolean {
    this.depth++;
    const isArray = byte === OPEN_ARRAY && this.depth === IN_ARRAY && !this.#inArray && !this.finished;
    if (!isArray || Buffer.from(this.#lastString).toString("utf8") !== this.#key) return this.#inArray;
    this.#inArray = true;
    return false;
  }

  #close(): boolean {
    const inItem = this.#inArray;
    this.depth--;
    if (!inItem || this.depth >= IN_ARRAY) return inItem;
    this.#inArray = false;
    this.finished = true;
    return false;
  }
}

/** An item's text with its place in the array, counted from 1. */
export interface JsonItem {
  readonly text: string;
  readonly position: number;
}

/**
 * The items of the array `key` in the outermost object of a JSON file, one at a time.
 *
 * @throws RocError FILE_NOT_FOUND; DATA_INVALID where the file ends in the middle or has no such array
 */
export async function* jsonItems(file: string, key: string, remedy: string): AsyncGenerator<JsonItem, void, void> {
  const scanner = new Scanner(key);
  let parts: Uint8Array[] = [];
  let position = 0;
  const whole = (): JsonItem => {
    const text = decodeText(Buffer.concat(parts), `${file}, item ${++position}`);
    parts = [];
    return { text, position };
  };
  for await (const chunk of chunks(file, remedy)) {
    let start = -1;
    for (let i = 0; i < chunk.length; i++) {
      const inItem = scanner.take(chunk[i] as number);
      if (inItem && start < 0) start = i;
      if (inItem || (start < 0 && parts.length === 0)) continue;
      if (start >= 0) parts.push(chunk.subarray(start, i));
      start = -1;
      yield whole();
    }
    if (start >= 0) parts.push(chunk.subarray(start));
  }
  if (scanner.depth !== 0) throw invalid(file, "ends in the middle (it was cut short)", remedy);
  if (!scanner.finished) throw invalid(file, `has no list "${key}"`, remedy);
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
