/**
 * Towers and heads as others publish them: transformers' CLIP folders, whose text half is left aside, its towers alone, the
 * all-in-one repositories of simple-aesthetics-predictor, and the heads in their authors' files.
 */
import { z } from "zod";
import { RocError } from "../../errors.js";
import { invalidFor, parsedBy } from "../../models/common/config-fields.js";
import { derivedCheckpoint, unionCheckpoint, type Checkpoint } from "../../weights/index.js";
import type { Original } from "../types.js";
import { parseLaionConfig } from "./config.js";
import { HEAD_NAMES, isPublishedHead, PUBLISHED_HEADS, towerName, towerOfHead, type HeadKind } from "./heads.js";
import { LAION } from "./names.js";
import { layerNames } from "./network.js";

const HOW = `give one by --head, a name (${HEAD_NAMES.join(", ")}) or a file`;

/** A head as its tensors tell. */
interface Head {
  readonly kind: HeadKind;
  /** Length of the embedding that it takes. */
  readonly width: number;
  readonly sizes: readonly number[];
  /** The file's names by ours. */
  readonly names: ReadonlyMap<string, string>;
}

/** Our names of a checkpoint's tensors, which transformers 5 may have without their first part. */
function towerNameOf(name: string): string | undefined {
  if (/^(vision_model|visual_projection)\./.test(name)) return name;
  return /^(embeddings|pre_layrnorm|encoder|post_layernorm)\./.test(name) ? `vision_model.${name}` : undefined;
}

const CHAIN = /^layers\.(\d+)\.(weight|bias)$/;

/** The head among a checkpoint's tensors; undefined: there is none. @throws RocError CHECKPOINT_MISMATCH for one of no known form */
function headIn(checkpoint: Checkpoint): Head | undefined {
  const linear = ["predictor.", ""].find((before) => checkpoint.has(`${before}weight`));
  if (linear !== undefined) {
    const names = ["weight", "bias"].map((part): [string, string] => [`predictor.${part}`, `${linear}${part}`]);
    if (!checkpoint.has(`${linear}bias`)) throw lacking(checkpoint, `${linear}bias`);
    return { kind: "linear", width: inputsOf(checkpoint, `${linear}weight`), sizes: [], names: new Map(names) };
  }
  const places = checkpoint.names().flatMap((name) => CHAIN.exec(name)?.[1] ?? []);
  const numbers = [...new Set(places.map(Number))].sort((a, b) => a - b);
  if (numbers.length === 0) return undefined;
  const found = numbers.map((number) => `layers.${number}`);
  const kind = (["mlp", "mlp-relu"] as const).find(
    (one) => layerNames(found.length, one === "mlp-relu").join() === found.join(),
  );
  const missing = found.flatMap((name) => ["weight", "bias"].map((part) => `${name}.${part}`)).find((name) => !checkpoint.has(name)); // prettier-ignore
  if (kind === undefined) throw unknownHead(checkpoint, found);
  if (missing !== undefined) throw lacking(checkpoint, missing);
  const widths = found.map((name) => inputsOf(checkpoint, `${name}.weight`));
  const names = found.flatMap((name) => ["weight", "bias"].map((part) => `${name}.${part}`));
  return { kind, width: widths[0] ?? 0, sizes: widths.slice(1), names: new Map(names.map((name) => [name, name])) };
}

function inputsOf(checkpoint: Checkpoint, weight: string): number {
  return checkpoint.info(weight).shape[1] ?? 0;
}

function lacking({ path }: Checkpoint, name: string): RocError {
  return new RocError("CHECKPOINT_MISMATCH", `${path} holds a head that lacks ${name}. Fetch or save the file again.`);
}

/** @throws RocError CHECKPOINT_MISMATCH for a head's file that holds more than a head */
function refuseMore(checkpoint: Checkpoint, { names }: Head): void {
  const known = new Set(names.values());
  const more = checkpoint.names().filter((name) => !known.has(name));
  if (more.length === 0) return;
  const text = `${checkpoint.path} holds a head and what belongs to none: ${more.slice(0, 5).join(", ")}`;
  throw new RocError("CHECKPOINT_MISMATCH", `${text}. Fetch or save the file again.`);
}

function unknownHead({ path }: Checkpoint, found: readonly string[]): RocError {
  const forms = [false, true].map((relu) => layerNames(5, relu).join(", ")).join(" or ");
  const text = `${path} holds a head of ${found.join(", ")}, which is of no form that is known here (${forms}, or weight and bias)`;
  return new RocError("CHECKPOINT_MISMATCH", `${text}. Take a head of ${HEAD_NAMES.join(", ")}.`);
}

const clipSchema = z.looseObject({ model_type: z.string(), vision_config: z.looseObject({}).nullish() });

/** The tower's fields of a foreign config, at the top. @throws RocError CONFIG_INVALID */
function towerFields(config: unknown, file: string): Record<string, unknown> {
  const values = parsedBy(clipSchema, config, invalidFor("a CLIP", file));
  if (values.model_type !== "clip") return { ...values };
  const { projection_dim, image_processor } = values;
  const whole = Object.entries({ projection_dim, image_processor }).filter(([, value]) => value !== undefined);
  return { ...values.vision_config, ...Object.fromEntries(whole) };
}

/** Of a class in Python, or of what it is loaded by. */
const FOREIGN_KEYS = /^(architectures|auto_map|_name_or_path|id2label|label2id|head_sizes|head)$/;

