/**
 * A scan of photos into a library: what is known is not read again, what is read is not scored again, and every result is
 * kept as it comes, so that a scan that is killed at any moment continues where it was.
 */
import { dirname } from "node:path";
import type { Model, ScoreFailure, ScoreInput, ScoreResult } from "../../engine/index.js";
import { isRocError, messageOf, RocError } from "../../errors.js";
import { readableName } from "../../image/index.js";
import { readMetadata } from "../../photos/metadata.js";
import { enterJudge } from "../judge.js";
import { perceptualHash } from "../look.js";
import { openToWrite } from "../open.js";
import { placesOf, realFolder } from "../places.js";
import { contentDigest } from "./digest.js";
import { Sidecars } from "./sidecars.js";
import { hasStamp, settled, stampOf, stampText, type FileStamp } from "./stamps.js";
import { enterScan, joinPlaces, Store, type Description, type KnownFile } from "./store.js";

/** Files that are looked at together: one transaction keeps what is new of them. */
const AT_ONCE = 256;
/** Files whose content is read at a time. */
const READ_AT_ONCE = 4;

/**
 * What {@link scanPhotos} takes.
 *
 * @category Photos
 */
export interface ScanPhotosOptions {
  /** Scores what is new. It stays the caller's. */
  readonly model: Model;
  /** File of the library; where there is none, one is made. Default: that of the command line. */
  readonly library?: string | undefined;
  /** Try again what has failed, even where its file is as it was. Default false. */
  readonly retry?: boolean | undefined;
  /** Photos with more pixels are refused; default as {@link DecodeOptions.maxPixels}. */
  readonly maxPixels?: number | undefined;
  /** Have comments written too, also for pictures that were scored without. Default false. */
  readonly comments?: boolean | undefined;
  /** Keep the hidden states of pictures that are scored, for similarity and taste; "all": also score those anew that have none. Default true. */
  readonly vectors?: boolean | "all" | undefined;
  /** Ends the scan with RocError ABORTED; what is scored is kept. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each photo. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Told why a photo has no score. */
  readonly onFailure?: ((failure: ScoreFailure) => void) | undefined;
}

/** What a scan takes. */
export interface ScanOptions extends ScanPhotosOptions {
  readonly library: string;
  /** Paths of all pictures, from the root. The library has each once, at its place: see {@link placesOf}. */
  readonly files: readonly string[];
  /** Folders that were searched for them: what the library has there and `files` has not is gone, if it is not there. */
  readonly folders: readonly string[];
  /** Where another machine decodes the pictures: the perceptual hash that it gave with an outcome. */
  readonly hashOf?: ((outcome: ScoreResult | ScoreFailure) => bigint | undefined) | undefined;
  /** Told what is no failure: a sidecar that cannot be read. */
  readonly onNote?: ((text: string) => void) | undefined;
}

/**
 * What a scan came to, in numbers of files.
 *
 * @category Photos
 */
export interface ScanSummary {
  /** That were found. */
  readonly files: number;
  /** As the library had them. */
  unchanged: number;
  /** Of content that the library has not seen. */
  added: number;
  /** Edited. */
  changed: number;
  /** Known under another name or in another folder. */
  moved: number;
  /** Of a content that another file has. */
  copies: number;
  /** Found by name, and not there when looked at: links to nothing, files that were moved meanwhile. */
  missing: number;
  /** Marked as gone: in a folder that was searched, and not there. */
  gone: number;
  /** Pictures that were scored. */
  scored: number;
  /** Pictures that had a score and were asked for a comment; absent where there were none. */
  commented?: number;
  /** Pictures or files that could not be read or scored, in this scan. */
  failed: number;
  /** That failed before, and have not changed: not tried again. */
  failedBefore: number;
  /** That changed while they were scored: the next scan takes them. */
  unsettled: number;
}

/**
 * Brings a library up to date with folders of photos.
 *
 * @throws RocError IN_USE where another process scans into it; DATA_INVALID for a file that is no library; ABORTED
 */
