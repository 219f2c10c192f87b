/**
 * Evaluates a checkpoint on a small synthetic data set, which it writes first, and compares it with another one that always
 * says the same. Stopped by Ctrl-C, it resumes where it was.
 *
 *     node dist/examples/evaluate.js [folder of the results] [checkpoint folder]      (default: evaluated/, the demo weights)
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compareRuns, DEMO_MODEL, evaluate, isRocError, writeStudioFormats } from "roc4mllm";

const folder = process.argv[2] ?? "evaluated";
const model = process.argv[3] ?? DEMO_MODEL;
const stopped = new AbortController();
process.once("SIGINT", () => stopped.abort());
const { signal } = stopped;

try {
  const data = join(folder, "data");
  await writeStudioFormats(data, { formats: ["tad66k"], count: 40, longEdge: 96, testFraction: 0.5, seed: 3, signal });

  const run = join(folder, "run");
  const { summary, predictions } = await evaluate(
    { data, model, out: run, report: true, resamples: 500 },
    {
      signal,
      onProgress(progress) {
        if (progress.type === "scored") process.stderr.write(`\r${progress.done} of ${progress.total}`);
        else if (progress.type === "note") console.error(`\nnote: ${progress.text}`);
      },
    },
  );
  const { srcc, mae } = summary.overall;
  console.log(`${summary.scored} of ${summary.count} pictures scored by ${summary.provenance.system}`);
  console.log(`SRCC ${srcc?.value.toFixed(3)} [${srcc?.low.toFixed(3)}, ${srcc?.high.toFixed(3)}], MAE ${mae?.value.toFixed(3)}`); // prettier-ignore
  for (const { id, error } of predictions) if (error) console.log(`${id}: ${error.code}: ${error.message}`);

  // Another system's predictions: here the mean of all ratings for every picture.
  const ratings = predictions.map(({ truth }) => truth["score"] ?? NaN);
  const mean = ratings.reduce((sum, rating) => sum + rating, 0) / ratings.length;
  const file = join(folder, "mean.csv");
  await writeFile(file, `id,score\n${predictions.map(({ id }) => `${id},${mean}`).join("\n")}\n`);
  const other = join(folder, "mean");
  await evaluate({ data, predictions: file, out: other, resamples: 500 }, { signal });
  const { differences } = await compareRuns(run, other, { resamples: 500 });
  console.log(`MAE less that of the mean: ${differences.mae?.value.toFixed(3)}, p = ${differences.mae?.p.toFixed(3)}`);
  console.log(`Results and page: ${run}`);
} catch (error) {
  if (!isRocError(error)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = error.exitCode;
}
