/**
 * One forward of a checkpoint on tensors from outside, with losses and gradients: for holding this implementation
 * against another one, or for looking inside a model.
 */
import { RocError } from "../errors.js";
import { joinImages, type Prompt } from "../generation/index.js";
import { IMAGE_ID, type ImageBatch, type Mllm, type MllmInput } from "../models/types.js";
import {
  LOSS_PRESETS,
  rocLoss,
  splitImages,
  textLoss,
  vocabularyFromConfig,
  weightsFromConfig,
  type LossWeights,
  type ScoreVocabulary,
} from "../roc/index.js";
import { fromTypedArray, noGrad, scope, type Tensor } from "../torch/index.js";

/** Value of a label that is not supervised. */
const IGNORED = -100;

/** Tensors by name: `input_ids` [B, T], the rest optional. */
export type NamedTensors = ReadonlyMap<string, Tensor>;

/** Names that {@link promptsOf} takes. */
const PROMPT_INPUTS = ["input_ids", "attention_mask", "pixel_values", "image_grid_thw", "image_sizes"] as const;

/** Names that {@link inspectForward} takes. */
export const FORWARD_INPUTS: readonly string[] = [...PROMPT_INPUTS, "labels", "gt_score", "target"];

/**
 * Outputs by name; belongs to the caller's scope.
 *
 * `logits` [B, T', V], `image_features` [rows, hiddenSize] where there are images, `position_ids` where the family has
 * its own; with `labels`: `text_loss` and `loss`, and where the checkpoint has score tokens `score` [K], with `gt_score`
 * `l1_loss`, and with `target` `ce_loss` and `emd_loss`; `grad.NAME` of the loss for every asked-for parameter.
 *
 * @param gradients names of parameters, in any layout of the family
 * @throws RocError USAGE for inputs that do not fit each other, or a parameter that is not there
 */
export function inspectForward(
  model: Mllm,
  inputs: NamedTensors,
  gradients: readonly string[] = [],
): Map<string, Tensor> {
  checkNames(inputs, FORWARD_INPUTS);
  const parameters = new Map(gradients.map((name) => [name, parameterOf(model, name)]));
  const { input, labels } = expand(model, inputs);
  const outputs = new Map<string, Tensor>();
  for (const parameter of parameters.values()) parameter.requiresGrad_();
  const hidden = model.forward(input);
  outputs.set("logits", model.logits(hidden).detach());
  if (input.images)
    outputs.set(
      "image_features",
      noGrad(() => model.imageFeatures(input.images as ImageBatch).narrow(1, 0, model.hiddenSize)),
    );
  const positions = model.positionIds?.(input);
  if (positions) outputs.set("position_ids", positions);
  const losses = labels && lossesOf(model, hidden, labels, inputs);
  for (const [name, value] of losses ?? []) outputs.set(name, value.detach());
  if (parameters.size > 0) addGradients(outputs, parameters, losses?.get("loss"));
  return outputs;
}

/** A sequence among the inputs, as given and as the model generates from it: without its padding. */
export interface GivenPrompt extends Prompt {
  readonly given: readonly number[];
}

/** The sequences among the inputs, each with its own pictures. @throws RocError USAGE for inputs that do not fit each other */
export function promptsOf(model: Mllm, inputs: NamedTensors): GivenPrompt[] {
  checkNames(inputs, PROMPT_INPUTS);
  const all = idsOf(model, inputs);
  const masks = optionalRows(inputs, "attention_mask", all);
  const sequences = all.map((given, b) => {
    const real = given.filter((_, t) => masks?.[b]?.[t] !== 0);
    if (real.length === 0)
      throw new RocError("USAGE", `attention_mask: all of row ${b} is padding; nothing goes on from it.`);
    return { given, ids: model.expandPlaceholders?.(real) ?? real };
  });
  const images = imagesOf(inputs);
  if (sequences.length === 1 || !images) return sequences.map((sequence) => ({ ...sequence, images }));
  return withOwnImages(model, sequences, splitImages(images));
}

