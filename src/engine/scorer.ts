/** As which published scorer a checkpoint is scored, by its files. */
import { realpath } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { RocError } from "../errors.js";
import { ifThere, type OpenFolder } from "../files/index.js";
import { BASE_FILE } from "../models/adapter-config.js";
import type { CheckpointFolder } from "../models/places.js";
import {
  choose,
  lastPart,
  NO_SCORER,
  recognise,
  refuseOptions,
  SCORER_KEY,
  scorerNamed,
  SCORER_NAMES,
  type CheckpointName,
  type ChosenScorer,
  type Clues,
  type PublishedScorer,
  type ScorerOptions,
} from "../roc/index.js";
import { openCheckpoint } from "../weights/index.js";

/** Bytes of a model card that are looked at: its title is at its beginning. */
const CARD_BYTES = 1 << 20;

/**
 * The scorer of a checkpoint without score tokens of its own: the one asked for, else the one that it is recognised as.
 *
 * @throws RocError CONFIG_INVALID where it is none that is known; USAGE for options that the scorer has not
 */
export async function scorerOf(
  folder: CheckpointFolder,
  config: Readonly<Record<string, unknown>>,
  options: ScorerOptions,
): Promise<ChosenScorer> {
  if (options.scorer === NO_SCORER) refuseOptions(options, folder.path);
  else if (options.scorer !== undefined) {
    const scorer = scorerNamed(options.scorer);
    const { families, name } = scorer;
    const type = config["model_type"];
    if (families.some((family) => family === type)) return choose(scorer, options);
    const text = `--scorer (scorer): ${name} scores with models of model_type ${families.join(", ")}; ${folder.path} is ${String(type)}`;
    throw new RocError("USAGE", `${text}. Take a checkpoint of that scorer.`);
  }
  if ((await folder.adapter?.folder.names())?.includes(BASE_FILE)) {
    const remedy = "Give the folder of the state that they belong to, or copy its other files beside them";
    const text = `${folder.path} holds adapters that were trained here, without the files that say how their scores are read`;
    throw new RocError("CONFIG_INVALID", `${text}. ${remedy}.`);
  }
  const found = options.scorer === NO_SCORER ? undefined : await recognised(folder, config);
  if (found) return { ...choose(found.scorer, options), how: found.how };
  const remedy = "Train it first (roc4mllm train), or give the folder of a trained checkpoint";
  const hint = `If it is a published scorer's, name it: --scorer ${SCORER_NAMES.join(", ")}`;
  throw new RocError(
    "CONFIG_INVALID",
    `${folder.path} has no score tokens: config.json names no score_id. ${remedy}. ${hint}.`,
  );
}

/**
 * The scorer that a checkpoint is recognised as.
 *
 * @throws RocError CONFIG_INVALID where its config names one that is not known here, or of another family
 */
async function recognised(
  folder: CheckpointFolder,
  config: Readonly<Record<string, unknown>>,
): Promise<{ scorer: PublishedScorer; how?: string } | undefined> {
  const clues = await cluesOf(folder, config);
  const found = await recognise(clues);
  const written = config[SCORER_KEY];
  if (written === undefined || written === found?.scorer.name) return found;
  const known = SCORER_NAMES.some((name) => name === written);
  const fault = known
    ? `scores with models of another model_type than ${String(clues.modelType)}`
    : "is not known here";
  const text = `${folder.home.file("config.json")}: ${SCORER_KEY} is ${JSON.stringify(written)}, which ${fault}`;
  throw new RocError("CONFIG_INVALID", `${text}. Correct it, or name the scorer: --scorer ${SCORER_NAMES.join(", ")}.`);
}

/** What a checkpoint that is written anew has to keep of the scorer that it is; undefined: it is none, or has texts of its own. */
export async function scorerToKeep(folder: CheckpointFolder): Promise<PublishedScorer | undefined> {
  const config = (await folder.config()) as Readonly<Record<string, unknown>>;
  return (await recognised(folder, config))?.scorer;
}

async function cluesOf(folder: CheckpointFolder, config: Readonly<Record<string, unknown>>): Promise<Clues> {
  const { home, weights } = folder;
  const source = (config["quantization_config"] as { source?: unknown } | null | undefined)?.source;
  const named = [
    { name: config["_name_or_path"], from: "_name_or_path of its config.json" },
    { name: source, from: "what it was quantised from" },
  ].flatMap(({ name, from }) => (typeof name === "string" ? [{ name: lastPart(name), from }] : []));
  const folders = [home.path, ...(weights === home ? [] : [weights.path])];
  const places = (await Promise.all(folders.map(placeNames))).flat();
  const card = await titleOf(home);
  return {
    modelType: config["model_type"],
    config,
    names: [...places, ...named, ...card],
    files: [...(await home.names()), ...(await weights.names())],
    tensors: async () => {
      using checkpoint = await openCheckpoint(weights);
      return [...checkpoint.names()];
    },
  };
}

/** The names of a folder as it is given and, behind links, as it is. */
async function placeNames(folder: string): Promise<CheckpointName[]> {
  const path = resolve(folder);
  const real = await realpath(path).catch(() => path);
  return [path, ...(real === path ? [] : [real])].flatMap(namesOfPath);
}

/** A folder's name, and the hub's for a snapshot in its cache (`models--owner--name/snapshots/<commit>`). */
function namesOfPath(path: string): CheckpointName[] {
  const parts = path.split(/[\\/]/);
  const repos = parts.filter((part) => part.startsWith("models--")).map((part) => part.split("--").slice(1).join("/"));
  // Of a scorer whose repository has it in a folder.
  const above = /^score_/.test(basename(path)) ? [basename(dirname(path))] : [];
  return [
    ...repos.map((name) => ({ name, from: "the name of its repository" })),
    ...[...above, basename(path)].map((name) => ({ name, from: "the name of its folder" })),
  ];
}

/** The title of a model card, which a clone of a repository has. */
async function titleOf(folder: OpenFolder): Promise<CheckpointName[]> {
  const text = await ifThere(folder.text("README.md", { maxBytes: CARD_BYTES })).catch(() => undefined);
  const body = text?.replace(/^---\n[\s\S]*?\n---\n/, "").replace(/^ *(```|~~~)[\s\S]*?^ *\1/gm, "") ?? "";
  const [, title = ""] = /^#\s+(.+)$/m.exec(body) ?? [];
  const bare = title
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/[*`]/g, " ")
    .trim();
  return bare === "" ? [] : [{ name: bare, from: "the title of its README.md" }];
}
