/**
 * Everything between a fresh clone and a program that runs: packages, libtorch, the native addon, TypeScript.
 *
 * Needs nothing but Node. Each step is skipped where it is already done, so that every command may begin with it.
 */
import "./node-version.mjs";
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runChild } from "./child.mjs";
import { filesUnder, fingerprint, readJson, readOrUndefined, writeAtomically } from "./fingerprint.mjs";
import { cachedLocation, provideLibtorch } from "./libtorch.mjs";
import { withLock } from "./lock.mjs";
import { SetupError, step } from "./terminal.mjs";

/** The project's folder. */
export const ROOT = fileURLToPath(new URL("../", import.meta.url));
/** The exit code of a set-up that failed (NATIVE_UNAVAILABLE of src/errors.ts). */
const EXIT_SETUP_FAILED = 5;
const MAX_COMPILERS = 4;

const at = (path) => join(ROOT, path);

// ---- packages -------------------------------------------------------------------------------------------------------

/** Whether node_modules holds what package-lock.json says; npm keeps its own copy of what it installed. */
function packagesReady() {
  const wanted = readJson(at("package-lock.json"))?.packages;
  const present = readJson(at("node_modules/.package-lock.json"))?.packages;
  if (wanted === undefined || present === undefined) return false;
  return Object.entries(wanted).every(([path, { version, optional, integrity }]) => {
    if (path === "") return true;
    const found = present[path];
    return found === undefined ? optional === true : found.version === version && found.integrity === integrity;
  });
}

async function installPackages() {
  const own = process.env.npm_execpath;
  const [command, first] = own && basename(own) === "npm-cli.js" ? [process.execPath, [own]] : ["npm", []];
  const args = [...first, "ci", "--include=dev", "--loglevel=error", "--no-audit", "--no-fund"];
  await step("installing packages (npm ci)", async (update) => {
    const result = await runChild(command, args, { cwd: ROOT, onLine: update });
    if (result.missing) throw new SetupError("npm is not on the PATH. It comes with Node: install Node with it.");
    if (result.code === 0) return;
    throw new SetupError("npm ci failed. Is there a network, and room on the disk?", result.output);
  });
}

// ---- native addon ---------------------------------------------------------------------------------------------------

const ADDON = at("build/native/roc4mllm.node");
const ADDON_STAMP = at("build/native/stamp");
const CMAKE_FOLDER = at("build/cmake");

function nativeStamp(location) {
  const files = filesUnder(at("native"), [".cc", ".h", "CMakeLists.txt"]);
  const headers = readJson(at("node_modules/node-api-headers/package.json"))?.version;
  return fingerprint(files, [location, headers, process.platform, process.arch]);
}

function nativeReady() {
  const location = cachedLocation(ROOT, process.env);
  return (
    location !== undefined && existsSync(ADDON) && readOrUndefined(ADDON_STAMP)?.toString() === nativeStamp(location)
  );
}

const COMPILER_REMEDY =
  "The native addon needs CMake 3.18 or later and a C++17 compiler (Debian: apt-get install g++ cmake). " +
  "If libtorch was changed, delete the folder build/.";

async function runBuildTool(args, update) {
  const result = await runChild("cmake", args, { cwd: ROOT, onLine: update });
  if (result.missing) throw new SetupError(`cmake is not on the PATH. ${COMPILER_REMEDY}`);
  if (result.code !== 0) throw new SetupError(`"cmake ${args.join(" ")}" failed. ${COMPILER_REMEDY}`, result.output);
}

async function hasNinja() {
  return (await runChild("ninja", ["--version"])).code === 0;
}

/** CMake's arguments; a build folder made with others is of no use. */
async function configureArguments(location) {
  return [
    ...["-S", at("native"), "-B", CMAKE_FOLDER, "-DCMAKE_BUILD_TYPE=Release"],
    ...["-G", (await hasNinja()) ? "Ninja" : "Unix Makefiles"],
    `-DLIBTORCH_INCLUDE=${location.include.join(";")}`,
    `-DLIBTORCH_LIB=${location.lib}`,
    `-DLIBTORCH_CXX11_ABI=${location.cxx11abi}`,
    `-DNODE_API_INCLUDE=${at("node_modules/node-api-headers/include")}`,
  ];
}

