/** What is said of a data set before it is trained on: nothing is left out without a word. */
import { checkDataset, findingText, PROBLEMS, type LoadedDataset } from "../../data/index.js";
import type { TrainProgress } from "./progress.js";

/** Wrong labels are told before hours go into them. Images are not opened for it. */
export async function tellProblems(dataset: LoadedDataset, folder: string, progress: TrainProgress): Promise<void> {
  const { problems, notes } = await checkDataset(dataset, { limit: 0 });
  for (const note of notes) progress.line(`note: ${note}`);
  for (const { kind, findings } of problems) {
    const what = kind === "missing-image" ? `${PROBLEMS[kind]}, left out` : PROBLEMS[kind];
    const [first] = findings;
    progress.line(`note: ${what}: ${findings.length}${first ? `, as ${findingText(first)}` : ""}`);
  }
  if (problems.length > 0) progress.line(`For all of them: roc4mllm data check ${folder}`);
}