export async function scan(options: ScanOptions): Promise<ScanSummary> {
  const { library, model } = options;
  const [files, folders] = await Promise.all([placesOf(options.files), Promise.all(options.folders.map(realFolder))]);
  const writable = await openToWrite(library);
  try {
    const { connection } = writable;
    await joinPlaces(connection);
    const judge = enterJudge(connection, model);
    const store = new Store(connection, judge, enterScan(connection, judge, folders.map(readableName)), {
      comments: options.comments,
      vectors: options.vectors === "all",
    });
    return await new Scan(store, { ...options, files: [...new Set(files)], folders }).run();
  } finally {
    await writable.close();
  }
}

/** A picture that is to be scored. */
interface Wanted {
  readonly path: string;
  readonly picture: number;
  readonly stamp: string;
  readonly metadata: Promise<Readonly<Record<string, unknown>>> | undefined;
  hash?: bigint;
}

class Scan {
  readonly #summary: ScanSummary;
  /** By path, in the order in which the model is given them. */
  readonly #wanted = new Map<string, Wanted>();
  /** Pictures that are scored in this scan, or are about to be. */
  readonly #asked = new Set<number>();
  /** Entries of files that were found. */
  readonly #seen = new Set<number>();
  readonly #folders = new Map<string, Map<string, KnownFile>>();
  readonly #sidecars: Sidecars;
  #done = 0;

  constructor(
    private readonly store: Store,
    private readonly options: ScanOptions,
  ) {
    const none = { unchanged: 0, added: 0, changed: 0, moved: 0, copies: 0, missing: 0, gone: 0 };
    const files = options.files.length;
    this.#sidecars = new Sidecars(options.onNote ?? ((): void => undefined));
    this.#summary = { files, ...none, scored: 0, failed: 0, failedBefore: 0, unsettled: 0 };
  }