/** Loads the addon once in a process of its own: what is wrong with libtorch shows here and not in the first command. */
async function tryAddon(file) {
  const result = await runChild(process.execPath, ["-e", "require(process.argv[1])", file]);
  if (result.code === 0) return;
  throw new SetupError(
    "The native addon was built but does not load; libtorch is incomplete or does not fit this machine. " +
      "Set LIBTORCH to another one, or delete .libtorch/ and build/ and run this again.",
    result.output,
  );
}

async function compile(location, update) {
  const configure = await configureArguments(location);
  const madeWith = join(CMAKE_FOLDER, "arguments.json");
  if (JSON.stringify(readJson(madeWith)) !== JSON.stringify(configure)) {
    rmSync(CMAKE_FOLDER, { recursive: true, force: true });
  }
  await runBuildTool(configure, update);
  writeAtomically(madeWith, JSON.stringify(configure));
  const jobs = Math.min(availableParallelism(), MAX_COMPILERS);
  await runBuildTool(["--build", CMAKE_FOLDER, "--parallel", String(jobs)], update);
}

async function buildNative() {
  const location = cachedLocation(ROOT, process.env);
  await step("building the native addon (CMake)", async (update) => {
    const stamp = nativeStamp(location);
    await compile(location, update);
    const built = join(CMAKE_FOLDER, "roc4mllm.node");
    update("loading it");
    await tryAddon(built);
    // A running program may have the old one mapped: put the new one in its place, never over it.
    const fresh = `${ADDON}.${process.pid}`;
    mkdirSync(at("build/native"), { recursive: true });
    copyFileSync(built, fresh);
    renameSync(fresh, ADDON);
    writeAtomically(ADDON_STAMP, stamp);
  });
}

// ---- TypeScript -----------------------------------------------------------------------------------------------------

const TYPESCRIPT_STAMP = at("dist/stamp");

function typescriptStamp() {
  const sources = ["src", "test", "bench", "examples"].flatMap((folder) => filesUnder(at(folder), [".ts"]));
  return fingerprint([...sources, at("tsconfig.json"), at("package.json"), at("package-lock.json")]);
}

function typescriptReady() {
  const stamp = readOrUndefined(TYPESCRIPT_STAMP)?.toString();
  return stamp !== undefined && existsSync(at("dist/src/cli/main.js")) && stamp === typescriptStamp();
}

async function buildTypescript() {
  await step("building TypeScript (tsc)", async (update) => {
    const stamp = typescriptStamp();
    // With its record gone, tsc writes every file again: a file that somebody deleted comes back.
    if (!existsSync(at("dist/src/cli/main.js"))) rmSync(at("dist/.tsbuildinfo"), { force: true });
    const tsc = at("node_modules/typescript/bin/tsc");
    const result = await runChild(process.execPath, [tsc, "-p", ROOT], { cwd: ROOT, onLine: update });
    if (result.code !== 0)
      throw new SetupError("TypeScript does not compile; the first error is above all others.", result.output);
    writeAtomically(TYPESCRIPT_STAMP, stamp);
  });
}

// ---- all of it ------------------------------------------------------------------------------------------------------

const STEPS = [
  { ready: packagesReady, make: installPackages },
  {
    ready: () => cachedLocation(ROOT, process.env) !== undefined,
    make: () => provideLibtorch(ROOT, process.env),
  },
  { ready: nativeReady, make: buildNative },
  { ready: typescriptReady, make: buildTypescript },
];

async function setup() {
  if (STEPS.every(({ ready }) => ready())) return;
  await withLock(at("build/setup.lock"), async () => {
    for (const { ready, make } of STEPS) {
      if (!ready()) await make();
    }
  });
}

function report(error) {
  if (!(error instanceof SetupError)) throw error;
  const output = error.output === "" ? "" : `${error.output}\n\n`;
  process.stderr.write(`\n${output}setup failed: ${error.message}\n`);
}

/** Does whatever set-up is missing; ends the process with a message where it cannot. */
export async function ready() {
  try {
    await setup();
  } catch (error) {
    report(error);
    process.exit(EXIT_SETUP_FAILED);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await ready();
  process.stderr.write("setup: everything is ready\n");
}
