/**
 * `npm test [-- [--rounding other] NAME ...]`: set-up, lint, unused code and format check, then every test file.
 *
 * With names, only the test files whose path contains one of them, and no lint. `ROC_SKIP_LINT=1` leaves lint out.
 *
 * `--rounding other`: only the tests that compute with libtorch, and no lint, with kernels that sum in another order, as
 * on another processor: no bound may hold on one processor only. The tests are selected by what they import.
 */
import { ROOT, ready } from "./setup.mjs";
import { runChild } from "./child.mjs";
import { numericalFiles, testFiles } from "./test-files.mjs";

const TEST_FILES_AT_ONCE = 2;
/** The kernels of a processor without AVX2, in libtorch itself and in oneDNN. */
const OTHER_ROUNDING = { ATEN_CPU_CAPABILITY: "default", ONEDNN_MAX_CPU_ISA: "SSE41" };

/** Ends the process where the program fails; `summary`: whether it prints the failures itself. */
async function must(label, args, { env = process.env, summary = false } = {}) {
  process.stderr.write(`test: ${label}\n`);
  const { code } = await runChild(process.execPath, args, { cwd: ROOT, inherit: true, env });
  if (code === 0) return;
  if (!summary) process.stderr.write(`test: ${label} failed\n`);
  process.exit(code ?? 1);
}

async function lint() {
  await must("eslint", [`${ROOT}node_modules/eslint/bin/eslint.js`, "."]);
  await must("knip", [`${ROOT}node_modules/knip/bin/knip.js`]);
  await must("prettier", [`${ROOT}node_modules/prettier/bin/prettier.cjs`, "--check", "--log-level=warn", "."]);
}

/** Node 20.9 does not know the flag; it runs one file per core, less one. */
function concurrency() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  return major > 20 || minor >= 10 ? [`--test-concurrency=${TEST_FILES_AT_ONCE}`] : [];
}

/** Every finished test on standard output, the failures at the end on standard error. */
function reporters() {
  const summary = new URL("test-summary.mjs", import.meta.url).href;
  return [
    ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
    ...[`--test-reporter=${summary}`, "--test-reporter-destination=stderr"],
  ];
}

function usage(message) {
  process.stderr.write(`test: ${message}\n`);
  process.exit(2);
}

/** @returns {{ other: boolean, names: string[] }} */
function parse(args) {
  const at = args.indexOf("--rounding");
  if (at < 0) return { other: false, names: args };
  if (args[at + 1] !== "other") usage(`--rounding takes "other", not "${args[at + 1] ?? ""}"`);
  return { other: true, names: args.toSpliced(at, 2) };
}

const { other, names } = parse(process.argv.slice(2));
await ready();
if (names.length === 0 && !other && process.env.ROC_SKIP_LINT !== "1") await lint();
const all = testFiles(ROOT).filter((file) => names.length === 0 || names.some((name) => file.includes(name)));
const files = other ? numericalFiles(ROOT, all) : all;
if (files.length === 0) {
  usage(`no test file ${other ? "that computes with libtorch " : ""}has "${names.join('" or "')}" in its path`);
}
const label = `${files.length} test files${other ? " with other rounding" : ""}`;
const env = other ? { ...process.env, ...OTHER_ROUNDING } : process.env;
await must(label, ["--test", ...reporters(), ...concurrency(), ...files], { env, summary: true });
