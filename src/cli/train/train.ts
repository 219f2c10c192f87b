/** `roc4mllm train`: trains a checkpoint on rated pictures, by a configuration file or by options, in a run folder that resumes. */
import { Command, Option } from "commander";
import type { ScoreScale } from "../../data/index.js";
import { RocError } from "../../errors.js";
import { readJson } from "../../files/index.js";
import { STRATEGY_NAMES, type StrategyName } from "../../roc/strategy-names.js";
import { parseTemplates, type RocTemplates } from "../../roc/template.js";
import type { TrainingRecipe, TrainingSpec } from "../../train/start/spec.js";
import { planTraining } from "../../train/start/plan-training.js";
import { underTorchrun } from "../../train/start/torchrun.js";
import { readTrainingConfig, trainModel } from "../../train/start/train-model.js";
import { addDataOptions, dataRequest, type DataFlags } from "../shared/data-options.js";
import { findModel, modelAtHand } from "../shared/find-model.js";
import type { Context } from "../shared/io.js";
import { number, parseScale, whole } from "../shared/numbers.js";
import { addTrainOptions, lossWeightsOf, trainOptionsOf, type TrainFlags } from "../shared/train-options.js";
import { planText } from "./plan.js";
import { TrainProgress } from "./progress.js";

interface Flags extends TrainFlags, DataFlags {
  readonly epochs?: number;
  readonly data?: string;
  readonly model?: string;
  readonly variant?: string;
  readonly pretrained?: readonly string[];
  readonly bins?: number;
  readonly tiny?: true;
  readonly attributes: boolean;
  readonly visionTower?: string;
  readonly out?: string;
  readonly validation: number;
  readonly raters?: true;
  readonly rater?: string;
  readonly device: string;
  readonly strategy?: StrategyName;
  readonly scoreTokens: number;
  readonly scale?: ScoreScale;
  readonly templates?: string;
  readonly set: readonly string[];
  readonly acceptChangedData?: true;
  readonly dryRun?: true;
}

/** Options that may be given with a configuration file; whatever else determines a run is set in it. */
const BESIDE_CONFIG = new Set(["set", "dryRun", "fresh", "acceptChangedData", "minutes", "threads", "json"]);

