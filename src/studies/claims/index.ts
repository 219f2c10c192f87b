/** The experiment that tests the paper's claims on the studio. */
export { cellsOf } from "./runs.js";
export { readExperiment, type ExperimentConfig } from "./config.js";
export { estimate, type Estimate } from "./estimate.js";
export { type ArmResult, type ExperimentResults } from "./results.js";
export { runExperiment, type ExperimentEvent } from "./experiment.js";
export { forecast, type Forecast } from "./forecast.js";
