/** `npm start [-- command ...]`: set-up, then the command line; without arguments it scores the example photos. */
import { relative } from "node:path";
import { ROOT, ready } from "./setup.mjs";
import { runFile } from "./program.mjs";

await ready();
// npm changes to the package's folder; paths on the command line are relative to the user's folder.
if (process.env.npm_lifecycle_event === "start" && process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);
const given = process.argv.slice(2);
const examples = relative(process.cwd(), `${ROOT}examples/photos`);
await runFile(`${ROOT}dist/src/cli/main.js`, given.length > 0 ? given : ["score", examples]);
