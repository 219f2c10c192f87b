/** The authors' files, by the names and shapes of their tensors. */
import { RocError } from "../../errors.js";
import { derivedCheckpoint, type Checkpoint } from "../../weights/index.js";
import { wantedOutputs } from "../common/outputs.js";
import type { NewModel, Original } from "../types.js";
import { picturesOf, VMAMBA_TINY } from "./config.js";
import { AESMAMBA } from "./facts.js";

const HEAD = "pred_head.aesthetic_head.heads.2.weight";
const CLASSES = "pred_head.aesthetic_head.classes_heads.2.weight";
/** Of a block of the version of VMamba that is built here. */
const BLOCK = "layers.0.blocks.0.self_attention.x_proj_weight";

/** By rows of the head and of the classes' head, the data set. */
const DATA_SETS: Readonly<Record<string, NewModel & { readonly what: string }>> = {
  "10,7": { scale: { min: 1, max: 10 }, bins: 10, what: "AVA" },
  "7,4": { scale: { min: 1, max: 7 }, bins: 7, what: "Photo.net" },
  "1,4": { scale: { min: 1, max: 5 }, what: "PARA" },
};

/** See `System.original`. */
export function original(checkpoint: Checkpoint): Original | undefined {
  if (!checkpoint.has(HEAD) || !checkpoint.has(CLASSES)) return undefined;
  const [rows = 0] = checkpoint.info(HEAD).shape;
  const [classes = 0] = checkpoint.info(CLASSES).shape;
  const text = `${checkpoint.path} holds weights of AesMamba`;
  if (!checkpoint.has(`img_model.${BLOCK}`)) {
    const what = "whose backbone is not VMamba-T's first version, the one that is read";
    throw new RocError("CHECKPOINT_MISMATCH", `${text} ${what} (img_model.${BLOCK} is missing).`);
  }
  const rating = DATA_SETS[`${rows},${classes}`];
  if (!rating) {
    const known = "Known are 10 and 7 (AVA), 7 and 4 (Photo.net), 1 and 4 (PARA)";
    const both = "1 and 5 are AADB's, from 0 to 1, or TAD66K's, from 0 to 10, which the file does not tell";
    const remedy = "Put it into a folder as model.safetensors beside a config.json with model_type, scale and classes";
    throw new RocError("CHECKPOINT_MISMATCH", `${text} with ${rows} ratings and ${classes} classes. ${known}; ${both}. ${remedy}.`); // prettier-ignore
  }
  const names = checkpoint.names();
  const config = { model_type: AESMAMBA, ...wantedOutputs(rating), ...picturesOf({}), ...VMAMBA_TINY, classes };
  const what = `AesMamba of ${rating.what}`;
  return { config, what, checkpoint: derivedCheckpoint(checkpoint, new Map(names.map((name) => [name, name]))) };
}

/** See `System.pretrained`: VMamba-T of ImageNet (`vmamba_tiny_e292.pth`), or a trained AesMamba; heads are left out. */
export function pretrained(checkpoint: Checkpoint, config: unknown): Checkpoint | undefined {
  const under = ["", "img_model."].find((prefix) => checkpoint.has(prefix + BLOCK));
  const { dims } = config as { readonly dims?: readonly number[] };
  if (under === undefined || checkpoint.info(`${under}patch_embed.norm.weight`).shape[0] !== dims?.[0])
    return undefined;
  const names = checkpoint.names().filter((name) => /^(patch_embed|layers|norm)\./.test(name.slice(under.length)));
  return derivedCheckpoint(checkpoint, new Map(names.map((name) => [`img_model.${name.slice(under.length)}`, name])));
}
