/**
 * The cache's layout, that of Python's huggingface_hub: `models--owner--name/` with `blobs/<hash>` (each file once),
 * `snapshots/<commit>/<path>` (links to them) and `refs/<revision>` (which commit a branch or tag was).
 */
import { mkdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, relative } from "node:path";
import { RocError } from "../errors.js";

const COMMIT = /^[0-9a-f]{40}$/;

export class RepoCache {
  readonly folder: string;

  /** @param repo `owner/name` */
  constructor(
    cacheDir: string,
    readonly repo: string,
  ) {
    this.folder = join(cacheDir, `models--${repo.replaceAll("/", "--")}`);
  }

  blob(hash: string): string {
    return join(this.folder, "blobs", hash);
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  /** The commit that a revision was when it was last asked for; a full commit is itself. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (COMMIT.test(revision)) return revision;
    const text = await readFile(join(this.folder, "refs", revision), "utf8").catch(() => "");
    return text.trim() || undefined;
  }

  async writeRef(revision: string, commit: string): Promise<void> {
    if (COMMIT.test(revision)) return;
    const file = join(this.folder, "refs", revision);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.tmp`, commit);
    await rename(`${file}.tmp`, file);
  }

  /** Makes a snapshot's file a link to its blob. */
  async link(commit: string, path: string, hash: string): Promise<void> {
    const file = join(this.snapshot(commit), path);
    await mkdir(dirname(file), { recursive: true });
    await symlink(relative(dirname(file), this.blob(hash)), file).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    });
  }
}

/** A path of a repository, which must stay inside of it. */
export function checkPath(path: string, repo: string): string {
  const parts = path.split(/[\\/]/);
  if (path !== "" && !isAbsolute(path) && !parts.includes("..") && !parts.includes("")) return path;
  throw new RocError("CHECKPOINT_INVALID", `${repo} lists the file ${JSON.stringify(path)}, which leaves its folder.`);
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
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
