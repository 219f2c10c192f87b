/** Lists the test files: all, those whose figures depend on the processor, and the order in which they are run. */
import { dirname, join, relative, resolve } from "node:path";
import { filesUnder, readOrUndefined } from "./fingerprint.mjs";

/** A test that reaches this file loads libtorch. */
const NATIVE = "dist/src/torch/native.js";
/** Rooms whose tests are about numbers that libtorch computes; elsewhere they move, write and print numbers, or start programs. */
const COMPUTING = ["baselines", "engine", "generation", "models", "nn", "roc", "torch", "train"];
/** Its bounds are for any order of sums: what takes one holds numbers against others. */
const BOUNDS = "dist/test/rounding.js";
/**
 * Tests of those rooms that are the same in any order of sums: of processes and threads that end, fail and wait (they add whole
 * numbers, or hold one run against another of the same kernels), of names, shapes, files, messages and settings.
 */
const WHATEVER_ROUNDING = new Set(
  [
    ...["engine/worker", "engine/identity", "engine/reads"],
    ...[
      "models/bad-input",
      "models/config-sizes",
      "models/damaged-configs",
      "models/published-sizes",
      "models/readback",
    ],
    ...["roc/template", "train/collate", "train/config", "train/slow-first", "train/tensorboard", "train/warnings"],
    ...["torch/distributed", "torch/lost-device", "torch/memory", "torch/peer-watch", "torch/print", "torch/processor"],
    ...["torch/settings", "torch/types"],
  ].map((name) => `dist/test/${name}.test.js`),
);
/** Beginnings of the paths that take longest, longest first: files of a minute, then rooms of whole programs. */
const LONGEST = [
  ...["docs/commands", "roc/pictures", "e2e/resume", "e2e/experiment", "e2e/package", "e2e/examples"],
  ...["files/readers-scale", "docs/programs", "train/every-", "baselines/every-system", "docs/", "e2e/", "page/"],
];
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

/** @returns {string} the room of a compiled test file */
function roomOf(file) {
  return file.replace(/^dist\/test\//, "").split("/")[0];
}

/**
 * Those of the files whose figures depend on how the processor's kernels round: what they import or start reaches libtorch,
 * and they are the tests of a room that computes, but for WHATEVER_ROUNDING, or take a bound of test/rounding.ts.
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
  const isNumerical = (start) => {
    if (WHATEVER_ROUNDING.has(start)) return false;
    const seen = new Set([start]);
    for (const file of seen) for (const other of references(file)) seen.add(other);
    return seen.has(NATIVE) && (COMPUTING.includes(roomOf(start)) || seen.has(BOUNDS));
  };
  return files.filter(isNumerical);
}

/**
 * In the order in which they are run: a long one that begins last would run alone.
 *
 * @param {string[]} files
 * @returns {string[]}
 */
export function longestFirst(files) {
  const rankOf = (file) => {
    const rank = LONGEST.findIndex((path) => file.startsWith(`dist/test/${path}`));
    return rank < 0 ? LONGEST.length : rank;
  };
  return [...files].sort((a, b) => rankOf(a) - rankOf(b));
}
