/** The hub's listing of a repository: the commit of a revision, and its files with their checksums. */
import { fileDownloadInfo, listFiles, modelInfo } from "@huggingface/hub";
import { z } from "zod";
import { RocError } from "../errors.js";
import { checkPath, COMMIT } from "./cache.js";
import { inParallel } from "./parallel.js";
import { chunksOf, persist, refused, type Patience } from "./request.js";
import type { HubSettings } from "./settings.js";
import type { Checksum } from "./transfer.js";

export interface RepoFile {
  readonly path: string;
  readonly size: number;
  readonly checksum: Checksum;
}

export interface Listing {
  readonly commit: string;
  readonly files: readonly ListedFile[];
}

/** The client library passes on the server's response unchecked. */
const listedFile = z.object({
  path: z.string(),
  size: z.int().nonnegative(),
  oid: z.string().optional(),
  lfs: z.object({ oid: z.string() }).optional(),
});
export type ListedFile = z.infer<typeof listedFile>;

const information = z.looseObject({});
const entry = z.looseObject({ type: z.string() });
/** Checked entry by entry: millions of issues would fill the memory. */
const page = z
  .array(z.unknown())
  .refine((entries) => entries.every((one) => entry.safeParse(one).success), "an entry is neither a file nor a folder");

/** Maximum bytes of one response; a page of a thousand files has a third of a megabyte. */
const MOST_BYTES = 32 * 2 ** 20;
const MOST_PAGES = 500;
const MOST_FILES = 100_000;
/** Milliseconds for all responses of one attempt. */
const LONGEST = 300_000;

/**
 * Lists a repository's files on the hub.
 *
 * @param fetch as {@link connect} gives it
 * @throws RocError NETWORK; CHECKPOINT_INVALID where the list is malformed or endless, or has a path outside the repository
 */
export async function listRepo(
  repo: string,
  revision: string,
  { endpoint }: HubSettings,
  fetch: typeof globalThis.fetch,
  patience: Patience & { readonly longest?: number },
): Promise<Listing> {
  const what = revision === "main" ? repo : `${repo} at ${revision}`;
  return persist(what, patience, async () => {
    const bounded = boundedFetch(fetch, what, patience);
    const access = (schema: z.ZodType): Access => ({ hubUrl: endpoint, fetch: jsonFetch(bounded, what, schema) });
    const commit = await commitOf(repo, revision, access(information));
    return { commit, files: await everyFile(repo, commit, access(page)) };
  });
}

/**
 * The files of a listing by path, with their expected checksums.
 *
 * @throws RocError NETWORK; CHECKPOINT_INVALID for a file without a checksum
 */
export async function withChecksums(
  files: readonly ListedFile[],
  { repo, commit }: { repo: string; commit: string },
  { endpoint }: HubSettings,
  fetch: typeof globalThis.fetch,
  patience: Patience,
): Promise<RepoFile[]> {
  const access = { hubUrl: endpoint, fetch: boundedFetch(fetch, repo, patience) };
  const inOrder = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  return persist(repo, patience, async () => {
    const found = new Map<string, RepoFile>();
    await inParallel(inOrder, 8, patience.signal, async (file) => {
      found.set(file.path, await withChecksum(file, repo, commit, access));
    });
    return inOrder.flatMap(({ path }) => found.get(path) ?? []);
  });
}

