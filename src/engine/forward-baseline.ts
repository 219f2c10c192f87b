/** One forward of a classical system on tensors from outside, with its loss and gradients, and a picture as it takes it. */
import { SCORE, type Baseline } from "../baselines/types.js";
import { RocError } from "../errors.js";
import { decodeImage } from "../image/index.js";
import { fromTypedArray, type Tensor } from "../torch/index.js";
import type { NamedTensors } from "./forward.js";

/** Ratings among the inputs: of an output, and the votes for the overall score. */
const RATING = "rating.";
const VOTES = "votes";

/**
 * Outputs by name; belongs to the caller's scope.
 *
 * `output.NAME` of every output and `features`; with ratings among the inputs `loss` and `loss.TERM`, and `grad.NAME` of the loss for
 * every asked-for parameter.
 *
 * @param inputs what {@link Baseline.forward} takes by name; `rating.NAME` `[B]`, NaN where there is none; `votes` `[B, values]`
 * @param training as of {@link Baseline.forward}
 * @throws RocError USAGE for inputs or parameters that are not there
 */
export function inspectBaseline(
  model: Baseline,
  inputs: NamedTensors,
  gradients: readonly string[] = [],
  training = false,
): Map<string, Tensor> {
  const given = [...inputs].filter(([name]) => !name.startsWith(RATING) && name !== VOTES);
  const ratings = [...inputs].filter(([name]) => name.startsWith(RATING));
  const votes = inputs.get(VOTES);
  const parameters = new Map(gradients.map((name) => [name, parameterOf(model, name)]));
  for (const parameter of parameters.values()) parameter.requiresGrad_();
  const answer = model.forward(Object.fromEntries(given), training);
  const outputs = new Map<string, Tensor>();
  for (const [name, value] of Object.entries(answer.outputs)) outputs.set(`output.${name}`, value.detach());
  outputs.set("features", answer.features.detach());
  if (ratings.length > 0 || votes) {
    const scores = Object.fromEntries(ratings.map(([name, value]) => [ratedName(model, name), value]));
    const { loss, terms } = model.loss(answer, { scores, ...(votes && { distribution: votes }) });
    outputs.set("loss", loss.detach());
    for (const [name, value] of Object.entries(terms)) outputs.set(`loss.${name}`, value.detach());
    if (parameters.size > 0) loss.backward();
  } else if (parameters.size > 0) {
    throw new RocError(
      "USAGE",
      `Gradients are those of the loss; give ${RATING}${SCORE} or ${VOTES} among the inputs.`,
    );
  }
  for (const [name, parameter] of parameters) outputs.set(`grad.${name}`, parameter.grad ?? parameter.detach().mul(0));
  return outputs;
}

function ratedName({ outputs }: Baseline, input: string): string {
  const name = input.slice(RATING.length);
  if (outputs.some((output) => output.name === name)) return name;
  const known = outputs.map((output) => RATING + output.name).join(", ");
  throw new RocError("USAGE", `The model predicts nothing of the name in ${input}; it has ${known}.`);
}

function parameterOf(model: Baseline, name: string): Tensor {
  const parameters = model.parameters();
  const found = parameters.get(name);
  if (found) return found;
  const some = [...parameters.keys()].slice(0, 5).join(", ");
  throw new RocError("USAGE", `The model has no parameter ${name}; it has ${parameters.size}, such as ${some}.`);
}

/**
 * A picture's inputs by the system's own names, and `pixels`: uint8 `[H, W, 3]`, as it is cached, before crop and normalising.
 *
 * @param orient whether its EXIF orientation is applied
 * @returns what makes the tensors, inside the caller's scope
 */
export async function preprocessBaseline(
  model: Baseline,
  file: string,
  orient: boolean,
): Promise<() => Map<string, Tensor>> {
  const prepared = await model.inputs.prepare(await decodeImage(file, { name: file, orient }));
  return () => {
    const { width, height, data } = prepared;
    const inputs = Object.entries(model.inputs.batch([prepared]));
    return new Map([...inputs, ["pixels", fromTypedArray(data, [height, width, 3])]]);
  };
}
