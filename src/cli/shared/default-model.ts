/**
 * The checkpoint that scores where none is named: `--model`, else the environment's `ROC4MLLM_MODEL`, else the one that
 * `roc4mllm use` keeps in the user's settings, else the demo weights.
 */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { Option } from "commander";
import { z } from "zod";
import { DEMO_MODEL } from "../../engine/demo.js";
import { RocError } from "../../errors.js";
import { atomicWriteJson, exists, ifThere, readJsonAs } from "../../files/index.js";
import type { Io } from "./io.js";

type Env = Io["env"];

/** Names a checkpoint as `--model` does, for one shell or one service. */
export const MODEL_VARIABLE = "ROC4MLLM_MODEL";

/** What the demo weights are called, where no folder is called so. */
export const DEMO = "demo";

/** The default checkpoint of the user's settings. */
const keptSchema = z.looseObject({
  /** As the user named it: a repository or the path of a folder. */
  name: z.string().min(1),
  /** Where it is. */
  folder: z.string().min(1),
});
const settingsSchema = z.looseObject({ model: keptSchema.optional() });
type Kept = z.infer<typeof keptSchema>;

/** A checkpoint by its name, and where the name is from. */
export interface DefaultModel {
  readonly name: string;
  /** Folder to load; undefined: `name` is yet to be found, as one that `--model` names. */
  readonly folder?: string;
  readonly source: "environment" | "settings" | "package";
}

/** The user's settings: `roc4mllm/settings.json` in `XDG_CONFIG_HOME`, or in `~/.config`. */
export function settingsFile(env: Env): string {
  const given = env["XDG_CONFIG_HOME"];
  // The specification has relative ones ignored.
  const folder = given && isAbsolute(given) ? given : join(env["HOME"] || homedir(), ".config");
  return join(folder, "roc4mllm", "settings.json");
}

const REMEDY = '"roc4mllm use demo" writes the file anew.';

async function readSettings(env: Env): Promise<z.infer<typeof settingsSchema>> {
  const read = readJsonAs(settingsFile(env), settingsSchema, { invalid: "CONFIG_INVALID", remedy: REMEDY });
  return (await ifThere(read)) ?? {};
}

/**
 * The checkpoint that scores where `--model` names none.
 *
 * @throws RocError CONFIG_INVALID for settings that cannot be read; FILE_NOT_FOUND where the folder in them is gone
 */
export async function defaultModel(env: Env): Promise<DefaultModel> {
  const named = env[MODEL_VARIABLE]?.trim();
  if (named) return { name: named, source: "environment" };
  const { model } = await readSettings(env);
  if (!model) return { name: DEMO, folder: DEMO_MODEL, source: "package" };
  if (await exists(model.folder)) return { ...model, source: "settings" };
  throw new RocError(
    "FILE_NOT_FOUND",
    `The default checkpoint ${model.name} is gone: there is no folder ${model.folder} any more. ` +
      `"roc4mllm use ${model.name}" looks for it again, "roc4mllm use demo" goes back to the demo weights, and --model names another.`,
  );
}

/** What `--model` names, else where the default is: for functions that find a checkpoint by its name. @throws as {@link defaultModel} */
export async function modelOrDefault(named: string | undefined, env: Env): Promise<string> {
  if (named !== undefined) return named;
  const { name, folder } = await defaultModel(env);
  return folder ?? name;
}

/** Keeps a default, or with undefined goes back to the demo weights; other settings stay. @throws RocError FILE_UNWRITABLE */
export async function keepDefault(env: Env, kept: Kept | undefined): Promise<void> {
  // What cannot be read is replaced: that is the remedy which its error names.
  const { model: _before, ...others } = await readSettings(env).catch((): { model?: Kept } => ({}));
  await atomicWriteJson(settingsFile(env), { ...others, ...(kept && { model: kept }) });
}

/** What the default is, for `--help`, which must not fail. */
function defaultText(env: Env): string {
  const named = env[MODEL_VARIABLE]?.trim();
  if (named) return `${named}, by ${MODEL_VARIABLE}`;
  try {
    const { model } = settingsSchema.parse(JSON.parse(readFileSync(settingsFile(env), "utf8")));
    if (model) return `${model.name}, by "roc4mllm use"`;
  } catch {
    // None, or one that cannot be read: the command itself says so.
  }
  return 'the demo weights; "roc4mllm use" chooses another';
}

/** `--model` of the commands that score a person's photos; without it, `loadNamed(undefined, ...)` takes the default. */
export function modelOption({ env }: Pick<Io, "env">): Option {
  const text = `checkpoint folder, a name on the hub, or ${DEMO} (default: ${defaultText(env)})`;
  return new Option("-m, --model <name>", text);
}
