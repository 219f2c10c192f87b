/** What several tests share: where things are. */
import { fileURLToPath } from "node:url";

/** The repository's root folder (compiled tests lie in dist/test/). */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Path of a committed fixture. */
export function fixture(name: string): string {
  return `${ROOT}test/fixtures/${name}`;
}
