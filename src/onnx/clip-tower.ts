/** CLIP's vision tower (src/models/common/clip-vision.ts) as nodes of an ONNX graph. */
import type { VisionConfig } from "../models/common/clip-vision.js";
import type { Value } from "./graph.js";
import type { Layers } from "./layers.js";

/**
 * Hidden states behind the asked layers, as `ClipVision.forward`.
 *
 * @param pixels float32 `[imageSize, imageSize, 3]`
 * @param name where the tower's parameters are
 * @returns for each of `wanted`: `[1 + patches, hiddenSize]`, the class token's row first
 */
export function clipTower(
  layers: Layers,
  pixels: Value,
  name: string,
  config: VisionConfig,
  wanted: readonly number[],
): Value[] {
  let hidden = embedded(layers, pixels, name, config);
  const states = [hidden];
  for (let i = 0; i < Math.max(...wanted); i++) {
    hidden = block(layers, hidden, `${name}.encoder.layers.${i}`, config);
    states.push(hidden);
  }
  return wanted.map((index) => states[index] as Value);
}

function embedded(layers: Layers, pixels: Value, name: string, config: VisionConfig): Value {
  const { graph } = layers;
  const { hiddenSize, patchSize, normEps } = config;
  const embeddings = `${name}.embeddings`;
  const patch = layers.parameters(`${embeddings}.patch_embedding.weight`);
  const rows = graph.node("Gemm", [patches(layers, pixels, config), layers.weight(patch.reshape(hiddenSize, 3 * patchSize ** 2))], { transB: 1 }); // prettier-ignore
  const first = layers.weight(layers.parameters(`${embeddings}.class_embedding`).reshape(1, hiddenSize));
  const all = graph.node("Concat", [first, rows], { axis: 0 });
  const placed = graph.node("Add", [all, layers.parameter(`${embeddings}.position_embedding.weight`)]);
  return layers.layerNorm(placed, `${name}.pre_layrnorm`, normEps);
}

/** Each patch as a row of `(channel, y, x)`; pixels beyond the last whole patch are left out. */
function patches({ graph }: Layers, pixels: Value, { imageSize, patchSize }: VisionConfig): Value {
  const side = Math.floor(imageSize / patchSize);
  const used = side * patchSize;
  const square = used === imageSize ? pixels : graph.slice(graph.slice(pixels, 0, 0, used), 1, 0, used);
  const cut = graph.reshape(square, [side, patchSize, side, patchSize, 3]);
  return graph.reshape(graph.transpose(cut, [0, 2, 4, 1, 3]), [side * side, 3 * patchSize ** 2]);
}

function block(
  layers: Layers,
  x: Value,
  name: string,
  { heads, hiddenSize, activation, normEps }: VisionConfig,
): Value {
  const { graph } = layers;
  const headDim = hiddenSize / heads;
  const normed = layers.layerNorm(x, `${name}.layer_norm1`, normEps);
  const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((part) =>
    layers.byHead(layers.linear(normed, `${name}.self_attn.${part}`, true), heads, headDim),
  ) as [Value, Value, Value];
  const seen = layers.attention(q, k, v, { heads, kvHeads: heads, headDim });
  const attended = graph.node("Add", [x, layers.linear(seen, `${name}.self_attn.out_proj`, true)]);
  const wide = layers.linear(layers.layerNorm(attended, `${name}.layer_norm2`, normEps), `${name}.mlp.fc1`, true);
  return graph.node("Add", [attended, layers.linear(layers.activate(wide, activation), `${name}.mlp.fc2`, true)]);
}
