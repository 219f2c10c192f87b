/** From what the user typed to a list of image files: files, folders, globs and a list on standard input. */
import * as fs from "node:fs";
import { readdir, readlink, realpath, stat } from "node:fs/promises";
import { dirname, extname, isAbsolute, join } from "node:path";
import { Readable } from "node:stream";
import { glob, isDynamicPattern, type FileSystemAdapter } from "tinyglobby";
import type { ScoreInput } from "../../engine/index.js";
import { RocError, messageOf } from "../../errors.js";
import { extensionOf, isImageName, isRawName } from "../../image/extensions.js";
import { isBytes, nameOfBytes, pathOfName, readableName } from "../../image/file-names.js";
import { SNIFF_BYTES, sniffFormat } from "../../image/sniff.js";

/** What cameras and phones write beside a RAW file. */
const BESIDE_RAW = ["jpg", "jpeg", "jpe", "heic", "heif", "hif"];

/** Photographs too, but of formats that are not read here: each gets an error of its own that says so. */
const UNREAD_EXTENSIONS: ReadonlySet<string> = new Set([
  ...["heics", "avifs", "jxl", "jp2", "j2k", "jpx", "jxr", "bmp", "psd", "psb", "xcf", "tga", "exr"],
  ...["jpf", "jpm", "j2c", "jpc", "dib", "ico", "cur", "svg", "svgz"],
  ...["ppm", "pgm", "pbm", "pnm", "pam", "pcx", "hdr"],
]);

const NATURAL = new Intl.Collator("en", { numeric: true });

/** Files before their order is lost, with what the user should know about the search. */
export interface Inputs {
  /**
   * In the order of the arguments; within a folder or a glob in natural order (2 before 10). Names that are not UTF-8 are
   * as {@link nameOfBytes} writes them.
   */
  readonly files: readonly string[];
  readonly notes: readonly string[];
  /** Folders and links that could not be looked into: pictures may be missing. */
  readonly lost: number;
  /** Pictures that came as bytes, by their name in `files`. */
  readonly given: ReadonlyMap<string, Readable>;
}

/** The files as `score()` takes them: by their paths, or with the bytes that came. */
export function picturesOf({ files, given }: Pick<Inputs, "files" | "given">): ScoreInput[] {
  return files.map((name) => {
    const data = given.get(name);
    return data ? { name, data } : name;
  });
}

type Kind = "file" | "folder" | "link" | "special" | "missing";

class Search {
  readonly files: string[] = [];
  readonly notes: string[] = [];
  readonly given = new Map<string, Readable>();
  lost = 0;
  readonly #hidden: string[] = [];
  /** Files that are not called like a picture. */
  readonly #unknown: string[] = [];
  readonly #visited = new Set<string>();

  /** Takes a file that was found and not named: only if it is called like an image. */
  #offer(path: string): void {
    (isPicture(path) ? this.files : this.#unknown).push(path);
  }

