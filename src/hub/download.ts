/** Downloads a model's files from the hub into the cache. */
import { join } from "node:path";
import { z } from "zod";
import { messageOf, RocError } from "../errors.js";
import { isSystemError, readJsonAs, withLock } from "../files/index.js";
import { cachedSnapshot, RepoCache, sizeOf, snapshotFiles } from "./cache.js";
import { listRepo, withChecksums, type ListedFile, type Listing, type RepoFile } from "./listing.js";
import { inParallel } from "./parallel.js";
import { cleaned, connect, type Patience } from "./request.js";
import { holdsWeights, neededFiles, neededIndex, type FileChoice } from "./select.js";
import { hubSettings, type HubSettings } from "./settings.js";
import { transfer } from "./transfer.js";

/** Concurrent downloads. */
const PARALLEL = 4;

const REPO = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

export interface DownloadOptions extends FileChoice, Patience {
  /** Branch, tag or commit; default "main". */
  readonly revision?: string | undefined;
  /** Refuse a repository without loadable weights before anything is downloaded. Default: false. */
  readonly needsWeights?: boolean | undefined;
  /** Default: from the environment. */
  readonly settings?: Partial<HubSettings> | undefined;
  /** Called with the bytes present so far, summed over all files, as they arrive and at the end. */
  readonly onProgress?: ((bytes: number, total: number) => void) | undefined;
}

export interface Downloaded {
  readonly repo: string;
  readonly commit: string;
  /** The snapshot's folder: a checkpoint. */
  readonly folder: string;
  readonly files: readonly { readonly path: string; readonly size: number }[];
  /** Bytes downloaded by this call. */
  readonly fetched: number;
}

/** Whether a name has the hub's form: `owner/name`. */
export function isRepoName(name: string): boolean {
  return REPO.test(name);
}

/**
 * Downloads the missing files of a model, each verified, into the cache that Python uses too.
 *
 * @param repo `owner/name`
 * @throws RocError NETWORK, CHECKPOINT_INVALID, FILE_NOT_FOUND (offline and not in the cache), FILE_UNWRITABLE (the cache
 *   cannot be written), ABORTED, USAGE
 */
export async function downloadModel(repo: string, options: DownloadOptions = {}): Promise<Downloaded> {
  return withSettings(repo, options, (settings, revision) =>
    (settings.offline ? fromCache : fromHub)(repo, revision, settings, options),
  );
}

/** What {@link downloadModel} would do. */
export interface DownloadPlan {
  readonly repo: string;
  readonly commit: string;
  readonly files: readonly { readonly path: string; readonly size: number }[];
  /** Bytes of its files that the cache lacks. */
  readonly missing: number;
}

/**
 * Which files a download would take, and how large they are. Asks for the repository's list alone and fetches nothing. Of weights
 * with a shard index, the shards are known by their names.
 *
 * @throws RocError as {@link downloadModel}
 */
export async function planDownload(repo: string, options: DownloadOptions = {}): Promise<DownloadPlan> {
  return withSettings(repo, options, async (settings, revision) => {
    if (settings.offline) return { ...(await fromCache(repo, revision, settings)), missing: 0 };
    const client = connect(settings, options);
    try {
      const { commit, files: listed } = await loadable(repo, revision, settings, client.fetch, options);
      const cache = new RepoCache(settings.cacheDir, repo);
      const wanted = new Set(neededFiles(listed.map(({ path }) => path), options)); // prettier-ignore
      const files = listed.filter(({ path }) => wanted.has(path)).map(({ path, size }) => ({ path, size }));
      const there = await Promise.all(files.map(({ path, size }) => cache.has(commit, path, size)));
      const missing = files.reduce((sum, { size }, i) => sum + (there[i] ? 0 : size), 0);
      return { repo, commit, files, missing };
    } finally {
      await client.end();
    }
  });
}

/** Runs `work` with the hub's settings; what goes wrong in it names the repository or the cache, and holds no token. */
async function withSettings<T>(
  repo: string,
  options: DownloadOptions,
  work: (settings: HubSettings, revision: string) => Promise<T>,
): Promise<T> {
  const settings = { ...(await hubSettings()), ...options.settings };
  const { revision = "main", signal } = options;
  checkNames(repo, revision);
  try {
    return await work(settings, revision);
  } catch (thrown) {
    const error = cleaned(thrown, settings);
    const isOfCache = isCacheError(error);
    if (!isOfCache && error instanceof RocError && error.code !== "ABORTED") throw error;
    if (signal?.aborted) {
      const text = `The download of ${repo} was stopped; the same command resumes it.`;
      throw new RocError("ABORTED", text, { cause: error });
    }
    if (!isOfCache) throw error;
    const text = `The cache ${settings.cacheDir} cannot be used: ${messageOf(error)}`;
    const remedy = "Free some space, or choose another with HF_HUB_CACHE or --cache-dir.";
    throw new RocError("FILE_UNWRITABLE", `${text}. ${remedy}`, { cause: error });
  }
}

