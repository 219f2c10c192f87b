/**
 * Everything between a fresh clone and a running program: packages, libtorch, the native addon, TypeScript, the web page. An
 * installed package already has the first and the last two.
 *
 * Needs nothing but Node. Each step is skipped where it is already done, so that every command of a clone can start with
 * it.
 */
import "./node-version.mjs";
import { accessSync, constants, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runChild } from "./child.mjs";
import { makeFolders, readJson } from "./fingerprint.mjs";
import { cachedLocation, provideLibtorch, withEarlier } from "./libtorch.mjs";
import { withLock } from "./lock.mjs";
import { buildNative, nativeReady } from "./native.mjs";
import { buildPage, pageReady } from "./page.mjs";
import { followParent } from "./parent.mjs";
import { IS_CLONE, ROOT, homeOf } from "./places.mjs";
import { planSetup } from "./plan.mjs";
import { SetupError, say, step } from "./terminal.mjs";
import { buildTypescript, typescriptReady } from "./typescript.mjs";

export { ROOT } from "./places.mjs";

followParent();

/** The exit code of a set-up that failed (NATIVE_UNAVAILABLE of src/errors.ts). */
const EXIT_SETUP_FAILED = 5;

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

// ---- all of it ------------------------------------------------------------------------------------------------------

const home = homeOf(process.env);
/** A package's set-up reuses the libtorch of an earlier one; a clone's searches again. */
const env = IS_CLONE ? process.env : withEarlier(home, process.env);

const NATIVE_STEPS = [
  { ready: () => cachedLocation(home, env) !== undefined, make: () => provideLibtorch(home, env) },
  { ready: () => nativeReady(env), make: () => buildNative(env) },
];

const STEPS = IS_CLONE
  ? [
      { ready: packagesReady, make: installPackages },
      ...NATIVE_STEPS,
      { ready: typescriptReady, make: buildTypescript },
      { ready: pageReady, make: buildPage },
    ]
  : NATIVE_STEPS;

/** The folder for what set-up makes. */
function prepareHome() {
  try {
    makeFolders(join(home, "build"));
    accessSync(join(home, "build"), constants.W_OK);
  } catch (error) {
    const remedy = "Set ROC4MLLM_HOME to a folder that can be, for this and for every later command";
    throw new SetupError(`${home} cannot be written (${error.code ?? error.message}). ${remedy}.`);
  }
  return home;
}

/** Checked before any large download: the prerequisites of later steps. */
function checkTools() {
  if (nativeReady(env)) return;
  const { missing } = planSetup(env);
  if (missing.length > 0) throw new SetupError(`${missing.join("\n")}\nNothing was fetched or built.`);
}

/** Does whatever is missing. Throws SetupError. */
export async function setup() {
  if (STEPS.every(({ ready }) => ready())) return;
  const lock = join(prepareHome(), "build/setup.lock");
  const onWait = ({ pid }) => say(`another set-up is at work here (process ${pid}); waiting for it`);
  await withLock(lock, { onWait }, async () => {
    checkTools();
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

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await ready();
  process.stderr.write("setup: everything is ready\n");
}
