/**
 * The TypeScript side of decode.ts; speaks as decode.py does, with a "way" more: "default", or how the cache is to be ("growing",
 * "fixed"). {"bandwidth": true} asks for the bytes a second that a copy moves, and the weights that a step reads, in bytes.
 * Arguments: folder, dtype, device.
 */
import { createInterface } from "node:readline";
import { imagesOf } from "../src/engine/forward.js";
import type { Decoding } from "../src/generation/decode.js";
import { generateSteps } from "../src/generation/generate.js";
import type { Prompt } from "../src/generation/types.js";
import { namesOf } from "../src/models/families.js";
import { loadModel } from "../src/models/registry.js";
import { inferenceMode, ones, scope, zeros, type DType, type Tensor } from "../src/torch/index.js";
import { openSafetensors } from "../src/weights/index.js";

interface Question {
  readonly inputs: string;
  readonly tokens: number;
  readonly way: keyof typeof WAYS;
  readonly bandwidth?: boolean;
}

const WAYS = {
  default: undefined,
  growing: { fixed: false },
  fixed: { fixed: true },
} as const satisfies Record<string, Decoding | undefined>;

const [folder = "", dtype = "float32", device = "cpu"] = process.argv.slice(2);
const model = await loadModel(folder, { dtype: dtype as DType, device });

/** One prompt a row, each with its part of the pictures; in the caller's scope. */
function promptsOf(tensors: ReadonlyMap<string, Tensor>): Prompt[] {
  const images = imagesOf(tensors);
  const inputIds = tensors.get("input_ids");
  if (!inputIds || !images) throw new Error("the inputs lack input_ids or pixel_values");
  const [batch = 0, T = 0] = inputIds.shape;
  const flat = inputIds.toNumbers();
  const each = images.pixelValues.size(0) / batch;
  return Array.from({ length: batch }, (_, b) => ({
    ids: flat.slice(b * T, (b + 1) * T),
    images: {
      pixelValues: images.pixelValues.narrow(0, b * each, each).to({ device }),
      ...(images.imageGridThw && { imageGridThw: images.imageGridThw.slice(b, b + 1) }),
    },
  }));
}

async function generate({ inputs, tokens, way }: Question): Promise<object> {
  using file = await openSafetensors(inputs);
  return scope(() => {
    const prompts = promptsOf(new Map(file.names().map((name) => [name, file.tensor(name)])));
    const start = performance.now();
    let first = NaN;
    const steps = generateSteps(model, prompts, { maxNewTokens: tokens }, WAYS[way]);
    for (;;) {
      const { done, value } = steps.next();
      if (done) {
        const others = (performance.now() - start) / 1000 - first;
        return { first, others, ids: value.map((sequence) => sequence.ids) };
      }
      if (value.index === 0) first = (performance.now() - start) / 1000;
    }
  });
}

/** A step reads every weight of the language model but the embedding's rows. */
function weightBytes(): number {
  const names = namesOf(model);
  const parameters = [...model.parameters()].filter(([name]) => names.partOf(name) === "language");
  const bytes = parameters.reduce((sum, [, tensor]) => sum + tensor.nbytes, 0);
  const embedding = parameters.filter(([name]) => names.isVocabulary(name));
  return embedding.length > 1 ? bytes - (embedding[0]?.[1].nbytes ?? 0) : bytes;
}

/** Of a copy of half a GiB, read and written. */
function bandwidth(): number {
  const elements = 2 ** 27;
  return inferenceMode(() =>
    scope(() => {
      const [from, to] = [ones([elements], { device }), zeros([elements], { device })];
      const seconds = Array.from({ length: 6 }, () => {
        const start = performance.now();
        to.copy_(from);
        to.narrow(0, elements - 1, 1).item();
        return (performance.now() - start) / 1000;
      });
      return (8 * elements) / Math.min(...seconds);
    }),
  );
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line) as Question;
  const answer = question.bandwidth ? { bandwidth: bandwidth(), weightBytes: weightBytes() } : await generate(question);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
model.dispose();
