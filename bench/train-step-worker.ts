/** The TypeScript side of train-step.ts; speaks as train-step.py does, with the same arguments. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { imagesOf } from "../src/engine/forward.js";
import { loadModel } from "../src/models/registry.js";
import { LOSS_PRESETS, rocLoss, vocabularyFromConfig } from "../src/roc/index.js";
import { scope, setFlag, setNumThreads } from "../src/torch/index.js";
import { clipGradients } from "../src/train/optim/clip.js";
import { decayGroups, RuleOptimizer } from "../src/train/optim/optimizer.js";
import { adamW } from "../src/train/optim/rules.js";
import { mixedFor } from "../src/train/loop/precision.js";
import { openSafetensors } from "../src/weights/index.js";

const [folder = "", , threads = "1", dtype = "float32"] = process.argv.slice(2);
setNumThreads(Number(threads));
// As the training loop does.
setFlag("keepFreedMemory", true);
setFlag("deterministic", true);
const model = await loadModel(folder);
const parameters = model.parameters();
for (const parameter of parameters.values()) parameter.requiresGrad_();
const optimizer = new RuleOptimizer(decayGroups(parameters, 0), adamW());
const vocabulary = vocabularyFromConfig(model.config);
if (!vocabulary) throw new Error("no score tokens in config.json");
using file = await openSafetensors(`${folder}/batch.safetensors`);
const inputs = new Map(file.names().map((name) => [name, file.tensor(name)]));
const images = imagesOf(inputs);
const inputIds = inputs.get("input_ids");
const labels = inputs.get("labels");
if (!inputIds || !labels || !images) throw new Error("batch.safetensors lacks input_ids, labels or pixel_values");
const groundTruth = inputs.get("gt_score")?.toNumbers() ?? [];
const width = labels.size(1);
const supervised = labels.toNumbers().flatMap((target, at) => (target === -100 ? [] : [{ row: at - 1, target }]));
const rows = supervised.map(({ row }) => row);
const targets = supervised.map(({ target }) => target);
if (rows.some((row) => row % width === width - 1)) throw new Error("the first token of a sequence is supervised");
const mixed = mixedFor(dtype === "bfloat16" ? "bfloat16" : "float32", model.device);

function step(): number {
  return scope(() => {
    const hidden = mixed(() =>
      model.forward({
        inputIds: inputIds as NonNullable<typeof inputIds>,
        images: images as NonNullable<typeof images>,
        rows,
      }),
    ).to("float32");
    const { loss } = rocLoss(
      { model, hidden, targets, groundTruth },
      vocabulary as NonNullable<typeof vocabulary>,
      LOSS_PRESETS.paper,
    );
    loss.backward();
    clipGradients(parameters.values(), 1);
    optimizer.step(1e-4);
    for (const parameter of parameters.values()) parameter.grad = null;
    return loss.item();
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const start = performance.now();
  let loss = NaN;
  for (let i = 0; i < Number(line); i++) loss = step();
  const seconds = (performance.now() - start) / 1000;
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
  process.stdout.write(`${JSON.stringify({ seconds, peak, loss })}\n`);
}