  #lose(path: string, why: string): void {
    this.lost++;
    this.notes.push(`left out ${readableName(path)}: ${why}`);
  }

  /** A folder and all below it. Hidden entries are left out; a folder that links lead to twice is read once. */
  async folder(path: string): Promise<void> {
    let entries: Entry[];
    try {
      const real = nameOfBytes(await realpath(pathOfName(path), "buffer"));
      if (this.#visited.has(real)) return;
      this.#visited.add(real);
      entries = await entriesOf(path);
    } catch (error) {
      this.#lose(path, unreadable(error));
      return;
    }
    for (const { name, kind } of entries.sort((a, b) => NATURAL.compare(a.name, b.name))) {
      if (!name.startsWith(".")) await this.#entry(join(path, name), kind);
      else if (kind === "folder" || (isImageName(name) && !name.startsWith(APPLE_DOUBLE)))
        this.#hidden.push(join(path, name));
    }
  }

  async #entry(path: string, kind: Kind): Promise<void> {
    if (kind === "folder") return this.folder(path);
    if (kind === "link") return this.#link(path);
    if (kind === "special")
      this.notes.push(`left out ${readableName(path)}: it is no file but a pipe, a socket or a device`);
    else this.#offer(path);
  }

  async #link(path: string): Promise<void> {
    const target = await kindOf(path);
    if (target !== "missing") return this.#entry(path, target);
    // One that is called like a picture gets an error of its own.
    if (isPicture(path)) return void this.files.push(path);
    const to = await readlink(pathOfName(path), "buffer").then(nameOfBytes, () => "?");
    this.#lose(path, `it is a link to ${readableName(to)}, which is not there or cannot be reached`);
  }

  async pattern(pattern: string): Promise<void> {
    const options = { expandDirectories: false, onlyFiles: true, absolute: isAbsolute(pattern) };
    const found = await glob(pattern, { ...options, fs: tellingFs((path, why) => this.#lose(path, why)) });
    const before = this.files.length;
    for (const path of found.sort(NATURAL.compare)) for (const match of await spelled(path)) await this.#match(match);
    if (this.files.length === before) this.notes.push(`no picture matches ${pattern}`);
  }

  /** What a glob matches: links to nothing and pipes are reported as in a folder. */
  async #match(path: string): Promise<void> {
    const kind = await kindOf(path);
    await this.#entry(path, kind === "missing" ? "link" : kind);
  }

  /** What the user named: it is taken even if it is missing, so that it gets an error of its own. */
  async named(path: string, globs: boolean): Promise<void> {
    const kind = await kindOf(path);
    if (kind === "folder") {
      this.#visited.clear();
      await this.folder(path);
    } else if (kind === "missing" && globs && isDynamicPattern(path) && !path.includes(REPLACEMENT)) {
      await this.pattern(path);
    } else if (kind === "missing" && path.includes(REPLACEMENT)) {
      for (const one of await spelled(path)) await (one === path ? this.files.push(path) : this.named(one, false));
    } else {
      this.files.push(path);
    }
  }

  /** One picture, or a list of paths. */
  async stdin(stdin: Readable): Promise<void> {
    const chunks = stdin[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    const head = await read(chunks, SNIFF_BYTES);
    if (holdsPicture(head)) {
      this.files.push(STDIN);
      this.given.set(STDIN, Readable.from(resumed(head, chunks)));
    } else {
      checkList(head);
      const list = Buffer.concat([head, await read(chunks, MAX_LIST)]);
      for (const path of parseList(list)) await this.named(path, false);
    }
  }

  result(): Inputs {
    const { files, lost, given } = this;
    const notes = [...this.notes];
    const [hidden] = this.#hidden;
    if (hidden !== undefined)
      notes.push(`left out hidden folders and pictures (name them to have them): ${this.#hidden.length}, as ${readableName(hidden)}`); // prettier-ignore
    const [unknown] = this.#unknown;
    if (unknown !== undefined && files.length === 0)
      notes.push(`left out files that are not called like a picture (name them to have them): ${this.#unknown.length}, as ${readableName(unknown)}`); // prettier-ignore
    const pairs = besideRaw(files);
    if (pairs.length > 0)
      notes.push(`RAW files beside a JPEG or HEIC of the same name (each is scored): ${pairs.length}, as ${readableName(pairs[0] ?? "")}`); // prettier-ignore
    const bytes = files.filter(isBytes);
    if (bytes.length > 0) {
      const how = "their bytes are written as here; in JSON as Python's surrogateescape does";
      notes.push(`file names that are not UTF-8 (${how}): ${bytes.length}, as ${readableName(bytes[0] ?? "")}`);
    }
    return { files, notes, lost, given };
  }
}

/** Why a folder was left out; Node's messages end in the path, which the note starts with already. */
function unreadable(error: unknown): string {
  return `the folder cannot be read: ${messageOf(error).replace(/, \w+ '[^]*$/, "")}`;
}

/** What macOS writes beside a file on foreign disks. */
const APPLE_DOUBLE = "._";

/** Stands for bytes that are not UTF-8 where a text was made of them, as Node does with its arguments. */
const REPLACEMENT = "\ufffd";

/** Whether a name ends as that of a picture does, of a format that is read here or another. */
function isPicture(path: string): boolean {
  return isImageName(path) || UNREAD_EXTENSIONS.has(extensionOf(path));
}

/** The RAW files that have a JPEG or a HEIC of the same name in their folder, among these. */
function besideRaw(files: readonly string[]): string[] {
  const stem = (file: string): string => file.slice(0, file.length - extname(file).length);
  const others = new Set(files.filter((file) => BESIDE_RAW.includes(extensionOf(file))).map(stem));
  return files.filter((file) => isRawName(file) && others.has(stem(file)));
}

interface Entry {
  readonly name: string;
  readonly kind: Exclude<Kind, "missing">;
}

/** What a folder holds, without a look at the entries themselves: they may be forbidden where the list is not. */
async function entriesOf(path: string): Promise<Entry[]> {
  const entries = await readdir(pathOfName(path), { withFileTypes: true, encoding: "buffer" });
  return entries.map((entry) => {
    const kind = entry.isDirectory() ? "folder" : entry.isFile() ? "file" : entry.isSymbolicLink() ? "link" : "special";
    return { name: nameOfBytes(entry.name), kind };
  });
}

/** The paths that read as this one, where a byte that is not UTF-8 reads as U+FFFD; itself where there are none. */
async function spelled(path: string): Promise<string[]> {
  if (!path.includes(REPLACEMENT)) return [path];
  const above = dirname(path);
  const parents = above === path || !above.includes(REPLACEMENT) ? [above] : await spelled(above);
  const found: string[] = [];
  for (const parent of parents) {
    const names = await entriesOf(parent).catch(() => []);
    for (const { name } of names) {
      const one = join(parent, name);
      if (pathOfName(one).toString("utf8") === join(path)) found.push(one);
    }
  }
  return found.length > 0 ? found : [path];
}

/** The file system for a glob, whose library passes over in silence what it cannot read. */
function tellingFs(lose: (path: string, why: string) => void): FileSystemAdapter {
  const readdirTold = (
    path: string,
    options: { withFileTypes: true },
    done: (error: Error | null, entries: fs.Dirent[]) => void,
  ): void =>
    // prettier-ignore
    fs.readdir(path, options, (error, entries) => {
      // A path of the pattern that is not there, or is no folder, is what does not match.
      if (error && error.code !== "ENOENT" && error.code !== "ENOTDIR")
        lose(join(path, "."), unreadable(error));
      done(error, error ? entries : entries.map(asFile));
    });
  return {
    readdir: readdirTold as unknown as typeof fs.readdir,
    realpath: realpathOrSelf as unknown as typeof fs.realpath,
    stat: statOrLink as unknown as typeof fs.stat,
  };
}

/** A pipe, a socket or a device as a file, so that a glob matches it. */
function asFile(entry: fs.Dirent): fs.Dirent {
  const known = entry.isFile() || entry.isDirectory() || entry.isSymbolicLink();
  return known ? entry : Object.assign(entry, { isFile: () => true });
}

/** A link to nothing is its own end, so that a glob matches it. */
function realpathOrSelf(path: string, done: (error: null, real: string) => void): void {
  fs.realpath(path, (error, real) => done(null, error ? path : real));
}

function statOrLink(path: string, done: (error: Error | null, found: fs.Stats) => void): void {
  fs.stat(path, (error, found) => (error ? fs.lstat(path, done) : done(null, found)));
}

async function kindOf(path: string): Promise<Exclude<Kind, "link">> {
  const found = await stat(pathOfName(path)).catch(() => undefined);
  if (found === undefined) return "missing";
  if (found.isDirectory()) return "folder";
  return found.isFile() ? "file" : "special";
}

/** What a picture on standard input is called. */
const STDIN = "-";

/** Whether this is the content of a file: one that is read here, or of another kind that is no text. */
function holdsPicture(bytes: Uint8Array): boolean {
  const format = sniffFormat(bytes);
  return typeof format === "string" || format.kind !== undefined;
}

/** Bytes of a list of paths. */
const MAX_LIST = 2 ** 28;

/** At least so many bytes, and all where there are fewer. */
async function read(chunks: AsyncIterator<Uint8Array>, wanted: number): Promise<Buffer> {
  const read: Uint8Array[] = [];
  for (let length = 0; length < wanted;) {
    const next = await chunks.next();
    if (next.done) break;
    read.push(next.value);
    length += next.value.length;
  }
  return Buffer.concat(read);
}

async function* resumed(head: Uint8Array, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  yield head;
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
}

/** No path has these: a tab is possible. */
const CONTROL = /[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** @throws RocError USAGE for what cannot be a list of paths: other bytes, UTF-16, or longer than any real list */
function checkList(bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString("latin1");
  if (!CONTROL.test(text) && !/^(\xff\xfe|\xfe\xff)/.test(text) && bytes.length < MAX_LIST) return;
  throw new RocError(
    "USAGE",
    "Standard input holds neither a picture of a known format nor a list of paths. " +
      "Give one photo, or paths in UTF-8, one per line.",
  );
}

/** A list of paths: one per line, or with NUL between them (`find -print0`). */
function parseList(bytes: Uint8Array): string[] {
  checkList(bytes);
  const list = nameOfBytes(bytes).replace(/^\ufeff/, "");
  const paths = list.includes("\0") ? list.split("\0") : list.split(/\r?\n/);
  return paths.filter((path) => path.trim() !== "");
}

/** {@link expandInputs}, of folders that may hold no picture at all. */
export async function searchInputs(args: readonly string[], stdin: Readable): Promise<Inputs> {
  const search = new Search();
  for (const arg of args) {
    if (arg === STDIN) await search.stdin(stdin);
    else await search.named(arg, true);
  }
  return search.result();
}

/**
 * The image files that the arguments name.
 *
 * @param args files, folders (searched through), globs, or `-` for standard input: a list of paths, or one picture
 * @throws RocError USAGE where they name no file at all
 */
export async function expandInputs(args: readonly string[], stdin: Readable): Promise<Inputs> {
  const inputs = await searchInputs(args, stdin);
  if (inputs.files.length > 0) return inputs;
  const why = inputs.notes.map((note) => ` (${note})`).join("");
  throw new RocError(
    "USAGE",
    `No pictures found in ${args.join(" ")}${why}. ` +
      `Give image files, folders, globs in quotes ("photos/**/*.jpg"), or - for a list of paths or one photo on standard input.`,
  );
}
