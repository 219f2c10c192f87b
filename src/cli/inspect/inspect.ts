/** `roc4mllm inspect`: subcommands that compare single parts with other implementations. One file per subcommand. */
import { Command } from "commander";
import type { CommandFactory } from "../shared/program.js";

interface Subcommand {
  /** For the help, which imports no subcommand: several of them load libtorch. */
  readonly description: string;
  readonly load: () => Promise<CommandFactory>;
}

/** Every subcommand, in the order of `inspect --help`. A new one needs a file beside this one and an entry here. */
const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  forward: {
    description: "one forward, its losses and gradients",
    load: async () => (await import("./model.js")).inspectForwardCommand,
  },
  generate: {
    description: "greedy generation, with the logits of every step",
    load: async () => (await import("./model.js")).inspectGenerateCommand,
  },
  preprocess: {
    description: "a picture as the model takes it",
    load: async () => (await import("./model.js")).inspectPreprocessCommand,
  },
  tokenize: {
    description: "texts as token ids",
    load: async () => (await import("./tokenize.js")).inspectTokenizeCommand,
  },
  checkpoint: {
    description: "what a checkpoint folder holds, and what it lacks",
    load: async () => (await import("./checkpoint.js")).inspectCheckpointCommand,
  },
  metrics: {
    description: "SRCC, PLCC, KRCC, MAE and RMSE of predictions, one line each",
    load: async () => (await import("./metrics.js")).inspectMetricsCommand,
  },
  captions: {
    description: "CIDEr and CIDEr-D of captions",
    load: async () => (await import("./captions.js")).inspectCaptionsCommand,
  },
};

/**
 * The group with the subcommand that the arguments name; where they name none, with the names of all for the help.
 * @param args what follows `inspect`
 */
export async function importInspect(args: readonly string[]): Promise<CommandFactory> {
  const named = args.find((arg) => Object.hasOwn(SUBCOMMANDS, arg));
  const subcommand = named === undefined ? undefined : await SUBCOMMANDS[named]?.load();
  return (context) => {
    const group = new Command("inspect").description("compare single parts with other implementations");
    if (subcommand) return group.addCommand(subcommand(context));
    for (const [name, { description }] of Object.entries(SUBCOMMANDS)) group.command(name).description(description);
    return group;
  };
}
