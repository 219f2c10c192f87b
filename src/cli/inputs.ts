/** From what the user typed to a list of image files: files, folders, globs and a list on standard input. */
import { readdir, realpath, stat } from "node:fs/promises";
import { extname, isAbsolute, join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { glob, isDynamicPattern } from "tinyglobby";
import { RocError, messageOf } from "../errors.js";

/** What a folder is searched for. A file that is named is tried whatever it is called. */
export const IMAGE_EXTENSIONS: ReadonlySet<string> = new Set(
  ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "avif", "tif", "tiff", "gif"].map((name) => `.${name}`),
);

/** Photographs too, but of formats that are not read here: worth a word when a folder's are left out. */
const UNREAD_EXTENSIONS: ReadonlySet<string> = new Set(
  ["heic", "heif", "jxl", "bmp", "psd", "dng", "cr2", "cr3", "nef", "arw", "orf", "raf", "rw2", "pef"].map(
    (name) => `.${name}`,
  ),
);

const NATURAL = new Intl.Collator("en", { numeric: true });

/** Files before their order is lost, with what the user should know about the search. */
export interface Inputs {
  /** In the order of the arguments; within a folder or a glob in natural order (2 before 10). */
  readonly files: readonly string[];
  readonly notes: readonly string[];
}

class Search {
  readonly files: string[] = [];
  readonly notes: string[] = [];
  readonly #unread = new Map<string, number>();
  readonly #visited = new Set<string>();

  /** Takes a file that was found and not named: only if it is called like an image. */
  #offer(path: string): void {
    const extension = extname(path).toLowerCase();
    if (IMAGE_EXTENSIONS.has(extension)) this.files.push(path);
    else if (UNREAD_EXTENSIONS.has(extension)) this.#unread.set(extension, (this.#unread.get(extension) ?? 0) + 1);
  }

  /** A folder and all below it. Hidden entries are left out; a folder that links lead to twice is read once. */
  async folder(path: string): Promise<void> {
    try {
      const real = await realpath(path);
      if (this.#visited.has(real)) return;
      this.#visited.add(real);
      const names = await readdir(path);
      for (const name of names.filter((name) => !name.startsWith(".")).sort(NATURAL.compare)) {
        await this.#entry(join(path, name));
      }
    } catch (error) {
      this.notes.push(`left out the folder ${path}: ${messageOf(error)}`);
    }
  }

  async #entry(path: string): Promise<void> {
    const kind = await kindOf(path);
    if (kind === "folder") await this.folder(path);
    // A link to nothing, or a name that is not UTF-8: it gets an error of its own.
    else if (kind === "file" || kind === "missing") this.#offer(path);
    else this.notes.push(`left out ${path}: it is no file but a pipe, a socket or a device`);
  }

  async pattern(pattern: string): Promise<void> {
    const found = await glob(pattern, { expandDirectories: false, onlyFiles: true, absolute: isAbsolute(pattern) });
    const before = this.files.length;
    for (const path of found.sort(NATURAL.compare)) this.#offer(path);
    if (this.files.length === before) this.notes.push(`no picture matches ${pattern}`);
  }

  /** What the user named: it is taken even if it is missing, so that it gets an error of its own. */
  async named(path: string, globs: boolean): Promise<void> {
    const kind = await kindOf(path);
    if (kind === "folder") {
      this.#visited.clear();
      await this.folder(path);
    } else if (kind === "missing" && globs && isDynamicPattern(path)) {
      await this.pattern(path);
    } else {
      this.files.push(path);
    }
  }

  result(): Inputs {
    const unread = [...this.#unread].map(([extension, count]) => `${count} ${extension}`).join(", ");
    const note = `left out files of formats that are not read here (convert them to JPEG): ${unread}`;
    return { files: this.files, notes: unread === "" ? this.notes : [...this.notes, note] };
  }
}

async function kindOf(path: string): Promise<"file" | "folder" | "missing" | "special"> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return "missing";
  if (found.isDirectory()) return "folder";
  return found.isFile() ? "file" : "special";
}

/** A list of paths: one a line, or with NUL between them (`find -print0`). */
function parseList(list: string): string[] {
  const paths = list.includes("\0") ? list.split("\0") : list.split(/\r?\n/);
  return paths.filter((path) => path.trim() !== "");
}

/**
 * The image files that the arguments stand for.
 *
 * @param args files, folders (searched through), globs, or `-` for a list of paths on standard input
 * @throws RocError USAGE where they stand for no file at all
 */
export async function expandInputs(args: readonly string[], stdin: Readable): Promise<Inputs> {
  const search = new Search();
  for (const arg of args) {
    if (arg === "-") for (const path of parseList(await text(stdin))) await search.named(path, false);
    else await search.named(arg, true);
  }
  const inputs = search.result();
  if (inputs.files.length > 0) return inputs;
  const why = inputs.notes.map((note) => ` (${note})`).join("");
  throw new RocError(
    "USAGE",
    `No pictures found in ${args.join(" ")}${why}. ` +
      `Give image files, folders, globs in quotes ("photos/**/*.jpg"), or - for a list of paths on standard input.`,
  );
}
