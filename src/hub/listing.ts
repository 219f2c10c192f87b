/** What the hub says of a repository: the commit behind a revision, and its files with their checksums. */
import { fileDownloadInfo, HubApiError, listFiles, modelInfo } from "@huggingface/hub";
import { z } from "zod";
import { RocError } from "../errors.js";
import { checkPath, COMMIT } from "./cache.js";
import { hubFetch, persist, refusal, type Patience } from "./request.js";
import { neededFiles, type FileChoice } from "./select.js";
import type { HubSettings } from "./settings.js";
import type { Checksum } from "./transfer.js";

export interface RepoFile {
  readonly path: string;
  readonly size: number;
  readonly checksum: Checksum;
}

export interface Listing {
  readonly commit: string;
  /** Those that a model needs, by path. */
  readonly files: readonly RepoFile[];
}

/** The client library hands on what the server sent as it is. */
const listedFile = z.object({
  path: z.string(),
  size: z.int().nonnegative(),
  oid: z.string().optional(),
  lfs: z.object({ oid: z.string() }).optional(),
});
type ListedFile = z.infer<typeof listedFile>;

/**
 * Asks the hub for a repository's files.
 *
 * @throws RocError NETWORK; CHECKPOINT_INVALID where there is nothing to download, or a file without a checksum or
 *   outside of the repository
 */
export async function listRepo(
  repo: string,
  revision: string,
  settings: HubSettings,
  options: FileChoice & Patience,
): Promise<Listing> {
  const access = { hubUrl: settings.endpoint, fetch: hubFetch(settings, options.signal) };
  const what = revision === "main" ? repo : `${repo} at ${revision}`;
  return persist(what, options, async () => {
    try {
      const commit = await commitOf(repo, revision, access);
      const entries = await needed(repo, commit, access, options);
      return { commit, files: await Promise.all(entries.map((entry) => withChecksum(entry, repo, commit, access))) };
    } catch (error) {
      if (!(error instanceof HubApiError)) throw error;
      throw refusal(error.statusCode, what) ?? new Error(`HTTP ${error.statusCode}`);
    }
  });
}

interface Access {
  readonly hubUrl: string;
  readonly fetch: typeof fetch;
}

async function commitOf(repo: string, revision: string, access: Access): Promise<string> {
  const { sha } = await modelInfo({ name: repo, revision, additionalFields: ["sha"], ...access });
  if (typeof sha === "string" && COMMIT.test(sha)) return sha;
  throw new RocError("CHECKPOINT_INVALID", `The hub gives no commit for ${repo} at ${revision}; see HF_ENDPOINT.`);
}

async function needed(repo: string, commit: string, access: Access, choice: FileChoice): Promise<ListedFile[]> {
  const all: ListedFile[] = [];
  for await (const entry of listFiles({ repo, recursive: true, revision: commit, ...access })) {
    if (entry.type !== "file") continue;
    const { data, error } = listedFile.safeParse(entry);
    if (!data)
      throw new RocError("CHECKPOINT_INVALID", `The hub's list of ${repo} is broken: ${z.prettifyError(error)}`);
    all.push({ ...data, path: checkPath(data.path, repo) });
  }
  const paths = new Set(neededFiles(all.map(({ path }) => path), choice)); // prettier-ignore
  if (paths.size > 0) return all.filter(({ path }) => paths.has(path)).sort((a, b) => (a.path < b.path ? -1 : 1));
  throw new RocError("CHECKPOINT_INVALID", `${repo} (${commit}) has no file that a model needs; see --include.`);
}

/** A file with what its content must come to: as listed, else (on some mirrors) as its own headers say. */
async function withChecksum(
  { path, size, lfs, oid }: ListedFile,
  repo: string,
  commit: string,
  access: Access,
): Promise<RepoFile> {
  // prettier-ignore
  const hash = lfs?.oid ?? oid ?? (await fileDownloadInfo({ repo, path, revision: commit, ...access }))?.etag ?? "";
  const value = hash.replace(/^W\/|"|^sha256:/g, "").toLowerCase();
  if (/^[0-9a-f]{64}$/.test(value)) return { path, size, checksum: { kind: "sha256", value } };
  if (!lfs && /^[0-9a-f]{40}$/.test(value)) return { path, size, checksum: { kind: "git", value } };
  const text = `The hub gives no checksum for ${repo}: ${path}; it is not downloaded unchecked`;
  throw new RocError("CHECKPOINT_INVALID", `${text}. Leave it out (--exclude), or see HF_ENDPOINT.`);
}
