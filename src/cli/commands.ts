/** The commands of the program. */
import type { Commands } from "./shared/program.js";

/** Every command. A new one: a file beside this one, a line here, and one in shared/outline.ts. */
export const COMMANDS: Commands = {
  score: async () => (await import("./score/score.js")).scoreCommand,
  serve: async () => (await import("./serve/serve.js")).serveCommand,
  worker: async () => (await import("./serve/worker.js")).workerCommand,
  advise: async () => (await import("./score/advise.js")).adviseCommand,
  cull: async () => (await import("./library/cull.js")).cullCommand,
  eval: async () => (await import("./eval/eval.js")).evalCommand,
  calibrate: async () => (await import("./eval/calibrate.js")).calibrateCommand,
  report: async () => (await import("./eval/report.js")).reportCommand,
  reproduce: async () => (await import("./studies/reproduce.js")).reproduceCommand,
  leaderboard: async () => (await import("./studies/leaderboard.js")).leaderboardCommand,
  compare: async () => (await import("./eval/compare.js")).compareCommand,
  train: async () => (await import("./train/train.js")).trainCommand,
  "train-demo": async () => (await import("./studies/train-demo.js")).trainDemoCommand,
  merge: async () => (await import("./checkpoint/merge.js")).mergeCommand,
  quantize: async () => (await import("./checkpoint/quantize.js")).quantizeCommand,
  export: async () => (await import("./checkpoint/export.js")).exportCommand,
  experiment: async () => (await import("./studies/experiment.js")).experimentCommand,
  checkpoint: async () => (await import("./checkpoint/checkpoint.js")).checkpointCommand,
  use: async () => (await import("./checkpoint/use.js")).useCommand,
  download: async () => (await import("./checkpoint/download.js")).downloadCommand,
  library: async () => (await import("./library/library.js")).libraryCommand,
  taste: async () => (await import("./library/taste.js")).tasteCommand,
  data: async () => (await import("./data/data.js")).dataCommand,
  studio: async () => (await import("./data/studio.js")).studioCommand,
  torchrun: async () => (await import("./train/torchrun.js")).torchrunCommand,
  setup: async () => (await import("./setup.js")).setupCommand,
  inspect: async (args) => (await import("./inspect/inspect.js")).importInspect(args),
};
