/**
 * A table of the paper with our own figures below the published ones. With a folder the table is rehearsed there first, in
 * a minute: small synthetic copies of its data sets are written, the demo weights are trained on them by each of its strategies,
 * tiny classical systems too, and evaluated; with methods, those of these rows alone. Such figures say nothing about the published ones; they show the whole path.
 *
 *     node dist/examples/reproduce.js table2
 *     node dist/examples/reproduce.js table2 runs/rehearsal
 *     node dist/examples/reproduce.js table2 runs/rehearsal NIMA ROC4MLLM
 *
 * Ctrl-C stops it with everything so far kept; the same command resumes it.
 */
import { formatTable, isRocError, reproduce, type ReproductionProgress, type ReproductionSpec } from "roc4mllm";

const [table, work, ...methods] = process.argv.slice(2);
if (table === undefined) throw new Error("usage: reproduce.js TABLE [FOLDER [METHOD...]]");

const only = methods.length > 0 ? methods : undefined;
const rehearsal: Partial<ReproductionSpec> = { studio: true, run: true, work, only, pictures: 50, epochs: 0.5 };

function show(progress: ReproductionProgress): void {
  if (progress.type === "note") console.error(`note: ${progress.text}`);
  if (progress.type === "begin") console.error(`${progress.job} ...`);
  if (progress.type === "done")
    console.error(`${progress.job}: ${progress.seconds.toFixed(0)} s, ${progress.left} left`);
}

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

try {
  const spec = { table, ...(work !== undefined && rehearsal) };
  const { table: compared } = await reproduce(spec, { signal: stop.signal, onProgress: show });
  process.stdout.write(formatTable(compared, "text"));
} catch (error) {
  if (!isRocError(error)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
