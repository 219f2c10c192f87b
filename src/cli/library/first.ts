/** `--first`: a small judge looks at all photos, and the large one at the best share of them. */
import { InvalidArgumentError, type Command } from "commander";
import type { LoadOptions, Model } from "../../engine/index.js";
import { worthOf } from "../../engine/worth.js";
import { RocError } from "../../errors.js";
import type { Judge } from "../../library/catalog.js";
import { contenders, type Contenders } from "../../library/cascade.js";
import { identityOf, isJudge } from "../../library/judge.js";
import type { Context } from "../shared/io.js";
import { loadNamed, type LoadFound } from "../shared/model-options.js";

/** The options of {@link addFirstOptions}. */
export interface FirstFlags {
  readonly first?: string;
  readonly firstHead?: string;
  readonly contenders?: number;
}

/** What goes to the large judge where nothing else is said; bench/results/cascade.json has what that loses. */
const DEFAULT_SHARE = 0.3;

/** Adds `--first` and `--contenders`. */
export function addFirstOptions(command: Command): Command {
  return command
    .option(
      "--first <name>",
      "small checkpoint that looks at all photos first (laion-v2, a folder, a name on the hub); --model looks at its best",
    )
    .option(
      "--first-head <name>",
      "head for --first where that is a CLIP tower (as --head of --model: a name or a file)",
    )
    .option("--contenders <share>", "share of the photos that --model looks at, as 30% (default) or 0.3", parseShare);
}

/** A share as `30%` or `0.3`. @throws InvalidArgumentError */
function parseShare(text: string): number {
  const found = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*(%?)\s*$/.exec(text);
  const share = found ? Number(found[1]) / (found[2] === "%" ? 100 : 1) : NaN;
  if (share > 0 && share <= 1) return share;
  throw new InvalidArgumentError("Give a share of the photos, as 30% or 0.3.");
}

/** What a first look at photos came to. */
export interface FirstLook<Looked> extends Contenders {
  readonly scale: Model["scale"];
  /** What its scores are worth; undefined of models that were made for a test. */
  readonly worth: string | undefined;
  readonly share: number;
  /** What the scan gave. */
  readonly looked: Looked;
}

/** Of {@link firstLook}. */
interface FirstOptions {
  readonly contenders?: number | undefined;
  readonly firstHead?: string | undefined;
}

/** What a first look is at, and who looks second. */
interface FirstTask {
  readonly library: string;
  readonly files: readonly string[];
  readonly context: Context;
  /** Loads `--model`. */
  readonly second: LoadFound;
}

/**
 * Has the first judge look, and frees it, before the second is loaded for its own look. The second is loaded, and freed, before
 * that too: what is wrong with it or its options is said before anything is scored.
 *
 * @param flags how it computes; what is about the large one's questions and size is not for it
 * @param look scans all photos by it into the library
 * @throws RocError of either judge's loading; USAGE where both are one
 */
export async function firstLook<Looked>(
  name: string,
  { contenders: share = DEFAULT_SHARE, firstHead: head, ...flags }: LoadOptions & FirstOptions,
  { library, files, context, second }: FirstTask,
  look: (model: Model) => Promise<Looked>,
): Promise<FirstLook<Looked>> {
  const { device, dtype, threads, batchSize, onNote, worker } = flags;
  const other = await checkSecond(second);
  using model = await loadNamed(name, { head, device, dtype, threads, batchSize, onNote, worker }, context);
  requireOther(other, model);
  const looked = await look(model);
  const found = await contenders(library, files, model, share);
  return { ...found, share, looked, scale: model.scale, worth: model.folder && worthOf(model).text };
}

/** @throws RocError USAGE for what says nothing without `--first` */
export function requireFirst({ first, firstHead, contenders: share }: FirstFlags): void {
  if (first === undefined && firstHead !== undefined)
    throw new RocError("USAGE", "--first-head is a head for the tower that --first names: give --first too.");
  if (first === undefined && share !== undefined)
    throw new RocError("USAGE", "--contenders is the share that --first lets through: give --first too.");
}

/** A judge that is freed. */
type FreedJudge = Pick<Judge, "name" | "checkpoint" | "settings">;

/** Packed weights are made and notes are said when it looks. */
async function checkSecond(second: LoadFound): Promise<FreedJudge> {
  using model = await second({ onNote: undefined, pack: false });
  return { name: model.name, ...identityOf(model) };
}

/** @throws RocError USAGE where both looks are of one judge */
function requireOther(second: FreedJudge, model: Model): void {
  if (!isJudge(second, model) || second.name !== model.name) return;
  throw new RocError(
    "USAGE",
    `--first and --model are both ${model.name}: name a smaller one first, or leave --first out.`,
  );
}
