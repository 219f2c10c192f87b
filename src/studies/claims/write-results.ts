/** The files of an experiment's results: figures, predictions, a page of Markdown, charts. */
import { join } from "node:path";
import { atomicWriteFile, atomicWriteJson, makeFolder } from "../../files/index.js";
import { differencesChart, scoreTokensChart, strategiesChart } from "./charts.js";
import type { Finished } from "./finished-runs.js";
import { markdown } from "./markdown.js";
import type { ExperimentResults } from "./results.js";

export const RESULT_FILES = {
  results: "claims.json",
  predictions: "predictions.json",
  summary: "claims.md",
  strategies: "strategies.svg",
  attributes: "attributes.svg",
  differences: "differences.svg",
  scoreTokens: "score-tokens.svg",
} as const;

/** Writes the results, the predicted scores that they were computed from, the summary and the plots. */
export async function writeResults(folder: string, results: ExperimentResults, finished: Finished): Promise<void> {
  await makeFolder(folder);
  const write = (name: keyof typeof RESULT_FILES, text: string): Promise<void> =>
    atomicWriteFile(join(folder, RESULT_FILES[name]), text);
  await atomicWriteJson(join(folder, RESULT_FILES.results), results);
  await write("predictions", predictionsText(finished));
  await write("strategies", strategiesChart(results, "figures"));
  await write("attributes", strategiesChart(results, "attributes"));
  await write("differences", differencesChart(results));
  if (results.provenance.config.ablation) await write("scoreTokens", scoreTokensChart(results));
  await write("summary", markdown(results));
}

/** Scores of every run, and CIDEr-D of its comments, a line each, so that the comparisons can be computed anew. */
function predictionsText({ pictures, truth, sets, arms }: Finished): string {
  const lines = (entries: readonly (readonly [string, readonly (number | null)[]])[]): string =>
    entries.map(([name, values]) => `${JSON.stringify(name)}: ${JSON.stringify(values)}`).join(",\n");
  const runs = arms.flatMap(
    ({ runs }) =>
    runs.flatMap(({ name, predictions }) => Object.entries(predictions.scores).map(([score, values]) => [`${name} ${score}`, values] as const)), // prettier-ignore
  );
  const comments = arms.flatMap(({ runs }) =>
    runs.flatMap(({ name, predictions: { ciderD } }) => (ciderD ? [[name, ciderD] as const] : [])),
  );
  const commentsText = comments.length > 0 ? `,\n"ciderD": {\n${lines(comments)}\n}` : "";
  const setsText = sets ? `"sets": ${JSON.stringify(sets)},\n` : "";
  return `{"pictures": ${JSON.stringify(pictures)},\n${setsText}"truth": {\n${lines(Object.entries(truth))}\n},\n"predicted": {\n${lines(runs)}\n}${commentsText}}\n`;
}
