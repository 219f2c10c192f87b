/**
 * npm's `prepare`: compiles TypeScript and bundles the page before the package is packed or installed from git, where dist/ is not in the
 * repository. `npm ci` in a clone leaves it to set-up, which calls it.
 */
import "./node-version.mjs";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildPage, pageReady } from "./page.mjs";
import { ROOT } from "./places.mjs";
import { SetupError } from "./terminal.mjs";
import { buildTypescript, typescriptReady } from "./typescript.mjs";

const hasCompiler = existsSync(join(ROOT, "node_modules/typescript/bin/tsc"));
if (process.env.npm_command !== "ci" && hasCompiler) {
  try {
    if (!typescriptReady()) await buildTypescript();
    if (!pageReady()) await buildPage();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.output}\n\n${error.message}\n`);
    process.exitCode = 1;
  }
}
