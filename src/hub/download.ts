/** A model's files from the hub into the cache. */
import { HubApiError, listFiles, modelInfo, type ListFileEntry } from "@huggingface/hub";
import { RocError } from "../errors.js";
import { cachedSnapshot, checkPath, exists, RepoCache } from "./cache.js";
import { neededFiles, type FileChoice } from "./select.js";
import { hubSettings, type HubSettings } from "./settings.js";
import { refusal, transfer, unreachable } from "./transfer.js";

/** Files at once. */
const PARALLEL = 4;

export interface DownloadOptions extends FileChoice {
  /** Branch, tag or commit; default "main". */
  readonly revision?: string | undefined;
  /** Default: the environment's. */
  readonly settings?: Partial<HubSettings> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes that are there, of all files together; called when they are listed, and as they come. */
  readonly onProgress?: ((bytes: number, total: number) => void) | undefined;
  /** See {@link transfer}. */
  readonly retryDelay?: number | undefined;
}

export interface Downloaded {
  readonly repo: string;
  readonly commit: string;
  /** The snapshot's folder: a checkpoint. */
  readonly folder: string;
  readonly files: readonly { readonly path: string; readonly size: number }[];
  /** Bytes that had to be fetched. */
  readonly fetched: number;
}

/**
 * Downloads what is missing of a model's files, each checked, into the cache that Python uses too.
 *
 * @param repo `owner/name`
 * @throws RocError NETWORK, CHECKPOINT_INVALID, FILE_NOT_FOUND (offline and not in the cache), ABORTED
 */
export async function downloadModel(repo: string, options: DownloadOptions = {}): Promise<Downloaded> {
  const settings = { ...(await hubSettings()), ...options.settings };
  const { revision = "main", signal, onProgress } = options;
  const cache = new RepoCache(settings.cacheDir, repo);
  if (settings.offline) return fromCache(settings, repo, revision);
  const { commit, files } = await listed(repo, revision, settings, options);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const bytes = new Map<string, number>();
  const report = (): void =>
    onProgress?.(
      [...bytes.values()].reduce((sum, size) => sum + size, 0),
      total,
    );
  let fetched = 0;
  const fetchOne = async (entry: ListFileEntry): Promise<void> => {
    const { value: hash } = checksumOf(entry, repo);
    const had = await exists(cache.blob(hash));
    if (!had) {
      await transfer({
        url: `${settings.endpoint}/${repo}/resolve/${commit}/${entry.path.split("/").map(encodeURIComponent).join("/")}`,
        token: settings.token,
        what: `${repo}: ${entry.path}`,
        size: entry.size,
        checksum: checksumOf(entry, repo),
        file: cache.blob(hash),
        signal,
        onBytes: (count) => {
          bytes.set(entry.path, count);
          report();
        },
        retryDelay: options.retryDelay,
      });
      fetched += entry.size;
    }
    bytes.set(entry.path, entry.size);
    report();
    await cache.link(commit, entry.path, hash);
  };
  report();
  await inParallel(files, PARALLEL, fetchOne);
  await cache.writeRef(revision, commit);
  return {
    repo,
    commit,
    folder: cache.snapshot(commit),
    files: files.map(({ path, size }) => ({ path, size })),
    fetched,
  };
}

async function fromCache({ cacheDir }: HubSettings, repo: string, revision: string): Promise<Downloaded> {
  const folder = await cachedSnapshot(cacheDir, repo, revision);
  const commit = await new RepoCache(cacheDir, repo).commitOf(revision);
  if (folder && commit) return { repo, commit, folder, files: [], fetched: 0 };
  const text = `${repo} (${revision}) is not in the cache ${cacheDir}, and HF_HUB_OFFLINE is set`;
  throw new RocError("FILE_NOT_FOUND", `${text}. Unset it, or give a local folder.`);
}

/** The commit behind a revision, and its files that a model needs, by path. */
async function listed(
  repo: string,
  revision: string,
  { endpoint: hubUrl, token }: HubSettings,
  choice: DownloadOptions,
): Promise<{ commit: string; files: ListFileEntry[] }> {
  const access = { hubUrl, ...(token && { accessToken: token }), fetch: retrying(choice) };
  try {
    const { sha: commit } = await modelInfo({ name: repo, revision, additionalFields: ["sha"], ...access });
    const all: ListFileEntry[] = [];
    for await (const entry of listFiles({ repo, recursive: true, revision: commit, ...access })) {
      if (entry.type === "file") all.push({ ...entry, path: checkPath(entry.path, repo) });
    }
    const needed = new Set(neededFiles(all.map(({ path }) => path), choice)); // prettier-ignore
    const files = all.filter(({ path }) => needed.has(path)).sort((a, b) => (a.path < b.path ? -1 : 1));
    if (files.length > 0) return { commit, files };
    throw new RocError("CHECKPOINT_INVALID", `${repo} (${revision}) has no file that a model needs; see --include.`);
  } catch (error) {
    if (error instanceof RocError) throw error;
    if (choice.signal?.aborted) throw new RocError("ABORTED", `The download of ${repo} was stopped.`, { cause: error });
    const what = revision === "main" ? repo : `${repo} at ${revision}`;
    throw (error instanceof HubApiError && refusal(error.statusCode, what)) || unreachable(what, error);
  }
}

/** The hub's listing, asked again where it does not answer. */
function retrying({ signal, retryDelay = 1000 }: DownloadOptions): typeof fetch {
  return async (input, init) => {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await fetch(input, { ...init, ...(signal && { signal }) });
        if ((response.status !== 429 && response.status < 500) || attempt === 4) return response;
      } catch (error) {
        if (signal?.aborted || attempt === 4) throw error;
      }
      await new Promise((done) => setTimeout(done, retryDelay * 2 ** (attempt - 1)));
    }
  };
}

/** What a file's content must come to. */
function checksumOf({ lfs, oid, path }: ListFileEntry, repo: string): { kind: "sha256" | "git"; value: string } {
  if (lfs && /^[0-9a-f]{64}$/.test(lfs.oid)) return { kind: "sha256", value: lfs.oid };
  if (!lfs && oid && /^[0-9a-f]{40}$/.test(oid)) return { kind: "git", value: oid };
  throw new RocError(
    "CHECKPOINT_INVALID",
    `The hub gives no checksum for ${repo}: ${path}; it is not downloaded unchecked.`,
  );
}

/** `work` of every item, `width` at once; the first fault ends the rest. */
async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  let failed = false;
  const lane = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined && !failed; item = queue.shift()) {
      await work(item).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: width }, lane));
  const fault = lanes.find((result) => result.status === "rejected");
  if (fault) throw fault.reason;
}
