/** A reporter of `node --test` that prints at the end the number and names of failed tests and their files. */
import { relative } from "node:path";

/** A test that fails only because a subtest failed does not count. */
function isOwnFailure({ details }) {
  return details?.error?.failureType !== "subtestsFailed";
}

/** Node's event for a whole file whose process failed; its tests, if any, are already reported. */
function isOfFile({ name, file }) {
  return file !== undefined && (name === file || file.endsWith(`/${name}`));
}

/** Of one file: what has failed, and whether it was a test of it or all of it. */
function failuresOf(events) {
  const tests = events.filter((event) => !isOfFile(event));
  return tests.length > 0
    ? tests.map(({ name }) => name)
    : ["the file itself: it does not load, or its process has ended"];
}

/**
 * @param {readonly { type: string, data: object }[]} events
 * @param {string} folder paths are seen from there
 * @returns {string} the summary
 */
export function summaryOf(events, folder) {
  const ended = events.filter(({ type, data }) => /^test:(pass|fail)$/.test(type) && data.details?.type !== "suite");
  const failed = ended.filter(
    ({ type, data }) => type === "test:fail" && isOwnFailure(data) && data.todo === undefined,
  );
  const tests = ended.filter(({ data }) => !isOfFile(data)).length;
  if (failed.length === 0) return `test: all ${tests} tests passed\n`;
  const files = byFile(failed);
  const lines = [...files].map(([file, all]) => {
    const names = failuresOf(all.map(({ data }) => data));
    return {
      count: names.length,
      text: `  ${relative(folder, file)}\n${names.map((name) => `    ✖ ${name}\n`).join("")}`,
    };
  });
  const count = lines.reduce((sum, line) => sum + line.count, 0);
  const where = `in ${files.size} ${files.size === 1 ? "file" : "files"}`;
  return `\ntest: ${count} of ${tests} tests failed, ${where}:\n${lines.map(({ text }) => text).join("")}`;
}

function byFile(events) {
  const files = new Map();
  for (const event of events) {
    const file = event.data.file ?? "?";
    files.set(file, [...(files.get(file) ?? []), event]);
  }
  return files;
}

/**
 * @param {readonly { type: string, data: object }[]} events
 * @param {string} folder paths are seen from there
 * @param {number} count
 * @returns {string} the files whose tests took longest, with their seconds
 */
export function slowestOf(events, folder, count) {
  const outer = events.filter(({ data }) => data.nesting === 0 && !isOfFile(data));
  const files = [...byFile(outer)].map(([file, own]) => {
    return { file, seconds: own.reduce((sum, { data }) => sum + data.details.duration_ms / 1000, 0) };
  });
  const slowest = files.sort((a, b) => b.seconds - a.seconds).slice(0, count);
  return slowest.map(({ file, seconds }) => `${seconds.toFixed(1).padStart(7)} s ${relative(folder, file)}\n`).join("");
}

export default async function* summary(source) {
  const events = [];
  for await (const event of source) if (/^test:(pass|fail)$/.test(event.type)) events.push(event);
  yield summaryOf(events, process.cwd());
}
