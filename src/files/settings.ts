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
  return changed.map(
    (name) => say(name, old[name], fresh[name]) ?? `${name} was ${shown(old[name])}, now ${shown(fresh[name])}`,
  );
}

function shown(value: unknown): string {
  return value === undefined ? "not set" : JSON.stringify(value);
}
