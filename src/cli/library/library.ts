/** `roc4mllm library`: a database of a person's photos and their scores. One file per subcommand. */
import { Command } from "commander";
import type { Context } from "../shared/io.js";
import { checkCommand } from "./check.js";
import { exportCommand } from "./export.js";
import { forgetCommand } from "./forget.js";
import { listCommand } from "./list.js";
import { scanCommand } from "./scan.js";

/** The group of commands. */
export function libraryCommand(context: Context): Command {
  const group = new Command("library").description(
    "keep photos with their scores: scan folders, list the best, export",
  );
  for (const create of [scanCommand, listCommand, exportCommand, forgetCommand, checkCommand])
    group.addCommand(create(context));
  return group;
}
