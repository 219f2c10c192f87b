/** LLaMA's decoder (src/nn/decoder.ts) as nodes of an ONNX graph: one forward of a text whose length is known. */
import { inverseFrequencies, ropeTable, type DecoderConfig } from "../nn/index.js";
import { arange, scope } from "../torch/index.js";
import type { Value } from "./graph.js";
import type { Layers } from "./layers.js";

/** Rotary factors of some positions, `[rows, headDim]` each; the first half of `sin` is negated. */
interface Turns {
  readonly cos: Value;
  readonly sin: Value;
}

/** What a layer needs beside its input. */
interface Pass {
  readonly config: DecoderConfig;
  readonly name: string;
  /** Of all tokens, and of those that the layer is asked for. */
  readonly turns: Turns;
  readonly asked: Turns;
  readonly mask: Value;
  /** Rows that the layer is asked for; absent: all. */
  readonly rows?: readonly number[];
}

/**
 * Hidden states behind the final norm at some positions, `[at, hiddenSize]`.
 *
 * @param x embeddings `[length, hiddenSize]`
 * @param name where the decoder's parameters are
 */
export function decoder(
  layers: Layers,
  x: Value,
  { name, length, at, config }: { name: string; length: number; at: readonly number[]; config: DecoderConfig },
): Value {
  const all = Array.from({ length }, (_, t) => t);
  const turns = turnsOf(layers, all, config);
  const whole = { config, turns, asked: turns, mask: layers.causalMask(all, length) };
  const last = { config, turns, asked: turnsOf(layers, at, config), mask: layers.causalMask(at, length), rows: at };
  let hidden = x;
  for (let i = 0; i < config.layers; i++) {
    // Behind the last layer's keys and values only the asked rows matter.
    const pass = i === config.layers - 1 ? last : whole;
    hidden = layer(layers, hidden, { ...pass, name: `${name}.layers.${i}` });
  }
  return layers.rmsNorm(hidden, `${name}.norm`, config.normEps);
}

function turnsOf({ graph }: Layers, positions: readonly number[], { headDim, ropeTheta }: DecoderConfig): Turns {
  return scope(() => {
    const places = arange(0, Math.max(...positions) + 1, { dtype: "int64" }).unsqueeze(0);
    const { cos, sin } = ropeTable(places, inverseFrequencies(headDim, ropeTheta), "float32");
    const pick = (values: Float32Array): Value => {
      const rows = positions.flatMap((t) => [...values.subarray(t * headDim, (t + 1) * headDim)]);
      return graph.floats([positions.length, headDim], rows);
    };
    return { cos: pick(cos.toFloat32Array()), sin: pick(sin.toFloat32Array()) };
  });
}

/** Queries or keys `[heads, rows, headDim]`, element `j` turned with `j + headDim / 2`. */
function rotated({ graph }: Layers, x: Value, { cos, sin }: Turns, headDim: number): Value {
  const [first, second] = [graph.slice(x, 2, 0, headDim / 2), graph.slice(x, 2, headDim / 2, headDim)];
  const swapped = graph.node("Concat", [second, first], { axis: 2 });
  return graph.node("Add", [graph.node("Mul", [x, cos]), graph.node("Mul", [swapped, sin])]);
}

function layer(layers: Layers, x: Value, pass: Pass): Value {
  const { graph } = layers;
  const { name, config, rows } = pass;
  const pick = (value: Value): Value => (rows ? graph.gather(value, 0, rows) : value);
  const mixed = attention(layers, layers.rmsNorm(x, `${name}.input_layernorm`, config.normEps), pick, pass);
  const attended = graph.node("Add", [pick(x), mixed]);
  const normed = layers.rmsNorm(attended, `${name}.post_attention_layernorm`, config.normEps);
  const part = (input: Value, map: string): Value => layers.linear(input, `${name}.mlp.${map}`, config.mlpBias);
  const gate = layers.activate(part(normed, "gate_proj"), config.activation);
  const inner = graph.node("Mul", [gate, part(normed, "up_proj")]);
  return graph.node("Add", [attended, part(inner, "down_proj")]);
}

function attention(
  layers: Layers,
  x: Value,
  pick: (value: Value) => Value,
  { name, config, turns, asked, mask }: Pass,
): Value {
  const { heads, kvHeads, headDim, attentionBias, outputBias } = config;
  const part = (input: Value, map: string, count: number): Value =>
    layers.byHead(layers.linear(input, `${name}.self_attn.${map}`, attentionBias), count, headDim);
  const q = rotated(layers, part(pick(x), "q_proj", heads), asked, headDim);
  const k = rotated(layers, part(x, "k_proj", kvHeads), turns, headDim);
  const seen = layers.attention(q, k, part(x, "v_proj", kvHeads), config, mask);
  return layers.linear(seen, `${name}.self_attn.o_proj`, outputBias);
}