const HELP = `
A configuration file says everything about a run: configs/ holds one for every row of the paper's tables, docs/config.md has
all keys, docs/data.md how your own pictures are laid out. --set changes single keys. Without a file, --data, --model and --out are needed.

The same command resumes a stopped run, even one that was killed, and ends with the same weights. It is refused where the
checkpoint, the pictures, their labels or other settings are not those that the run was started with.

A picture that cannot be used ends the run with its name and a state written. Repair or delete it, or its row, and give the
same command again; --skip-broken skips such pictures.
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
    .option(
      "--model <folder>",
      "checkpoint to start from: a folder, or a name on the hub; or a classical system for a new one, as nima",
    )
    .option("--variant <name>", "network of a new classical system, as vgg16")
    .option(
      "--pretrained <file...>",
      "classifier's weights that a new classical system begins with; several where each is of another part (TANet)",
    )
    .option("--tiny", "a new classical system of a few thousand weights, to try a run with")
    .option(
      "--no-attributes",
      "a new classical system predicts the score alone, where the data set rates attributes too",
    )
    .option(
      "--bins <n>",
      "scores that a new classical system predicts the distribution over; 0: one number (default: by the votes)",
      whole(0),
    )
    .option("--vision-tower <folder>", "CLIP folder, for checkpoints that have it elsewhere")
    .option("--out <folder>", "run folder")
    .addOption(
      new Option("--strategy <name>", "how scores are written and read (default: roc)").choices(STRATEGY_NAMES),
    )
    .option("--validation <share>", "share of the training part set apart for validation", number(0, 0.5), 0.05)
    .option(
      "--raters",
      "a classical system learns a prior from one rater after another (FLICKR-AES), as BIAA was published",
    )
    .option("--rater <name>", "train on this person's ratings, 100 of them, and validate with the others (FLICKR-AES)")
    .option("--score-tokens <n>", "score tokens, where the checkpoint has none", whole(2), 10)
    .option(
      "--scale <min,max>",
      "that scores are given on; ratings are brought to it (default: they are given on that of the ratings)",
      parseScale,
    )
    .option("--templates <file>", "questions and answers (JSON), instead of the checkpoint's")
    .option("--accept-changed-data", "resume with pictures and labels as they are now, and report what has changed")
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
  command.addOption(
    new Option(
      "--epochs <n>",
      "times through the training part, instead of --steps; --every is then a tenth of the steps",
    )
      .argParser(number(0.01))
      .conflicts("steps"),
  );
  command.addHelpText("after", HELP);
  return command.action(async (file: string | undefined) => {
    const flags = command.opts<Flags>();
    if (file !== undefined) checkBeside(command);
    const spec = await (file === undefined ? specOfFlags(flags, command) : readTrainingConfig(file, flags.set));
    const run = flags.dryRun ? printPlan : train;
    await run(spec, { ...flags, isFromFile: file !== undefined }, context);
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

async function specOfFlags(flags: Flags, command: Command): Promise<TrainingSpec> {
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
  const {
    data: folder = "",
    model = "",
    out = "",
    variant,
    pretrained,
    bins,
    tiny,
    attributes,
    visionTower,
    validation,
    strategy,
    scoreTokens,
    scale,
    device,
  } = flags;
  return {
    ...(!attributes && { attributes }),
    ...{ model, variant, pretrained, tiny, bins, visionTower, strategy, scoreTokens, scale, out, device },
    data: { ...dataRequest(folder, flags), validation, rater: flags.rater },
    loss: lossWeightsOf(flags),
    templates: await readTemplates(flags.templates),
    train: { ...recipeOf(flags, command), ...(flags.raters && { raters: {} }) },
  };
}

/** The recipe; how many steps epochs are, and how often they are validated, follows from the pictures. */
function recipeOf(flags: Flags, command: Command): TrainingRecipe {
  const { steps, every, ...rest } = trainOptionsOf(flags);
  if (flags.epochs === undefined) return { ...rest, steps, every };
  const isGiven = command.getOptionValueSource("every") === "cli";
  return { ...rest, epochs: flags.epochs, ...(isGiven && { every }) };
}

async function readTemplates(file: string | undefined): Promise<RocTemplates | undefined> {
  if (file === undefined) return undefined;
  return parseTemplates(await readJson(file, { remedy: "Correct --templates or the file." }), file);
}

async function train(spec: TrainingSpec, flags: Flags, context: Context): Promise<void> {
  const { fresh, acceptChangedData, minutes, threads } = flags;
  const { io, signal } = context;
  const progress = new TrainProgress(io, flags.json);
  await trainModel(spec, {
    ...{ fresh, acceptChangedData, minutes, threads, signal, env: io.env },
    resolveModel: (model, visionTower) => findModel(model, { visionTower }, context),
    onWarning: (text) => progress.line(`note: ${text}`),
    onEvent: (event) => {
      progress.event(event);
      if (event.type === "end") progress.line(`Checkpoint: ${event.best?.folder ?? event.folder}`);
    },
  });
}

/** Under torchrun the first process prints it for all. */
async function printPlan(spec: TrainingSpec, flags: Flags & { isFromFile: boolean }, context: Context): Promise<void> {
  const { io } = context;
  const progress = new TrainProgress(io, flags.json);
  const print = async (rank: number, processes: number): Promise<void> => {
    if (rank > 0) return;
    const plan = await planTraining(spec, {
      ...{ processes, forecast: flags.isFromFile },
      resolveModel: (model, visionTower) => modelAtHand(model, { visionTower }, context),
      onWarning: (text) => progress.line(`note: ${text}`),
    });
    io.stdout.write(flags.json ? `${JSON.stringify(plan)}\n` : planText(plan));
  };
  await underTorchrun(io.env, (group) => print(group?.rank ?? 0, group?.worldSize ?? 1));
}
