/**
 * Full-size checkpoints with random weights: load time, peak memory and the prefill of one picture, here and in Python's
 * transformers with torch of the same version, alternately and in one run.
 *
 *   npm run bench:full-size [-- --model qwen2-vl-2b] [--rounds 3] [--threads 2] [--folder DIR] [--out FILE.json]
 *
 * --model llava-1.5-7b writes 14.1 GB, qwen2-vl-2b 4.4 GB, into DIR (default: a temporary folder, removed at the end). The
 * values repeat every 8 MiB, which changes nothing about what is measured. `PYTHON` names a Python with transformers.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { torchVersion } from "../src/torch/index.js";
import { saveSafetensors } from "../src/weights/index.js";
import { inputTensors, SIZES, writeRandom } from "./full-size-models.js";
import { median, Peer } from "./peer.js";
import { giveResult } from "./results.js";

interface Measured {
  readonly seconds: number;
  /** Most memory that the process has had, bytes; pages of mapped files among it. */
  readonly peak: number;
  readonly logits?: readonly number[];
}

const { values: options } = parseArgs({
  options: {
    model: { type: "string", default: "qwen2-vl-2b" },
    rounds: { type: "string", default: "3" },
    threads: { type: "string", default: String(cpus().length) },
    folder: { type: "string" },
    out: { type: "string" },
  },
});
const size = SIZES[options.model];
if (!size) throw new Error(`--model: known are ${Object.keys(SIZES).join(", ")}`);
const folder = options.folder ?? mkdtempSync(join(tmpdir(), "roc-full-size-"));

try {
  if (!existsSync(join(folder, "model.safetensors"))) {
    process.stderr.write(`bench: writing ${options.model} into ${folder}\n`);
    await writeRandom(folder, size);
  }
  const inputs = join(folder, "inputs.safetensors");
  await saveSafetensors(inputs, inputTensors(size));
  const result = await measure(inputs, Number(options.rounds));
  giveResult(result, options.out);
} finally {
  if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
}

/** Loads and prefills in both, alternately; each load in a process of its own. */
async function measure(inputs: string, rounds: number): Promise<object> {
  const worker = fileURLToPath(new URL("full-size-worker.js", import.meta.url));
  const args = [folder, inputs, options.threads];
  const sides = {
    roc4mllm: () => new Peer(worker, args, process.execPath),
    transformers: () => new Peer("full-size.py", args),
  };
  const loads: Record<string, Measured[]> = { roc4mllm: [], transformers: [] };
  const prefills: Record<string, Measured[]> = { roc4mllm: [], transformers: [] };
  for (let round = 0; round < rounds; round++) {
    for (const [name, start] of Object.entries(sides)) {
      const peer = start();
      try {
        loads[name]?.push(await peer.ask<Measured>("load"));
        // The first one pages the weights in.
        await peer.ask<Measured>("prefill");
        prefills[name]?.push(await peer.ask<Measured>("prefill"));
      } finally {
        await peer.close();
      }
      process.stderr.write(`bench: round ${round + 1}, ${name} done\n`);
    }
  }
  return summary(loads, prefills);
}

function summary(loads: Record<string, Measured[]>, prefills: Record<string, Measured[]>): object {
  const of = (all: Record<string, Measured[]>, name: string, key: "seconds" | "peak"): number[] =>
    (all[name] ?? []).map((measured) => measured[key]);
  const side = (name: string) => ({
    loadSeconds: median(of(loads, name, "seconds")),
    prefillSeconds: median(of(prefills, name, "seconds")),
    peakBytes: median(of(prefills, name, "peak")),
    peakBytesAfterLoad: median(of(loads, name, "peak")),
  });
  const ratio = (all: Record<string, Measured[]>): number => {
    const [ours, theirs] = [of(all, "roc4mllm", "seconds"), of(all, "transformers", "seconds")];
    return median(ours.map((seconds, i) => (theirs[i] as number) / seconds));
  };
  const [ours, theirs] = [prefills["roc4mllm"]?.[0]?.logits ?? [], prefills["transformers"]?.[0]?.logits ?? []];
  return {
    model: options.model,
    torch: torchVersion(),
    cpu: cpus()[0]?.model,
    threads: Number(options.threads),
    dtype: "bfloat16",
    rounds: Number(options.rounds),
    roc4mllm: side("roc4mllm"),
    transformers: side("transformers"),
    /** Above 1: faster than transformers. Medians of ratios within a round. */
    speedup: { load: ratio(loads), prefill: ratio(prefills) },
    largestLogitDifference: Math.max(...ours.map((logit, i) => Math.abs(logit - (theirs[i] ?? NaN)))),
  };
}
