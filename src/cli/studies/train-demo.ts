/** `roc4mllm train-demo`: the demo weights from nothing by one command. Stopped anywhere, the same command resumes. */
import { Command, Option } from "commander";
import { DEMO_MODEL, type DemoModel } from "../../studies/demo/sizes.js";
import type { Context } from "../shared/io.js";
import { number, whole } from "../shared/numbers.js";
import { addTrainOptions, lossWeightsOf, trainOptionsOf } from "../shared/train-options.js";
import type { TrainFlags } from "../shared/train-options.js";
import { TrainProgress } from "../train/progress.js";

interface Flags extends TrainFlags, DemoModel {
  readonly out: string;
  readonly work: string;
  readonly pictures: number;
  readonly pictureSize: number;
  readonly validation: number;
  readonly dtype: "float16" | "bfloat16";
}

export function trainDemoCommand(context: Context): Command {
  const command = new Command("train-demo")
    .description("train the demo weights from nothing; the same command resumes a stopped run")
    .option("--out <folder>", "where the demo checkpoint goes", "models/demo")
    .option("--work <folder>", "pictures and run folder", ".cache")
    .option("--pictures <n>", "pictures to compose, a tenth of them for the test", whole(50), 8000)
    .option("--picture-size <px>", "long edge of a picture", whole(32), 160)
    .option("--validation <share>", "share of the training part set apart for validation", number(0.001, 0.5), 0.03)
    .addOption(
      new Option("--dtype <name>", "of the written weights").choices(["float16", "bfloat16"]).default("float16"),
    );
  addModelOptions(command);
  addTrainOptions(command, {
    steps: 5600,
    minutes: 19,
    batch: 16,
    lr: 3e-4,
    schedule: "cosine",
    warmup: 0.03,
    decay: 0.05,
    beta2: 0.98,
    flip: true,
    every: 500,
    loss: "paper-ava",
  });
  return command.action(() => trainDemo(command.opts<Flags>(), context));
}

/** An option for each size of the demo model. */
function addModelOptions(command: Command): void {
  for (const [name, value] of Object.entries(DEMO_MODEL) as [keyof DemoModel, number | string][]) {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (name !== "resize") command.option(`${flag} <n>`, "size of the model", whole(1), Number(value));
    else command.addOption(new Option(`${flag} <how>`, "to a square").choices(["stretch", "pad"]).default(value));
  }
}

async function trainDemo(flags: Flags, { io, signal }: Context): Promise<void> {
  const progress = new TrainProgress(io, flags.json);
  const { makeDemo } = await import("../../studies/demo/index.js");
  const { out, work, pictures, pictureSize, validation, dtype, minutes, threads, fresh } = flags;
  const started = performance.now();
  const report = await makeDemo({
    ...{ out, work, pictures, pictureSize, validation, dtype, fresh, signal },
    ...(minutes !== undefined && { minutes }),
    ...(threads !== undefined && { threads }),
    model: modelOf(flags),
    train: trainOptionsOf(flags),
    weights: lossWeightsOf(flags),
    onEvent: (event) => progress.event(event),
    onWork: (what, done, total) => progress.update(`${what} ${done}/${total}`),
  });
  progress.report(report, out, (performance.now() - started) / 1000);
}

function modelOf(flags: Flags): DemoModel {
  const { imageSize, patch, resize, visionWidth, visionLayers, visionHeads } = flags;
  const { textWidth, textLayers, textHeads, vocabulary } = flags;
  return {
    imageSize,
    patch,
    resize,
    visionWidth,
    visionLayers,
    visionHeads,
    textWidth,
    textLayers,
    textHeads,
    vocabulary,
  };
}
