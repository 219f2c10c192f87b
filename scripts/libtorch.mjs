/**
 * Where libtorch is: `LIBTORCH`, else the `torch` that Python would import, else the pinned wheel in .libtorch/.
 *
 * Nothing of torch is imported or run here; a location is judged by its files.
 */
import { existsSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { makeFolders, readJson, readOrUndefined, writeAtomically } from "./fingerprint.mjs";
import { SetupError, say, step } from "./terminal.mjs";
import { runChild } from "./child.mjs";

/** The pip requirement where there is no libtorch yet. */
export const PINNED = "torch==2.13.0";
const OLDEST = [2, 6];
const LIBRARY_SUFFIX = process.platform === "darwin" ? "dylib" : "so";
const PYTHONS = ["python3", "python"];

/**
 * @typedef {object} Location
 * @property {"LIBTORCH" | "python" | "wheel"} source
 * @property {string} root the folder that holds lib/ and include/
 * @property {string[]} include folders for the compiler
 * @property {string} lib
 * @property {string} version as reported by torch, for example 2.13.0+cpu
 * @property {0 | 1} cxx11abi
 * @property {boolean} cuda whether it holds the CUDA kernels
 *
 * @typedef {{ place: string, reason: string }} Attempt a location that was rejected
 * @typedef {{ location: Location } | { reason: string }} Inspection
 */

/** The version of the libtorch in a folder; undefined where there is none or the version is unknown. */
export function versionOf(root) {
  const python = readOrUndefined(join(root, "version.py"))?.toString("utf8");
  const fromPython = python?.match(/^__version__\s*(?::[^=]*)?=\s*['"]([^'"]+)['"]/m)?.[1];
  return fromPython ?? readOrUndefined(join(root, "build-version"))?.toString("utf8").trim();
}

function isTooOld(version) {
  const [major, minor] = version.split(".").map((part) => Number.parseInt(part, 10));
  const known = Number.isInteger(major) && Number.isInteger(minor);
  return !known || major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}

/** TorchConfig.cmake states it while the old ABI existed; later versions all use the new one. */
function abiOf(root) {
  const config = readOrUndefined(join(root, "share/cmake/Torch/TorchConfig.cmake"))?.toString("utf8");
  return config?.match(/_GLIBCXX_USE_CXX11_ABI=([01])/)?.[1] === "0" ? 0 : 1;
}

/**
 * Whether a folder is a libtorch that the addon can be built on.
 *
 * @param {string} root
 * @param {Location["source"]} source
 * @param {NodeJS.ProcessEnv} env `ROC_TORCH_ANY_VERSION=1` skips the check of the version
 * @returns {Inspection}
 */
export function inspect(root, source, env) {
  if (!existsSync(root)) return { reason: "no such folder" };
  // Clones that share one by a link share what is built on it.
  root = realpathSync(root);
  const missing = [
    `lib/libtorch_cpu.${LIBRARY_SUFFIX}`,
    `lib/libc10.${LIBRARY_SUFFIX}`,
    "include/ATen/core/dispatch/Dispatcher.h",
  ].filter((file) => !existsSync(join(root, file)));
  if (missing.length > 0) return { reason: `it lacks ${missing.join(", ")}` };
  const version = versionOf(root);
  if (version === undefined) return { reason: "its version is unknown: neither version.py nor build-version" };
  if (isTooOld(version) && env.ROC_TORCH_ANY_VERSION !== "1") {
    return {
      reason: `it is version ${version}; ${OLDEST.join(".")} or later is needed (ROC_TORCH_ANY_VERSION=1 tries it all the same)`,
    };
  }
  return {
    location: {
      source,
      root,
      include: [join(root, "include"), join(root, "include/torch/csrc/api/include")],
      lib: join(root, "lib"),
      version,
      cxx11abi: abiOf(root),
      cuda: existsSync(join(root, `lib/libtorch_cuda.${LIBRARY_SUFFIX}`)),
    },
  };
}

const FIND_TORCH = `
import importlib.util, os
spec = importlib.util.find_spec("torch")
print(os.path.dirname(spec.origin) if spec and spec.origin else "")
`;

/**
 * The folder of the `torch` that a Python would import, found without importing it.
 *
 * @returns {{ root: string } | { reason: string }}
 */
function torchOfPython(python, env) {
  // Not in the project's folder, which Python would put on its path.
  const probe = spawnSync(python, ["-c", FIND_TORCH], { cwd: "/", env, encoding: "utf8" });
  if (probe.error !== undefined)
    return { reason: `${python} does not run (${probe.error.code ?? probe.error.message})` };
  if (probe.status !== 0) return { reason: `${python} failed: ${probe.stderr.trim().split("\n").at(-1)}` };
  const root = probe.stdout.trim();
  return root === "" ? { reason: `${python} has no module "torch"` } : { root };
}

/** The folder with lib/ and include/ that `LIBTORCH` means: itself, or the torch/ in it. */
export function askedRoot(env) {
  const given = resolve(env.LIBTORCH);
  const nested = join(given, "torch");
  return existsSync(join(given, "lib")) || !existsSync(nested) ? given : nested;
}

function fromEnvironment(env) {
  return { place: `LIBTORCH=${env.LIBTORCH}`, ...inspect(askedRoot(env), "LIBTORCH", env) };
}

function fromPython(python, env) {
  const found = torchOfPython(python, env);
  if ("reason" in found) return { place: `module torch of ${python}`, ...found };
  return { place: `module torch of ${python} (${found.root})`, ...inspect(found.root, "python", env) };
}

/** The wheel's folder in the project's folder. */
export function wheelRoot(project) {
  return join(project, ".libtorch/torch");
}

/**
 * Looks for libtorch in every location, in order, and installs nothing.
 *
 * An unsuitable `LIBTORCH` ends the search: using another one than requested would be a surprise.
 *
 * @param {string} project
 * @param {NodeJS.ProcessEnv} env
 * @param {string[]} [pythons] the interpreters to ask
 * @returns {{ location?: Location, tried: Attempt[], final: boolean }} `final`: the wheel must not be installed instead
 */
export function locate(project, env, pythons = PYTHONS) {
  const tried = [];
  const places = env.LIBTORCH
    ? [() => fromEnvironment(env)]
    : [
        ...pythons.map((python) => () => fromPython(python, env)),
        () => ({ place: "the wheel in .libtorch/", ...inspect(wheelRoot(project), "wheel", env) }),
      ];
  for (const look of places) {
    const { place, location, reason } = look();
    if (location !== undefined) return { location, tried, final: true };
    tried.push({ place, reason });
  }
  return { tried, final: Boolean(env.LIBTORCH) };
}

/** The message of a failed search. */
export function describeFailure(tried) {
  const lines = tried.map(({ place, reason }) => `  - ${place}: ${reason}`);
  return (
    `No usable libtorch was found. Tried:\n${lines.join("\n")}\n` +
    `Remedy, one of: set LIBTORCH to the folder of a libtorch ${OLDEST.join(".")} or later (the one with lib/ and include/); ` +
    `install torch for the python3 on the PATH; or let "python3 -m pip install ${PINNED}" work here, then run this again.`
  );
}

/** The packages with CUDA's libraries that the wheel requires and that are not installed beside it. */
export function missingCudaPackages(site) {
  const folders = readdirSync(site);
  const normal = (name) => name.toLowerCase().replace(/[-_.]+/g, "_");
  const present = new Set(
    folders.filter((name) => name.endsWith(".dist-info")).map((name) => normal(name.split("-")[0])),
  );
  const info = folders.find((name) => /^torch-.*\.dist-info$/.test(name));
  const metadata = info === undefined ? "" : readFileSync(join(site, info, "METADATA"), "utf8");
  return [...metadata.matchAll(/^Requires-Dist:\s*((?:nvidia|cuda)-[\w.-]+)(.*)$/gm)]
    .filter(([, , rest]) => !/\bextra\s*==/.test(rest))
    .map(([, name]) => name)
    .filter((name) => !present.has(normal(name)));
}

async function pip(site, options, label, env) {
  const args = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input"];
  // The user's pip settings (user installs, virtual environments only) do not suit this folder.
  const ours = { ...env, PIP_USER: "0", PIP_REQUIRE_VIRTUALENV: "0", PIP_ROOT_USER_ACTION: "ignore" };
  await step(label, async (update) => {
    const all = [...args, ...options, "--target", site, PINNED];
    const result = await runChild(PYTHONS[0], all, { env: ours, onLine: update });
    if (result.missing) throw new SetupError(`${PYTHONS[0]} is not installed`);
    if (result.code !== 0) throw new SetupError(`pip failed:\n${result.output}`);
  });
}

/** pip into `site`; with CUDA's libraries only where the wheel is a CUDA build. */
async function pipInstall(site, env) {
  await pip(site, ["--no-deps"], `installing libtorch (${PINNED}, by pip)`, env);
  const cuda = existsSync(join(site, `torch/lib/libtorch_cuda.${LIBRARY_SUFFIX}`));
  const missing = cuda ? missingCudaPackages(site) : [];
  if (missing.length === 0) return;
  say(`this wheel is a CUDA build and needs ${missing.length} more packages (${missing.slice(0, 3).join(", ")}, ...):`);
  say("several GB. Where there is no such GPU, stop here and give pip an index with CPU wheels of torch.");
  rmSync(site, { recursive: true, force: true });
  await pip(site, [], "installing libtorch with CUDA's libraries (by pip)", env);
}

/** An empty folder for pip; leftovers of killed installations are removed. */
function partialFolder(project) {
  const build = join(project, "build");
  makeFolders(build);
  for (const name of readdirSync(build)) {
    if (name.startsWith("libtorch-partial-")) rmSync(join(build, name), { recursive: true, force: true });
  }
  return join(build, `libtorch-partial-${process.pid}`);
}

/** Installs the wheel into .libtorch/: completely or, where pip fails or is killed, not at all. */
async function installWheel(project, env) {
  const place = `pip install ${PINNED}`;
  const partial = partialFolder(project);
  try {
    await pipInstall(partial, env);
    const { reason } = inspect(join(partial, "torch"), "wheel", env);
    if (reason !== undefined) return { place, reason };
    const final = join(project, ".libtorch");
    rmSync(final, { recursive: true, force: true });
    renameSync(partial, final);
    return { place, ...inspect(wheelRoot(project), "wheel", env) };
  } catch (error) {
    if (error instanceof SetupError) return { place, reason: error.message };
    throw error;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

function cacheFile(project) {
  return join(project, "build/libtorch.json");
}

/** Size and time of the files that differ between versions. */
function marksOf(location) {
  return [join(location.lib, `libtorch_cpu.${LIBRARY_SUFFIX}`), join(location.lib, `libc10.${LIBRARY_SUFFIX}`)].map(
    (file) => {
      const { size, mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { size: -1, mtimeMs: -1 };
      return [file, size, Math.round(mtimeMs)];
    },
  );
}

/**
 * The result of an earlier run, if it still exists unchanged and was requested in the same way.
 *
 * @returns {Location | undefined}
 */
export function cachedLocation(project, env) {
  const cache = readJson(cacheFile(project));
  if (cache?.location === undefined || cache.asked !== (env.LIBTORCH ?? "")) return undefined;
  return JSON.stringify(marksOf(cache.location)) === JSON.stringify(cache.marks) ? cache.location : undefined;
}

/** The environment with the `LIBTORCH` of an earlier run where none is given and that one still exists unchanged. */
export function withEarlier(project, env) {
  if (env.LIBTORCH) return env;
  const asked = readJson(cacheFile(project))?.asked;
  if (!asked) return env;
  const earlier = { ...env, LIBTORCH: asked };
  return cachedLocation(project, earlier) === undefined ? env : earlier;
}

/**
 * Locates libtorch, installing the pinned wheel where there is none, and caches the location.
 *
 * @param {string} project
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Location>}
 */
export async function provideLibtorch(project, env) {
  const search = locate(project, env);
  let location = search.location;
  if (location === undefined && !search.final) {
    const attempt = await installWheel(project, env);
    location = attempt.location;
    if (location === undefined) search.tried.push(attempt);
  }
  if (location === undefined) throw new SetupError(describeFailure(search.tried));
  say(`libtorch ${location.version}${location.cuda ? " with CUDA" : ""} at ${location.root}`);
  const cache = { location, asked: env.LIBTORCH ?? "", marks: marksOf(location) };
  writeAtomically(cacheFile(project), `${JSON.stringify(cache, undefined, 2)}\n`);
  return location;
}
