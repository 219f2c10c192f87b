/**
 * Says what is wrong with a data set before anything trains on it. Without a folder it writes a small synthetic one with a
 * missing and a broken picture.
 *
 *     node dist/examples/check-data.js [folder of a data set]
 */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkData, isRocError, writeStudioFormats } from "roc4mllm";

const given = process.argv[2];
const made = given === undefined ? await mkdtemp(join(tmpdir(), "check-data-")) : undefined;

/** A data set with a missing and a broken picture. */
async function writeBroken(folder: string): Promise<string> {
  await writeStudioFormats(folder, { formats: ["csv"], count: 12, longEdge: 64, seed: 3 });
  const [first = "", second = ""] = (await readdir(join(folder, "images"))).sort();
  await rm(join(folder, "images", first));
  await writeFile(join(folder, "images", second), "no picture");
  return folder;
}

try {
  const data = given ?? (await writeBroken(made ?? ""));
  const onProgress = (done: number, total: number): void => void process.stderr.write(`\r${done} of ${total}`);
  const { name, rows, columns, problems, notes } = await checkData({ data }, { onProgress });
  process.stderr.write("\n");
  console.log(`${name}: ${rows.train.rated} to train on, ${rows.test.rated} to test on`);
  for (const { name: label, scale } of columns) console.log(`label ${label}, from ${scale.min} to ${scale.max}`);
  for (const { kind, findings } of problems) console.log(`${kind}: ${findings.length}, as ${findings[0]?.detail}`);
  for (const note of notes) console.log(`note: ${note}`);
  process.exitCode = problems.length > 0 ? 4 : 0;
} catch (error) {
  if (!isRocError(error)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = error.exitCode;
} finally {
  if (made !== undefined) await rm(made, { recursive: true, force: true });
}
