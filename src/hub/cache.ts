/**
 * The cache's layout, that of Python's huggingface_hub: `models--owner--name/` with `blobs/<hash>` (each content once),
 * `snapshots/<commit>/<path>` (links to blobs) and `refs/<revision>` (the commit of a branch or tag).
 */
import { readdir, rename, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, relative } from "node:path";
import { getRepoFolderName } from "@huggingface/hub";
import { RocError } from "../errors.js";
import { exists, makeFolder, readText } from "../files/index.js";

const FULL_COMMIT = /^[0-9a-f]{40}$/;
/** Allowed form of a commit: it becomes the name of a folder. */
export const COMMIT = /^[0-9a-zA-Z]+$/;

export class RepoCache {
  readonly folder: string;
  /** The lock file, see `withLock`; in the folder of Python's locks. */
  readonly lock: string;

  /** @param repo `owner/name` */
  constructor(
    cacheDir: string,
    readonly repo: string,
  ) {
    const name = getRepoFolderName({ type: "model", name: repo });
    this.folder = join(cacheDir, name);
    this.lock = join(cacheDir, ".locks", name, "roc4mllm.lock");
  }

  blob(hash: string): string {
    return join(this.folder, "blobs", hash);
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  /** The commit of a revision when it was last resolved; a full commit resolves to itself. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (FULL_COMMIT.test(revision)) return revision;
    const text = (await readText(join(this.folder, "refs", revision), { maxBytes: 1000 }).catch(() => "")).trim();
    return COMMIT.test(text) ? text : undefined;
  }

  async writeRef(revision: string, commit: string): Promise<void> {
    // A complete cache may be read-only.
    if ((await this.commitOf(revision)) === commit) return;
    await replace(join(this.folder, "refs", revision), (file) => writeFile(file, commit));
  }

  /** Whether a snapshot has a file, as a link or (on systems without links) as the file itself. */
  async has(commit: string, path: string, size: number): Promise<boolean> {
    return (await sizeOf(join(this.snapshot(commit), path))) === size;
  }

  /** Links a snapshot's file to its blob. */
  async link(commit: string, path: string, hash: string): Promise<void> {
    const file = join(this.snapshot(commit), path);
    await replace(file, (link) => symlink(relative(dirname(file), this.blob(hash)), link));
  }
}

/** Replaces a file atomically by what `make` creates. */
async function replace(file: string, make: (file: string) => Promise<void>): Promise<void> {
  const beside = `${file}.${process.pid}.tmp`;
  await makeFolder(dirname(file));
  await make(beside);
  await rename(beside, file);
}

/** A path in a repository, which must not leave it. */
export function checkPath(path: string, repo: string): string {
  const parts = path.split(/[\\/]/);
  if (path !== "" && !isAbsolute(path) && !parts.includes("..") && !parts.includes("")) return path;
  throw new RocError("CHECKPOINT_INVALID", `${repo} lists the file ${JSON.stringify(path)}, which leaves its folder.`);
}

/** A file's size in bytes, links followed; undefined where it is missing or not a regular file. */
export async function sizeOf(file: string): Promise<number | undefined> {
  return stat(file).then(
    (found) => (found.isFile() ? found.size : undefined),
    () => undefined,
  );
}

/** The files of a snapshot, by path. */
export async function snapshotFiles(folder: string): Promise<{ path: string; size: number }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  const sizes = await Promise.all(paths.sort().map(async (path) => ({ path, size: await sizeOf(path) })));
  return sizes.flatMap(({ path, size }) => (size === undefined ? [] : [{ path: relative(folder, path), size }]));
}

/**
 * The folder of a repository's files as last downloaded, by this library or by Python.
 * @returns undefined where the cache has none
 */
export async function cachedSnapshot(cacheDir: string, repo: string, revision = "main"): Promise<string | undefined> {
  const cache = new RepoCache(cacheDir, repo);
  const commit = await cache.commitOf(revision);
  const folder = commit && cache.snapshot(commit);
  return folder && (await exists(folder)) ? folder : undefined;
}
