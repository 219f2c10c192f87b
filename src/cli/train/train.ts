/** `roc4mllm train`: trains a checkpoint on rated pictures, by a configuration file or by options, in a run folder that resumes. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { DATASET_KINDS, OWN_FILE, type ScoreScale } from "../../data/index.js";
import { RocError } from "../../errors.js";
import { makeFolder, readJson, writeError } from "../../files/index.js";
import { STRATEGY_NAMES, type StrategyName } from "../../roc/strategy-names.js";
import { parseTemplates, type RocTemplates } from "../../roc/template.js";
import { optionsOf, readConfig, weightsOf, type RunConfig } from "../../train/start/config.js";
import { addDataOptions, readData, type DataFlags } from "../shared/data-options.js";
import { number, parseScale, whole } from "../shared/numbers.js";
import { findModel } from "../shared/find-model.js";
import type { ProcessGroup } from "../../torch/index.js";
import type { Context } from "../shared/io.js";
import { addTrainOptions, lossWeightsOf, trainOptionsOf, useThreads } from "../shared/train-options.js";
import type { TrainFlags } from "../shared/train-options.js";
import { dryRun, tellUntrained } from "./dry-run.js";
import { tellProblems } from "./notes.js";
import { TrainProgress } from "./progress.js";

interface Flags extends TrainFlags, DataFlags {
  readonly data?: string;
  readonly model?: string;
  readonly visionTower?: string;
  readonly out?: string;
  readonly validation: number;
  readonly device: string;
  readonly strategy?: StrategyName;
  readonly scoreTokens: number;
  readonly scale?: ScoreScale;
  readonly templates?: string;
  readonly set: readonly string[];
  readonly acceptChangedData?: true;
  readonly dryRun?: true;
}

/** Samples that a run may have for validation, so that it does not take longer than the steps between. */
const MOST_VALIDATION = 2000;

/** What may stand beside a configuration file; whatever else determines a run is set in it. */
const BESIDE_CONFIG = new Set(["set", "dryRun", "fresh", "acceptChangedData", "minutes", "threads", "json"]);

const HELP = `
A configuration file says everything about a run: configs/ holds one for every row of the paper's tables, docs/config.md tells
all keys, docs/data.md how your own pictures are laid out. --set changes single keys. Without a file, --data, --model and --out are needed.

The same command resumes a stopped run, even one that was killed, and ends with the same weights. It is refused where the
checkpoint, the pictures, their labels or other settings are not those that the run was begun with.

A picture that cannot be used ends the run with its name and a state written. Mend or delete it, or its row, and give the
same command again; --skip-broken goes on without such pictures.
Ctrl-C, a termination and a closed terminal end a run with a state; under nohup a closed terminal does not end it.

Several processes train together under torchrun, each on --batch pictures of every batch:
  roc4mllm torchrun --nproc_per_node 2 train CONFIG

Examples:
  roc4mllm train configs/table1/ava-roc-mplug-owl2.yaml --dry-run
  roc4mllm train configs/table2/tad66k-roc-mplug-owl2.yaml --set train.batchSize=4 --set train.accumulation=4
  roc4mllm train --data TAD66K/ --model my-llava/ --out runs/tad --strategy level`;

export function trainCommand(context: Context): Command {
  const command = new Command("train")
    .description("train a model to score pictures; the same command resumes a stopped run")
    .argument("[config]", "configuration file (YAML or JSON)")
    .option(
      "--set <key=value>",
      "change a key of the file; may be repeated",
      (text, all: string[]) => [...all, text],
      [],
    )
    .option("--dry-run", "print what the run comes to (steps, tokens, parameters, memory), and stop")
    .option("--data <folder>", "folder of a data set's official files, or of your own CSV or JSON Lines file")
    .option("--model <folder>", "checkpoint to start from: a folder, or a name on the hub")
    .option("--vision-tower <folder>", "CLIP folder, for checkpoints that keep it elsewhere")
    .option("--out <folder>", "run folder")
    .addOption(
      new Option("--strategy <name>", "how scores are written and read (default: roc)").choices(STRATEGY_NAMES),
    )
    .option("--validation <share>", "share of the training part set apart for validation", number(0, 0.5), 0.05)
    .option("--score-tokens <n>", "score tokens, where the checkpoint has none", whole(2), 10)
    .option(
      "--scale <min,max>",
      "that scores are given on; ratings are brought to it (default: they are given on that of the ratings)",
      parseScale,
    )
    .option("--templates <file>", "questions and answers (JSON), instead of the checkpoint's")
    .option("--accept-changed-data", "resume with pictures and labels as they are now, and tell what has changed")
    .option("--device <name>", "cpu, cuda, cuda:1, ...", "cpu");
  addDataOptions(command);
  addTrainOptions(command, {
    steps: 1000,
    batch: 16,
    lr: 2e-5,
    schedule: "constant",
    warmup: 0,
    decay: 0,
    beta2: 0.999,
    flip: false,
    every: 200,
    loss: "paper",
  });
  command.addHelpText("after", HELP);
  return command.action(async (file: string | undefined) => {
    const flags = command.opts<Flags>();
    if (file !== undefined) checkBeside(command);
    await runTrain(file === undefined ? await specOfFlags(flags) : await specOfFile(file, flags), flags, context);
  });
}

