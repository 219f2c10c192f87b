/**
 * A JSON Lines file to which results are appended as they come, so that a stopped process loses at most the work in
 * progress.
 *
 * Its first line holds the settings that the other lines were made with; resuming requires the same settings. One process
 * at a time has it open.
 */
import { open, truncate, type FileHandle } from "node:fs/promises";
import { z } from "zod";
import { RocError } from "../errors.js";
import { atomicWriteFile } from "./atomic.js";
import { takeLock, type Lock, type LockedKind } from "./lock.js";
import { ifThere, withFile } from "./read.js";
import { differences, type Settings } from "./settings.js";
import { writing } from "./write-error.js";

const CHUNK = 1 << 20;
const LINE_FEED = 10;

export interface JournalOptions<Entry> {
  /** What the entries depend on; plain JSON. */
  readonly settings: Settings;
  /** What to do where the file cannot be resumed: a sentence. */
  readonly remedy: string;
  readonly entry: z.ZodType<Entry>;
  /** What of its own the user can name instead while another process has this one; default: a folder. */
  readonly kind?: LockedKind;
  /** Discard the file's content. */
  readonly fresh?: boolean;
}

export interface Journal<Entry> {
  /** The entries that the file held when it was opened, in file order. */
  readonly entries: readonly Entry[];
  /** Adds a line. @throws RocError FILE_UNWRITABLE */
  append(entry: Entry): Promise<void>;
  /** Closes the file and releases its lock. */
  close(): Promise<void>;
}

const header = z.strictObject({ settings: z.record(z.string(), z.unknown()) });

/**
 * Opens a file to resume it, or creates it. An incomplete last line is removed.
 *
 * @throws RocError IN_USE; USAGE naming the settings that differ; DATA_INVALID where the file or one of its lines is not a
 *   journal's; FILE_UNREADABLE, FILE_UNWRITABLE
 */
export async function openJournal<Entry>(file: string, options: JournalOptions<Entry>): Promise<Journal<Entry>> {
  const lock = await takeLock(`${file}.lock`, file, options.kind);
  try {
    const entries = (options.fresh ? undefined : await readEntries(file, options)) ?? (await create(file, options));
    const handle = await writing(file, () => open(file, "a"));
    return new OpenJournal(file, entries, handle, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * The entries of a file, whatever its settings, or without a settings line; an incomplete last line is skipped. Empty
 * where there is no file.
 *
 * @throws as {@link openJournal}, except for the settings
 */
export async function readJournal<Entry>(
  file: string,
  options: Pick<JournalOptions<Entry>, "entry" | "remedy">,
): Promise<Entry[]> {
  return (await readLines(file, options))?.entries ?? [];
}

class OpenJournal<Entry> implements Journal<Entry> {
  constructor(
    private readonly file: string,
    readonly entries: readonly Entry[],
    private readonly handle: FileHandle,
    private readonly lock: Lock,
  ) {}

  async append(entry: Entry): Promise<void> {
    await writing(this.file, () => this.handle.writeFile(`${JSON.stringify(entry)}\n`));
  }

  async close(): Promise<void> {
    await this.handle.close();
    await this.lock.release();
  }
}

async function create(file: string, { settings }: Pick<JournalOptions<unknown>, "settings">): Promise<[]> {
  await atomicWriteFile(file, `${JSON.stringify({ settings })}\n`);
  return [];
}

/** The entries of a file to resume; undefined where it is missing or empty. */
async function readEntries<Entry>(file: string, options: JournalOptions<Entry>): Promise<Entry[] | undefined> {
  const found = await readLines(file, options, (before) => {
    checkSame(file, before, options.settings, options.remedy);
  });
  if (found && found.end < found.size) {
    await writing(file, () => truncate(file, found.end));
  }
  return found?.entries;
}

async function readLines<Entry>(
  file: string,
  { entry, remedy }: Pick<JournalOptions<Entry>, "entry" | "remedy">,
  onSettings?: (settings: Settings) => void,
): Promise<{ entries: Entry[]; end: number; size: number } | undefined> {
  const foreign = (line: number): RocError =>
    new RocError("DATA_INVALID", `${file}, line ${line} is none that this program keeps there. ${remedy}`);
  const entries: Entry[] = [];
  let lines = 0;
  const found = await eachLine(file, (text) => {
    const value = valueOf(text);
    const first = ++lines === 1 ? header.safeParse(value) : undefined;
    if (first?.success) onSettings?.(first.data.settings);
    else if (first && onSettings) throw foreign(1);
    else {
      const next = entry.safeParse(value);
      if (!next.success) throw foreign(lines);
      entries.push(next.data);
    }
  });
  if (found === undefined || found.size === 0) return undefined;
  if (lines === 0) throw foreign(1);
  return { entries, ...found };
}

/** @throws RocError USAGE naming what differs */
function checkSame(file: string, before: Settings, now: Settings, remedy: string): void {
  const different = differences(before, now);
  if (different.length === 0) return;
  throw new RocError("USAGE", `${file} was made with other settings: ${different.join("; ")}. ${remedy}`);
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Calls `take` with every complete line. @returns where the last of them ends, and the file's size in bytes */
async function eachLine(
  file: string,
  take: (text: string) => void,
): Promise<{ end: number; size: number } | undefined> {
  const reading = withFile(file, async (handle) => {
    let [end, size] = [0, 0];
    let rest = Buffer.alloc(0);
    const buffer = Buffer.alloc(CHUNK);
    for (let bytes = -1; bytes !== 0;) {
      ({ bytesRead: bytes } = await handle.read(buffer, 0, CHUNK, size));
      size += bytes;
      rest = Buffer.concat([rest, buffer.subarray(0, bytes)]);
      let start = 0;
      for (let at = rest.indexOf(LINE_FEED); at >= 0; at = rest.indexOf(LINE_FEED, start)) {
        take(rest.toString("utf8", start, at));
        start = at + 1;
      }
      rest = rest.subarray(start);
      end += start;
    }
    return { end, size };
  });
  return ifThere(reading);
}
