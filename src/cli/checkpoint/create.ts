/** `roc4mllm checkpoint create`: a new classical system with fresh weights, as training begins with. */
import { Command, Option } from "commander";
import { SYSTEM_NAMES, systemFacts } from "../../baselines/facts.js";
import type { Output } from "../../baselines/types.js";
import { createBaseline } from "../../train/start/new-baseline.js";
import type { Context } from "../shared/io.js";
import { parseScale, whole } from "../shared/numbers.js";

interface Flags {
  readonly out: string;
  readonly variant?: string;
  readonly bins?: number;
  readonly scale: Output["scale"];
  readonly attributes?: readonly string[];
  readonly seed: number;
  readonly tiny?: true;
  readonly pretrained: readonly string[];
  readonly json?: true;
}

const HELP = `
Systems: ${SYSTEM_NAMES.join(", ")} (docs/baselines.md). What comes out knows nothing yet: \`roc4mllm train\` makes such a model
itself; this is for looking at one, and for comparing it with another implementation (\`roc4mllm inspect forward\`).

Examples:
  roc4mllm checkpoint create nima --out nima-new --variant vgg16 --bins 10
  roc4mllm checkpoint create nima --out nima-new --pretrained vgg16-397923af.pth --scale 1,5`;

export function createCommand(context: Context): Command {
  return new Command("create")
    .description("a classical system with fresh weights")
    .argument("<system>", "its name")
    .requiredOption("--out <folder>", "where it goes; must be empty or not there")
    .option("--variant <name>", "which of its networks (default: its usual one)")
    .option("--bins <n>", "values of the score's distribution; 0: one number is predicted (default)", whole(0, 4096))
    .addOption(
      new Option("--scale <min,max>", "of the score, and of attributes")
        .argParser(parseScale)
        .default({ min: 1, max: 10 }, "1,10"),
    )
    .addOption(
      new Option("--attributes <names>", "attributes to predict beside it, with commas between them").argParser(
        namesOf,
      ),
    )
    .addOption(new Option("--seed <n>", "of the fresh weights").argParser(whole(0)).default(0))
    .option(
      "--pretrained <file>",
      "weights of an image classifier that its network begins with; may be repeated, each of another part",
      (file: string, all: readonly string[]) => [...all, file],
      [],
    )
    .option("--tiny", "a network of a few thousand weights, for tests")
    .option("--json", "print {folder, system, parameters, outputs} on standard output")
    .addHelpText("after", HELP)
    .action((system: string, flags: Flags) => create(system, flags, context));
}

function namesOf(text: string): string[] {
  return text.split(",").map((name) => name.trim());
}

async function create(system: string, { json, ...flags }: Flags, { io }: Context): Promise<void> {
  const made = await createBaseline({ system, ...flags });
  if (json) return void io.stdout.write(`${JSON.stringify(made)}\n`);
  const { title } = systemFacts(system) ?? { title: system };
  io.stderr.write(
    `Wrote ${made.folder}: ${title} with fresh weights, ${made.parameters.toLocaleString("en-US")} parameters\n`,
  );
}
