/** The plan of set-up: its steps, sizes and requirements; inspects the machine and changes nothing. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { PINNED, cachedLocation, describeFailure, locate, wheelRoot, withEarlier } from "./libtorch.mjs";
import { nativeReady } from "./native.mjs";
import { ADDON_NAME, IS_CLONE, addonFolders, homeOf } from "./places.mjs";
import { SetupError } from "./terminal.mjs";

/** The CPU wheel, fetched and unpacked, in bytes. */
const WHEEL_DOWNLOAD = 190e6;
const WHEEL_ON_DISK = 800e6;
const ADDON_ON_DISK = 0.4e6;

/**
 * @typedef {object} PlannedStep
 * @property {"libtorch" | "addon"} step
 * @property {boolean} done nothing is left to do
 * @property {string} path where it is or will be
 * @property {string} what in words
 * @property {number} [downloadBytes] about; of what is not done
 * @property {number} [diskBytes] about; of what is not done
 *
 * @typedef {object} Plan
 * @property {string} home
 * @property {boolean} done
 * @property {PlannedStep[]} steps
 * @property {string[]} missing prerequisites to install first, each with its remedy
 */

/** The first line of a program's version output; undefined where it does not run. */
function versionLine(command, args, env) {
  const { status, stdout } = spawnSync(command, args, { env, encoding: "utf8", cwd: "/" });
  return status === 0 ? stdout.split("\n")[0].trim() : undefined;
}

function compilerOf(env) {
  const names = env.CXX ? [env.CXX] : ["c++", "g++", "clang++"];
  return names.map((name) => versionLine(name, ["--version"], env)).find((line) => line !== undefined);
}

/** What the build needs and the machine lacks. */
function missingForBuild(env) {
  return [
    ...(versionLine("cmake", ["--version"], env) === undefined
      ? ["CMake 3.18 or later is not on the PATH (Debian: apt-get install cmake; macOS: brew install cmake)."]
      : []),
    ...(compilerOf(env) === undefined
      ? ["There is no C++17 compiler on the PATH (Debian: apt-get install g++; macOS: xcode-select --install)."]
      : []),
  ];
}

function missingForWheel(env) {
  if (versionLine("python3", ["-m", "pip", "--version"], env) !== undefined) return [];
  return [
    `No libtorch was found, and "python3 -m pip" that would install it does not run (Debian: apt-get install python3-pip). ` +
      "Or set LIBTORCH to the folder of a libtorch that is there.",
  ];
}

function libtorchStep(home, { location }) {
  if (location !== undefined) {
    const { version, root, cuda } = location;
    return { step: "libtorch", done: true, path: root, what: `version ${version}${cuda ? " with CUDA" : ""} is there` };
  }
  const what =
    `none was found, so pip installs ${PINNED}: about ${WHEEL_DOWNLOAD / 1e6} MB to fetch and ${WHEEL_ON_DISK / 1e6} MB on ` +
    "the disk where pip's index gives a wheel for the CPU, several GB where it gives one with CUDA " +
    "(set PIP_INDEX_URL to PyTorch's own index for the CPU to have the first)";
  const sizes = { downloadBytes: WHEEL_DOWNLOAD, diskBytes: WHEEL_ON_DISK };
  return { step: "libtorch", done: false, path: wheelRoot(home), what, ...sizes };
}

function addonStep(env) {
  const path = join(addonFolders(env).addon, ADDON_NAME);
  if (nativeReady(env)) return { step: "addon", done: true, path, what: "is built" };
  const what = "built by CMake from the package's sources: about a minute, 0.4 MB";
  return { step: "addon", done: false, path, what, diskBytes: ADDON_ON_DISK };
}

/**
 * @param {NodeJS.ProcessEnv} asked
 * @returns {Plan}
 */
export function planSetup(asked) {
  const home = homeOf(asked);
  const env = IS_CLONE ? asked : withEarlier(home, asked);
  const location = cachedLocation(home, env);
  const search = location === undefined ? locate(home, env) : { location };
  if (search.location === undefined && search.final) throw new SetupError(describeFailure(search.tried));
  const steps = [libtorchStep(home, search), addonStep(env)];
  const missing = [...(steps[0].done ? [] : missingForWheel(env)), ...(steps[1].done ? [] : missingForBuild(env))];
  return { home, done: steps.every(({ done }) => done), steps, missing };
}

/** The plan as text. */
export function describePlan({ home, steps, missing }) {
  const lines = steps.map(
    ({ step, done, path, what }, i) => `  ${i + 1}. ${step} (${done ? "done" : "to do"}): ${what}\n     ${path}`,
  );
  const lacks = missing.map((line) => `  missing: ${line}`);
  return [`Set-up in ${home} (ROC4MLLM_HOME names another folder):`, ...lines, ...lacks].join("\n");
}