/** A flag that a configuration file would silently win over is refused. */
function checkBeside(command: Command): void {
  const given = command.options.filter(
    (option) =>
      command.getOptionValueSource(option.attributeName()) === "cli" && !BESIDE_CONFIG.has(option.attributeName()),
  );
  if (given.length === 0) return;
  const flags = given.map(({ long }) => long).join(", ");
  throw new RocError("USAGE", `${flags}: with a configuration file, change its keys by --set key=value instead.`);
}

/** What a run is, wherever it was said. */
export interface Spec extends Pick<
  RunConfig,
  "model" | "visionTower" | "strategy" | "scoreTokens" | "scale" | "conversation"
> {
  /** Said by a configuration file. */
  readonly isFromFile: boolean;
  readonly dataFolder: string;
  readonly dataFlags: DataFlags;
  readonly data: RunConfig["data"];
  readonly seed: number;
  readonly weights: ReturnType<typeof weightsOf>;
  readonly templates: RocTemplates | undefined;
  readonly out: string;
  readonly device: string;
  readonly options: (samples: number) => ReturnType<typeof optionsOf>;
}

async function specOfFile(file: string, { set }: Flags): Promise<Spec> {
  await checkConfigFile(file);
  const config = await readConfig(file, set);
  const { folder, kind, images, ava, column } = config.data;
  return {
    ...config,
    isFromFile: true,
    dataFolder: folder,
    dataFlags: { ...(kind && { kind }), ...(images && { images }), ...(ava && { ava }), ...(column && { column }) },
    seed: config.train.seed,
    weights: weightsOf(config),
    templates: config.templates && parseTemplates(config.templates, file),
    options: (samples) => optionsOf(config, samples),
  };
}

/** A data set or a model where a configuration file belongs is told as what it is. */
async function checkConfigFile(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  const isData = found ? found.isDirectory() || OWN_FILE.test(file) : !/\.(ya?ml|json)$/i.test(file);
  if (!isData) return;
  const named = (DATASET_KINDS as readonly string[]).includes(file) && !found;
  const data = named ? `FOLDER --kind ${file}` : file;
  const what = found ? (found.isDirectory() ? "is a folder" : "is a file of labels") : "does not exist";
  throw new RocError(
    found ? "USAGE" : "FILE_NOT_FOUND",
    `${file} ${what}; a configuration file (YAML or JSON, as in configs/) is needed here. ` +
      `To train on a data set of that name: roc4mllm train --data ${data} --model CHECKPOINT --out RUN.`,
  );
}

async function specOfFlags(flags: Flags): Promise<Spec> {
  if (flags.set.length > 0) {
    throw new RocError(
      "USAGE",
      `--set ${flags.set[0]}: it changes a configuration file; without one, give the options.`,
    );
  }
  const needed = (["data", "model", "out"] as const).filter((name) => flags[name] === undefined);
  if (needed.length > 0) {
    const names = needed.map((name) => `--${name}`).join(", ");
    throw new RocError("USAGE", `${names} is missing; give it, or a configuration file.`);
  }
  const { data = "", model = "", out = "", visionTower, validation, scoreTokens, seed, device } = flags;
  const templates = await readTemplates(flags.templates);
  return {
    model,
    ...(visionTower !== undefined && { visionTower }),
    strategy: flags.strategy ?? templates?.strategy ?? "roc",
    scoreTokens,
    scale: flags.scale,
    isFromFile: false,
    dataFolder: data,
    dataFlags: flags,
    data: { folder: data, validation, mostValidation: MOST_VALIDATION },
    seed,
    weights: lossWeightsOf(flags),
    templates,
    out,
    device,
    options: () => trainOptionsOf(flags),
  };
}

/** Runs it in this process, or under torchrun as one of several. */
async function runTrain(spec: Spec, flags: Flags, context: Context): Promise<void> {
  if (context.io.env["WORLD_SIZE"] === undefined) return runProcess(spec, flags, context);
  const { inGroup } = await import("../../train/index.js");
  return inGroup((group) => runProcess(spec, flags, context, group), { env: context.io.env });
}