/** What of a foreign config goes into ours: what the tower is computed by. */
function ownConfig(config: unknown, head: Head, file: string): Record<string, unknown> {
  const known = Object.entries(towerFields(config, file)).filter(([name]) => !FOREIGN_KEYS.test(name));
  const fields = Object.fromEntries(known);
  const sizes = head.kind === "linear" ? {} : { head_sizes: head.sizes };
  return { ...fields, model_type: LAION, head: head.kind, ...sizes };
}

/** A tower and a head as one, which owns both. */
function joined(tower: Checkpoint, config: unknown, head: Head, holder: Checkpoint): Original {
  const file = `${tower.path}: config.json`;
  const own = ownConfig(config, head, file);
  const { vision, projection } = parseLaionConfig(own, file);
  const name = towerName(vision);
  if (head.width !== projection) {
    const takes = `${holder.path} is a head for embeddings of ${head.width} numbers, and those of ${tower.path} have ${projection}`;
    throw new RocError("CHECKPOINT_MISMATCH", `${takes}. Take the head of this tower: ${headsOf(name)}.`);
  }
  const ours = new Map([...head.names].map(([mine, stored]) => [stored, mine]));
  const isTower = holder === tower;
  const parts = [
    { checkpoint: tower, rename: (stored: string) => towerNameOf(stored) ?? (isTower ? ours.get(stored) : undefined) },
    ...(isTower ? [] : [{ checkpoint: holder, rename: (stored: string) => ours.get(stored) }]),
  ] as const;
  return {
    config: own,
    checkpoint: unionCheckpoint(parts),
    what: `${name ?? "a CLIP tower"} with ${ARTICLES[head.kind]}${activationNote(vision.activation)}`,
  };
}

const ARTICLES: Readonly<Record<HeadKind, string>> = {
  linear: "a linear head (LAION v1)",
  mlp: "a head of linear maps (LAION v2)",
  "mlp-relu": "a head of linear maps with ReLU (LAION v2)",
};

/** LAION's heads were trained on towers with QuickGELU: on a tower without, scores are off (by 0.6 in one published picture). */
function activationNote(activation: string): string {
  if (activation === "quick_gelu") return "";
  return `; its config.json says hidden_act ${activation}, which is used, but LAION's heads were trained on quick_gelu`;
}

function headsOf(tower: string | undefined): string {
  const known = PUBLISHED_HEADS.filter((head) => head.tower === tower).map(({ name }) => name);
  return known.length > 0 ? known.join(", ") : "none that LAION published is known to fit";
}

/**
 * The weights of a foreign folder, or undefined where a file holds neither a tower nor a head.
 *
 * @throws RocError CHECKPOINT_MISMATCH for a tower without a head, and a head without a tower
 */
export function original(checkpoint: Checkpoint, config?: unknown): Original | undefined {
  const names = checkpoint.names();
  const isTower = names.some((name) => towerNameOf(name) !== undefined);
  const isHead = names.every((name) => /^(weight|bias)$/.test(name) || CHAIN.test(name));
  if (!isTower && isHead && names.length > 0 && headIn(checkpoint)) {
    const text = `${checkpoint.path} is a head without its tower`;
    throw new RocError("CHECKPOINT_MISMATCH", `${text}. Name the tower: --model openai/clip-vit-large-patch14 --head ${checkpoint.path}`); // prettier-ignore
  }
  if (!isTower || config === undefined) return undefined;
  const head = headIn(checkpoint);
  if (head) return joined(checkpoint, config, head, checkpoint);
  throw new RocError(
    "CHECKPOINT_MISMATCH",
    `${checkpoint.path} is a CLIP tower, which says nothing of beauty: ${HOW}. ` +
      "A head of its own is trained by: train --model laion --pretrained its/model.safetensors.",
  );
}

/** See `System.pretrained`: the tower with its projection of a CLIP, without text half and head; undefined: there is none. */
export function towerOf(checkpoint: Checkpoint): Checkpoint | undefined {
  const entries = checkpoint.names().flatMap((stored): [string, string][] => {
    const name = towerNameOf(stored);
    return name === undefined || name.endsWith(".position_ids") ? [] : [[name, stored]];
  });
  return entries.length > 0 ? derivedCheckpoint(checkpoint, new Map(entries)) : undefined;
}

/**
 * A tower with a head of another file.
 *
 * @param tower a folder's weights, whose own head, if it has one, is left aside
 * @param config its config.json
 * @param head of its authors' file
 * @throws RocError CHECKPOINT_MISMATCH where the head is none, or was trained for another tower: by its width, or as LAION named its
 *   file; any other name is only noted
 */
export function withHead(tower: Checkpoint, config: unknown, head: Checkpoint): Original {
  const found = headIn(head);
  if (!found) throw unknownHead(head, head.names().slice(0, 5));
  refuseMore(head, found);
  const made = joined(tower, config, found, head);
  const [mine, its] = [towerName(parseLaionConfig(made.config).vision), towerOfHead(head.path)];
  if (its === undefined || mine === undefined || its === mine) return made;
  if (!isPublishedHead(head.path))
    return { ...made, what: `${made.what}; ${head.path} is named as one of ${its}, and this tower is ${mine}` };
  const text = `${head.path} was trained on embeddings of ${its}, as its name says, and ${tower.path} is ${mine}`;
  throw new RocError("CHECKPOINT_MISMATCH", `${text}. Take the head of this tower: ${headsOf(mine)}.`);
}