/** Whether writing to the cache failed. */
function isCacheError(error: unknown): boolean {
  return isSystemError(error) || (error instanceof RocError && error.code === "FILE_UNWRITABLE");
}

function checkNames(repo: string, revision: string): void {
  if (!isRepoName(repo)) throw new RocError("USAGE", `${repo} is not a name on the hub (owner/name).`);
  if (/^[\w-][\w./-]*$/.test(revision) && !revision.includes("..")) return;
  throw new RocError("USAGE", `The revision ${JSON.stringify(revision)} is not a branch, tag or commit.`);
}

async function fromCache(repo: string, revision: string, { cacheDir }: HubSettings): Promise<Downloaded> {
  const folder = await cachedSnapshot(cacheDir, repo, revision);
  const commit = await new RepoCache(cacheDir, repo).commitOf(revision);
  if (folder && commit) return { repo, commit, folder, files: await snapshotFiles(folder), fetched: 0 };
  const text = `${repo} (${revision}) is not in the cache ${cacheDir}, and HF_HUB_OFFLINE is set`;
  throw new RocError("FILE_NOT_FOUND", `${text}. Unset it, or give a local folder.`);
}

async function fromHub(
  repo: string,
  revision: string,
  settings: HubSettings,
  options: DownloadOptions,
): Promise<Downloaded> {
  const { onProgress } = options;
  const client = connect(settings, options);
  try {
    const cache = new RepoCache(settings.cacheDir, repo);
    const { commit, files: listed } = await loadable(repo, revision, settings, client.fetch, options);
    const job = { ...patienceOf(options), repo, commit, cache, settings, fetch: client.fetch };
    const { files, fetched: before } = await neededOf(listed, job, options);
    const contents = await contentsOf(files, job);
    const total = contents.reduce((sum, { size }) => sum + size, 0);
    const fetched = before + (await fetchLocked(files, job, (bytes) => onProgress?.(bytes, total)));
    await cache.writeRef(revision, commit);
    onProgress?.(total, total);
    return {
      repo,
      commit,
      folder: cache.snapshot(commit),
      files: files.map(({ path, size }) => ({ path, size })),
      fetched,
    };
  } finally {
    await client.end();
  }
}

/** The repository's files. @throws RocError CHECKPOINT_INVALID where weights are needed and it has none */
async function loadable(
  repo: string,
  revision: string,
  settings: HubSettings,
  fetch: Job["fetch"],
  options: DownloadOptions,
): Promise<Listing> {
  const listing = await listRepo(repo, revision, settings, fetch, options);
  if (options.needsWeights && !holdsWeights(listing.files)) {
    const text = `${repo} (${listing.commit}) has no weights that can be loaded (.safetensors, or .bin of PyTorch)`;
    throw new RocError("CHECKPOINT_INVALID", `${text}. Check the name: this may be another format of the same model.`);
  }
  return listing;
}

function patienceOf({ signal, retryDelay, idleTime, onWait }: Patience): Patience {
  return { signal, retryDelay, idleTime, onWait };
}

/** The files to download. Where the weights have an index, it is fetched first and decides which shards. */
async function neededOf(
  listed: readonly ListedFile[],
  job: Job,
  choice: FileChoice,
): Promise<{ files: RepoFile[]; fetched: number }> {
  const { repo, commit, settings, fetch } = job;
  const all = listed.map(({ path }) => path);
  const checked = (paths: readonly string[]): Promise<RepoFile[]> => {
    const wanted = new Set(paths);
    return withChecksums(listed.filter(({ path }) => wanted.has(path)), job, settings, fetch, job); // prettier-ignore
  };
  const index = neededIndex(all, choice);
  const { shards, fetched } = index === undefined ? { fetched: 0 } : await shardsOf(await checked([index]), job);
  const known = new Set(all);
  const lacking = [...(shards ?? [])].filter((shard) => !known.has(shard));
  if (lacking.length > 0) {
    const text = `${repo} (${commit}) lacks ${lacking.slice(0, 40).join(", ")}, which its ${index} lists`;
    throw new RocError("CHECKPOINT_INVALID", `${text}. Take another revision, or see --include.`);
  }
  const paths = neededFiles(all, choice, shards);
  if (paths.length > 0) return { files: await checked(paths), fetched };
  throw new RocError("CHECKPOINT_INVALID", `${repo} (${commit}) has no file that a model needs; see --include.`);
}

