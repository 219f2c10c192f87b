/** `roc4mllm compare`: which of a few photos is the best; whether one system is better than another on the same pictures. */
import { stat } from "node:fs/promises";
import { Command } from "commander";
import { RocError } from "../../errors.js";
import { compareRuns, type CompareRunsOptions, type RunComparison } from "../../eval/compare-runs.js";
import { pathOfName } from "../../image/file-names.js";
import { comparePhotos, COMPARE_PHOTOS_HELP, type ComparePhotosFlags } from "../score/compare-photos.js";
import { modelOption } from "../shared/default-model.js";
import type { Context } from "../shared/io.js";
import { addModelOptions } from "../shared/model-options.js";
import { whole } from "../shared/numbers.js";

type RunFlags = Required<Pick<CompareRunsOptions, "resamples" | "seed">> & Pick<CompareRunsOptions, "score">;

type Flags = RunFlags & ComparePhotosFlags;

/** Options of comparing evaluations, which say nothing of photos. */
const OF_RUNS: readonly string[] = ["score", "resamples", "seed"];

const HELP = `
Photos: ${COMPARE_PHOTOS_HELP}
Evaluations: A and B are folders that roc4mllm eval wrote, of the same data set and part. Both are given the same resampled pictures
each time; p is two-sided. Differences are A less B: above 0 is better for SRCC, PLCC and KRCC, below 0 for MAE and RMSE.

Examples:
  roc4mllm compare one.jpg two.jpg three.jpg
  roc4mllm compare burst/ --json
  roc4mllm compare one.jpg two.jpg --model Qwen/Qwen2-VL-2B-Instruct --ask "Which photo is more beautiful?"
  roc4mllm compare runs/roc runs/level`;

export function compareCommand(context: Context): Command {
  const command = new Command("compare")
    .description("two to eight photos: which is the best; or two evaluations by a paired bootstrap")
    .argument("<inputs...>", "photos or a folder of them; or the folders of two evaluations")
    .option("--json", "one JSON object")
    .option("--html <file>", "of photos: write a gallery, best first: one page that needs no network")
    .option("--ask <question>", "of photos: ask the model about them together, in every order")
    .option("--allow-damaged", "of photos: compare what is left of damaged files too")
    .option("--score <name>", "of evaluations: an attribute (default: the overall score)")
    .option("--resamples <n>", "of evaluations: of the bootstrap", whole(1), 2000)
    .option("--seed <n>", "of evaluations: of the bootstrap", whole(0), 0)
    .addOption(modelOption(context.io));
  return addModelOptions(command)
    .addHelpText("after", HELP)
    .action(async (inputs: readonly string[], flags: Flags) => {
      const ofRuns = await areFolders(inputs);
      checkFlags(command, ofRuns);
      const [a = "", b = ""] = inputs;
      return ofRuns ? compareEvaluations(a, b, flags, context) : comparePhotos(inputs, flags, context);
    });
}

/** Whether two folders are compared: photos are files, or in one folder. */
async function areFolders(inputs: readonly string[]): Promise<boolean> {
  if (inputs.length !== 2) return false;
  const found = await Promise.all(inputs.map((input) => stat(pathOfName(input)).catch(() => undefined)));
  return found.every((one, i) => (one ? one.isDirectory() : isNoFile(inputs[i] ?? "")));
}

/** Of what is not there: whether it is called as a folder is, not as a photo or many of them. */
function isNoFile(input: string): boolean {
  return input !== "-" && !/[*?[{]|\.\w+$/.test(input);
}

/** @throws RocError USAGE for an option of the other kind */
function checkFlags(command: Command, ofRuns: boolean): void {
  const given = command.options.filter((option) => command.getOptionValueSource(option.attributeName()) === "cli");
  const wrong = given.find((option) => option.long !== "--json" && OF_RUNS.includes(option.attributeName()) !== ofRuns);
  if (!wrong) return;
  const [is, not] = ofRuns ? ["photos", "evaluations"] : ["evaluations", "photos"];
  throw new RocError("USAGE", `${wrong.long} says how ${is} are compared, and these are ${not}. Leave it out.`);
}

async function compareEvaluations(a: string, b: string, flags: Flags, { io }: Context): Promise<void> {
  const { score, resamples, seed } = flags;
  const { mismatches, ...result } = await compareRuns(a, b, { score, resamples, seed }).catch(withPhotos);
  if (mismatches.length > 0)
    io.stderr.write(`note: ${a} and ${b} are not of the same data: ${mismatches.join("; ")}\n`);
  io.stdout.write(flags.json ? `${JSON.stringify({ a, b, ...result })}\n` : text(a, b, result));
}

/** Folders of photos are taken for those of evaluations too. */
function withPhotos(error: unknown): never {
  if (!(error instanceof RocError) || error.code !== "FILE_NOT_FOUND") throw error;
  const message = `${error.message} Photos to compare are given in one folder, or file by file.`;
  throw new RocError(error.code, message, { cause: error });
}

function text(a: string, b: string, { count, leftOut, differences }: Omit<RunComparison, "mismatches">): string {
  const sign = (value: number): string => {
    const size = Math.abs(value).toFixed(4);
    return `${Number(size) === 0 ? " " : value < 0 ? "-" : "+"}${size}`;
  };
  const rows = Object.entries(differences).map(([name, found]) => {
    const figures =
      found &&
      `${`${sign(found.value)}  [${sign(found.low)}, ${sign(found.high)}]`.padEnd(28)}  p = ${found.p.toFixed(4)}`;
    return `${name.toUpperCase().padEnd(6)}${figures ?? "not defined"}\n`;
  });
  const lost = leftOut > 0 ? `, ${leftOut} left out that one of them has no score for` : "";
  return `${a} less ${b}, ${count} pictures${lost}\n${rows.join("")}`;
}
