/** `roc4mllm library check`: whether the database is sound. */
import { Command } from "commander";
import { ERROR_CODES } from "../../errors.js";
import { Catalog } from "../../library/catalog.js";
import type { Context } from "../shared/io.js";
import { addLibraryOption, libraryFile, type LibraryFlags } from "./options.js";

/** The command. */
export function checkCommand(context: Context): Command {
  const command = new Command("check")
    .description("whether the database is sound: reads all of it")
    .option("--json", "print what was found as JSON");
  return addLibraryOption(command).action((flags: LibraryFlags) => check(flags, context));
}

async function check(flags: LibraryFlags, context: Context): Promise<void> {
  const { stdout, stderr } = context.io;
  const library = libraryFile(flags, context);
  using catalog = await Catalog.open(library);
  const problems = catalog.check();
  const judges = catalog.judges().map(({ id, name, scale, scores }) => ({ id, name, scale, scores }));
  const files = catalog.count({ gone: "with" });
  if (flags.json) stdout.write(`${JSON.stringify({ library, files, judges, problems })}\n`);
  else for (const { id, name, scores } of judges) stdout.write(`${id}  ${name}  ${scores} scores\n`);
  stderr.write(`${files} files; ${problems.length === 0 ? "the database is sound" : problems.join("; ")}\n`);
  if (problems.length > 0) context.setExitCode(ERROR_CODES.DATA_INVALID);
}