/** Pictures come in reading order, and each is as many placeholders as it has rows. */
function withOwnImages(model: Mllm, sequences: readonly GivenPrompt[], images: readonly ImageBatch[]): GivenPrompt[] {
  const rows = images.map((image) => scope(() => model.imageFeatures(image).size(0)));
  let next = 0;
  const given = sequences.map((sequence) => {
    let asked = sequence.ids.filter((id) => model.placeholderIds.includes(id)).length;
    const first = next;
    while (asked > 0 && next < images.length) asked -= rows[next++] ?? 0;
    if (asked !== 0) throw new RocError("USAGE", `input_ids: placeholders and pictures disagree in number.`);
    return { ...sequence, images: joinImages(images.slice(first, next)) };
  });
  if (next === images.length) return given;
  throw new RocError("USAGE", `input_ids hold placeholders for ${next} of ${images.length} pictures.`);
}

/** What of the inputs the model takes, with image placeholders expanded. */
function expand(model: Mllm, inputs: NamedTensors): { input: MllmInput; labels: number[][] | undefined } {
  const ids = idsOf(model, inputs);
  const mask = optionalRows(inputs, "attention_mask", ids);
  const labels = optionalRows(inputs, "labels", ids);
  checkRange("labels", labels?.flat() ?? [], model.vocabSize, IGNORED);
  const images = imagesOf(inputs);
  const given = inputs.get("attention_mask");
  if (!model.expandPlaceholders) {
    const input = {
      inputIds: required(inputs, "input_ids"),
      ...(given && { attentionMask: given }),
      ...(images && { images }),
    };
    return { input, labels };
  }
  const grown = ids.map((row, b) => grow(model, row, mask?.[b], labels?.[b]));
  const width = Math.max(...grown.map((row) => row.ids.length));
  const padded = grown.some((row) => row.ids.length < width);
  const matrix = (rows: readonly number[][], padding: number): Tensor => {
    const values = rows.flatMap((row) => [...row, ...new Array<number>(width - row.length).fill(padding)]);
    return fromTypedArray(BigInt64Array.from(values, BigInt), [rows.length, width]);
  };
  const [allIds, allMasks] = [grown.map((row) => row.ids), grown.map((row) => row.mask)];
  const input = {
    inputIds: matrix(allIds, 0),
    ...((given || padded) && { attentionMask: matrix(allMasks, 0) }),
    ...(images && { images }),
  };
  const fill = (row: readonly number[]): number[] => [...row, ...new Array<number>(width - row.length).fill(IGNORED)];
  return { input, labels: labels && grown.map((row) => fill(row.labels)) };
}

/** A sequence with one id a visual row; the rows are real and not supervised. */
function grow(
  model: Mllm,
  ids: readonly number[],
  mask: readonly number[] | undefined,
  labels: readonly number[] = [],
) {
  // Whether placeholders are expanded already shows in the whole sequence only.
  const isExpanded = model.expandPlaceholders?.(ids).length === ids.length;
  const parts = ids.map((id) => (isExpanded ? [id] : (model.expandPlaceholders?.([id]) ?? [id])));
  const along = (values: readonly number[] | undefined, single: number, row: number): number[] =>
    parts.flatMap((part, t) => (part.length === 1 ? [values?.[t] ?? single] : part.map(() => row)));
  return { ids: parts.flat(), mask: along(mask, 1, 1), labels: along(labels, IGNORED, IGNORED) };
}

