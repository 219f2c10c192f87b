#!/usr/bin/env node
/** The program `roc4mllm`: joins the commands to the process. Runs when imported. */
import { followParent } from "#scripts/parent.mjs";
import type { RocError } from "../errors.js";
import { COMMANDS } from "./commands.js";
import { ignoresHangup } from "./shared/hangup.js";
import { OUTLINE } from "./shared/outline.js";
import { outputFailed, run } from "./shared/program.js";
import { endAtOnce, preloadTorch } from "../torch/preload.js";

const stopped = new AbortController();
/** Whoever waits for standard input waits no longer. */
function stop(reason?: RocError): void {
  stopped.abort(reason);
  process.stdin.destroy();
}
// Once: who presses Ctrl-C a second time does not want to wait for a tidy end.
process.once("SIGINT", () => stop());
process.once("SIGTERM", () => stop());
// A closed terminal, or a lost ssh.
if (ignoresHangup(process.env)) process.on("SIGHUP", () => undefined);
else process.once("SIGHUP", () => stop());
for (const output of [process.stdout, process.stderr])
  output.on("error", (error: NodeJS.ErrnoException) => outputFailed(error, stop));
followParent();
// One of several processes: the others are looked for at once, not when the group is joined.
if (process.env["RANK"] !== undefined) (await import("../torch/peer-watch.js")).notePeers();

const outside = {
  io: { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: process.env },
  signal: stopped.signal,
  engine: () => {
    preloadTorch();
    return import("../engine/load.js");
  },
};
process.exitCode = await run(process.argv.slice(2), COMMANDS, outside, OUTLINE);
endAtOnce();
