/**
 * `npm test [-- NAME ...]`: set-up, lint and format check, then every test file.
 *
 * With names, only the test files whose path contains one of them, and no lint. `ROC_SKIP_LINT=1` leaves lint out.
 */
import { ROOT, ready } from "./setup.mjs";
import { filesUnder } from "./fingerprint.mjs";
import { runChild } from "./child.mjs";
import { relative } from "node:path";

const TEST_FILES_AT_ONCE = 2;

async function must(label, args) {
  process.stderr.write(`test: ${label}\n`);
  const { code } = await runChild(process.execPath, args, { cwd: ROOT, inherit: true });
  if (code !== 0) {
    process.stderr.write(`test: ${label} failed\n`);
    process.exit(code ?? 1);
  }
}

async function lint() {
  await must("eslint", [`${ROOT}node_modules/eslint/bin/eslint.js`, "."]);
  await must("prettier", [`${ROOT}node_modules/prettier/bin/prettier.cjs`, "--check", "--log-level=warn", "."]);
}

/** Compiled test files, found by their sources: one whose source is gone does not run. */
function testFiles(names) {
  return filesUnder(`${ROOT}test`, [".test.ts"])
    .map((source) => `dist/${relative(ROOT, source).replace(/\.ts$/, ".js")}`)
    .filter((file) => names.length === 0 || names.some((name) => file.includes(name)));
}

/** Node 20.9 does not know the flag; it runs one file a core less one. */
function concurrency() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  return major > 20 || minor >= 10 ? [`--test-concurrency=${TEST_FILES_AT_ONCE}`] : [];
}

const names = process.argv.slice(2);
await ready();
if (names.length === 0 && process.env.ROC_SKIP_LINT !== "1") await lint();
const files = testFiles(names);
if (files.length === 0) {
  process.stderr.write(`test: no test file has "${names.join('" or "')}" in its path\n`);
  process.exit(2);
}
await must(`${files.length} test files`, ["--test", "--test-reporter=spec", ...concurrency(), ...files]);
