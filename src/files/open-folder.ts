/** A folder that is opened once and passed on, so that its small files are read once, however many functions look at them. */
import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { digestFile } from "./digest.js";
import type { DecodeOptions } from "./encoding.js";
import { decodeText } from "./encoding.js";
import { parseJson, type JsonOptions } from "./json.js";
import { ifThere, readBytes, type ReadOptions } from "./read.js";

/** Files of this size and above (weights, large tokenizers) are not kept: each call reads them. */
const KEPT_BELOW = 1 << 20;

/**
 * A folder whose small files are read once. What it has read it keeps as it was: open the folder again to see changes.
 *
 * A file that could not be read is tried again by the next call, whose remedy its error then has.
 */
export class OpenFolder {
  readonly #bytes = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  readonly #values = new Map<string, unknown>();
  #names: Promise<readonly string[]> | undefined;

  /** @param known bytes of its files that were read in another thread */
  constructor(
    readonly path: string,
    known: ReadonlyMap<string, Uint8Array<ArrayBuffer>> = new Map(),
  ) {
    for (const [name, bytes] of known) this.#bytes.set(name, Promise.resolve(bytes));
  }

  /** Path of a file in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Names of its entries; none where it does not exist, which its readers tell. */
  names(): Promise<readonly string[]> {
    return (this.#names ??= readdir(this.path).catch(() => []));
  }

  /** The bytes of a file, which are not the caller's to change. @throws RocError as `readBytes` */
  async bytes(name: string, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
    const known = this.#bytes.get(name);
    if (known) return known;
    const reading = readBytes(this.file(name), options);
    this.#bytes.set(name, reading);
    try {
      const bytes = await reading;
      if (bytes.length >= KEPT_BELOW) this.#bytes.delete(name);
      return bytes;
    } catch (error) {
      this.#bytes.delete(name);
      throw error;
    }
  }

  /** The bytes that it keeps, for another thread. */
  async kept(): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
    const read = await Promise.all([...this.#bytes].map(async ([name, bytes]) => [name, await bytes.catch(() => undefined)] as const)); // prettier-ignore
    return new Map(read.flatMap(([name, bytes]) => (bytes ? [[name, bytes] as const] : [])));
  }

  /** The text of a file. @throws RocError as `readText` */
  async text(name: string, options: ReadOptions & DecodeOptions = {}): Promise<string> {
    return decodeText(await this.bytes(name, options), this.file(name), options);
  }

  /** The parsed content of a JSON file: one frozen value for all callers. @throws RocError as `readJson` */
  async json(name: string, options: JsonOptions = {}): Promise<unknown> {
    if (this.#values.has(name)) return this.#values.get(name);
    const value = frozen(parseJson(await this.text(name, options), this.file(name), options));
    if (this.#bytes.has(name)) this.#values.set(name, value);
    return value;
  }

  /**
   * The same folder with keys of some JSON files replaced, for whoever reads them by it: what is on the disk stays.
   *
   * @throws RocError as `readJson`
   */
  async withKeys(changes: Readonly<Record<string, Readonly<Record<string, unknown>>>>): Promise<OpenFolder> {
    const known = await this.kept();
    for (const [name, keys] of Object.entries(changes)) {
      const value = (await ifThere(this.json(name))) ?? {};
      known.set(name, new TextEncoder().encode(JSON.stringify({ ...value, ...keys })));
    }
    return new OpenFolder(this.path, known);
  }

  /** The SHA-256 of a file's bytes: of those that were read, where they were. @throws RocError as `digestFile` */
  async digest(name: string, signal?: AbortSignal): Promise<string> {
    const size = await stat(this.file(name)).then((found) => (found.isFile() ? found.size : Infinity), () => Infinity); // prettier-ignore
    if (size >= KEPT_BELOW) return digestFile(this.file(name), signal);
    return createHash("sha256")
      .update(await this.bytes(name))
      .digest("hex");
  }

  toString(): string {
    return this.path;
  }
}

/** A folder by its path, or opened already. */
export type FolderLike = string | OpenFolder;

/** The folder opened; one that is already open as it is. */
export function openFolder(folder: FolderLike): OpenFolder {
  return typeof folder === "string" ? new OpenFolder(folder) : folder;
}

function frozen(value: unknown): unknown {
  if (typeof value === "object" && value !== null)
    for (const inner of Object.values(Object.freeze(value))) frozen(inner);
  return value;
}
