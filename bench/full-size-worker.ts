/**
 * The TypeScript side of full-size.ts, and of int8.ts; speaks as full-size.py does. Arguments: folder, inputs.safetensors,
 * threads, and how to load it as JSON (default: in bfloat16).
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { imagesOf } from "../src/engine/forward.js";
import { loadModel } from "../src/models/registry.js";
import type { LoadOptions, Mllm } from "../src/models/types.js";
import { inferenceMode, scope, setNumThreads } from "../src/torch/index.js";
import { openSafetensors } from "../src/weights/index.js";

const [folder = "", inputsFile = "", threads = "1", loading = '{ "dtype": "bfloat16" }'] = process.argv.slice(2);
setNumThreads(Number(threads));
let model: Mllm | undefined;

function peak(): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
}

async function load(): Promise<object> {
  const start = performance.now();
  model = await loadModel(folder, JSON.parse(loading) as LoadOptions);
  return { seconds: (performance.now() - start) / 1000, peak: peak() };
}

async function prefill(loaded: Mllm): Promise<object> {
  using file = await openSafetensors(inputsFile);
  const [start, before] = [performance.now(), process.cpuUsage()];
  const logits = inferenceMode(() =>
    scope(() => {
      const inputs = new Map(file.names().map((name) => [name, file.tensor(name)]));
      const images = imagesOf(inputs);
      const inputIds = inputs.get("input_ids");
      if (!inputIds || !images) throw new Error(`${inputsFile} lacks input_ids or pixel_values`);
      const hidden = loaded.forward({ inputIds, images });
      return loaded.logits(hidden.select(1, -1)).toNumbers();
    }),
  );
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - start) / 1000;
  return { seconds, cpuSeconds: (user + system) / 1e6, peak: peak(), logits: logits.slice(0, 8) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = line === "load" || !model ? await load() : await prefill(model);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
model?.dispose();