/** What ranks other than 0 say, but for errors. */
const SILENCE = { write: () => undefined };

async function runProcess(spec: Spec, flags: Flags, context: Context, group?: ProcessGroup): Promise<void> {
  const { io, signal } = context;
  const isFirst = group === undefined || group.rank === 0;
  const progress = new TrainProgress(isFirst ? io : { stdout: SILENCE, stderr: SILENCE }, flags.json);
  if (flags.dryRun) {
    if (isFirst) await dryRun(spec, { json: flags.json, processes: group?.worldSize ?? 1 }, context, progress);
    return;
  }
  const { validation: validationFraction } = spec.data;
  const dataset = await readData(spec.dataFolder, spec.dataFlags, { validationFraction, seed: spec.seed });
  if (isFirst) await tellProblems(dataset, spec.dataFolder, progress);
  const training = await import("../../train/index.js");
  await useThreads(flags.threads);
  const data = training.runData(dataset, spec.data, spec.seed);
  const options = spec.options(data.train.length / (group?.worldSize ?? 1));
  const { strategy, scoreTokens: n, weights, templates, conversation } = spec;
  // Each process has a GPU of its own.
  const device = group && spec.device === "cuda" ? `cuda:${group.localRank}` : spec.device;
  // Before gigabytes are fetched or read.
  const { checkDevice } = await import("../../torch/index.js");
  checkDevice(device);
  if (isFirst) await checkWritable(spec.out);
  const { folder: base, visionTower } = await findModel(spec.model, spec, context);
  const own = await ownScale(strategy, base);
  const scale = spec.scale ?? own ?? training.USUAL_SCALE;
  // Where nobody chose a scale, scores come out as the data has them.
  const ratings = spec.scale ? {} : { ratingScale: data.scale };
  const start = {
    strategy,
    n,
    ...scale,
    ...ratings,
    weights,
    device,
    visionTower,
    conversation,
    ...(templates && { templates }),
  };
  await training.checkStart(base, start);
  if (isFirst) {
    await tellUntrained(spec, data, base, progress);
    tellScale(scale, data.scale, spec.scale !== undefined, progress);
    for (const note of training.planNotes(data, options, group?.worldSize)) progress.line(`note: ${note}`);
  }
  const events = training.runTraining({
    ...data,
    folder: spec.out,
    fresh: flags.fresh,
    options,
    weights,
    start: (dtype) => training.startFrom(base, { ...start, dtype }),
    from: () => training.startSettings(base, start),
    ...(flags.acceptChangedData && { acceptChangedData: true }),
    base: resolve(base),
    device,
    ...(flags.minutes !== undefined && { minutes: flags.minutes }),
    signal,
    ...(group && { group }),
  });
  for await (const event of events) {
    progress.event(event);
    // The others are silent, but what they leave out must be known.
    if (!isFirst && event.type === "note") io.stderr.write(`note: rank ${group.rank}: ${event.text}\n`);
    if (event.type === "end") progress.line(`Checkpoint: ${event.best?.folder ?? event.folder}`);
  }
}

/** The scale of the score tokens that a checkpoint has, if the strategy uses them. */
async function ownScale(strategy: StrategyName, base: string): Promise<ScoreScale | undefined> {
  const { usesScoreTokens, vocabularyFromConfig } = await import("../../roc/index.js");
  if (!usesScoreTokens(strategy)) return undefined;
  const { placesOf } = await import("../../models/places.js");
  const config = await readJson(join((await placesOf(base)).home, "config.json"));
  return vocabularyFromConfig({ ...(typeof config === "object" && config) })?.scale;
}

/** Says where scores will come out on another scale than the data's, which somebody chose. */
function tellScale(out: ScoreScale, data: ScoreScale, isChosen: boolean, progress: TrainProgress): void {
  if (!isChosen || (out.min === data.min && out.max === data.max)) return;
  progress.line(
    `note: scores will come out on ${out.min} to ${out.max}, as --scale or the configuration has it; ` +
      `the ratings of ${data.min} to ${data.max} are brought to it.`,
  );
}

/** @throws RocError FILE_UNWRITABLE where no run can be written into a folder */
async function checkWritable(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw writeError(folder, cause);
  }
}

async function readTemplates(file: string | undefined): Promise<RocTemplates | undefined> {
  if (file === undefined) return undefined;
  return parseTemplates(await readJson(file, { remedy: "Correct --templates or the file." }), file);
}
