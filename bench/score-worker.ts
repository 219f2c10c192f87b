/**
 * The TypeScript side of score.ts: `load()` and `model.score()` as the command `score` calls them. Answers a line of JSON,
 * {"files": [...]}, with seconds, processor seconds and the scores. Arguments: folder, dtype, batch and "auto" for packed weights, or - for the default.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { load } from "../src/engine/index.js";
import type { DType } from "../src/torch/index.js";

const [folder = "", dtype = "-", batch = "-", pack = "-"] = process.argv.slice(2);
using model = await load(folder, {
  dtype: dtype === "-" ? undefined : (dtype as DType),
  batchSize: batch === "-" ? undefined : Number(batch),
  pack: pack === "auto" ? pack : undefined,
});

async function score(files: readonly string[]): Promise<object> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  const scores: number[] = [];
  for await (const result of model.score(files)) {
    if ("error" in result) throw new Error(result.error.message);
    scores.push(result.score);
  }
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - start) / 1000;
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
  return { seconds, cpu: (user + system) / 1e6, peak, scores, settings: model.settings };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { files } = JSON.parse(line) as { files: string[] };
  process.stdout.write(`${JSON.stringify(await score(files))}\n`);
}
