/** Models by name: from a folder, from the hub's cache, or from the hub. */
import { basename } from "node:path";
import { RocError } from "../errors.js";
import { exists } from "../files/index.js";
import { cachedSnapshot } from "./cache.js";
import { downloadModel, isRepoName, type DownloadOptions } from "./download.js";
import { hubSettings } from "./settings.js";

export { cachedSnapshot } from "./cache.js";
export { downloadModel, isRepoName, planDownload } from "./download.js";
export type { Downloaded, DownloadOptions, DownloadPlan } from "./download.js";
export { holdsWeights, neededFiles, type FileChoice } from "./select.js";
export { hubSettings, type HubSettings } from "./settings.js";

export interface ResolveOptions extends DownloadOptions {
  /** Called with a sentence where the hub fails: why, and which commit is used from the cache instead. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Names that the caller takes for repositories; they are told where a name is none. */
  readonly shortNames?: readonly string[] | undefined;
}

/**
 * The folder of a model: `name` itself where it is one, else the hub's repository of that name, of which the files missing
 * in the cache are downloaded. Where the hub cannot be reached, the cached files are used.
 *
 * @throws RocError FILE_NOT_FOUND for a name that is neither; otherwise as {@link downloadModel}
 */
export async function resolveModel(name: string, options: ResolveOptions = {}): Promise<string> {
  if (await exists(name)) return name;
  if (!isRepoName(name)) {
    const text = `There is no folder ${name}, and it is not a name on the hub (owner/name) either`;
    const short = options.shortNames?.length ? `, or take a short name: ${options.shortNames.join(", ")}` : "";
    throw new RocError("FILE_NOT_FOUND", `${text}. Check the path${short}.`);
  }
  try {
    return (await downloadModel(name, { ...options, needsWeights: true })).folder;
  } catch (error) {
    if (!(error instanceof RocError) || error.code !== "NETWORK") throw error;
    const { cacheDir } = { ...(await hubSettings()), ...options.settings };
    const cached = await cachedSnapshot(cacheDir, name, options.revision);
    if (cached) {
      const [reason] = error.message.split(/\.(?: |$)/);
      options.onNote?.(`${reason}; using the cached files (commit ${basename(cached)}).`);
      return cached;
    }
    throw new RocError("NETWORK", `There is no folder ${name}. ${error.message}`, { cause: error });
  }
}
