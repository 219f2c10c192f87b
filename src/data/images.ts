/** Finds image files. Folders are listed instead of testing single files: AVA has 255,000 of them. */
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { exists, isMissing, readError } from "../files/index.js";
import type { RocError } from "../errors.js";
import { slashed } from "./files.js";

/** What invalid UTF-8 in a name decodes to. */
const REPLACEMENT = "\ufffd";

/** The folder of images; in a path written on Windows, backslashes are replaced. */
async function imageBase(folder: string, images: string): Promise<string> {
  const base = resolve(folder, images);
  return images.includes("\\") && !(await exists(base)) ? resolve(folder, slashed(images)) : base;
}

/** Finds pictures in the candidate folders. */
export class ImageFinder {
  /** Names by folder, keyed by NFC, since macOS writes decomposed names. */
  readonly #listed = new Map<string, ReadonlyMap<string, string>>();
  /** Errors of folders that could not be listed. */
  readonly #errors: RocError[] = [];
  /** The existing image folders. */
  #present: readonly string[] = [];

  private constructor(
    private readonly roots: readonly string[],
    /** The folder to name for pictures where no image folder exists. */
    private readonly home: string,
  ) {}

  /**
   * @param folder the data set's own
   * @param images the image folder given by the user, relative to `folder`
   * @param usual the data set's usual image folders, relative to `images` or else `folder`
   * @throws RocError FILE_NOT_FOUND where a given folder does not exist
   */
  static async open(folder: string, images: string | undefined, usual: readonly string[]): Promise<ImageFinder> {
    const base = await imageBase(folder, images ?? ".");
    if (images !== undefined) {
      await readdir(base).catch((cause: unknown) => {
        throw readError(base, cause, 'Give the folder of the pictures as "images".');
      });
    }
    const roots = [...usual.map((name) => join(base, name)), base];
    const finder = new ImageFinder(roots, images === undefined ? (roots[0] ?? base) : base);
    for (const root of roots) await finder.#list(root);
    finder.#present = roots.filter((root) => (finder.#listed.get(root)?.size ?? 0) > 0);
    return finder;
  }

  /** Lists every folder that could hold one of `files`; call once before {@link find}. */
  async look(files: Iterable<string>): Promise<void> {
    const folders = new Set<string>();
    for (const file of files) folders.add(dirname(file));
    for (const root of this.#present) for (const folder of folders) await this.#list(resolve(root, folder));
  }

  /** The first existing candidate file of a picture: in the order of the folders, then of the names. */
  find(files: readonly string[]): string | undefined {
    for (const root of this.#present) {
      for (const file of files) {
        const path = pathOf(root, file);
        const name = this.#listed.get(dirname(path))?.get(basename(path).normalize());
        if (name !== undefined) return name === basename(path) ? path : join(dirname(path), name);
      }
    }
    return undefined;
  }

  /** The first candidate path of a missing picture. */
  place(files: readonly string[]): string {
    const [root] = this.#present;
    const home = root === undefined || root === this.roots.at(-1) ? this.home : root;
    return pathOf(home, files[0] ?? "");
  }

  async #list(folder: string): Promise<void> {
    if (this.#listed.has(folder)) return;
    const names = await readdir(folder).catch((cause: unknown) => {
      if (!isMissing(cause)) this.#errors.push(readError(folder, cause, "Check the folder's permissions."));
      return [];
    });
    const composed = names.filter((name) => name.normalize() === name);
    this.#listed.set(folder, new Map([...names, ...composed].map((name) => [name.normalize(), name])));
  }

  /**
   * Reasons why existing pictures may not have been found.
   *
   * @throws RocError FILE_UNREADABLE where a folder could not be listed
   */
  whyMissing(): string[] {
    const [error] = this.#errors;
    if (error) throw error;
    const odd = [...this.#listed].map(([folder, names]) => ({ folder, count: [...names.keys()].filter((name) => name.includes(REPLACEMENT)).length })); // prettier-ignore
    return odd
      .filter(({ count }) => count > 0)
      .map(({ folder, count }) => `${folder} holds ${count} file names that are not UTF-8, which labels cannot name: rename them, as by convmv -t utf8.`); // prettier-ignore
  }
}

/** `resolve(root, file)`, much faster for a plain name. */
function pathOf(root: string, file: string): string {
  return /[\\/:]/.test(file) ? resolve(root, file) : `${root}${sep}${file}`;
}
