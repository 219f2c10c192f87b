/**
 * The cache's layout, that of Python's huggingface_hub: `models--owner--name/` with `blobs/<hash>` (each file once),
 * `snapshots/<commit>/<path>` (links to them) and `refs/<revision>` (which commit a branch or tag was).
 */
import { readdir, rename, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, relative } from "node:path";
import { getRepoFolderName } from "@huggingface/hub";
import { RocError } from "../errors.js";
import { exists, makeFolder, readText } from "../files/index.js";

const FULL_COMMIT = /^[0-9a-f]{40}$/;
/** What a commit's name may be: it becomes the name of a folder. */
export const COMMIT = /^[0-9a-zA-Z]+$/;

export class RepoCache {
  readonly folder: string;
  /** See `withLock`; where Python has its own. */
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

  /** The commit that a revision was when it was last asked for; a full commit is itself. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (FULL_COMMIT.test(revision)) return revision;
    const text = (await readText(join(this.folder, "refs", revision), { maxBytes: 1000 }).catch(() => "")).trim();
    return COMMIT.test(text) ? text : undefined;
  }

  async writeRef(revision: string, commit: string): Promise<void> {
    // A cache that has everything may be one that we must not write to.
    if ((await this.commitOf(revision)) === commit) return;
    await replace(join(this.folder, "refs", revision), (file) => writeFile(file, commit));
  }

  /** Whether a snapshot has a file, a link or (where there are no links) the file itself. */
  async has(commit: string, path: string, size: number): Promise<boolean> {
    return (await sizeOf(join(this.snapshot(commit), path))) === size;
  }

  /** Makes a snapshot's file a link to its blob. */
  async link(commit: string, path: string, hash: string): Promise<void> {
    const file = join(this.snapshot(commit), path);
    await replace(file, (link) => symlink(relative(dirname(file), this.blob(hash)), link));
  }
}

/** Puts what `make` makes in a file's place, so that it is there wholly or not at all. */
async function replace(file: string, make: (file: string) => Promise<void>): Promise<void> {
  const beside = `${file}.${process.pid}.tmp`;
  await makeFolder(dirname(file));
  await make(beside);
  await rename(beside, file);
}

/** A path of a repository, which must stay inside of it. */
export function checkPath(path: string, repo: string): string {
  const parts = path.split(/[\\/]/);
  if (path !== "" && !isAbsolute(path) && !parts.includes("..") && !parts.includes("")) return path;
  throw new RocError("CHECKPOINT_INVALID", `${repo} lists the file ${JSON.stringify(path)}, which leaves its folder.`);
}

/** A file's bytes, of a link's those of what it leads to; undefined where there is none, or a folder or pipe. */
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
 * The folder of a repository's files as last downloaded, here or by Python.
 * @returns undefined where the cache has none
 */
export async function cachedSnapshot(cacheDir: string, repo: string, revision = "main"): Promise<string | undefined> {
  const cache = new RepoCache(cacheDir, repo);
  const commit = await cache.commitOf(revision);
  const folder = commit && cache.snapshot(commit);
  return folder && (await exists(folder)) ? folder : undefined;
}
