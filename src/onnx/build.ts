/** A checkpoint's weights as one ONNX graph: pixels in, scores with their spread and distributions out. */
import { RocError } from "../errors.js";
import { METADATA_KEY } from "../eval/onnx/settings.js";
import {
  commentComesFirst,
  prefillText,
  ratingsFrom,
  scoreName,
  scoreNames,
  type Scale,
  type StrategyParts,
} from "../roc/index.js";
import { noGrad, scope, type Tensor } from "../torch/index.js";
import { Graph, type Value } from "./graph.js";
import { idTensor, Layers, type Parameters } from "./layers.js";
import { llavaHidden } from "./llava.js";
import type { OnnxManifest } from "./manifest.js";
import { pictureForm, pixelValues, type PictureForm } from "./picture.js";

/** How a family's forward is written, by its name. */
const FAMILIES = { llava: llavaHidden };

/** Of all weights in float32: a file of protocol buffers has at most 2 GiB. */
const MOST_BYTES = 1.9e9;

export type BuiltOnnx = Pick<OnnxManifest, "scale" | "ratings" | "scores" | "main" | "text" | "picture"> & {
  readonly bytes: Uint8Array;
};

/**
 * Writes the graph of a model in float32.
 *
 * @param given scale of the scores; default: of the ratings that it was trained on, else of its score tokens
 * @throws RocError USAGE naming what is not supported: the family, the strategy, a comment before the scores, the size
 */
export function buildOnnx(parts: StrategyParts, given?: Scale): BuiltOnnx {
  const { model, processor, templates, strategy } = parts;
  const [prompt = "", answer = ""] = [templates.prompts[0], templates.answers[0]];
  const hiddenOf = checked(parts, answer);
  const { vocabulary } = strategy;
  if (!vocabulary) throw new RocError("INTERNAL", "The roc strategy has no vocabulary.");
  const scale = given ?? templates.ratingScale ?? strategy.scale;
  const ratings = vocabulary.values.map(ratingsFrom(strategy.scale, scale));
  const scores = scoreNames(answer);
  const main = scores.indexOf(scoreName(templates));
  const form = pictureForm(processor.steps);
  return noGrad(() =>
    scope(() => {
      const black = { width: form.width, height: form.height, data: new Uint8Array(3 * form.width * form.height) };
      const text = prefillText({ ...parts, vocabulary }, processor.batch([black]));
      const graph = new Graph();
      const layers = new Layers(graph, parametersOf(parts));
      const { hidden, head } = hiddenOf(layers, model, pixelValues(graph, "pixels", form), text);
      const rows = head.indexSelect(0, idTensor(vocabulary.scoreIds));
      readings(layers, hidden, { head: rows, ratings, main });
      const bytes = finished(graph, form, { scale, scores: scores.length, shares: ratings.length });
      const { width, height, steps } = form;
      return {
        ...{ bytes, scale, ratings, scores, main },
        text: { prompt, answer, tokens: text.ids.length, scoreIds: vocabulary.scoreIds },
        picture: { width, height, steps },
      };
    }),
  );
}

function no(what: string): RocError {
  return new RocError("USAGE", `export onnx: ${what}`);
}

/** @throws RocError USAGE for a family whose forward is not written as a graph here; undefined: a classical system */
export function refuseFamily(family: string | undefined): void {
  if (family !== undefined && Object.hasOwn(FAMILIES, family)) return;
  const what = family === undefined ? "a classical system" : `a model of the family ${family}`;
  throw no(`${what} cannot be exported; it can be of the family ${Object.keys(FAMILIES).join(", ")}.`);
}

function checked({ model, strategy }: StrategyParts, answer: string): typeof llavaHidden {
  const { family } = model;
  refuseFamily(family);
  if (strategy.name !== "roc") {
    throw no(`scores of the strategy ${strategy.name} cannot be exported; those of score tokens (roc) can.`);
  }
  if (commentComesFirst(answer)) {
    throw no("the answer has a comment before its scores, which depend on what is written there.");
  }
  const size = [...model.parameters().values()].reduce((sum, { numel }) => sum + 4 * numel, 0);
  if (size > MOST_BYTES) throw no(`the weights take ${(size / 1e9).toFixed(1)} GB, and an ONNX file has at most 2; take a smaller checkpoint.`); // prettier-ignore
  return FAMILIES[family as keyof typeof FAMILIES];
}

function parametersOf({ model }: StrategyParts): Parameters {
  const parameters = model.parameters();
  return (name) => {
    const found = parameters.get(model.parameterName?.(name) ?? name);
    if (found) return found;
    throw new RocError(
      "USAGE",
      `export onnx: the model has no plain weight ${name}; export the checkpoint it was made of.`,
    );
  };
}

/** Eq. 5 of each score: shares of the score tokens, their mean and standard deviation on the results' scale. */
function readings(
  layers: Layers,
  hidden: Value,
  { head, ratings, main }: { head: Tensor; ratings: readonly number[]; main: number },
): void {
  const { graph } = layers;
  const logits = graph.node("Gemm", [hidden, layers.weight(head)], { transB: 1 }, "logits");
  const shares = graph.node("Softmax", [logits], { axis: -1 }, "distributions");
  const values = graph.floats([ratings.length], ratings);
  const mean = graph.node("MatMul", [shares, values], {}, "scores");
  const distance = graph.node("Sub", [graph.floats([1, ratings.length], ratings), graph.reshape(mean, [-1, 1])]);
  const squares = graph.node("Mul", [shares, graph.node("Mul", [distance, distance])]);
  const variance = graph.node("ReduceSum", [squares, graph.ints([1])], { keepdims: 0 });
  graph.node("Sqrt", [variance], {}, "spreads");
  graph.node("Gather", [shares, graph.ints([main])], { axis: 0 }, "distribution");
}

function finished(
  graph: Graph,
  { width, height, reader, mean }: PictureForm,
  { scale, scores, shares }: { scale: Scale; scores: number; shares: number },
): Uint8Array {
  const settings = { scale, ...reader, output: "distribution", ...(reader.resize === "pad" && { mean }) };
  return graph.finish(
    [{ name: "pixels", type: "uint8", shape: [1, height, width, 3] }],
    [
      { name: "scores", type: "float32", shape: [scores] },
      { name: "spreads", type: "float32", shape: [scores] },
      { name: "distribution", type: "float32", shape: [1, shares] },
      { name: "distributions", type: "float32", shape: [scores, shares] },
    ],
    { [METADATA_KEY]: JSON.stringify(settings) },
  );
}
