/** The step of set-up that builds the native addon: CMake and a compiler, on the libtorch that was found. */
import { copyFileSync, existsSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { runChild } from "./child.mjs";
import { fingerprint, makeFolders, readJson, readOrUndefined, writeAtomically } from "./fingerprint.mjs";
import { cachedLocation } from "./libtorch.mjs";
import {
  ADDON_NAME,
  PIXELS_NAME,
  IS_CLONE,
  ROOT,
  addonFolders,
  homeOf,
  nativeSources,
  noteLibtorch,
} from "./places.mjs";
import { SetupError, step } from "./terminal.mjs";

const MAX_COMPILERS = 4;
const COMPILER_REMEDY =
  "The native addon needs CMake 3.18 or later and a C++17 compiler (Debian: apt-get install g++ cmake). " +
  "If libtorch was changed, delete the folder build/.";

/** The folder of Node-API's headers, wherever the package manager installed it; undefined before it is installed. */
function nodeHeaders() {
  try {
    return dirname(createRequire(join(ROOT, "package.json")).resolve("node-api-headers/package.json"));
  } catch {
    return undefined;
  }
}

/** A hash of the addon's inputs: the addon is up to date while the stamp beside it equals this. */
export function stampOf(location) {
  const headers = readJson(join(nodeHeaders() ?? "", "package.json"))?.version;
  // Independent of the package's path: projects share the addon.
  return fingerprint(nativeSources(), [location, headers, process.platform, process.arch], ROOT);
}

/** Whether the addon exists, built from the current sources on the requested libtorch. */
export function nativeReady(env) {
  const location = cachedLocation(homeOf(env), env);
  if (location === undefined) return false;
  const { addon } = addonFolders(env);
  const built = [ADDON_NAME, PIXELS_NAME].every((name) => existsSync(join(addon, name)));
  return built && readOrUndefined(join(addon, "stamp"))?.toString() === stampOf(location);
}

async function runBuildTool(args, update) {
  const result = await runChild("cmake", args, { cwd: ROOT, onLine: update });
  if (result.missing) throw new SetupError(`cmake is not on the PATH. ${COMPILER_REMEDY}`);
  if (result.code !== 0) throw new SetupError(`"cmake ${args.join(" ")}" failed. ${COMPILER_REMEDY}`, result.output);
}

async function hasNinja() {
  return (await runChild("ninja", ["--version"])).code === 0;
}

/** CMake's arguments; a build folder configured with others cannot be reused. */
async function configureArguments(location, folder) {
  return [
    ...["-S", join(ROOT, "native"), "-B", folder, "-DCMAKE_BUILD_TYPE=Release"],
    ...["-G", (await hasNinja()) ? "Ninja" : "Unix Makefiles"],
    `-DLIBTORCH_INCLUDE=${location.include.join(";")}`,
    `-DLIBTORCH_LIB=${location.lib}`,
    `-DLIBTORCH_CXX11_ABI=${location.cxx11abi}`,
    `-DNODE_API_INCLUDE=${join(nodeHeaders() ?? "", "include")}`,
  ];
}

/** Loads the addon once in a separate process, so that problems of libtorch appear here and not in the first command. */
async function tryAddon(file) {
  const result = await runChild(process.execPath, ["-e", "require(process.argv[1])", file]);
  if (result.code === 0) return;
  throw new SetupError(
    "The native addon was built but does not load; libtorch is incomplete or does not fit this machine. " +
      "Set LIBTORCH to another one, or delete .libtorch/ and build/ and run this again.",
    result.output,
  );
}

async function compile(location, folder, update) {
  const configure = await configureArguments(location, folder);
  const madeWith = join(folder, "arguments.json");
  if (JSON.stringify(readJson(madeWith)) !== JSON.stringify(configure)) {
    rmSync(folder, { recursive: true, force: true });
  }
  await runBuildTool(configure, update);
  writeAtomically(madeWith, JSON.stringify(configure));
  const jobs = Math.min(availableParallelism(), MAX_COMPILERS);
  await runBuildTool(["--build", folder, "--parallel", String(jobs)], update);
}

/** Builds, tries and installs the addon. */
export async function buildNative(env) {
  const location = cachedLocation(homeOf(env), env);
  const { addon, cmake } = addonFolders(env);
  await step("building the native addon (CMake)", async (update) => {
    const stamp = stampOf(location);
    await compile(location, cmake, update);
    update("loading it");
    makeFolders(addon);
    for (const name of [ADDON_NAME, PIXELS_NAME]) {
      await tryAddon(join(cmake, name));
      // A running program may have the old one mapped: replace the file, never overwrite it.
      const fresh = join(addon, `${name}.${process.pid}`);
      copyFileSync(join(cmake, name), fresh);
      renameSync(fresh, join(addon, name));
    }
    noteLibtorch(addon, location);
    writeAtomically(join(addon, "stamp"), stamp);
  });
  // A package is built once; only a source tree is built again.
  if (!IS_CLONE) rmSync(cmake, { recursive: true, force: true });
}
