/** The report of an evaluation as one HTML page. */
export { reportPage } from "./page.js";
export { readRunFolder } from "./run-folder.js";
