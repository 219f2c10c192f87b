/** `node scripts/run.mjs FILE [arguments]`: set-up, then a compiled file of this project (a bench, a generator). */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { ROOT, ready } from "./setup.mjs";
import { runFile } from "./program.mjs";

const [name, ...args] = process.argv.slice(2);
if (name === undefined) {
  process.stderr.write(
    "usage: node scripts/run.mjs FILE [arguments]   (FILE: for example dist/bench/op-overhead.js)\n",
  );
  process.exit(2);
}
await ready();
const file = resolve(ROOT, name);
if (!existsSync(file)) {
  process.stderr.write(`${name}: no such file, relative to the project's folder. Compiled files are in dist/.\n`);
  process.exit(3);
}
await runFile(file, args);
