/** MaxViT in timm's files: `maxvit_*_tf_*` as `.safetensors` or `.pth`. */
import { RocError } from "../../errors.js";
import { derivedCheckpoint, type Checkpoint, type DerivedTensor } from "../../weights/index.js";
import type { Original } from "../types.js";
import { resizeBiasTable } from "./bias-tables.js";
import { parseMaxVitConfig, pictureFields } from "./config.js";
import { MAXVIT } from "./facts.js";

const FIRST = "stages.0.blocks.0";
const TABLE = "attn.rel_pos.relative_position_bias_table";
const FIRST_TABLE = `${FIRST}.attn_block.${TABLE}`;

/** Pixels of the picture's side for one of a window's. */
const RATIO = 32;
/** Outputs of a classifier: ImageNet's. */
const LEAST_CLASSES = 1000;

/** Whether they are of timm's MaxViT, of whatever variant. */
function isMaxVit(checkpoint: Checkpoint): boolean {
  return ["stem.conv1.weight", `${FIRST}.conv.conv1_1x1.weight`, `${FIRST}.attn_grid.attn.qkv.weight`].every((name) =>
    checkpoint.has(name),
  );
}

/** What is otherwise in timm's own variants (`maxvit_*_rw_*` and the like); none: it is of the TensorFlow weights' form. */
function differences(checkpoint: Checkpoint): string[] {
  const shape = (name: string): readonly number[] => (checkpoint.has(name) ? checkpoint.info(name).shape : []);
  const [inputs = 0, hidden = 0] = [shape(`${FIRST}.conv.pre_norm.weight`)[0], shape(`${FIRST}.conv.norm1.weight`)[0]];
  const outputs = shape(`${FIRST}.conv.conv3_1x1.weight`)[0] ?? 0;
  const facts: readonly (readonly [isOther: boolean, what: string])[] = [
    [!checkpoint.has("stem.conv1.bias"), "the stem's convolutions have no bias"],
    [!checkpoint.has(`${FIRST}.conv.conv3_1x1.bias`), "the last convolution of a block has no bias"],
    [
      hidden !== 4 * outputs,
      `a block expands its ${inputs} inputs to ${hidden} channels, not its ${outputs} outputs by 4`,
    ],
    [
      checkpoint.has(`${FIRST}.attn_block.attn.rel_pos.mlp.fc1.weight`),
      "biases by distance are a network's, not a table's",
    ],
    [
      checkpoint.has(FIRST_TABLE) && shape(FIRST_TABLE).length !== 3,
      "the tables of biases are flat, [distances, heads]",
    ],
    [!checkpoint.has("head.pre_logits.fc.weight"), "the head has no hidden layer"],
    [!checkpoint.has(`${FIRST}.attn_block.attn.qkv.weight`), "there is no attention within windows"],
  ];
  return facts.flatMap(([isOther, what]) => (isOther ? [what] : []));
}

/** @throws RocError CHECKPOINT_MISMATCH naming what differs from the form that is known */
function checkForm(checkpoint: Checkpoint): void {
  const others = differences(checkpoint);
  if (others.length === 0) return;
  const what = `holds a MaxViT of timm's own design (a "rw" variant), which computes otherwise: ${others.join("; ")}`;
  const remedy = "Give the weights of one that came from TensorFlow, as maxvit_tiny_tf_224 (timm's names with _tf_).";
  throw new RocError("CHECKPOINT_MISMATCH", `${checkpoint.path} ${what}. ${remedy}`);
}

/** The `config.json` of a file's shapes. */
function configOf(checkpoint: Checkpoint, outputs: number): Record<string, unknown> {
  const shape = (name: string): readonly number[] => (checkpoint.has(name) ? checkpoint.info(name).shape : []);
  const stages = [0, 1, 2, 3];
  const names = checkpoint.names();
  const dims = stages.map((stage) => shape(`stages.${stage}.blocks.0.conv.conv3_1x1.weight`)[0] ?? 0);
  const depths = stages.map((stage) => {
    const block = new RegExp(`^stages[.]${stage}[.]blocks[.]\\d+[.]conv[.]pre_norm[.]weight$`);
    return names.filter((name) => block.test(name)).length;
  });
  const [heads = 1, rows = 1] = shape(FIRST_TABLE);
  return {
    model_type: MAXVIT,
    ...{ embed_dims: dims, depths, stem_width: shape("stem.conv1.weight")[0], head_dim: (dims[0] ?? 0) / heads },
    ...pictureFields((RATIO * (rows + 1)) / 2, dims),
    ...(outputs > 1 ? { bins: outputs, scale: { min: 1, max: outputs } } : { scale: { min: 1, max: 10 } }),
  };
}

/** The file's names but for counters that nothing reads. */
function kept(checkpoint: Checkpoint): string[] {
  return checkpoint.names().filter((name) => !name.endsWith("num_batches_tracked"));
}

/** @throws RocError CHECKPOINT_MISMATCH for another variant, or a classifier */
export function originalMaxVit(checkpoint: Checkpoint): Original | undefined {
  if (!isMaxVit(checkpoint)) return undefined;
  checkForm(checkpoint);
  const outputs = checkpoint.has("head.fc.weight") ? (checkpoint.info("head.fc.weight").shape[0] ?? 0) : 0;
  if (outputs === 0 || outputs >= LEAST_CLASSES) {
    const what = outputs === 0 ? "holds MaxViT without a head" : `holds a MaxViT that tells ${outputs} classes apart`;
    const remedy = "It scores no pictures: give it to training, as --pretrained.";
    throw new RocError("CHECKPOINT_MISMATCH", `${checkpoint.path} ${what}. ${remedy}`);
  }
  const config = configOf(checkpoint, outputs);
  // Its messages name the file.
  parseMaxVitConfig(config, checkpoint.path);
  const entries = new Map(kept(checkpoint).map((name) => [name, name]));
  return { config, checkpoint: derivedCheckpoint(checkpoint, entries), what: "timm's MaxViT" };
}

/** All but the last map of a MaxViT of the same channels and depths, its tables of biases for the windows of the config. */
export function pretrainedMaxVit(checkpoint: Checkpoint, config: unknown): Checkpoint | undefined {
  if (!isMaxVit(checkpoint)) return undefined;
  checkForm(checkpoint);
  const { dims, depths, stemWidth, window } = parseMaxVitConfig(config);
  const found = configOf(checkpoint, 1);
  const shapes = [found["embed_dims"], found["depths"], found["stem_width"]];
  if (JSON.stringify(shapes) !== JSON.stringify([dims, depths, stemWidth])) return undefined;
  const side = 2 * window - 1;
  const names = kept(checkpoint).filter((name) => !name.startsWith("head.fc."));
  const resize = (name: string): DerivedTensor => {
    const [heads = 0] = checkpoint.info(name).shape;
    return { of: [name], shape: [heads, side, side], make: (table) => resizeBiasTable(table, side) };
  };
  const entries = names.map((name) => [name, name.endsWith(TABLE) ? resize(name) : name] as const);
  return derivedCheckpoint(checkpoint, new Map<string, string | DerivedTensor>(entries));
}
