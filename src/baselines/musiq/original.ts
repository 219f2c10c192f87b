/**
 * Published files of MUSIQ: the authors' `.npz` (google-research/musiq: `ava_ckpt.npz`, `imagenet_pretrain.npz`, ...) and pyiqa's
 * `.pth` of the same weights.
 */
import { RocError } from "../../errors.js";
import { derivedCheckpoint, type Checkpoint, type DerivedTensor } from "../../weights/index.js";
import type { Original } from "../types.js";
import { LONGER_SIDES, parseMusiqConfig } from "./config.js";
import { MUSIQ, type Form } from "./facts.js";
import { headName } from "./network.js";

type Entry = string | DerivedTensor;
type Shape = readonly number[];

/** A file's tensors by our names but for the head's, which depends on the number of outputs, and what only the file tells. */
interface Layout {
  readonly form: Form;
  readonly entries: Map<string, Entry>;
  readonly heads: number | undefined;
  /** Weight and bias. */
  readonly head: readonly [Entry, Entry] | undefined;
  /** Of a classifier that training begins with. */
  readonly isPretraining: boolean;
}

/** pyiqa's converter of the ImageNet file has 6 heads too: a file of this layout does not say how many there are. */
const HEADS = 6;
/** ImageNet's classes, of the public file. */
const CLASSES = 1000;

/** What the weights would be under our names; undefined: they are not MUSIQ's. */
function layoutOf(checkpoint: Checkpoint): Layout | undefined {
  if (checkpoint.has("transformer_encoder.posembed_input.position_emb") && checkpoint.has("conv_root.weight")) {
    return portLayout(checkpoint);
  }
  const names = checkpoint.names();
  const found = names.find((name) => name.endsWith("Transformer/posembed_input/pos_embedding"));
  const prefix = found?.slice(0, found.indexOf("Transformer/"));
  if (prefix === undefined || !checkpoint.has(`${prefix}conv_root/kernel`)) return undefined;
  return flaxLayout(checkpoint, prefix);
}

/** pyiqa's names are ours. */
function portLayout(checkpoint: Checkpoint): Layout {
  const isHead = (name: string): boolean => /^(imagenet_)?head[.]/.test(name);
  const names = checkpoint.names().filter((name) => !isHead(name));
  const head = ["head.0", "head"].find((name) => checkpoint.has(`${name}.weight`));
  return {
    form: "pyiqa",
    entries: new Map(names.map((name) => [name, name])),
    heads: undefined,
    head: head === undefined ? undefined : [`${head}.weight`, `${head}.bias`],
    isPretraining: checkpoint.has("imagenet_head.weight"),
  };
}

function rows(of: string, shape: Shape): DerivedTensor {
  return { of: [of], shape, make: (x) => x.reshape(...shape) };
}

/** A linear map's kernel, whose inputs and outputs may have several axes. */
function transposed(of: string, inputs: number, outputs: number): DerivedTensor {
  return { of: [of], shape: [outputs, inputs], make: (x) => x.reshape(inputs, outputs).t().contiguous() };
}

function product(shape: Shape): number {
  return shape.reduce((all, size) => all * size, 1);
}

/** A parameter of flax: its layer's name here, and how it is laid out there. */
function fromFlax(layer: string, part: string, of: string, shape: Shape): readonly [string, Entry] {
  const flat = [product(shape)];
  if (part === "bias") return [`${layer}.bias`, rows(of, flat)];
  if (part === "scale") return [`${layer}.weight`, rows(of, flat)];
  const [a = 1, b = 1, c = 1, d = 1] = shape;
  const name = `${layer}.weight`;
  if (shape.length === 4) {
    return [name, { of: [of], shape: [d, c, a, b], make: (x) => x.permute(3, 2, 0, 1).contiguous() }];
  }
  if (shape.length !== 3) return [name, transposed(of, a, b)];
  return [name, layer.endsWith(".out") ? transposed(of, a * b, c) : transposed(of, a, b * c)];
}

/** Layers of a block by the end of their path there. */
const BLOCK_LAYERS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^LayerNorm_0$/, "norm1"],
  [/^LayerNorm_2$/, "norm2"],
  [/^(?:MultiHeadDotProduct|Self)Attention_1[/](query|key|value|out)$/, "attention."],
  [/^MlpBlock_3[/]Dense_0$/, "mlp.fc1"],
  [/^MlpBlock_3[/]Dense_1$/, "mlp.fc2"],
];

/** The name here of a layer of the authors' file; undefined: it has none here. */
function layerName(path: string): string | undefined {
  const block = /^Transformer[/](encoderblock_\d+)[/](.+)$/.exec(path);
  if (block) {
    const [, number = "", rest = ""] = block;
    const found = BLOCK_LAYERS.find(([pattern]) => pattern.test(rest));
    if (!found) return undefined;
    return `transformer_encoder.transformer.${number}.${found[1]}${found[0].exec(rest)?.[1] ?? ""}`;
  }
  if (path === "Transformer/encoder_norm") return "transformer_encoder.encoder_norm";
  const unit = /^block1[/]unit1[/](\w+)$/.exec(path);
  return unit ? `block1.${unit[1] ?? ""}` : /^(conv_root|gn_root|embedding|head)$/.exec(path)?.[1];
}

/** What is no layer's, by its path; its shape there begins with 1. */
const TABLES: Readonly<Record<string, string>> = {
  "Transformer/cls": "cls",
  "Transformer/posembed_input/pos_embedding": "posembed_input.position_emb",
  "Transformer/scaleembed_input/scale_embedding": "scaleembed_input.scale_emb",
};