/** Maximum size of a shard index in bytes; that of a model of a hundred shards has one megabyte. */
const MOST_INDEX_BYTES = 256 * 2 ** 20;

/** The files that an index lists, and the bytes downloaded to read it. */
async function shardsOf(
  index: readonly RepoFile[],
  job: Job,
): Promise<{ shards?: ReadonlySet<string>; fetched: number }> {
  const [{ path, size } = { path: "", size: 0 }] = index;
  if (size > MOST_INDEX_BYTES) {
    throw new RocError("CHECKPOINT_INVALID", `${job.repo}: ${path} has ${size} bytes, too many for an index.`);
  }
  const fetched = await fetchLocked(index, job, () => undefined);
  const file = join(job.cache.snapshot(job.commit), path);
  const { weight_map } = await readJsonAs(file, indexSchema, { invalid: "CHECKPOINT_INVALID" }).catch(
    (error: unknown) => {
      if (!(error instanceof RocError && error.cause instanceof SyntaxError)) throw error;
      // The parser's message quotes part of the text, in which a hub may echo the token.
      throw new RocError(
        "CHECKPOINT_INVALID",
        `${job.repo}: ${path} is not JSON. Take another revision, or see --include.`,
      );
    },
  );
  return { shards: new Set(Object.values(weight_map)), fetched };
}

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** Downloads missing files under the cache's lock. A complete snapshot needs no lock, as the cache may be read-only. */
async function fetchLocked(files: readonly RepoFile[], job: Job, onBytes: (bytes: number) => void): Promise<number> {
  const contents = await contentsOf(files, job);
  if (contents.every(({ missing }) => missing.length === 0)) return 0;
  return withLock(job.cache.lock, { signal: job.signal }, () => fetchMissing(files, job, onBytes));
}

interface Job extends Patience {
  readonly repo: string;
  readonly commit: string;
  readonly cache: RepoCache;
  readonly settings: HubSettings;
  readonly fetch: typeof fetch;
}

/** The content of one or more files, with those of their paths that lack it. */
interface Content extends RepoFile {
  readonly missing: string[];
}

async function contentsOf(files: readonly RepoFile[], { cache, commit }: Job): Promise<Content[]> {
  const contents = new Map<string, Content>();
  for (const file of files) {
    const content = contents.get(file.checksum.value) ?? { ...file, missing: [] };
    if (!(await cache.has(commit, file.path, file.size))) content.missing.push(file.path);
    contents.set(file.checksum.value, content);
  }
  return [...contents.values()];
}

/**
 * Downloads what is missing; another process may have done so before the lock was acquired.
 *
 * @param onBytes called with the bytes present so far, in total
 * @returns bytes downloaded
 */
async function fetchMissing(files: readonly RepoFile[], job: Job, onBytes: (bytes: number) => void): Promise<number> {
  const contents = await contentsOf(files, job);
  const there = new Map(contents.map(({ path, size, missing }) => [path, missing.length > 0 ? 0 : size]));
  let sum = [...there.values()].reduce((all, one) => all + one, 0);
  const report = (path: string, bytes: number): void => {
    sum += bytes - (there.get(path) ?? 0);
    there.set(path, bytes);
    onBytes(sum);
  };
  const absent = contents.filter(({ missing }) => missing.length > 0);
  let fetched = 0;
  await inParallel(absent, PARALLEL, job.signal, async (content, signal) => {
    const bytes = await fetchContent(content, { ...job, signal }, (now) => report(content.path, now));
    fetched += bytes;
    report(content.path, content.size);
  });
  return fetched;
}

/** @returns bytes downloaded */
async function fetchContent(content: Content, job: Job, onBytes: (bytes: number) => void): Promise<number> {
  const { repo, commit, cache, settings } = job;
  const { path, size, checksum, missing } = content;
  const file = cache.blob(checksum.value);
  let fetched = 0;
  if ((await sizeOf(file)) !== size) {
    fetched = await transfer({
      url: `${settings.endpoint}/${repo}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`,
      fetch: job.fetch,
      what: `${repo}: ${path}`,
      ...{ size, checksum, file, onBytes, ...patienceOf(job) },
    });
  }
  for (const path of missing) await cache.link(commit, path, checksum.value);
  return fetched;
}
