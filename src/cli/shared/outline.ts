/** What `--help` says of every command, so that it needs none of them: a test compares it with what each says of itself. */
import type { Outline } from "./program.js";

/** Usage behind the name, and what it does, by name, in the order of `--help`. */
export const OUTLINE: Outline = {
  score: ["[options] <inputs...>", "score photos: how good, and how sure"],
  serve: ["[options]", "score photos over HTTP: a page for photographers, an API for programs"],
  worker: ["[options]", "score what servers and scans on other machines send through a queue"],
  advise: ["[options] <photos...>", "which crop, turn, light or colour would raise a photo's score, and by how much"],
  cull: ["[options] [folder]", "find bursts, pick the best of each, and write stars and picks into XMP sidecars"],
  eval: ["[options]", "SRCC, PLCC and the rest of a model on a data set, with intervals"],
  calibrate: ["[options]", "intervals that hold: from rated pictures, kept with the checkpoint"],
  report: ["[options] <folder>", "one HTML page about an evaluation, with charts and pictures"],
  reproduce: ["[options] <table>", "Tables 1 to 6 of the paper, with our figures beside the published ones"],
  leaderboard: ["[options]", "published results on the data sets with their sources, and ours"],
  compare: [
    "[options] <inputs...>",
    "two to eight photos: which is the best; or two evaluations by a paired bootstrap",
  ],
  train: ["[options] [config]", "train a model to score pictures; the same command resumes a stopped run"],
  "train-demo": ["[options]", "train the demo weights from nothing; the same command resumes a stopped run"],
  merge: ["[options] <adapters>", "adapters and their base model as one checkpoint"],
  quantize: ["[options] <checkpoint>", "a checkpoint in 8 bits, half as large as in 16"],
  export: ["", "a checkpoint for other programs, and a page that scores in the browser"],
  experiment: [
    "[options] <config>",
    "train and compare all runs of an experiment; the same command resumes after a stop",
  ],
  checkpoint: ["", "make checkpoints of classical systems"],
  use: ["[options] [name]", "choose the checkpoint that scores where none is named"],
  download: ["[options] <repo>", "fetch a model from the hub"],
  library: ["", "keep photos with their scores: scan folders, list the best, export"],
  taste: ["", "learn what you like from your own stars, and order photos by it"],
  data: ["", "look at data sets before training"],
  studio: ["", "synthetic photographs of known quality, in every official format"],
  torchrun: ["[options] <command...>", "run a command in several processes that train together"],
  setup: ["[options]", "find or install libtorch and build the native addon, once for each installed version"],
  inspect: ["", "compare single parts with other implementations"],
};
