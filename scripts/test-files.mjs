/** Lists the test files, and those that compute with floating point in libtorch. */
import { dirname, join, relative, resolve } from "node:path";
import { filesUnder, readOrUndefined } from "./fingerprint.mjs";

/** A test that reaches this file computes with libtorch. */
const NATIVE = "dist/src/torch/native.js";
/** Imports, at the top and in functions, and files of programs that are started: `new URL("./rank.js", ...)`. */
const REFERENCE = /(?:\bfrom\s+|\bimport\s*\(?\s*|\bnew URL\(\s*)["'](\.{1,2}\/[^"']+\.js)["']/g;

/**
 * Compiled test files, found by their sources: one without a source does not run.
 *
 * @param {string} root the project's folder
 * @returns {string[]} relative to it
 */
export function testFiles(root) {
  return filesUnder(join(root, "test"), [".test.ts"]).map(
    (source) => `dist/${relative(root, source).replace(/\.ts$/, ".js")}`,
  );
}

/** The compiled files that one refers to. */
function referencesOf(root, file) {
  const text = readOrUndefined(join(root, file))?.toString("utf8") ?? "";
  return [...text.matchAll(REFERENCE)].map(([, name]) => relative(root, resolve(root, dirname(file), name)));
}

/**
 * Those of the files that reach libtorch, themselves or through what they import or start: their figures depend on how the
 * processor's kernels round.
 *
 * @param {string} root
 * @param {string[]} files
 * @returns {string[]}
 */
export function numericalFiles(root, files) {
  const known = new Map();
  const references = (file) => {
    if (!known.has(file)) known.set(file, referencesOf(root, file));
    return known.get(file);
  };
  const reaches = (start) => {
    const seen = new Set([start]);
    for (const file of seen) for (const other of references(file)) seen.add(other);
    return seen.has(NATIVE);
  };
  return files.filter(reaches);
}
