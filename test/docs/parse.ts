/** Whether a command that is not run exists, with every flag that it is given: by the program's own `--help`. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runLine } from "./shell.js";
import { ROOT } from "../support.js";

const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: Record<string, string> };
const helps = new Map<string, Promise<string>>();

/** The help of a command; "" where there is no such command. */
function helpOf(command: string, env: NodeJS.ProcessEnv): Promise<string> {
  const known = helps.get(command);
  if (known) return known;
  const help = runLine(`roc4mllm ${command} --help`, ROOT, env).then(({ stdout }) =>
    stdout.startsWith(`Usage: roc4mllm ${command}`.trim()) ? stdout : "",
  );
  helps.set(command, help);
  return help;
}

/** A command line's words, without quotes. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, plain]) => double ?? single ?? plain ?? ""); // prettier-ignore
}

/** What is wrong with a line of a shell: programs, scripts, commands and flags that do not exist. */
export async function problemsOf(line: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const parts = line.split(/ (?:\||&&) /).map((part) => wordsOf(part.replace(/ [<>] \S+/g, "")));
  return (await Promise.all(parts.map((words) => problemsOfWords(words, env)))).flat();
}

async function problemsOfWords(words: readonly string[], env: NodeJS.ProcessEnv): Promise<string[]> {
  const [program = "", first = "", ...rest] = words;
  const args = rest[0] === "--" ? rest.slice(1) : rest;
  if (program === "roc4mllm") return problemsOfArguments(words.slice(1), env);
  if (program === "npx") return first === "roc4mllm" ? problemsOfArguments(rest, env) : [`npx ${first}`];
  if (program === "torchrun") return problemsOfWords(words.slice(words.indexOf("roc4mllm")), env);
  if (program !== "npm") return [`${program} is no program of ours`];
  if (first === "install") return [];
  if (first === "start") return problemsOfArguments(args, env);
  return problemsOfScript(first === "run" ? (rest[0] ?? "") : first, rest.slice(rest.indexOf("--") + 1), env);
}

async function problemsOfScript(name: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string[]> {
  const script = Object.hasOwn(scripts, name) ? scripts[name] : undefined;
  if (script === undefined) return [`package.json has no script ${name}`];
  // A tool of the packages, as typedoc.
  if (/^[\w-]+$/.test(script))
    return existsSync(join(ROOT, "node_modules/.bin", script)) ? [] : [`${script} is not there`];
  const [, file = "", command] = /(\S+\.m?js)(?: (\S+))?$/.exec(script.replace(/^.* scripts\/run\.mjs /, "")) ?? [];
  if (!existsSync(join(ROOT, file))) return [`${name}: there is no ${file}`];
  return command === undefined ? [] : problemsOfArguments([command, ...args.filter((word) => word !== name)], env);
}

/** Arguments of our program: a command, perhaps one below it, and its flags. */
async function problemsOfArguments(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string[]> {
  const [name = "", next = ""] = args;
  // What torchrun starts begins at the name of a command.
  const inner =
    name === "torchrun" ? args.findIndex((word, at) => at > 0 && /^(train|train-demo|eval)$/.test(word)) : -1;
  const own = inner < 0 ? args : args.slice(0, inner);
  const group = /^(checkpoint|data|export|inspect|library|studio|taste)$/.test(name);
  const command = name.startsWith("-") ? "" : group && !next.startsWith("-") ? `${name} ${next}` : name;
  const help = await helpOf(command, env);
  if (help === "") return [`there is no command ${command}`];
  const flags = own.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.replace(/=.*/, ""));
  const unknown = flags.filter((flag) => !new RegExp(`(^|[\\s,])${flag}(?![\\w-])`, "m").test(help));
  const below = inner < 0 ? [] : await problemsOfArguments(args.slice(inner), env);
  return [...unknown.map((flag) => `${command} has no ${flag}`), ...below];
}
