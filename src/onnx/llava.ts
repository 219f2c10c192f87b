/** LLaVA-1.5 (src/models/llava) as nodes of an ONNX graph: a picture in a prompt that is known. */
import { RocError } from "../errors.js";
import { parseLlavaConfig } from "../models/llava/index.js";
import type { Mllm } from "../models/types.js";
import type { PictureText } from "../roc/index.js";
import { scope, type Tensor } from "../torch/index.js";
import { clipTower } from "./clip-tower.js";
import { decoder } from "./decoder.js";
import type { Value } from "./graph.js";
import { idTensor, type Layers } from "./layers.js";

const EMBEDDING = "language_model.model.embed_tokens.weight";

/** What a family's forward gives. */
export interface Hidden {
  readonly hidden: Value;
  /** Rows of the vocabulary's head, `[vocabSize, hiddenSize]`. */
  readonly head: Tensor;
}

/**
 * Hidden states at the text's positions, `[at, hiddenSize]`.
 *
 * @param pixels float32 `[height, width, 3]`, as the vision tower takes them
 */
export function llavaHidden(layers: Layers, model: Mllm, pixels: Value, text: PictureText): Hidden {
  const { graph } = layers;
  const config = parseLlavaConfig(model.config, "config.json", model.vocabSize);
  const { featureLayers, withClassToken, projectorActivation, projectorBias: bias } = config;
  const states = clipTower(layers, pixels, "vision_tower.vision_model", config.vision, featureLayers);
  const patches = Math.floor(config.vision.imageSize / config.vision.patchSize) ** 2;
  const kept = withClassToken ? states : states.map((state) => graph.slice(state, 0, 1, patches + 1));
  const features = kept.length === 1 ? (kept[0] as Value) : graph.node("Concat", kept, { axis: 1 });
  const inner = layers.activate(layers.linear(features, "multi_modal_projector.linear_1", bias), projectorActivation);
  const rows = layers.linear(inner, "multi_modal_projector.linear_2", bias);
  const { ids, at } = text;
  const [start, end] = picturePlace(ids, config.imageTokenId, patches + (withClassToken ? 1 : 0));
  const around = [embeddings(layers, ids.slice(0, start)), rows, embeddings(layers, ids.slice(end))];
  const x = graph.node("Concat", around, { axis: 0 });
  const own = { name: "language_model.model", length: ids.length, at, config: config.text };
  const head = layers.parameters(config.text.tied ? EMBEDDING : "language_model.lm_head.weight");
  return { hidden: decoder(layers, x, own), head };
}

/** Of a text that is known only the rows of its own tokens are needed. */
function embeddings(layers: Layers, ids: readonly number[]): Value {
  const matrix = layers.parameters(EMBEDDING);
  return scope(() => layers.weight(matrix.indexSelect(0, idTensor(ids))));
}

/** Where the picture's rows go. */
function picturePlace(ids: readonly number[], placeholder: number, rows: number): [start: number, end: number] {
  const start = ids.indexOf(placeholder);
  const end = ids.lastIndexOf(placeholder) + 1;
  if (start > 0 && end < ids.length && end - start === rows) return [start, end];
  const found = ids.filter((id) => id === placeholder).length;
  throw new RocError(
    "USAGE",
    `The prompt holds ${found} rows of a picture, not ${rows} together with text on both sides.`,
  );
}
