/** `roc4mllm checkpoint`: checkpoints of classical systems. One file per subcommand. */
import { Command } from "commander";
import type { Context } from "../shared/io.js";
import { createCommand } from "./create.js";

/** The group of commands. */
export function checkpointCommand(context: Context): Command {
  return new Command("checkpoint")
    .description("make checkpoints of classical systems")
    .addCommand(createCommand(context));
}
