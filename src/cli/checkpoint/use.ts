/** `roc4mllm use`: which checkpoint scores where none is named. */
import { createInterface } from "node:readline";
import { resolve } from "node:path";
import { Command } from "commander";
import type { CheckpointDescription } from "../../engine/describe.js";
import { worthOf } from "../../engine/worth.js";
import { isRocError, RocError } from "../../errors.js";
import { exists } from "../../files/index.js";
import { besideWeights } from "../../models/families.js";
import { folderInRepo } from "../../roc/published/index.js";
import { CHOICES, knownCheckpoint, repoOfChoice } from "../../roc/published/checkpoints.js";
import { DEMO, defaultModel, keepDefault, MODEL_VARIABLE, settingsFile } from "../shared/default-model.js";
import { findModel, modelAtHand, type FoundModel } from "../shared/find-model.js";
import type { Context } from "../shared/io.js";

interface Flags {
  readonly yes?: true;
  readonly json?: true;
}

/** What a user should know of a checkpoint before it scores; sizes in bytes. */
interface Facts {
  readonly model: string;
  readonly title: string | null;
  readonly licence: string;
  /** Of the weights' files. */
  readonly size: number;
  /** Yet to be fetched, of all files. */
  readonly missing: number;
  /** Of the weights in memory, by what they are computed in. */
  readonly memory: { readonly bfloat16: number; readonly float32: number; readonly int8: number };
  readonly worth: string;
}

const UNKNOWN = "unknown";
const WEIGHTS = /\.(safetensors|bin)$/;

/** @param size of the weights' files in bytes @param missing bytes to be fetched @param parameters where they were counted */
function factsOf(model: string, size: number, missing: number, folder?: string, parameters?: number): Facts {
  const known = knownCheckpoint(model);
  // Weights are published in 16 bits, as a rule; where their number is known it says more.
  const count = parameters ?? (known ? known.parameters * 1e9 : size / 2);
  const memory = { bfloat16: 2 * count, float32: 4 * count, int8: count };
  const { demo, text } = worthOf({ name: model, folder });
  const licence = demo ? "MIT" : (known?.licence ?? UNKNOWN);
  return { model, title: known?.title ?? null, licence, size, missing, memory, worth: text };
}

/** Bytes as a person reads them. */
function bytesText(bytes: number): string {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1000)} kB`;
  if (bytes < 1e9) return `${Math.round(bytes / 1e6)} MB`;
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

function factRows({ model, title, licence, size, missing, memory, worth }: Facts): (readonly [string, string])[] {
  const { bfloat16, float32, int8 } = memory;
  return [
    ["checkpoint", title === null ? model : `${model} (${title})`],
    ["licence", licence === UNKNOWN ? "unknown: read the checkpoint's own page before you use it for work" : licence],
    ["size", `${bytesText(size)} of weights${missing > 0 ? `; ${bytesText(missing)} are to be fetched` : ""}`],
    ["memory", `about ${bytesText(bfloat16)} in bfloat16, ${bytesText(float32)} in float32, ${bytesText(int8)} with --quantize int8, and what a picture takes`], // prettier-ignore
    ["worth", worth],
  ];
}

function table(lines: readonly (readonly [string, string])[]): string {
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}

/** Whether the user says yes; what cannot be answered (no input) is no. */
async function agreed(question: string, { io, signal }: Context): Promise<boolean> {
  io.stderr.write(`${question} [y/N] `);
  const lines = createInterface({ input: io.stdin, signal, terminal: false });
  try {
    for await (const line of lines) return /^\s*y(es)?\s*$/i.test(line);
    io.stderr.write("\n");
    return false;
  } finally {
    // A terminal stays open, and would keep the program.
    io.stdin.destroy();
  }
}

/** A checkpoint that was found, and what it is called in the settings. */
interface Chosen {
  readonly name: string;
  readonly found: FoundModel;
}

/** A name on the hub: what it takes is shown, and asked, before anything is fetched. */
async function chooseRepo(name: string, { yes }: Flags, context: Context): Promise<Chosen> {
  const { io, signal } = context;
  const { planDownload } = await import("../../hub/index.js");
  const inside = folderInRepo(name);
  const choice = { include: inside === undefined ? undefined : [`${inside}/*`], beside: besideWeights() };
  const plan = await planDownload(name, { ...choice, signal, needsWeights: true }).catch((error: unknown) =>
    withoutHub(name, error, context),
  );
  if (plan && plan.missing > 0) {
    io.stderr.write(table(factRows(factsOf(name, sumOf(plan.files), plan.missing))));
    if (plan.files.some(({ path }) => /(^|\/)adapter_config\.json$/.test(path)))
      io.stderr.write("note: these are adapters; the base model that they name is fetched too, where it is not here\n");
    if (!yes && !(await agreed(`Fetch ${bytesText(plan.missing)} and make it the default?`, context)))
      throw new RocError("USAGE", `Nothing was fetched, and the default is as before. To agree: roc4mllm use ${name} --yes`); // prettier-ignore
  }
  const complete = plan === undefined || plan.missing === 0;
  return { name, found: await findModel(name, {}, context, complete ? { offline: true } : undefined) };
}

/** Without a hub, what the cache has is enough. @throws `error` where it has nothing */
async function withoutHub(name: string, error: unknown, { io }: Context): Promise<undefined> {
  const { cachedSnapshot, hubSettings } = await import("../../hub/index.js");
  const cached = await cachedSnapshot((await hubSettings()).cacheDir, name);
  if (!isRocError(error) || error.code !== "NETWORK" || cached === undefined) throw error;
  io.stderr.write(`note: ${error.message} The files in the cache are taken.\n`);
  return undefined;
}