function lossesOf(model: Mllm, all: Tensor, labels: readonly number[][], inputs: NamedTensors): Map<string, Tensor> {
  const width = all.size(1);
  const supervised = labels.flatMap((row, b) =>
    row.flatMap((target, t) => (target !== IGNORED && t > 0 ? [{ row: b * width + t - 1, target }] : [])),
  );
  if (supervised.length === 0) throw new RocError("USAGE", `labels: every value is ${IGNORED}; nothing is supervised.`);
  const vocabulary = vocabularyFromConfig(model.config);
  const targets = supervised.map(({ target }) => target);
  const rows = fromTypedArray(BigInt64Array.from(supervised.map(({ row }) => BigInt(row))), [supervised.length], {
    device: all.device,
  });
  const hidden = all.flatten(0, 1).indexSelect(0, rows);
  if (!vocabulary) {
    const loss = textLoss({ model, hidden, targets });
    return new Map(Object.entries({ loss, text_loss: loss }));
  }
  checkRows(vocabulary, model);
  const scores = targets.filter((id) => id === vocabulary.positionId).length;
  const truth = truthOf(inputs, vocabulary, scores);
  const distributions = distributionsOf(inputs, vocabulary, scores);
  const weights = weightsFor(model, truth !== undefined, distributions !== undefined);
  const groundTruth = truth ?? new Array<number>(scores).fill(vocabulary.scale.min);
  const input = { model, hidden, targets, groundTruth, ...(distributions && { distributions }) };
  const { loss, textLoss: text, l1Loss, ceLoss, emdLoss, scores: predicted } = rocLoss(input, vocabulary, weights);
  const losses = new Map(Object.entries({ loss, text_loss: text, score: predicted }));
  if (truth) losses.set("l1_loss", l1Loss);
  return distributions ? losses.set("ce_loss", ceLoss).set("emd_loss", emdLoss) : losses;
}

function checkRows({ positionId, scoreIds }: ScoreVocabulary, { vocabSize }: Mllm): void {
  const last = Math.max(positionId, ...scoreIds);
  if (last < vocabSize) return;
  const remedy = "Take config.json and weights from the same checkpoint.";
  const text = `config.json places a score token at id ${last}, but the weights have ${vocabSize} rows`;
  throw new RocError("CHECKPOINT_MISMATCH", `${text}. ${remedy}`);
}

function truthOf(inputs: NamedTensors, { positionId }: ScoreVocabulary, scores: number): number[] | undefined {
  const truth = inputs.get("gt_score")?.flatten().toNumbers();
  if (!truth || truth.length === scores) return truth;
  const found = `labels hold ${scores} times the position token ${positionId}`;
  throw new RocError("USAGE", `gt_score has ${truth.length} values, but ${found}; give one each, in reading order.`);
}

/** The checkpoint's weights of the losses; without any ground truth there is the text loss alone. */
function weightsFor(model: Mllm, hasTruth: boolean, hasVotes: boolean): LossWeights {
  const weights = weightsFromConfig(model.config) ?? LOSS_PRESETS.paper;
  if (!hasTruth) return hasVotes ? { ...weights, l1: 0 } : { l1: 0, ce: 0, emd: 0 };
  if (hasVotes || (weights.ce === 0 && weights.emd === 0)) return weights;
  const text = `config.json weighs vote distributions (ce_weight ${weights.ce}, emd_weight ${weights.emd})`;
  throw new RocError("USAGE", `${text}: give target [K, N] beside gt_score, or set the weights to 0.`);
}

function distributionsOf(inputs: NamedTensors, { scoreIds }: ScoreVocabulary, scores: number): number[][] | undefined {
  const target = inputs.get("target");
  if (!target) return undefined;
  if (target.shape.join() !== `${scores},${scoreIds.length}`) {
    const asked = `[${scores}, ${scoreIds.length}] (position tokens, score tokens)`;
    throw new RocError("USAGE", `target has the shape [${target.shape.join(", ")}], not ${asked}.`);
  }
  return chunks(target.toNumbers(), scoreIds.length);
}

function addGradients(outputs: Map<string, Tensor>, parameters: ReadonlyMap<string, Tensor>, loss?: Tensor): void {
  if (!loss) throw new RocError("USAGE", "Gradients are those of the loss; give labels among the inputs.");
  loss.backward();
  for (const [name, parameter] of parameters) {
    // A parameter that the loss does not depend on has no gradient: it is 0.
    outputs.set(`grad.${name}`, parameter.grad ?? scope(() => parameter.detach().mul(0)));
  }
}

