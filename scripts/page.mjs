/**
 * The step of set-up that bundles the web page: page/ to dist/page/. Names of script and style hold a digest of their
 * contents, so that a browser keeps them for good; index.html names them and is asked for again each time.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { runChild } from "./child.mjs";
import { filesUnder, fingerprint, readOrUndefined, writeAtomically } from "./fingerprint.mjs";
import { ROOT } from "./places.mjs";
import { SetupError, step } from "./terminal.mjs";

const at = (path) => join(ROOT, path);
const OUT = at("dist/page");
const STAMP = at("dist/page.stamp");
/** Browsers of the last three years. */
const TARGETS = ["chrome115", "firefox115", "safari16.4"];

function stampOf() {
  const sources = filesUnder(at("page"), [".ts", ".tsx", ".css", ".html", ".json", ".svg"]);
  const files = ["src/errors.ts", "src/image/endings.ts", "src/server/schemas.ts"].map(at);
  const shared = [...filesUnder(at("src/metrics"), [".ts"]), ...files];
  return fingerprint([...sources, ...shared, at("scripts/page.mjs"), at("package-lock.json")], [], ROOT);
}

/** Whether dist/page/ is what today's sources bundle to. */
export function pageReady() {
  return existsSync(join(OUT, "index.html")) && readOrUndefined(STAMP)?.toString() === stampOf();
}

async function check() {
  const tsc = at("node_modules/typescript/bin/tsc");
  const { code, output } = await runChild(process.execPath, [tsc, "-p", at("page")], { cwd: ROOT });
  if (code !== 0) throw new SetupError("The page does not compile; the first error is above all others.", output);
}

/** @returns {Promise<string[]>} names of the files it wrote */
async function bundle() {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: { app: at("page/main.tsx") },
    outdir: OUT,
    entryNames: "[name]-[hash]",
    bundle: true,
    minify: true,
    format: "esm",
    target: TARGETS,
    tsconfig: at("page/tsconfig.json"),
    define: { "process.env.NODE_ENV": '"production"' },
    legalComments: "inline",
    logLevel: "silent",
    write: false,
  }).catch((error) => {
    throw new SetupError("The page cannot be bundled.", error.message);
  });
  for (const { path, text } of outputFiles) writeAtomically(path, text);
  return outputFiles.map(({ path }) => basename(path));
}

/** Checks the types and bundles. */
export async function buildPage() {
  await step("building the page (esbuild)", async () => {
    const stamp = stampOf();
    await check();
    rmSync(OUT, { recursive: true, force: true });
    const names = await bundle();
    const named = (ending) => names.find((name) => name.endsWith(ending)) ?? "";
    const text = readFileSync(at("page/index.html"), "utf8");
    const html = text.replace("app.js", named(".js")).replace("app.css", named(".css"));
    writeAtomically(join(OUT, "index.html"), html);
    writeAtomically(STAMP, stamp);
  });
}
