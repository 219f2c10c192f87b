/**
 * The classical systems, in their tiny sizes and from random weights, trained and evaluated on the studio: that each
 * learns from the same pictures by the same command, and how long it takes here. The figures say nothing about the published ones.
 *
 *   npm run bench:baselines-studio [-- --pictures 400] [--epochs 8] [--systems kong,biaa] [--json] [--out FILE.json]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { evaluate } from "../src/eval/evaluate.js";
import { writeStudioFormats } from "../src/studio/index.js";
import { trainModel } from "../src/train/start/train-model.js";
import { RESULT_OPTIONS, writeResult } from "./results.js";

/** System, network and the data set that it is trained on: AVA's distributions, or AADB's attributes. */
const RUNS = [
  { system: "nima", variant: "vgg16", data: "ava" },
  { system: "nima", variant: "inception_resnet_v2", data: "ava" },
  { system: "nima", variant: "mobilenet", data: "ava" },
  { system: "musiq", variant: "original", data: "ava" },
  { system: "maxvit", variant: "tiny_224", data: "ava" },
  { system: "tanet", variant: "per-picture", data: "ava" },
  { system: "laion", variant: "v2", data: "ava" },
  { system: "malu", variant: undefined, data: "aadb" },
  { system: "kong", variant: undefined, data: "aadb" },
  { system: "mpada", variant: undefined, data: "aadb" },
  { system: "eat", variant: "base-per-picture", data: "ava" },
  { system: "aesmamba", variant: undefined, data: "ava" },
  { system: "hlagcn", variant: undefined, data: "ava" },
  { system: "biaa", variant: undefined, data: "ava" },
  { system: "icaa", variant: "icaa17k-per-picture", data: "aadb" },
  { system: "mainet", variant: undefined, data: "aadb" },
] as const;

const { values } = parseArgs({
  options: {
    pictures: { type: "string", default: "400" },
    epochs: { type: "string", default: "8" },
    systems: { type: "string", default: RUNS.map(({ system }) => system).join() },
    ...RESULT_OPTIONS,
  },
});
const [pictures, epochs] = [Number(values.pictures), Number(values.epochs)];
const folder = mkdtempSync(join(tmpdir(), "roc-baselines-"));
const start = performance.now();
for (const format of ["ava", "aadb"] as const) {
  const options = { formats: [format], seed: 0, count: pictures, longEdge: 128, testFraction: 0.25 } as const;
  await writeStudioFormats(join(folder, format), options);
}
const composed = (performance.now() - start) / 1000;

const rows: object[] = [];
const wanted = values.systems.split(",");
for (const { system, variant, data } of RUNS.filter((run) => wanted.includes(run.system))) {
  const began = performance.now();
  const name = `${system}-${variant ?? data}`;
  const train = { epochs, batchSize: 16, optimizer: "adam", learningRate: 1e-3, seed: 0 } as const;
  const { checkpoint } = await trainModel({
    ...{ model: system, variant, tiny: true, train },
    data: { folder: join(folder, data), validation: 0.1 },
    out: join(folder, "train", name),
  });
  const trained = performance.now();
  const { summary } = await evaluate({ data: join(folder, data), model: checkpoint, out: join(folder, "eval", name) });
  const { srcc, plcc, mae } = summary.overall;
  const attributes = Object.values(summary.attributes).flatMap((one) => one.srcc?.value ?? []);
  rows.push({
    ...{ system, variant: variant ?? null, data, pictures: summary.scored },
    ...{ srcc: srcc?.value ?? null, low: srcc?.low ?? null, high: srcc?.high ?? null },
    ...{ plcc: plcc?.value ?? null, mae: mae?.value ?? null },
    attributes: attributes.length,
    meanAttributeSrcc: attributes.length > 0 ? attributes.reduce((sum, one) => sum + one, 0) / attributes.length : null,
    trainSeconds: (trained - began) / 1000,
    evaluateSeconds: (performance.now() - trained) / 1000,
  });
  process.stderr.write(`bench: ${name}: SRCC ${srcc?.value.toFixed(3)} in ${((performance.now() - began) / 1000).toFixed(0)} s\n`); // prettier-ignore
}
rmSync(folder, { recursive: true });
const seconds = (performance.now() - start) / 1000;
const machine = { machine: cpus()[0]?.model, cores: cpus().length, load: loadavg()[0] };
const result = { ...machine, ...{ pictures, epochs, composeSeconds: composed, seconds, rows } };
const text = writeResult(result, values.out);
if (values.json) process.stdout.write(text);
else console.table(rows);
