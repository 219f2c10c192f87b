/** What `reproduce()` takes, reports and gives. */
import type { NoteProgress } from "../../eval/spec.js";
import type { ModelResolution, PlanOptions } from "../../train/index.js";
import type { JobEvent } from "../runner.js";
import type { ComparedTable } from "./filled-table.js";
import type { RunProgress } from "./make-run.js";
import type { Backbone } from "./types.js";

/**
 * What is reproduced, and from what. Fields have the names of the command's options.
 *
 * @category Studies
 */
export interface ReproductionSpec {
  /** Of the paper: "table1" to "table6". */
  readonly table: string;
  /**
   * Folder of run folders that `evaluate()` wrote, or a registry of them (`runs.json`). Default: `runs` in the current folder,
   * where it is there. With `run` those of `work` are taken.
   */
  readonly runs?: string | undefined;
  /** Ours on the studio's synthetic copies of the data sets, which do not compare with the published figures. Default false. */
  readonly studio?: boolean | undefined;
  /** Ours by this family instead of mPLUG-Owl2. Default: mPLUG-Owl2; with `studio` and `run` "llava". */
  readonly backbone?: Backbone | undefined;

  /** Rows of these methods only, as the table calls them or by a classical system's name. Default: all rows. */
  readonly only?: readonly string[] | undefined;

  /** Train and evaluate what no run fills, by the paper's recipe (configs/). Default false. */
  readonly run?: boolean | undefined;
  /** Of `run`: make nothing, and say what each run comes to and what it lacks ({@link Reproduction.plan}). Default false. */
  readonly dryRun?: boolean | undefined;
  /** Of `run`: folder where everything goes. Default `runs/reproduce`. */
  readonly work?: string | undefined;
  /** Of `run`: folder of the data sets AVA, TAD66K, ICAA17K, AADB, PARA, AVA-Captions. Default `data`. */
  readonly data?: string | undefined;
  /** Of `run`: folder of the classifiers' weights that classical systems begin with. Default `weights`. */
  readonly weights?: string | undefined;
  /** Of `run`: where classical systems are computed, as "cpu" or "cuda". Default: as their recipes say; on the studio "cpu". */
  readonly device?: string | undefined;
  /** Of `run` and `studio`: folders of small checkpoints to start from, one per family. The demo weights are among them. */
  readonly base?: readonly string[] | undefined;
  /** Of `run` and `studio`: pictures of a synthetic copy, from 50. Default 400. */
  readonly pictures?: number | undefined;
  /** Of `run` and `studio`: epochs on a synthetic copy, above 0. Default 4. */
  readonly epochs?: number | undefined;
  /** Of `run` and `studio`: of pictures and training, a whole number from 0. Default 0. */
  readonly seed?: number | undefined;
}

/**
 * What happens meanwhile: a note on the runs that are there, or a step of those that are made.
 *
 * @category Studies
 */
export type ReproductionProgress = NoteProgress | JobEvent<RunProgress>;

/**
 * How {@link reproduce} runs.
 *
 * @category Studies
 */
export interface ReproduceOptions extends ModelResolution {
  /** Of a dry run: finds a model's folders without fetching anything. Default: models are folders. */
  readonly modelAtHand?: PlanOptions["resolveModel"];
  /** Stops training or evaluation; everything so far is saved. */
  readonly signal?: AbortSignal | undefined;
  /** Called for every note and step, in order; an error that it throws ends the call. */
  readonly onProgress?: ((progress: ReproductionProgress) => void) | undefined;
}

/**
 * What {@link reproduce} gives.
 *
 * @category Studies
 */
export interface Reproduction {
  /** The published table with our figures beside it; `formatTable()` writes it as text, JSON, CSV or LaTeX. */
  readonly table: ComparedTable;
  /** What was reported as notes. */
  readonly notes: readonly string[];
  /** Of a dry run. */
  readonly plan?: readonly PlannedRun[];
}

/**
 * A run of a table before it is made.
 *
 * @category Studies
 */
export interface PlannedRun {
  /** Data set and system, as "ava-nima". */
  readonly name: string;
  /** Its evaluation is there; it can be made; it lacks what `notes` say. */
  readonly state: "made" | "to make" | "left out";
  /** To train on; null where they are not known, as of a synthetic copy that is not written yet. */
  readonly pictures: number | null;
  /** Optimizer steps. */
  readonly steps: number | null;
  /** Weights that are trained. */
  readonly parameters: number | null;
  /** Bytes of weights, gradients and the optimizer's states. */
  readonly memory: number | null;
  /** What is missing, and what else should be known, in sentences. */
  readonly notes: readonly string[];
}