/** `fetch` whose responses are complete, bounded in size and number, and never from the same address twice. */
function boundedFetch(
  fetch: typeof globalThis.fetch,
  what: string,
  patience: Patience & { readonly longest?: number },
): typeof globalThis.fetch {
  const seen = new Set<string>();
  const end = Date.now() + (patience.longest ?? LONGEST);
  return async (input, init) => {
    const url = String(input instanceof Request ? input.url : input);
    const { signal } = patience;
    const response = await fetch(input, { ...init, ...(signal && { signal }) });
    if (!response.ok) throw await refused(response, what);
    const { status, headers } = response;
    // Only the headers of such a response are read.
    if (new Headers(init?.headers).has("range")) {
      await response.body?.cancel();
      return new Response(null, { status, headers });
    }
    if (seen.has(url) || seen.size >= MOST_PAGES) throw endless(what, "has no end");
    seen.add(url);
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of response.body ? chunksOf(response.body, patience) : []) {
      bytes += part.length;
      if (bytes > MOST_BYTES) throw endless(what, `has more than ${MOST_BYTES} bytes`);
      if (Date.now() > end) throw tooSlow(what);
      parts.push(part);
    }
    // The bytes are already decoded. Some statuses, such as 204, allow no body, not even an empty one.
    return new Response(Buffer.concat(parts), { headers: withoutEncoding(headers) });
  };
}

/**
 * `fetch` whose responses are JSON of one schema. Any other response (a log-in page, say) ends the download at once, with
 * a message that quotes nothing of it: it may echo the token.
 */
function jsonFetch(fetch: typeof globalThis.fetch, what: string, schema: z.ZodType): typeof globalThis.fetch {
  return async (input, init) => {
    const { body, headers } = await fetch(input, init);
    const text = await new Response(body).text();
    const { success, error } = schema.safeParse(parsed(text, what));
    if (!success) throw foreign(what, error.issues[0]?.message ?? "unexpected JSON");
    return new Response(text, { headers });
  };
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes part of the text.
    throw foreign(what, text === "" ? "the answer is empty" : "the answer is not JSON");
  }
}

function foreign(what: string, how: string): RocError {
  return new RocError("NETWORK", `The hub's answer for ${what} is not what a hub sends (${how}). Check HF_ENDPOINT.`);
}

/** Not retried: another attempt would take as long. */
function tooSlow(what: string): RocError {
  const text = `The hub's list of the files of ${what} did not come to an end in time`;
  return new RocError("NETWORK", `${text}. Try again later, and see HF_ENDPOINT.`);
}

function withoutEncoding(headers: Headers): Headers {
  const decoded = new Headers(headers);
  for (const name of ["content-encoding", "content-length", "transfer-encoding"]) decoded.delete(name);
  return decoded;
}

function endless(what: string, how: string): RocError {
  return new RocError("CHECKPOINT_INVALID", `The hub's list of the files of ${what} ${how}. See HF_ENDPOINT.`);
}

interface Access {
  readonly hubUrl: string;
  readonly fetch: typeof globalThis.fetch;
}

async function commitOf(repo: string, revision: string, access: Access): Promise<string> {
  const { sha } = await modelInfo({ name: repo, revision, additionalFields: ["sha"], ...access });
  if (typeof sha === "string" && COMMIT.test(sha)) return sha;
  throw new RocError("CHECKPOINT_INVALID", `The hub reports no commit for ${repo} at ${revision}; see HF_ENDPOINT.`);
}

async function everyFile(repo: string, commit: string, access: Access): Promise<ListedFile[]> {
  const all: ListedFile[] = [];
  for await (const entry of listFiles({ repo, recursive: true, revision: commit, ...access })) {
    if (entry.type !== "file") continue;
    const { data, error } = listedFile.safeParse(entry);
    if (!data)
      throw new RocError("CHECKPOINT_INVALID", `The hub's list of ${repo} is malformed: ${z.prettifyError(error)}`);
    all.push({ ...data, path: checkPath(data.path, repo) });
    if (all.length > MOST_FILES) throw endless(repo, `names more than ${MOST_FILES}`);
  }
  return all;
}

/** A file with its expected checksum: from the listing, or (on some mirrors) from the file's own headers. */
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
  const text = `The hub reports no checksum for ${repo}: ${path}; it is not downloaded unchecked`;
  throw new RocError("CHECKPOINT_INVALID", `${text}. Leave it out (--exclude), or see HF_ENDPOINT.`);
}
