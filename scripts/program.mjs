/** Runs a compiled program in this process, so that signals, streams and the exit code are its own. */
import { pathToFileURL } from "node:url";

/**
 * @param {string} file absolute path of an ES module that runs when imported
 * @param {string[]} args what it finds from process.argv[2] on
 */
export async function runFile(file, args) {
  process.argv = [process.execPath, file, ...args];
  await import(pathToFileURL(file).href);
}
