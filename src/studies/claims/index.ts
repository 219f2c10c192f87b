/** The experiment that tests the paper's claims on the studio. */
export { armName, armsOf, cellsOf, type Arm, type Cell } from "./cells.js";
export { claimsOf, type Claim, type Finding, type Verdict } from "./claims.js";
export { differences, pooledFigures, type Differences, type PooledFigure, type RunPredictions } from "./compare.js";
export { readExperiment, type ExperimentConfig } from "./config.js";
export { estimate, type Estimate } from "./estimate.js";
export { RESULT_FILES, type ArmResult, type ExperimentResults } from "./report.js";
export { runExperiment, type ExperimentEvent, type ExperimentOptions } from "./run.js";
export { forecast, type Forecast, type RunsForecast } from "./forecast.js";
