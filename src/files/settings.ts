/** Work may only be resumed with the settings that it was started with. */
import { isDeepStrictEqual } from "node:util";
import { RocError } from "../errors.js";
import { ifThere, readText } from "./read.js";
import { parseJson } from "./json.js";

/** Settings by name; plain JSON. */
export type Settings = Readonly<Record<string, unknown>>;

export interface SameSettingsOptions {
  /** What holds the settings, for the error: "the run folder runs/a". */
  readonly what: string;
  /** What to do where they differ: a sentence. */
  readonly remedy: string;
  /** What to do where the file is missing or damaged: a sentence. Default: `remedy`. */
  readonly damaged?: string;
  /** Describes a difference in words; undefined: the name with both values. */
  readonly say?: (name: string, before: unknown, now: unknown) => string | undefined;
  /** Names whose values may differ. */
  readonly free?: ReadonlySet<string>;
}

/**
 * Compares settings with those stored in a JSON file.
 *
 * @throws RocError USAGE naming what differs, with both values; FILE_NOT_FOUND, FILE_UNREADABLE or
 *   CONFIG_INVALID where the file does not hold them
 */
export async function checkSameSettings(file: string, now: Settings, options: SameSettingsOptions): Promise<void> {
  const { what, remedy, damaged = remedy, free, say } = options;
  const text = await ifThere(readText(file, { remedy: damaged }));
  if (text === undefined)
    throw new RocError(
      "FILE_NOT_FOUND",
      `${what} does not record what it was started with: ${file} is missing. ${damaged}`,
    );
  const before = parseJson(text, file, { remedy: damaged });
  if (typeof before !== "object" || before === null || Array.isArray(before))
    throw new RocError("CONFIG_INVALID", `${file} is damaged: it holds no settings. ${damaged}`);
  const different = differences(before, now, free, say);
  if (different.length === 0) return;
  throw new RocError("USAGE", `${what} was started with other settings: ${different.join("; ")}. ${remedy}`);
}

/** One line per setting that differs: its name, the value before and the value now. */
export function differences(
  before: unknown,
  now: Settings,
  free: ReadonlySet<string> = new Set(),
  say: SameSettingsOptions["say"] = () => undefined,
): string[] {
  const old = typeof before === "object" && before !== null ? (before as Settings) : {};
  const fresh = JSON.parse(JSON.stringify(now)) as Settings;
  const names = [...new Set([...Object.keys(old), ...Object.keys(fresh)])].filter((name) => !free.has(name));
  const changed = names.filter((name) => !isDeepStrictEqual(old[name], fresh[name]));
  const told = changed.flatMap((name): Change[] => {
    const text = say(name, old[name], fresh[name]);
    return text === undefined ? changesOf(name, old[name], fresh[name]) : [{ text }];
  });
  // A prompt may be there by several names.
  const firsts = new Map(told.toReversed().map((change) => [change.excerpts ?? change, change]));
  return told.filter((change) => firsts.get(change.excerpts ?? change) === change).map(({ text }) => text);
}

interface Change {
  readonly text: string;
  /** Of long texts: what of them is in `text`. */
  readonly excerpts?: string;
}

/** Characters of a value that a message quotes whole, and those of a longer text around what differs. */
const MOST = 200;
const [AROUND, BEHIND] = [20, 60];

/** What differs between two values: within large objects, and of long texts, only that. */
function changesOf(name: string, before: unknown, now: unknown): Change[] {
  const [old, fresh] = [before, now].map((value) => (value === undefined ? "not set" : JSON.stringify(value)));
  const isLong = [old, fresh].some((text) => (text?.length ?? 0) > MOST);
  if (isLong && isObject(before) && isObject(now) && Array.isArray(before) === Array.isArray(now)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    const differing = keys.filter((key) => !isDeepStrictEqual(before[key], now[key]));
    return differing.flatMap((key) => changesOf(`${name}.${key}`, before[key], now[key]));
  }
  if (!isLong) return [{ text: `${name} was ${old}, now ${fresh}` }];
  const texts = [before, now].map((value, i) => (typeof value === "string" ? value : String(i === 0 ? old : fresh)));
  const [a = "", b = ""] = texts;
  let same = 0;
  while (same < a.length && a[same] === b[same]) same += 1;
  const start = Math.max(0, same - AROUND);
  const excerpts = texts.map((text) => excerpt(text, start)).join(", now ");
  return [{ text: `${name} was ${excerpts}`, excerpts }];
}

function excerpt(text: string, start: number): string {
  const end = start + AROUND + BEHIND;
  return JSON.stringify(`${start > 0 ? "…" : ""}${text.slice(start, end)}${end < text.length ? "…" : ""}`);
}

function isObject(value: unknown): value is Settings {
  return typeof value === "object" && value !== null;
}
