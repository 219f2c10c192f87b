/** The step of set-up that compiles TypeScript; a clone's and, by prepare.mjs, that of a package in the making. */
import { existsSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { runChild } from "./child.mjs";
import { filesUnder, fingerprint, readOrUndefined, writeAtomically } from "./fingerprint.mjs";
import { ROOT } from "./places.mjs";
import { SetupError, step } from "./terminal.mjs";

const at = (path) => join(ROOT, path);
const STAMP = at("dist/stamp");
const FOLDERS = ["src", "test", "bench", "examples"];

function stampOf() {
  const sources = FOLDERS.flatMap((folder) => filesUnder(at(folder), [".ts"]));
  return fingerprint([...sources, at("tsconfig.json"), at("package.json"), at("package-lock.json")]);
}

/** Whether dist/ holds what today's sources compile to. */
export function typescriptReady() {
  const stamp = readOrUndefined(STAMP)?.toString();
  return stamp !== undefined && existsSync(at("dist/src/cli/main.js")) && stamp === stampOf();
}

/** What tsc left of sources that are gone: it would be packed. */
function removeOrphans() {
  for (const file of filesUnder(at("dist/src"), [".js", ".d.ts", ".js.map"])) {
    const source = relative(at("dist"), file).replace(/\.(js|d\.ts|js\.map)$/, ".ts");
    if (!existsSync(at(source))) rmSync(file);
  }
}

/** Compiles. */
export async function buildTypescript() {
  await step("building TypeScript (tsc)", async (update) => {
    const stamp = stampOf();
    // With its record gone, tsc writes every file again: a file that somebody deleted comes back.
    if (!existsSync(at("dist/src/cli/main.js"))) rmSync(at("dist/.tsbuildinfo"), { force: true });
    const tsc = at("node_modules/typescript/bin/tsc");
    const result = await runChild(process.execPath, [tsc, "-p", ROOT], { cwd: ROOT, onLine: update });
    if (result.code !== 0)
      throw new SetupError("TypeScript does not compile; the first error is above all others.", result.output);
    removeOrphans();
    writeAtomically(STAMP, stamp);
  });
}
