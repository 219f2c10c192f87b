/** As which published scorer a checkpoint is scored, by its files. */
import { basename, dirname, resolve } from "node:path";
import { RocError } from "../errors.js";
import { ifThere, type OpenFolder } from "../files/index.js";
import { BASE_FILE } from "../models/adapter-config.js";
import type { CheckpointFolder } from "../models/places.js";
import {
  choose,
  recognise,
  scorerNamed,
  SCORER_NAMES,
  type ChosenScorer,
  type Clues,
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
  if (options.scorer !== undefined) {
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
  const found = await recognise(await cluesOf(folder, config));
  if (found) return { ...choose(found.scorer, options), how: found.how };
  const remedy = "Train it first (roc4mllm train), or give the folder of a trained checkpoint";
  const hint = `If it is a published scorer's, name it: --scorer ${SCORER_NAMES.join(", ")}`;
  throw new RocError(
    "CONFIG_INVALID",
    `${folder.path} has no score tokens: config.json names no score_id. ${remedy}. ${hint}.`,
  );
}

async function cluesOf(folder: CheckpointFolder, config: Readonly<Record<string, unknown>>): Promise<Clues> {
  const { home, weights } = folder;
  const source = (config["quantization_config"] as { source?: unknown } | null | undefined)?.source;
  const named = [config["_name_or_path"], source].filter((name) => typeof name === "string");
  const places = [home.path, ...(weights === home ? [] : [weights.path])].flatMap(placeNames);
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

/** A folder's name, and the hub's for a snapshot in its cache (`models--owner--name/snapshots/<commit>`). */
function placeNames(folder: string): string[] {
  const path = resolve(folder);
  const parts = path.split(/[\\/]/);
  const repos = parts.filter((part) => part.startsWith("models--")).map((part) => part.split("--").slice(1).join("/"));
  // Of a scorer whose repository has it in a folder.
  const above = /^score_/.test(basename(path)) ? [basename(dirname(path))] : [];
  return [...repos, ...above, basename(path)];
}

/** The title of a model card, which a clone of a repository has. */
async function titleOf(folder: OpenFolder): Promise<string[]> {
  const text = await ifThere(folder.text("README.md", { maxBytes: CARD_BYTES })).catch(() => undefined);
  const body = text?.replace(/^---\n[\s\S]*?\n---\n/, "").replace(/^ *(```|~~~)[\s\S]*?^ *\1/gm, "") ?? "";
  const [, title = ""] = /^#\s+(.+)$/m.exec(body) ?? [];
  // "[CVPR 2026] ArtiMuse: ..." and the like.
  const bare = title.replace(/\[[^\]]*\]|[*_`]/g, " ").trim();
  return bare === "" ? [] : [bare];
}