  async run(): Promise<ScanSummary> {
    const { model, maxPixels, comments = false, vectors = true, signal, hashOf } = this.options;
    const settings = {
      embedding: vectors !== false,
      ...(comments && { comments }),
      ...(signal && { signal }),
      ...(maxPixels !== undefined && { maxPixels }),
    };
    const onPicture = async (file: string, picture: Parameters<typeof perceptualHash>[0]): Promise<void> => {
      const wanted = this.#wanted.get(file);
      if (wanted?.metadata) wanted.hash = await perceptualHash(picture);
    };
    for await (const outcome of model.score(this.#inputs(), { ...settings, ...(!hashOf && { onPicture }) }))
      await this.#take(outcome);
    await this.#markGone();
    this.store.end(this.#summary.files);
    return this.#summary;
  }

  /** The pictures to score, as they are found: the model is not kept waiting for the rest of the search. */
  async *#inputs(): AsyncGenerator<ScoreInput, void, void> {
    const { files, signal } = this.options;
    for (let at = 0; at < files.length; at += AT_ONCE) {
      signal?.throwIfAborted();
      const wanted = await this.#look(files.slice(at, at + AT_ONCE));
      for (const one of wanted) {
        this.#wanted.set(one.path, one);
        yield one.path;
      }
    }
  }

  /** What is to be scored of a few files, all of which the library has afterwards. */
  async #look(files: readonly string[]): Promise<Wanted[]> {
    const stamps = await Promise.all(files.map(stampOf));
    const wanted: Wanted[] = [];
    const toRead: { path: string; stamp: FileStamp; known: KnownFile | undefined }[] = [];
    files.forEach((path, i) => {
      const [stamp, known] = [stamps[i] as FileStamp | "gone" | Error, this.#known(path)];
      if (stamp === "gone") return this.#miss();
      if (known) this.#seen.add(known.id);
      if (stamp instanceof Error) return this.#unread(path, NOWHERE, stamp);
      const isSame = known !== undefined && known.stamp === stampText(stamp);
      if (!isSame || (known.code !== null && this.options.retry)) toRead.push({ path, stamp, known });
      else wanted.push(...this.#unchanged(path, known));
    });
    for (let at = 0; at < toRead.length; at += READ_AT_ONCE) {
      const some = toRead.slice(at, at + READ_AT_ONCE);
      const found = await Promise.all(some.map((one) => this.#read(one)));
      this.store.connection.write(() => found.forEach((enter) => wanted.push(...enter())));
    }
    await this.#readStars(files.filter((_, i) => stamps[i] !== "gone"));
    return wanted;
  }

  /** What people and programs have said beside the files since the scan before. */
  async #readStars(files: readonly string[]): Promise<void> {
    const stamps = await Promise.all(files.map((path) => this.#sidecars.stampOf(path)));
    const changed = files.flatMap((path, i) => {
      const stamp = stamps[i] ?? "";
      return stamp === (this.#known(path)?.sidecars ?? "") ? [] : [{ path, stamp }];
    });
    if (changed.length === 0) return;
    const stars = await Promise.all(changed.map(({ path }) => this.#sidecars.read(path)));
    this.store.connection.write(() =>
      changed.forEach(({ path, stamp }, i) => this.store.setStars(path, stamp, stars[i] ?? {})),
    );
  }

  #known(path: string): KnownFile | undefined {
    const folder = dirname(path);
    let known = this.#folders.get(folder);
    if (!known) {
      // Files of a folder come one after another.
      if (this.#folders.size > 64) this.#folders.clear();
      this.#folders.set(folder, (known = this.store.knownIn(folder)));
    }
    return known.get(path.slice(folder === "/" ? 1 : folder.length + 1));
  }

  /** A file that is as it was: to be scored where the judge has not yet. */
  #unchanged(path: string, known: KnownFile): Wanted[] {
    this.#summary.unchanged++;
    if (known.isGone) this.store.returned(known.id);
    if (known.code !== null || known.picture === null) {
      this.#summary.failedBefore++;
      this.#advance();
      return [];
    }
    return this.#want(path, { picture: known.picture, verdict: known.verdict }, known.stamp);
  }

  #want(path: string, { picture, verdict }: Pick<KnownFile, "verdict"> & { picture: number }, stamp: string): Wanted[] {
    const isFailed = typeof verdict === "object";
    // Memory may be there by now.
    const triesAgain = isFailed && (this.options.retry || verdict.failed === "OUT_OF_MEMORY");
    if (isFailed && !triesAgain) this.#summary.failedBefore++;
    if (verdict === "scored" || (isFailed && !triesAgain) || this.#asked.has(picture)) {
      this.#advance();
      return [];
    }
    this.#asked.add(picture);
    const metadata = this.store.isDescribed(picture) ? undefined : metadataOf(path);
    return [{ path, picture, stamp, metadata }];
  }

  /** Reads a file that is new or not as it was. @returns what enters it into the library, within a transaction */
  async #read({ path, stamp, known }: { path: string; stamp: FileStamp; known: KnownFile | undefined }) {
    const { signal } = this.options;
    try {
      const digest = await contentDigest(path, signal);
      const movedFrom = known ? undefined : await this.#movedFrom(digest, path);
      // One that is being written is read again by the next scan.
      const isWhole = hasStamp(await stampOf(path), stampText(stamp));
      const kept = isWhole ? settled(stamp) : { ...stamp, changed: -1n };
      return (): Wanted[] => this.#enter({ path, stamp: kept, digest, movedFrom }, known, stampText(stamp));
    } catch (error) {
      signal?.throwIfAborted();
      if (isRocError(error) && error.code === "FILE_NOT_FOUND") return (): Wanted[] => (this.#miss(), []);
      return (): Wanted[] => (this.#unread(path, stamp, error), []);
    }
  }

  /** The entry of a file of this content that is not where it was, or of this one under the path of a link. */
  async #movedFrom(digest: Uint8Array, to: string): Promise<number | undefined> {
    for (const { id, path } of this.store.placesOf(digest)) {
      if (this.#seen.has(id)) continue;
      if ((await stampOf(path)) !== "gone" && (await placesOf([path]))[0] !== to) continue;
      // Meanwhile a copy of it may have become the one that moved.
      if (this.#seen.has(id)) continue;
      this.#seen.add(id);
      return id;
    }
    return undefined;
  }

  #enter(file: Parameters<Store["enter"]>[0], known: KnownFile | undefined, stamp: string): Wanted[] {
    const isCopy = this.store.placesOf(file.digest).length > 0;
    const entered = this.store.enter(file);
    this.#seen.add(entered.id);
    const isSame = known !== undefined && known.picture === entered.picture;
    if (file.movedFrom !== undefined) this.#summary.moved++;
    else if (isSame) this.#summary.unchanged++;
    else if (known) this.#summary.changed++;
    else if (isCopy) this.#summary.copies++;
    else this.#summary.added++;
    return this.#want(file.path, entered, stamp);
  }

  #unread(path: string, stamp: FileStamp, error: unknown): void {
    const code = isRocError(error) ? error.code : "FILE_UNREADABLE";
    const reason = isRocError(error) ? error.message : `${readableName(path)} cannot be read: ${messageOf(error)}`;
    this.store.enterUnread(path, settled(stamp), { code, message: reason });
    this.#fail({ file: path, error: { code, message: reason } });
    this.#advance();
  }

  /** Keeps what the model says of a picture. */
  async #take(outcome: ScoreResult | ScoreFailure): Promise<void> {
    const wanted = this.#wanted.get(outcome.file);
    if (!wanted) throw new RocError("INTERNAL", `A result of ${outcome.file}, which was not asked for.`);
    this.#wanted.delete(outcome.file);
    const { path, picture, hash = this.options.hashOf?.(outcome) } = wanted;
    const metadata = await wanted.metadata;
    const description: Description | undefined = metadata && { metadata, hash };
    const isSame = hasStamp(await stampOf(path), wanted.stamp);
    this.#advance();
    if (!isSame) {
      // It may be of another content than was read before.
      this.#summary.unsettled++;
      return;
    }
    const isNew = this.store.connection.write(() => {
      if (description) this.store.describe(picture, description);
      if (!("error" in outcome)) return this.store.addScore(picture, outcome);
      this.store.addFailure(picture, outcome);
      return false;
    });
    if ("error" in outcome) this.#fail(outcome);
    else if (isNew) this.#summary.scored++;
    else this.#summary.commented = (this.#summary.commented ?? 0) + 1;
  }

  /** Entries in the searched folders whose files were not found, and are not there. */
  async #markGone(): Promise<void> {
    const { folders, signal } = this.options;
    const missing = new Set(folders.flatMap((folder) => this.store.presentIn(folder)).filter((id) => !this.#seen.has(id))); // prettier-ignore
    const places = this.store.pathsOf([...missing]);
    const gone: number[] = [];
    for (let at = 0; at < places.length; at += AT_ONCE) {
      signal?.throwIfAborted();
      const some = places.slice(at, at + AT_ONCE);
      const stamps = await Promise.all(some.map(({ path }) => stampOf(path)));
      gone.push(...some.filter((_, i) => stamps[i] === "gone").map(({ id }) => id));
    }
    if (gone.length > 0) this.store.connection.write(() => this.store.markGone(gone));
    this.#summary.gone = gone.length;
  }

  #fail(failure: ScoreFailure): void {
    this.#summary.failed++;
    this.options.onFailure?.(failure);
  }

  #miss(): void {
    this.#summary.missing++;
    this.#advance();
  }

  #advance(): void {
    this.options.onProgress?.(++this.#done, this.#summary.files);
  }
}

/** Of a file that cannot even be looked at. */
const NOWHERE: FileStamp = { size: 0n, modified: 0n, changed: -1n, inode: 0n };

/** A photo whose metadata cannot be read has none. */
async function metadataOf(path: string): Promise<Readonly<Record<string, unknown>>> {
  return readMetadata(path).then(
    (found) => ({ ...found }),
    () => ({}),
  );
}
