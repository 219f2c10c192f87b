/**
 * The step of set-up that bundles the web pages: page/ to dist/page/, which `serve` gives, and page/alone/ to dist/alone/, which
 * `export onnx --page` copies. In the first, names of script and style hold a digest of their
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
const ALONE = at("dist/alone");
const STAMP = at("dist/page.stamp");
/** Browsers of the last three years. */
const TARGETS = ["chrome115", "firefox115", "safari16.4"];

function stampOf() {
  const sources = filesUnder(at("page"), [".ts", ".tsx", ".css", ".html", ".json", ".svg", ".txt"]);
  const files = ["src/errors.ts", "src/onnx/manifest.ts", "src/server/schemas.ts"].map(at);
  const shared = [...filesUnder(at("src/metrics"), [".ts"]), ...filesUnder(at("src/image"), [".ts"]), ...files];
  return fingerprint([...sources, ...shared, at("scripts/page.mjs"), at("package-lock.json")], [], ROOT);
}

/** Whether dist/page/ is what today's sources bundle to. */
export function pageReady() {
  return (
    [OUT, ALONE].every((folder) => existsSync(join(folder, "index.html"))) &&
    readOrUndefined(STAMP)?.toString() === stampOf()
  );
}

async function check() {
  const tsc = at("node_modules/typescript/bin/tsc");
  const { code, output } = await runChild(process.execPath, [tsc, "-p", at("page")], { cwd: ROOT });
  if (code !== 0) throw new SetupError("The page does not compile; the first error is above all others.", output);
}

/** @returns {Promise<string[]>} names of the files it wrote */
async function bundle(options) {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    bundle: true,
    minify: true,
    format: "esm",
    target: TARGETS,
    tsconfig: at("page/tsconfig.json"),
    define: { "process.env.NODE_ENV": '"production"' },
    legalComments: "inline",
    logLevel: "silent",
    write: false,
    ...options,
  }).catch((error) => {
    throw new SetupError("The page cannot be bundled.", error.message);
  });
  for (const { path, contents } of outputFiles) writeAtomically(path, contents);
  return outputFiles.map(({ path }) => basename(path));
}

async function bundleServed() {
  const entryPoints = { app: at("page/main.tsx") };
  const names = await bundle({ entryPoints, outdir: OUT, entryNames: "[name]-[hash]" });
  const named = (ending) => names.find((name) => name.endsWith(ending)) ?? "";
  const text = readFileSync(at("page/index.html"), "utf8");
  const html = text.replace("app.js", named(".js")).replace("app.css", named(".css"));
  writeAtomically(join(OUT, "index.html"), html);
}

async function bundleAlone() {
  const entryPoints = { app: at("page/alone/main.tsx"), worker: at("page/alone/worker.ts") };
  await bundle({ entryPoints, outdir: ALONE, entryNames: "[name]" });
  writeAtomically(join(ALONE, "index.html"), readFileSync(at("page/alone/index.html")));
  writeAtomically(join(ALONE, "licences.txt"), readFileSync(at("page/alone/licences.txt")));
}

/** Checks the types and bundles both pages. */
export async function buildPage() {
  await step("building the pages (esbuild)", async () => {
    const stamp = stampOf();
    await check();
    for (const folder of [OUT, ALONE]) rmSync(folder, { recursive: true, force: true });
    await bundleServed();
    await bundleAlone();
    writeAtomically(STAMP, stamp);
  });
}
