/**
 * `npm test [-- [--rounding other] [--slowest N] NAME ...]`: set-up, then every test file, and beside them lint, unused code
 * and format check.
 *
 * With names, only the test files whose path contains one of them, and no lint. `ROC_SKIP_LINT=1` leaves lint out.
 * `--slowest N`: names at the end the N files that took longest.
 *
 * `--rounding other`: only the tests of what computes with libtorch, and no lint, with kernels that sum in another order, as
 * on another processor: no bound may hold on one processor only. Which they are: test-files.mjs.
 */
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { parseArgs } from "node:util";
import { ROOT, ready } from "./setup.mjs";
import { runChild } from "./child.mjs";
import { longestFirst, numericalFiles, testFiles } from "./test-files.mjs";
import { slowestOf, summaryOf } from "./test-summary.mjs";

const TEST_FILES_AT_ONCE = 2;
/** The kernels of a processor without AVX2, in libtorch itself and in oneDNN. */
const OTHER_ROUNDING = { ATEN_CPU_CAPABILITY: "default", ONEDNN_MAX_CPU_ISA: "SSE41" };

const LINT = {
  eslint: ["eslint/bin/eslint.js", "."],
  knip: ["knip/bin/knip.js"],
  prettier: ["prettier/bin/prettier.cjs", "--check", "--log-level=warn", "."],
};

/** Runs the checks of the sources one after another. @returns what fails, with what it says */
async function lint() {
  const failed = [];
  for (const [name, [program, ...args]] of Object.entries(LINT)) {
    process.stderr.write(`test: ${name}\n`);
    const { code, output } = await runChild(process.execPath, [`${ROOT}node_modules/${program}`, ...args], {
      cwd: ROOT,
    });
    if (code !== 0) failed.push(`${output}\ntest: ${name} failed\n`);
  }
  return failed;
}

/** Runs test files, two at a time; every finished test is told on standard output. @returns the runner's events */
async function runFiles(files) {
  const stream = run({ files: files.map((file) => join(ROOT, file)), concurrency: TEST_FILES_AT_ONCE });
  const events = [];
  for (const type of ["test:pass", "test:fail"]) stream.on(type, (data) => events.push({ type, data }));
  for await (const text of stream.compose(new spec())) process.stdout.write(text);
  return events;
}

function usage(message) {
  process.stderr.write(`test: ${message}\n`);
  process.exit(2);
}

/** @returns {{ other: boolean, slowest: number, names: string[] }} */
function parse(args) {
  const options = { rounding: { type: "string" }, slowest: { type: "string" } };
  let parsed;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    usage(error.message);
  }
  const { rounding, slowest = "0" } = parsed.values;
  if (rounding !== undefined && rounding !== "other") usage(`--rounding takes "other", not "${rounding}"`);
  if (!/^\d+$/.test(slowest)) usage(`--slowest takes a number, not "${slowest}"`);
  return { other: rounding === "other", slowest: Number(slowest), names: parsed.positionals };
}

const { other, slowest, names } = parse(process.argv.slice(2));
await ready();
const all = testFiles(ROOT).filter((file) => names.length === 0 || names.some((name) => file.includes(name)));
const files = longestFirst(other ? numericalFiles(ROOT, all) : all);
if (files.length === 0) {
  usage(`no test file ${other ? "that computes with libtorch " : ""}has "${names.join('" or "')}" in its path`);
}
process.stderr.write(`test: ${files.length} test files${other ? " with other rounding" : ""}\n`);
// As many threads as there are files at once would only wait for each other. With other rounding also other threads.
if (other) Object.assign(process.env, OTHER_ROUNDING);
else process.env.OMP_NUM_THREADS ??= "1";
const withLint = names.length === 0 && !other && process.env.ROC_SKIP_LINT !== "1";
const [events, faults] = await Promise.all([runFiles(files), withLint ? lint() : []]);
process.stderr.write(faults.join("") + slowestOf(events, ROOT, slowest) + summaryOf(events, ROOT));
if (faults.length > 0 || events.some(({ type, data }) => type === "test:fail" && data.todo === undefined))
  process.exitCode = 1;
