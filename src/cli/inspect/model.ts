/**
 * `roc4mllm inspect forward | generate | preprocess`: tensors in, tensors out, to hold a checkpoint against another
 * implementation of its model.
 */
import { Command, Option } from "commander";
import { loadBaseline } from "../../baselines/registry.js";
import type { BaselineSource } from "../../baselines/source.js";
import type { Baseline } from "../../baselines/types.js";
import { baselineOf } from "../../engine/baseline-source.js";
import { inspectBaseline, preprocessBaseline } from "../../engine/forward-baseline.js";
import { FORWARD_INPUTS, inspectForward, promptsOf, type NamedTensors } from "../../engine/forward.js";
import { checkBase } from "../../engine/identity.js";
import { fillId, generateWithLogits, greedyOptions, leftAside } from "../../generation/index.js";
import { decodeImage, RESIZE_MODES, type ResizeMode } from "../../image/index.js";
import { RocError } from "../../errors.js";
import type { Mllm } from "../../models/types.js";
import { openCheckpointFolder } from "../../models/places.js";
import { loadImages, loadModel } from "../../models/registry.js";
import { fromTypedArray, keep, nonFinite, scope, tensor, type DType, type Tensor } from "../../torch/index.js";
import { openSafetensors, saveSafetensors, type Checkpoint } from "../../weights/index.js";
import type { Context, Io } from "../shared/io.js";
import { FLOAT_DTYPES } from "../../torch/dtype.js";
import { whole } from "../shared/numbers.js";

interface ModelOptions {
  readonly model: string;
  readonly outputs: string;
  readonly json?: true;
}

interface TensorOptions extends ModelOptions {
  readonly inputs: string;
  readonly dtype: DType;
  readonly device: string;
  readonly visionTower?: string;
}

function tensorCommand(name: string): Command {
  return modelCommand(name)
    .requiredOption("-i, --inputs <file>", "safetensors file with the inputs")
    .addOption(new Option("--dtype <dtype>", "of the weights").choices(FLOAT_DTYPES).default("float32"))
    .option("--device <device>", "cpu, cuda or cuda:1", "cpu")
    .option("--vision-tower <folder>", "CLIP folder, for checkpoints that have it elsewhere");
}

function modelCommand(name: string): Command {
  return new Command(name)
    .requiredOption("-m, --model <folder>", "checkpoint folder")
    .requiredOption("-o, --outputs <file>", "safetensors file to write")
    .option("--json", "name, dtype and shape of every output as one JSON object");
}

/**
 * Reads the inputs, lets `compute` make the outputs inside a scope, or `baseline` those of a classical system, and writes them.
 *
 * @throws RocError USAGE for a classical system where there is no `baseline`: a command that means nothing to one
 */
async function through(
  options: TensorOptions,
  io: Io,
  compute: (model: Awaited<ReturnType<typeof loadModel>>, inputs: NamedTensors) => Map<string, Tensor>,
  baseline?: (model: Baseline, inputs: NamedTensors) => Map<string, Tensor>,
): Promise<void> {
  using file = await openSafetensors(options.inputs);
  const { dtype, device, visionTower } = options;
  const checkpoint = await openCheckpointFolder(options.model);
  const source = await baselineOf(checkpoint);
  if (source) {
    if (!baseline) throw new RocError("USAGE", `${source.path} is a classical system's: it writes no text.`);
    const model = await loadBaseline(source, { dtype, device });
    try {
      await write(
        outputsOf(file, (inputs) => baseline(model, inputs)),
        options,
        io,
      );
    } finally {
      model.dispose();
    }
    return;
  }
  await checkBase(checkpoint, { visionTower });
  using model = await loadModel(checkpoint, { dtype, device, visionTower });
  await write(
    outputsOf(file, (inputs) => compute(model, inputs)),
    options,
    io,
  );
}

/** What is made of a file's tensors, on the CPU. */
function outputsOf(file: Checkpoint, compute: (inputs: NamedTensors) => Map<string, Tensor>): Map<string, Tensor> {
  return scope(() => {
    const made = compute(new Map(file.names().map((name) => [name, file.tensor(name)])));
    return new Map([...made].map(([name, tensor]) => [name, keep(tensor.detach().to({ device: "cpu" }).contiguous())]));
  });
}

