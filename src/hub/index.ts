/** Models by name: from a folder, from the hub's cache, or from the hub. */
import { RocError } from "../errors.js";
import { exists } from "../files/index.js";
import { cachedSnapshot } from "./cache.js";
import { downloadModel, isRepoName, type DownloadOptions } from "./download.js";
import { hubSettings } from "./settings.js";

export { cachedSnapshot } from "./cache.js";
export { downloadModel, type Downloaded, type DownloadOptions } from "./download.js";
export { neededFiles, type FileChoice } from "./select.js";
export { hubSettings, type HubSettings } from "./settings.js";

/**
 * The folder of a model: `name` itself where it is one, else the hub's repository of that name, downloaded as far as it
 * is not in the cache. Where the hub cannot be reached, what the cache has is taken.
 *
 * @throws RocError FILE_NOT_FOUND for a name that is neither; else as {@link downloadModel}
 */
export async function resolveModel(name: string, options: DownloadOptions = {}): Promise<string> {
  if (await exists(name)) return name;
  if (!isRepoName(name)) {
    const text = `There is no folder ${name}, and it is no name on the hub (owner/name) either`;
    throw new RocError("FILE_NOT_FOUND", `${text}. Check the path.`);
  }
  try {
    return (await downloadModel(name, options)).folder;
  } catch (error) {
    if (!(error instanceof RocError) || error.code !== "NETWORK") throw error;
    const { cacheDir } = { ...(await hubSettings()), ...options.settings };
    const cached = await cachedSnapshot(cacheDir, name, options.revision);
    if (cached) return cached;
    throw new RocError("NETWORK", `There is no folder ${name}. ${error.message}`, { cause: error });
  }
}