/** @param prefix of the weights among what the file holds beside them: `opt/target/` */
function flaxLayout(checkpoint: Checkpoint, prefix: string): Layout {
  const entries = new Map<string, Entry>();
  let heads: number | undefined;
  for (const of of checkpoint.names().filter((name) => name.startsWith(prefix))) {
    const path = of.slice(prefix.length);
    const { shape } = checkpoint.info(of);
    const table = TABLES[path];
    if (table !== undefined) {
      const isScales = table.startsWith("scale");
      entries.set(`transformer_encoder.${table}`, isScales ? rows(of, shape.slice(1)) : of);
      continue;
    }
    const at = path.lastIndexOf("/");
    const layer = layerName(path.slice(0, at));
    // A name that is not known stays, for the message that it is unexpected.
    const [name, entry] = layer === undefined ? [path, of] : fromFlax(layer, path.slice(at + 1), of, shape);
    if (layer?.endsWith(".query") && shape.length === 3) heads = shape[1];
    entries.set(name, entry);
  }
  const [weight, bias] = [entries.get("head.weight"), entries.get("head.bias")];
  entries.delete("head.weight");
  entries.delete("head.bias");
  const head = weight === undefined || bias === undefined ? undefined : ([weight, bias] as const);
  const isPretraining = head !== undefined && shapeOf(checkpoint, head[1])[0] === CLASSES;
  return { form: "original", entries, heads, head, isPretraining };
}

function shapeOf(checkpoint: Checkpoint, entry: Entry | undefined): Shape {
  if (entry === undefined) return [];
  return typeof entry === "string" ? checkpoint.info(entry).shape : entry.shape;
}

/** The `config.json` of a file's shapes. @throws RocError CHECKPOINT_MISMATCH naming what is of no MUSIQ that is known */
function configOf(checkpoint: Checkpoint, { form, entries, heads = HEADS }: Layout, outputs: number) {
  const shape = (name: string): Shape => shapeOf(checkpoint, entries.get(name));
  const other = (what: string): RocError => {
    const remedy = "Give the files of the authors (ava_ckpt.npz and others) or pyiqa's musiq_*.pth.";
    return new RocError(
      "CHECKPOINT_MISMATCH",
      `${checkpoint.path} is another MUSIQ than the published: ${what}. ${remedy}`,
    );
  };
  const [stemWidth = 0] = shape("conv_root.weight");
  const [hiddenSize = 0, inputs = 0] = shape("embedding.weight");
  const side = Math.sqrt(inputs / (4 * stemWidth));
  if (!Number.isInteger(side) || side === 0) throw other(`its embedding takes ${inputs} values of a patch`);
  const [, positions = 0] = shape("transformer_encoder.posembed_input.position_emb");
  const grid = Math.sqrt(positions);
  if (!Number.isInteger(grid)) throw other(`its table of positions has ${positions} rows, which is no square`);
  const [scales = 0] = shape("transformer_encoder.scaleembed_input.scale_emb");
  if (scales !== 1 && scales !== LONGER_SIDES.length + 1) {
    throw other(`it has ${scales} scales, not ${LONGER_SIDES.length + 1} (224, 384 and native) or 1 (native)`);
  }
  const layers = [...entries.keys()].flatMap((name) => /encoderblock_(\d+)[.]norm1[.]weight$/.exec(name)?.[1] ?? []);
  return {
    model_type: MUSIQ,
    ...{ form, patch_size: 4 * side, stem_width: stemWidth, hidden_size: hiddenSize },
    mlp_dim: shape("transformer_encoder.transformer.encoderblock_0.mlp.fc1.weight")[0],
    ...{ num_heads: heads, num_layers: layers.length, grid_size: grid },
    longer_sides: scales === 1 ? [] : [...LONGER_SIDES],
    // Those of one number are KonIQ's, PaQ-2-PiQ's and SPAQ's.
    ...(outputs > 1 ? { bins: outputs, scale: { min: 1, max: outputs } } : { scale: { min: 0, max: 100 } }),
  };
}

/** @throws RocError CHECKPOINT_MISMATCH for a MUSIQ that is not known, or one that scores nothing */
export function originalMusiq(checkpoint: Checkpoint): Original | undefined {
  const layout = layoutOf(checkpoint);
  if (layout === undefined) return undefined;
  const { head, form, isPretraining } = layout;
  const outputs = shapeOf(checkpoint, head?.[1])[0];
  if (head === undefined || outputs === undefined || isPretraining) {
    const what = "holds MUSIQ as it was trained on ImageNet, which scores no pictures";
    throw new RocError("CHECKPOINT_MISMATCH", `${checkpoint.path} ${what}. Give it to training, as --pretrained.`);
  }
  const config = configOf(checkpoint, layout, outputs);
  // Its messages name the file.
  parseMusiqConfig(config, checkpoint.path);
  const name = headName(outputs > 1 ? outputs : undefined);
  const entries = new Map([...layout.entries, [`${name}.weight`, head[0]], [`${name}.bias`, head[1]]]);
  const what = form === "original" ? "the authors' MUSIQ" : "pyiqa's MUSIQ";
  return { config, checkpoint: derivedCheckpoint(checkpoint, entries), what };
}

/** All but the head of a MUSIQ of the same shape, whoever trained it. */
export function pretrainedMusiq(checkpoint: Checkpoint, config: unknown): Checkpoint | undefined {
  const layout = layoutOf(checkpoint);
  if (layout === undefined) return undefined;
  const { hiddenSize, patchSize } = parseMusiqConfig(config);
  const found = configOf(checkpoint, layout, 1);
  if (found.hidden_size !== hiddenSize || found.patch_size !== patchSize) return undefined;
  return derivedCheckpoint(checkpoint, layout.entries);
}
