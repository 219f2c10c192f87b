/** Jobs of busy.ts that no command has: `prefill` of a model of 31 million parameters, or `tokens` of a small one. */
import { generate } from "../src/generation/index.js";
import { createLlava } from "../src/models/llava/index.js";
import { randomSource } from "../src/nn/index.js";
import { fromTypedArray, randn, scope, threadsWorth, withThreads } from "../src/torch/index.js";
import { CASES } from "./train-step-models.js";

const PREFILLS = 12;
const TOKENS = 50;

const { config, inputIds, pixelShape } = CASES["llava"] ?? { config: {}, inputIds: [], pixelShape: () => [] };
const large = process.argv[2] === "prefill";
const text = { ...(config["text_config"] as object) };
const sized = large ? { ...text, hidden_size: 512, intermediate_size: 1408, num_hidden_layers: 8 } : text;
using model = createLlava({ ...config, text_config: sized }, randomSource({ seed: 1 }));
// As the engine does.
withThreads(threadsWorth(model.parameters().values(), 1), () => {
  using pixelValues = randn([...pixelShape(1)]);
  if (!large) {
    generate(model, [{ ids: inputIds, images: { pixelValues } }], { maxNewTokens: TOKENS });
    return;
  }
  for (let i = 0; i < PREFILLS; i++) {
    scope(() => {
      const ids = fromTypedArray(BigInt64Array.from(inputIds, BigInt), [1, inputIds.length]);
      return model.logits(model.forward({ inputIds: ids, images: { pixelValues } }).select(1, -1)).toNumbers();
    });
  }
});
