/**
 * The paths of set-up's results: in the project's folder for a clone, in the user's cache for an installed package, whose
 * own folder may be read-only and is removed by every update.
 */
import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { filesUnder, fingerprint, readJson, writeAtomically } from "./fingerprint.mjs";
import { askedRoot, versionOf } from "./libtorch.mjs";

/** The folder of the project or of the installed package. */
export const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Whether this is the source tree: the package has no TypeScript sources. */
export const IS_CLONE = existsSync(join(ROOT, "tsconfig.json"));

const MAIN = join(ROOT, "dist/src/cli/main.js");

/** The command that builds or repairs the addon, for messages. */
export const SETUP_COMMAND = IS_CLONE
  ? `Run "npm run build" in ${ROOT}`
  : `Run "npx roc4mllm setup" in your project (the same from anywhere: node ${JSON.stringify(MAIN)} setup)`;

function userCache(env) {
  const given = env.XDG_CACHE_HOME;
  if (given && isAbsolute(given)) return given;
  return join(homedir(), process.platform === "darwin" ? "Library/Caches" : ".cache");
}

/** The folder that holds `.libtorch/` and `build/`; `ROC4MLLM_HOME` names another one. */
export function homeOf(env) {
  if (env.ROC4MLLM_HOME) return resolve(env.ROC4MLLM_HOME);
  return IS_CLONE ? ROOT : join(userCache(env), "roc4mllm");
}

/** The addon's sources. */
export function nativeSources() {
  return filesUnder(join(ROOT, "native"), [".cc", ".h", "CMakeLists.txt"]);
}

/**
 * The folders of the addon and of its build. Packages with equal sources share an addon; one with different sources never
 * finds another version's addon.
 */
export function addonFolders(env) {
  const build = join(homeOf(env), "build");
  if (IS_CLONE) return { addon: join(build, "native"), cmake: join(build, "cmake") };
  const key = fingerprint(nativeSources(), [process.platform, process.arch], ROOT).slice(0, 12);
  return { addon: join(build, `native-${key}`), cmake: join(build, `cmake-${key}`) };
}

/** The addons in their folder: the one on libtorch, and the one that turns pixels and needs none. */
export const ADDON_NAME = "roc4mllm.node";
export const PIXELS_NAME = "roc4mllm-pixels.node";
const BUILT_ON = "libtorch.json";

/** Records beside the addon the libtorch that it was built on. */
export function noteLibtorch(folder, { root, version }) {
  writeAtomically(join(folder, BUILT_ON), `${JSON.stringify({ root, version })}\n`);
}

function sameFolder(a, b) {
  const real = (path) => (existsSync(path) ? realpathSync(path) : path);
  return real(a) === real(b);
}

/** Why an existing addon can no longer be used; undefined where it can. */
function staleness(folder, env) {
  const built = readJson(join(folder, BUILT_ON));
  if (built === undefined) return undefined;
  const now = versionOf(built.root);
  if (now !== built.version) {
    const is = now === undefined ? "is gone" : `is version ${now} now`;
    return `it was built on libtorch ${built.version} in ${built.root}, which ${is}`;
  }
  if (!env.LIBTORCH || sameFolder(askedRoot(env), built.root)) return undefined;
  return `it was built on the libtorch in ${built.root}, and LIBTORCH is ${env.LIBTORCH}`;
}

/**
 * The addon for the program; `ROC4MLLM_NATIVE` names another one.
 *
 * @returns {{ path: string, fault?: string }} `fault`: why there is none that can be used, and what to do
 */
export function findAddon(env) {
  if (env.ROC4MLLM_NATIVE) {
    const path = resolve(env.ROC4MLLM_NATIVE);
    return existsSync(path) ? { path } : { path, fault: `ROC4MLLM_NATIVE names ${path}, which does not exist.` };
  }
  const folder = addonFolders(env).addon;
  const path = join(folder, ADDON_NAME);
  if (!existsSync(path)) return { path, fault: `The native addon is not built: ${path} is missing. ${SETUP_COMMAND}.` };
  const stale = staleness(folder, env);
  return stale === undefined ? { path } : { path, fault: `The native addon does not fit: ${stale}. ${SETUP_COMMAND}.` };
}

/** The addon that turns pixels, beside the other one. @returns as {@link findAddon} */
export function findPixels(env) {
  const folder = env.ROC4MLLM_NATIVE ? dirname(resolve(env.ROC4MLLM_NATIVE)) : addonFolders(env).addon;
  const path = join(folder, PIXELS_NAME);
  return existsSync(path)
    ? { path }
    : { path, fault: `The native addon is not built: ${path} is missing. ${SETUP_COMMAND}.` };
}
