/** One exiftool process for all that is asked of it: what no library here reads of a photo's file (RAW, TIFF). */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { ExifTool } from "exiftool-vendored";
import { messageOf, RocError } from "../errors.js";
import { isBytes, pathOfName, readableName } from "./file-names.js";

/** How long one file may take, which may lie on a slow disk. */
const TASK_MS = 60_000;

/** A cold start on a busy machine. */
const START_MS = 60_000;

const REMEDY =
  "RAW files and the metadata of TIFFs are read by exiftool, which needs Perl: install it (Debian: apt-get install perl), " +
  "or give the JPEG that the camera wrote beside it";

let process_: Promise<ExifTool> | undefined;

/** Started with the first file, and kept. It ends with this program, which it never keeps alive. */
async function started(): Promise<ExifTool> {
  const { ExifTool, exiftoolPath } = await import("exiftool-vendored");
  const own = process.platform === "win32" ? {} : { processFactory: async () => spawned(await exiftoolPath()) };
  return new ExifTool({
    ...{ maxProcs: 1, taskTimeoutMillis: TASK_MS, spawnTimeoutMillis: START_MS, taskRetries: 1, geolocation: false },
    ...own,
  });
}

/** At the end of its input exiftool waits for more, for ever; so a program that is killed would leave it behind. */
function spawned(exiftool: string): ChildProcess {
  const ending = '{ cat; printf "%s\\n" -stay_open False; } | "$0" -stay_open True -@ -';
  return spawn("/bin/sh", ["-c", ending, exiftool], { stdio: "pipe", env: { ...process.env, LANG: "C" } });
}

/** The tags of a file by name, as exiftool's `-json -n` gives them. */
export type ExifTags = Readonly<Record<string, unknown>>;

/**
 * @param tags names, each at most once, as "Orientation"; an empty list: all of them
 * @param name what messages call the file
 * @throws RocError IMAGE_UNSUPPORTED where exiftool cannot run; FILE_UNREADABLE where it cannot read the file
 */
export async function readTags(
  file: string,
  tags: readonly string[],
  args: readonly string[] = [],
  name = readableName(file),
): Promise<ExifTags> {
  const readArgs = ["-n", "-fast", ...args, ...tags.map((tag) => `-${tag}`)];
  return asked(file, name, (tool, path) => tool.readRaw<object & ExifTags>(path, { readArgs }));
}

/** Writes the bytes of a tag, a preview, into a new file. @throws as {@link readTags} */
export async function extractTag(file: string, tag: string, into: string): Promise<void> {
  await asked(file, readableName(file), (tool, path) => tool.extractBinaryTag(tag, path, into));
}

async function asked<T>(file: string, name: string, ask: (tool: ExifTool, path: string) => Promise<T>): Promise<T> {
  process_ ??= started();
  const tool = await process_.catch((cause: unknown) => {
    throw unavailable(name, cause);
  });
  // The child's pipes do not hold the program while it waits for an answer.
  const hold = new AbortController();
  const held = sleep(2 ** 31 - 1, undefined, { signal: hold.signal }).catch(() => undefined);
  try {
    await runs(tool, name);
    return await withPlainName(file, (path) => ask(tool, path));
  } catch (cause) {
    if (cause instanceof RocError) throw cause;
    throw new RocError("FILE_UNREADABLE", `${name}: exiftool cannot read it: ${messageOf(cause)}; copy it again`, {
      cause,
    });
  } finally {
    hold.abort();
    await held;
  }
}

let known: Promise<unknown> | undefined;

/** Whether exiftool starts at all, asked once: as the pool of processes starts it, which would try for ever. */
async function runs(tool: ExifTool, name: string): Promise<void> {
  known ??= tool.exiftoolPath().then((path) => promisify(execFile)(path, ["-ver"], { timeout: START_MS }));
  await known.catch((cause: unknown) => {
    known = undefined;
    throw unavailable(name, cause);
  });
}

function unavailable(name: string, cause: unknown): RocError {
  return new RocError(
    "IMAGE_UNSUPPORTED",
    `${name}: exiftool cannot be started (${messageOf(cause).trim().replaceAll(/\s+/g, " ")}). ${REMEDY}`,
    {
      cause,
    },
  );
}

/** Names that exiftool could take for an option, a list of arguments, or that its protocol of lines breaks at. */
const ODD = /^-|[\p{Cc}\p{Cs}]/u;

/** A file by a name that is a name and nothing else: where its own may not be, by a link in a private folder. */
async function withPlainName<T>(file: string, use: (path: string) => Promise<T>): Promise<T> {
  const path = resolve(file);
  if (!isBytes(path) && !ODD.test(path)) return use(path);
  const folder = await privateFolder();
  try {
    const link = join(folder, `photo${/^\.\w+$/.exec(extname(file))?.[0] ?? ""}`);
    await symlink(await realpath(pathOfName(path), "buffer"), link);
    return await use(link);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A new folder that others cannot look into. Who makes it removes it. */
export function privateFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "roc4mllm-"));
}

/** Ends the process, if there is one; the next question starts another. */
export async function endExiftool(): Promise<void> {
  const ended = process_;
  [process_, known] = [undefined, undefined];
  const tool = await ended?.catch(() => undefined);
  await tool?.end();
}
