/** Reads mPLUG-Owl2 checkpoints: MAGAer13's, Q-Align's, OneAlign's, ROC4MLLM's, and what is written here. */
import type { Init, InitTable, ParamSource } from "../../nn/index.js";
import { fromTypedArray, keep, scope } from "../../torch/index.js";
import { openFolder, type FolderLike } from "../../files/index.js";
import { openCheckpoint, strictSource } from "../../weights/index.js";
import { strictModel } from "../common/strict-model.js";
import type { FamilyLoadOptions } from "../types.js";
import { parseMplugOwl2Config } from "./config.js";
import { MplugOwl2Model } from "./model.js";

/** A tensor of the ROC4MLLM checkpoint that nothing uses. */
const UNUSED = /(^|\.)learned_weight$/;

const EMBEDDING = "model.embed_tokens.weight";
const HEAD = "lm_head.weight";

/**
 * Loads a folder with `config.json` and weights, .bin or safetensors.
 *
 * The abstractor's tables of places are used as the file has them (Q-Align's are rounded to bfloat16), and computed
 * where it has none (mPLUG-Owl2's own); they are always written back: the reference's module declares them as
 * parameters, and so a checkpoint keeps the numbers that it was trained with.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, CONFIG_INVALID, CHECKPOINT_INVALID, CHECKPOINT_MISMATCH
 */
export async function loadMplugOwl2(folder: FolderLike, options: FamilyLoadOptions = {}): Promise<MplugOwl2Model> {
  const files = openFolder(folder);
  const config = await files.json("config.json");
  using checkpoint = await openCheckpoint(files);
  const { outline, quantize, device = "cpu", dtype = device === "cpu" ? "float32" : undefined } = options;
  const rows = checkpoint.has(EMBEDDING) ? checkpoint.info(EMBEDDING).shape[0] : undefined;
  const parsed = parseMplugOwl2Config(config, files.file("config.json"), rows);
  const ignore = (name: string): boolean => UNUSED.test(name) || (parsed.text.tied && name === HEAD);
  const strict = strictSource(checkpoint, { ignore, dtype, device, outline, quantize });
  const source: ParamSource = {
    take(name, shape, init, use) {
      // Tables of absurd sizes are not computed: what does not fit is reported at the end.
      if (!isTable(init) || checkpoint.has(name) || !strict.fits) return strict.take(name, shape, init, use);
      return keep(scope(() => fromTypedArray(init.table(), shape).to({ device, ...(dtype && { dtype }) })));
    },
  };
  return strictModel(strict, () => new MplugOwl2Model(parsed, source));
}

function isTable(init: Init): init is InitTable {
  return typeof init === "object" && "table" in init;
}