async function write(
  outputs: ReadonlyMap<string, Tensor>,
  options: ModelOptions,
  { stdout, stderr }: Io,
): Promise<void> {
  await saveSafetensors(options.outputs, outputs);
  const made = [...outputs].map(([name, tensor]) => {
    const { nan = 0, infinite = 0 } = nonFinite(tensor) ?? {};
    return { name, dtype: tensor.dtype, shape: tensor.shape, nonFinite: nan + infinite };
  });
  for (const tensor of outputs.values()) tensor.dispose();
  if (options.json) stdout.write(`${JSON.stringify({ outputs: made })}\n`);
  else for (const { name, dtype, shape } of made) stdout.write(`${name}  ${dtype}  [${shape.join(", ")}]\n`);
  for (const { name, nonFinite: count } of made)
    if (count > 0) stderr.write(`note: ${name} holds values that are NaN or infinite: ${count}\n`);
}

const FORWARD_HELP = `
Inputs: ${FORWARD_INPUTS.join(", ")}. input_ids [B,T] hold one placeholder per visual row
(mplug_owl2: -200 once per image); labels [B,T] mark what is not supervised with -100; gt_score [K] and target [K,N] belong
to the K position tokens in reading order.
Outputs: logits [B,T',V], image_features [rows,hidden], position_ids where the family has its own; with labels loss and
text_loss, and where the checkpoint has score tokens score [K], l1_loss (with gt_score) and ce_loss, emd_loss (with
target); grad.NAME for every name of --grads. The loss weighs them as config.json says (l1_weight, ce_weight, emd_weight).

Of a classical system, inputs: what \`inspect preprocess\` writes (pixelValues [B,3,H,W], ...); rating.NAME [B] of its outputs, NaN
where there is none, and votes [B,values] for the loss. Outputs: output.NAME, features; loss and its terms as loss.TERM; grad.NAME.`;

export function inspectForwardCommand({ io }: Context): Command {
  return tensorCommand("forward")
    .description("one forward, its losses and gradients")
    .option("--grads <names>", "parameters, separated by commas, whose gradients to write", (text) =>
      text.split(",").map((name) => name.trim()),
    )
    .addHelpText("after", FORWARD_HELP)
    .option("--training", "of a classical system: as in training, with dropout and the batch's statistics")
    .action((options: TensorOptions & { grads?: string[]; training?: true }) =>
      through(
        options,
        io,
        (model, inputs) => inspectForward(model, inputs, options.grads),
        (model, inputs) => inspectBaseline(model, inputs, options.grads, options.training === true),
      ),
    );
}

const GENERATE_HELP = `
Inputs: input_ids [B,T], attention_mask, pixel_values, image_grid_thw, image_sizes, as for \`inspect forward\`; padding
may be on either side.
Outputs: sequences [B,T+n] (each row as given, then n new tokens) and step_logits [n,V], for several rows [n,B,V], as the
model gave them. A row ends early only at an eos_token_id of the folder's generation_config.json, of which suppress_tokens,
repetition_penalty, no_repeat_ngram_size, min_new_tokens and min_length count too; what would choose by other rules (num_beams,
bad_words_ids, ...) is refused. Behind a row's end are pad_token_id, or the first eos_token_id, and logits that mean nothing.`;

export function inspectGenerateCommand({ io }: Context): Command {
  return tensorCommand("generate")
    .description("greedy generation, with the logits of every step")
    .requiredOption("--max-new-tokens <n>", "tokens to generate", whole(1))
    .addHelpText("after", GENERATE_HELP)
    .action(async (options: TensorOptions & { maxNewTokens: number }) => {
      await through(options, io, (model, inputs) => {
        refuseLeftAside(model);
        const settings = { ...greedyOptions(model), maxNewTokens: options.maxNewTokens };
        const prompts = promptsOf(model, inputs);
        const { sequences, stepLogits } = generateWithLogits(model, prompts, settings);
        const longest = Math.max(...sequences.map(({ ids, stopId }) => ids.length + (stopId === undefined ? 0 : 1)));
        const rows = prompts.map(({ given }, b) => {
          const { ids = [], stopId } = sequences[b] ?? {};
          const behind = new Array<number>(longest - ids.length).fill(fillId(model) ?? 0);
          if (stopId !== undefined) behind[0] = stopId;
          return [...given, ...ids, ...behind];
        });
        const logits = rows.length === 1 ? stepLogits.squeeze(1) : stepLogits;
        return new Map(Object.entries({ sequences: tensor(rows, { dtype: "int64" }), step_logits: logits }));
      });
    });
}

