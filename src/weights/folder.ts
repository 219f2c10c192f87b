/** The weights of a checkpoint folder: safetensors or PyTorch's .bin, in one file or in shards with an index. */
import { RocError } from "../errors.js";
import { exists, openFolder, type FolderLike, type OpenFolder } from "../files/index.js";
import { absentCheckpoint, ConfigFolder } from "./absent.js";
import { openBin } from "./bin/index.js";
import type { Checkpoint } from "./checkpoint.js";
import { BIN, BIN_INDEX, chooseWeights, INDEX, SINGLE, variantsOf } from "./choice.js";
import { quantised } from "./quantised.js";
import { openSafetensors } from "./safetensors.js";
import { openSharded, openShards } from "./sharded.js";

/**
 * Opens a folder's weights; safetensors are preferred where both formats are present. Shards without an index are opened
 * where no number is missing, and a variant (model.fp16.safetensors) where it is the only one.
 *
 * @throws RocError FILE_NOT_FOUND (names missing shards), FILE_UNREADABLE, CHECKPOINT_INVALID
 */
export async function openCheckpoint(folder: FolderLike): Promise<Checkpoint> {
  const files = openFolder(folder);
  if (files instanceof ConfigFolder) return absentCheckpoint(files);
  const all = await files.names();
  const names: string[] = [];
  for (const name of all) {
    // The link of an incomplete download is dangling.
    if (WEIGHTS.test(name) && (await exists(files.file(name)))) names.push(name);
  }
  const choice = chooseWeights(names);
  if (choice?.index !== undefined) return openSharded(files, choice.index, openFile);
  const [only, ...others] = choice?.files ?? [];
  const foreign = all.find((name) => /\.(gguf|ggml)$/i.test(name));
  if (only === undefined && foreign !== undefined) throw quantised(`${files.file(foreign)} (for llama.cpp)`);
  if (choice === undefined || only === undefined) throw noWeights(files, variantsOf(names));
  if (others.length === 0 && !choice.missing?.length) return openFile(files.file(only));
  return openShards(files.path, choice, openFile);
}

const WEIGHTS = /^((pytorch_)?model\b.*\.(safetensors|bin|json)|HPSv3\.safetensors)$/;

/** An index may list files of either format. */
function openFile(file: string): Promise<Checkpoint> {
  return file.endsWith(".bin") ? openBin(file) : openSafetensors(file);
}

function noWeights(folder: OpenFolder, variants: readonly string[]): RocError {
  const what = `${folder.path} holds neither ${SINGLE} nor ${INDEX}, ${BIN} or ${BIN_INDEX}`;
  if (variants.length === 0) {
    const hint = "Check the path; a folder with config.json and its weights is needed.";
    return new RocError("FILE_NOT_FOUND", `${what}. ${hint}`);
  }
  const hint = "Rename the files of one of them so that they have no variant in their name.";
  return new RocError("FILE_NOT_FOUND", `${what}, but weights as ${variants.join(", ")}. ${hint}`);
}
