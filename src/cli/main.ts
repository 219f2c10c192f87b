#!/usr/bin/env node
/** The program `roc4mllm`: joins the commands to the process. Runs when imported. */
import { followParent } from "#scripts/parent.mjs";
import type { RocError } from "../errors.js";
import { ignoresHangup } from "./shared/hangup.js";
import { OUTLINE } from "./shared/outline.js";
import { outputFailed, run, type Commands } from "./shared/program.js";
import { endAtOnce, preloadTorch } from "../torch/preload.js";

/** Every command. A new one: a file beside this one, a line here, and one in shared/outline.ts. */
const COMMANDS: Commands = {
  score: async () => (await import("./score/score.js")).scoreCommand,
  eval: async () => (await import("./eval/eval.js")).evalCommand,
  report: async () => (await import("./eval/report.js")).reportCommand,
  reproduce: async () => (await import("./studies/reproduce.js")).reproduceCommand,
  leaderboard: async () => (await import("./studies/leaderboard.js")).leaderboardCommand,
  compare: async () => (await import("./eval/compare.js")).compareCommand,
  train: async () => (await import("./train/train.js")).trainCommand,
  "train-demo": async () => (await import("./studies/train-demo.js")).trainDemoCommand,
  merge: async () => (await import("./checkpoint/merge.js")).mergeCommand,
  quantize: async () => (await import("./checkpoint/quantize.js")).quantizeCommand,
  experiment: async () => (await import("./studies/experiment.js")).experimentCommand,
  download: async () => (await import("./checkpoint/download.js")).downloadCommand,
  data: async () => (await import("./data/data.js")).dataCommand,
  studio: async () => (await import("./data/studio.js")).studioCommand,
  torchrun: async () => (await import("./train/torchrun.js")).torchrunCommand,
  setup: async () => (await import("./setup.js")).setupCommand,
  inspect: async (args) => (await import("./inspect/inspect.js")).importInspect(args),
};

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