/** Bytes of weights among files. */
function sumOf(files: readonly { readonly path: string; readonly size: number }[]): number {
  return files.reduce((sum, { path, size }) => sum + (WEIGHTS.test(path) ? size : 0), 0);
}

/** What its folder holds. Loaded when needed: `--help` needs no libtorch. */
async function described({ folder, base }: FoundModel): Promise<CheckpointDescription> {
  const { describeCheckpoint } = await import("../../engine/describe.js");
  return describeCheckpoint(folder, { values: false, base });
}

/**
 * Refuses what cannot be loaded; what has no scores of its own is said, as `--scorer` may help.
 *
 * @throws RocError CHECKPOINT_INVALID
 */
async function checkChosen({ name, found }: Chosen, { io }: Context): Promise<void> {
  const { checkpoint } = found;
  const { problems, system } = await described(found);
  const [problem] = problems;
  if (problem !== undefined)
    throw new RocError("CHECKPOINT_INVALID", `${name} cannot be used, and the default is as before: ${problem}`);
  if (system) return;
  const { readScoring } = await import("../../engine/here.js");
  await readScoring(checkpoint, {}).catch((error: unknown) => {
    if (!isRocError(error)) throw error;
    io.stderr.write(`note: ${error.message}\n`);
  });
}

async function use(name: string, flags: Flags, context: Context): Promise<void> {
  const { env } = context.io;
  if (name.trim() === "")
    throw new RocError("USAGE", 'The name is empty: give a checkpoint folder, a name on the hub, or "demo".');
  const isFolder = await exists(name);
  if (name === DEMO && !isFolder) {
    await keepDefault(env, undefined);
  } else {
    const { isRepoName } = await import("../../hub/index.js");
    const repo = isFolder ? name : repoOfChoice(name);
    // What is neither has the error of every command.
    const chosen =
      isFolder || !isRepoName(repo)
        ? { name: resolve(name), found: await findModel(name, {}, context) }
        : await chooseRepo(repo, flags, context);
    await checkChosen(chosen, context);
    // A run's folder, not its best state of today.
    const folder = isFolder ? chosen.name : resolve(chosen.found.folder);
    await keepDefault(env, { name: chosen.name, folder });
  }
  await show(flags, context);
  if (env[MODEL_VARIABLE]) context.io.stderr.write(`note: ${MODEL_VARIABLE} is set, and counts before this.\n`);
}

const FROM = {
  environment: `${MODEL_VARIABLE} of the environment`,
  settings: "roc4mllm use",
  package: "the package itself",
} as const;

/** What the default is and what it is worth. */
async function show({ json }: Flags, context: Context): Promise<void> {
  const { env, stdout } = context.io;
  const { name, folder, source } = await defaultModel(env);
  const found = await modelAtHand(folder ?? name, {}, context);
  const known = found && (await described(found));
  const facts = factsOf(name, known?.bytes ?? 0, 0, found?.folder, known?.parameters);
  if (json) {
    stdout.write(
      `${JSON.stringify({ ...facts, source, folder: found?.folder ?? null, settings: settingsFile(env) })}\n`,
    );
    return;
  }
  const at = found?.folder ?? "not here yet: scoring fetches it";
  const [first, ...others] = factRows(facts).filter(([key]) => found !== undefined || !/^(size|memory)$/.test(key));
  stdout.write(table([...(first ? [first] : []), ["by", FROM[source]], ["folder", at], ...others]));
}

const HELP = `
Without a name it says which checkpoint is the default and what it is worth on real photographs. The default is taken by every
command that scores (score, compare, advise, cull, serve, library scan, eval, calibrate and others) and by export, where --model names
none. ${MODEL_VARIABLE} in the environment counts before it, and --model before both.

A name on the hub is fetched into the hub's cache, as by "roc4mllm download"; size, licence and memory are shown first, and asked.
From then on its folder is used as it is: nothing is fetched when photos are scored.

Short names stand for repositories: ${CHOICES.join(", ")} (small judges of real photographs: CLIP with LAION's heads).

Kept in roc4mllm/settings.json in XDG_CONFIG_HOME, or ~/.config.

Examples:
  roc4mllm use
  roc4mllm use q-future/Q-ReAlign-Mini-0.8B
  roc4mllm use laion-v2
  roc4mllm use runs/mine
  roc4mllm use demo`;

/** The command. */
export function useCommand(context: Context): Command {
  return new Command("use")
    .description("choose the checkpoint that scores where none is named")
    .argument("[name]", "checkpoint folder, a name on the hub, laion-v2, or demo; without: say which one it is")
    .option("--yes", "fetch without asking")
    .option(
      "--json",
      "{model, title, licence, size, missing, memory, worth, source, folder, settings} as one JSON object",
    )
    .addHelpText("after", HELP)
    .action((name: string | undefined, flags: Flags) =>
      name === undefined ? show(flags, context) : use(name, flags, context),
    );
}
