/** `roc4mllm checkpoint create`: a new classical system with fresh weights, as training begins with. */
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { SYSTEM_NAMES } from "../../baselines/facts.js";
import type { Output } from "../../baselines/types.js";
import { RocError } from "../../errors.js";
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
  readonly pretrained?: string;
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
    .option("--bins <n>", "values of the score's distribution (default: one number is predicted)", whole(2, 4096))
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
    .option("--pretrained <file>", "weights of an image classifier that its network begins with")
    .option("--tiny", "a network of a few thousand weights, for tests")
    .option("--json", "print {folder, system, parameters, outputs} on standard output")
    .addHelpText("after", HELP)
    .action((system: string, flags: Flags) => create(system, flags, context));
}

function namesOf(text: string): string[] {
  return text.split(",").map((name) => name.trim());
}

async function create(name: string, flags: Flags, { io }: Context): Promise<void> {
  const { variant, bins, scale, tiny, seed, pretrained, json } = flags;
  const out = resolve(flags.out);
  const [{ refuseFilled }, { saveBaseline, systemNamed }, { startBaseline }] = await Promise.all([
    import("../../engine/save-as.js"),
    import("../../baselines/registry.js"),
    import("../../train/start/baseline.js"),
  ]);
  const system = systemNamed(name);
  if (variant !== undefined && !system.variants.includes(variant)) {
    throw new RocError("USAGE", `${system.title} has no variant "${variant}"; it has ${system.variants.join(", ")}.`);
  }
  await refuseFilled(out);
  const attributes = flags.attributes?.map((attribute) => ({ name: attribute, scale }));
  const config = system.configure({ variant, bins, scale, tiny, attributes });
  const { baseline } = await startBaseline({ system, config, seed, pretrained });
  try {
    await saveBaseline(baseline, out);
    const parameters = [...baseline.parameters().values()].reduce((sum, { numel }) => sum + numel, 0);
    const outputs = baseline.outputs.map(({ name, scale, values }) => ({
      name,
      scale,
      values: values?.length ?? null,
    }));
    if (json) io.stdout.write(`${JSON.stringify({ folder: out, system: system.name, parameters, outputs })}\n`);
    else
      io.stderr.write(
        `Wrote ${out}: ${system.title} with fresh weights, ${parameters.toLocaleString("en-US")} parameters\n`,
      );
  } finally {
    baseline.dispose();
  }
}
