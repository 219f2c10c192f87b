/** The report of an evaluation as one HTML page. */
export { reportPage } from "./page.js";
export { readRunFolder, type RunFolder } from "./run-folder.js";