/** @throws RocError CONFIG_INVALID: what is computed would not be what another program computes */
function refuseLeftAside(model: Mllm): void {
  const fields = leftAside(model);
  if (fields.length === 0) return;
  const text = `generation_config.json: ${fields.join(", ")} would choose other tokens, and this program does not do that`;
  throw new RocError("CONFIG_INVALID", `${text}. Leave them out of the file to decode greedily.`);
}

const PREPROCESS_HELP = `
Outputs: pixel_values, image_grid_thw or image_sizes where the family has them, and pixels: uint8 [H,W,3], after resize, pad and crop,
before normalising; tiles of a picture stand one above the other, its thumbnail last. Of a classical system: its inputs by its own
names, and pixels as they are before the crop. A folder with config.json and preprocessor_config.json is enough.
The picture is decoded as for scoring: upright by its EXIF orientation, in sRGB, transparency on white.`;

interface PreprocessOptions extends ModelOptions {
  readonly image: string;
  readonly resize?: ResizeMode;
  readonly maxTiles?: number;
  readonly asStored?: true;
}

export function inspectPreprocessCommand({ io }: Context): Command {
  return modelCommand("preprocess")
    .description("a picture as the model takes it")
    .requiredOption("--image <file>", "the picture")
    .addOption(new Option("--resize <mode>", "instead of what the checkpoint's files say").choices(RESIZE_MODES))
    .option("--max-tiles <n>", "tiles of a picture at most, in families that cut pictures into tiles", whole(1))
    .option("--as-stored", "do not apply its EXIF orientation (Python's image processors never do)")
    .addHelpText("after", PREPROCESS_HELP)
    .action(async (options: PreprocessOptions) => {
      const source = await baselineOf(await openCheckpointFolder(options.model));
      if (source) return preprocessWith(source, options, io);
      const inputs = await loadImages(options.model, { resize: options.resize, maxTiles: options.maxTiles });
      const picture = await decodeImage(options.image, { name: options.image, orient: options.asStored !== true });
      const outputs = scope(() => {
        const { pixelValues, imageGridThw, imageSizes } = inputs.images([picture]);
        const { width, height, data } = inputs.pixels(picture);
        // Where the file's form keeps a picture's tiles apart from the next one's.
        const made = new Map([["pixel_values", imageSizes ? pixelValues.unsqueeze(0) : pixelValues]]);
        made.set("pixels", fromTypedArray(data, [height, width, 3]));
        for (const [name, rows] of Object.entries({ image_grid_thw: imageGridThw, image_sizes: imageSizes }))
          if (rows) made.set(name, fromTypedArray(BigInt64Array.from(rows.flat(), BigInt), [1, rows[0]?.length ?? 0]));
        return new Map([...made].map(([name, tensor]) => [name, keep(tensor)]));
      });
      await write(outputs, options, io);
    });
}

/** @throws RocError USAGE for options that mean nothing to a classical system */
async function preprocessWith(source: BaselineSource, options: PreprocessOptions, io: Io): Promise<void> {
  const { resize, maxTiles, image, asStored } = options;
  if (resize !== undefined || maxTiles !== undefined)
    throw new RocError(
      "USAGE",
      `--resize, --max-tiles: ${source.path} is a classical system's, whose config.json says it.`,
    );
  const model = await loadBaseline(source, { outline: true });
  try {
    const make = await preprocessBaseline(model, image, asStored !== true);
    const outputs = scope(() => new Map([...make()].map(([name, tensor]) => [name, keep(tensor)])));
    await write(outputs, options, io);
  } finally {
    model.dispose();
  }
}
