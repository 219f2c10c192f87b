/** What scores that are kept depend on. */
import { packageVersion } from "../version.js";
import type { Model } from "./types.js";

/** All that a model's scores depend on beside the pictures, as plain JSON: kept scores have to be of the same. */
export function scoreSettings({ digest, settings }: Model): Readonly<Record<string, unknown>> {
  return { checkpoint: digest ?? null, ...settings, version: packageVersion() };
}

/** What moves a score's last digits only: scores that differ by it can be compared. */
const LAST_DIGITS = ["torch", "version", "batch", "packed"];

/** The settings that tell apart scores which cannot be compared, in the order of their names. */
export function deciding(settings: Readonly<Record<string, unknown>>): [name: string, value: unknown][] {
  const entries = Object.entries(settings).filter(([field]) => !LAST_DIGITS.includes(field));
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}
