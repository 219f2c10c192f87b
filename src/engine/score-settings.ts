/** What scores that are kept depend on. */
import { packageVersion } from "../version.js";
import type { Model } from "./types.js";

/** All that a model's scores depend on beside the pictures, as plain JSON: kept scores have to be of the same. */
export function scoreSettings({ digest, settings }: Model): Readonly<Record<string, unknown>> {
  return { checkpoint: digest ?? null, ...settings, version: packageVersion() };
}