function parameterOf(model: Mllm, name: string): Tensor {
  const parameters = model.parameters();
  const found = parameters.get(name) ?? parameters.get(model.parameterName?.(name) ?? name);
  if (found) return found;
  const some = [...parameters.keys()].slice(0, 5).join(", ");
  throw new RocError("USAGE", `The model has no parameter ${name}; it has ${parameters.size}, such as ${some}.`);
}

/** The images among the inputs. */
export function imagesOf(inputs: NamedTensors): ImageBatch | undefined {
  const pixelValues = inputs.get("pixel_values");
  if (!pixelValues) return undefined;
  const imageGridThw = perImage(inputs, "image_grid_thw", 3)?.map(([t = 0, h = 0, w = 0]) => [t, h, w] as const);
  const imageSizes = perImage(inputs, "image_sizes", 2)?.map(([h = 0, w = 0]) => [h, w] as const);
  return { pixelValues, ...(imageGridThw && { imageGridThw }), ...(imageSizes && { imageSizes }) };
}

/** Whole numbers an image, `[images, count]`. */
function perImage(inputs: NamedTensors, name: string, count: number): number[][] | undefined {
  const found = inputs.get(name);
  if (!found) return undefined;
  if (found.ndim === 2 && found.size(1) === count) return rowsOf(found);
  throw new RocError("USAGE", `${name} is [${found.shape.join(", ")}]; give [images, ${count}].`);
}

function checkNames(inputs: NamedTensors, names: readonly string[]): void {
  const unknown = [...inputs.keys()].filter((name) => !names.includes(name));
  if (unknown.length === 0) return;
  throw new RocError("USAGE", `Unknown inputs: ${unknown.join(", ")}. Known are ${names.join(", ")}.`);
}

/** `input_ids`, each an id of the vocabulary or, in families that expand them, a placeholder. */
function idsOf(model: Mllm, inputs: NamedTensors): number[][] {
  const ids = rowsOf(required(inputs, "input_ids"));
  checkRange("input_ids", ids.flat(), model.vocabSize, model.expandPlaceholders && IMAGE_ID);
  return ids;
}

/** @param also the one value outside of the vocabulary that means something */
function checkRange(name: string, values: readonly number[], size: number, also: number | undefined): void {
  const wrong = values.find((value) => value !== also && !(Number.isInteger(value) && value >= 0 && value < size));
  if (wrong === undefined) return;
  const alone = also === undefined ? "" : `, or ${also}`;
  throw new RocError("USAGE", `${name} holds ${wrong}; give whole numbers from 0 to ${size - 1}${alone}.`);
}

function required(inputs: NamedTensors, name: string): Tensor {
  const found = inputs.get(name);
  if (found?.ndim === 2) return found;
  throw new RocError("USAGE", `The inputs need ${name} [batch, T]${found ? `, not [${found.shape.join(", ")}]` : ""}.`);
}

/** A matrix of whole numbers that has the shape of `like`. */
function optionalRows(inputs: NamedTensors, name: string, like: readonly number[][]): number[][] | undefined {
  const found = inputs.get(name);
  if (!found) return undefined;
  const shape = [like.length, like[0]?.length ?? 0];
  if (found.shape.join() === shape.join()) return rowsOf(found);
  const shapes = `[${found.shape.join(", ")}], input_ids [${shape.join(", ")}]`;
  throw new RocError("USAGE", `${name} has the shape ${shapes}; they must be the same.`);
}

function rowsOf(matrix: Tensor): number[][] {
  return chunks(matrix.toNumbers(), matrix.size(1));
}

function chunks(values: readonly number[], length: number): number[][] {
  return Array.from({ length: values.length / length }, (_, i) => values.slice(i * length, (i + 1) * length));
}
