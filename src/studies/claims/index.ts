/** The study that tests the paper's claims on the studio. */
export type { ExperimentConfig } from "./config.js";
export { estimate, type Estimate } from "./estimate.js";
export { readExperiment, runExperiment } from "./experiment.js";
export type { ExperimentEvent } from "./options.js";
export { forecast, type Forecast } from "./forecast.js";
export { chosenRuns } from "./jobs.js";
export { KeptRuns } from "./kept-runs.js";
export { type ArmResult, type ExperimentResults } from "./results.js";
