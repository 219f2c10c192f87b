/** Flags that npm took for itself: of `npm start score x --sort`, without `--`, the command never sees `--sort`. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { RocError } from "../../errors.js";

type Env = Readonly<Record<string, string | undefined>>;

/** The scripts of package.json that hand their arguments to this program. */
const OUR_SCRIPTS = /scripts\/(start|run)\.mjs/;

/** npm's own short flags that are ours too. */
const SHORT: Readonly<Record<string, string>> = { "-m": "npm_config_message" };

/** Settings of the user's own npmrc reach scripts in the same way. */
function isInNpmrc(key: string, env: Env): boolean {
  return [env["npm_config_userconfig"], env["npm_config_globalconfig"]].some((file) => {
    try {
      return new RegExp(`^\\s*${key.replaceAll("_", "[-_]")}\\s*(=|$)`, "m").test(readFileSync(file ?? "", "utf8"));
    } catch {
      return false;
    }
  });
}

/** The command that the arguments name, as deep as they go. */
function named(program: Command, argv: readonly string[]): Command {
  let command = program;
  for (const word of argv.filter((word) => !word.startsWith("-"))) {
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) return command;
    command = next;
  }
  return command;
}

/**
 * Refuses to run without the flags that npm took: with half of what was asked for, a rehearsal would be the real thing.
 *
 * @throws RocError USAGE
 */
export function checkNpmFlags(program: Command, argv: readonly string[], env: Env): void {
  if (!OUR_SCRIPTS.test(env["npm_lifecycle_script"] ?? "")) return;
  const command = named(program, argv);
  const taken = command.options.flatMap(({ long, short }) => {
    const key = (long ?? "").replace(/^--(no-)?/, "").replaceAll("-", "_");
    const given = argv.some((word) => word === long || word === short || word.startsWith(`${long}=`));
    if (given || isInNpmrc(key, env)) return [];
    if (env[`npm_config_${key}`] !== undefined) return [long ?? ""];
    return env[SHORT[short ?? ""] ?? ""] === undefined ? [] : [short ?? ""];
  });
  if (taken.length === 0) return;
  const start = env["npm_lifecycle_event"] === "start" ? "npm start" : `npm run ${env["npm_lifecycle_event"]}`;
  throw new RocError(
    "USAGE",
    `npm took ${taken.join(", ")} for itself, and nothing was done. ` +
      `Put "--" before what is meant for the command: ${start} -- ${command === program ? "COMMAND" : argv[0]} ... ${taken[0]}`,
  );
}
