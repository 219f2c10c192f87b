/**
 * Classical systems here and by the same networks in Python (torchvision, timm, transformers, pyiqa), in turn and on one core, in
 * float32: a forward without gradients, and a step of training, in batches of 1 and 8.
 *
 *   npm run bench:baselines [-- --systems "nima vgg16,maxvit tiny_224"] [--batches 1,8] [--rounds 5] [--json] [--out FILE.json]
 *
 * `PYTHON` names a Python with torch, torchvision, timm and transformers; `PYIQA` the folder of pyiqa's package, for MUSIQ, which
 * is left out without it. Weights are random, and pictures too; that both compute the same is what the tests say.
 */
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { createBaseline } from "../src/baselines/registry.js";
import { SCORE, type Baseline, type Inputs, type NewModel, type Targets } from "../src/baselines/types.js";
import { AADB_ATTRIBUTE_SCALE, AADB_ATTRIBUTES } from "../src/data/index.js";
import type { RgbImage } from "../src/image/index.js";
import { randomSource } from "../src/nn/index.js";
import { Random } from "../src/random.js";
import { full, inferenceMode, keep, scope, setFlag, setNumThreads } from "../src/torch/index.js";
import { decayGroups, RuleOptimizer } from "../src/train/optim/optimizer.js";
import { ruleOf } from "../src/train/optim/rules.js";
import { median, Peer, pythonWith, stayOnOneCore } from "./peer.js";
import { RESULT_OPTIONS, writeResult } from "./results.js";

const AVA = { scale: { min: 1, max: 10 }, bins: 10 };
const NUMBER = { scale: { min: 0, max: 1 } };
const attributes = AADB_ATTRIBUTES.map((name) => ({ name, scale: AADB_ATTRIBUTE_SCALE }));

interface Compared {
  readonly name: string;
  readonly wanted: NewModel;
  /** Pixels of a picture's side. */
  readonly side: number;
  readonly reference: string;
  /** Pictures of the network for one of ours. */
  readonly crops?: number;
  /** Pictures that a step needs at least: a batch norm of one number a picture has no deviation of one. */
  readonly leastStep?: number;
}

/** By the names that baselines.py has. */
const SYSTEMS: Readonly<Record<string, Compared>> = {
  "nima vgg16": { name: "nima", wanted: { ...AVA, variant: "vgg16" }, side: 224, reference: "torchvision" },
  "nima inception_resnet_v2": {
    ...{ name: "nima", wanted: { ...AVA, variant: "inception_resnet_v2" }, side: 299, reference: "timm" },
  },
  "maxvit tiny_224": { name: "maxvit", wanted: { ...AVA, variant: "tiny_224" }, side: 224, reference: "timm" },
  tanet: { name: "tanet", wanted: AVA, side: 224, reference: "torchvision", leastStep: 2 },
  "laion v1-b32": { name: "laion", wanted: { ...AVA, bins: undefined, variant: "v1-b32" }, side: 224, reference: "transformers" }, // prettier-ignore
  malu: { name: "malu", wanted: { ...NUMBER, attributes }, side: 299, reference: "torchvision, Keras' strides" },
  kong: { name: "kong", wanted: { ...NUMBER, attributes }, side: 227, reference: "plain PyTorch" },
  // Of a test; a step takes one crop.
  mpada: { name: "mpada", wanted: NUMBER, side: 224, reference: "torchvision", crops: 15 },
  "musiq pyiqa": { name: "musiq", wanted: { ...AVA, variant: "pyiqa" }, side: 384, reference: "pyiqa" },
};

const { values } = parseArgs({
  options: {
    systems: { type: "string", default: Object.keys(SYSTEMS).join() },
    batches: { type: "string", default: "1,8" },
    rounds: { type: "string", default: "5" },
    ...RESULT_OPTIONS,
  },
});
setNumThreads(1);
stayOnOneCore();
// As the training loop does.
setFlag("keepFreedMemory", true);

function picture(side: number, seed: number): RgbImage {
  const random = new Random(seed, "bench");
  const data = Uint8Array.from({ length: 3 * side * side }, () => Math.floor(256 * random.next()));
  return { width: side, height: side, data };
}

/** Ratings in the middle of the scale. */
function targetsOf({ outputs }: Baseline, batch: number): Targets {
  const scores = outputs.map(({ name, scale }) => [name, full([batch], (scale.min + scale.max) / 2)] as const);
  const { values: bins } = outputs.find(({ name }) => name === SCORE) ?? {};
  return {
    scores: Object.fromEntries(scores),
    ...(bins && { distribution: full([batch, bins.length], 1 / bins.length) }),
  };
}

/** Seconds of a call, and those of the processor, which other work on the machine disturbs less. */
interface Seconds {
  readonly seconds: number;
  readonly cpu: number;
}

/** What a call takes. @returns a function that times one */
function timer(model: Baseline, inputs: Inputs, targets: Targets, what: "inference" | "step"): () => Seconds {
  const optimizer = new RuleOptimizer(
    decayGroups(model.parameters(), 0),
    ruleOf({ optimizer: "sgd", betas: [0, 0], momentum: 0 }),
  );
  const step = (): void => {
    const { loss } = model.loss(model.forward(inputs, true), targets);
    loss.backward();
    optimizer.step(1e-6);
    for (const parameter of model.parameters().values()) parameter.grad = null;
  };
  const call = what === "step" ? step : () => inferenceMode(() => void model.forward(inputs, false));
  return () => {
    const [start, before] = [performance.now(), process.cpuUsage()];
    scope(call);
    const { user, system } = process.cpuUsage(before);
    return { seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
  };
}

interface Answer extends Seconds {
  readonly parameters: number;
  readonly torch: string;
}

const peer = new Peer("baselines.py", [], pythonWith("timm", "torchvision timm transformers"));
const rows: object[] = [];
let torch = "";
const wanted = values.systems.split(",").filter((name) => !name.startsWith("musiq") || process.env["PYIQA"]);

async function compare(name: string, model: Baseline, batch: number, what: "inference" | "step"): Promise<void> {
  const { side, reference, crops = 1 } = SYSTEMS[name] as Compared;
  const pictures = await Promise.all(Array.from({ length: batch }, (_, i) => model.inputs.prepare(picture(side, i))));
  const randoms = pictures.map((_, i) => new Random(i, "crop"));
  const [inputs, targets] = scope(() => {
    const made = model.inputs.batch(pictures, what === "step" ? randoms : undefined);
    const given = targetsOf(model, batch);
    for (const tensor of [...Object.values(made), ...Object.values(given.scores)]) keep(tensor);
    if (given.distribution) keep(given.distribution);
    return [made, given];
  });
  const asked = JSON.stringify({ system: name, side, what, batch: what === "step" ? batch : batch * crops });
  const ours = timer(model, inputs, targets, what);
  const found: { ours: Seconds; theirs: Seconds }[] = [];
  let parameters = 0;
  // The first of both is not counted.
  for (let round = 0; round <= Number(values.rounds); round++) {
    const here = ours();
    const there = await peer.ask<Answer>(asked);
    [torch, parameters] = [there.torch, there.parameters];
    if (round > 0) found.push({ ours: here, theirs: there });
  }
  const of = (pick: (one: (typeof found)[number]) => number): number => median(found.map(pick));
  const own = [...model.parameters().values()].reduce((sum, { numel }) => sum + numel, 0);
  rows.push({
    ...{ system: name, reference, what, batch },
    ...{ oursMs: 1000 * of((one) => one.ours.seconds), theirsMs: 1000 * of((one) => one.theirs.seconds) },
    ratio: of((one) => one.ours.seconds / one.theirs.seconds),
    cpuRatio: of((one) => one.ours.cpu / one.theirs.cpu),
    ...{ parameters: own, theirParameters: parameters },
  });
  process.stderr
    .write(`bench: ${name}, ${what}, batches of ${batch}: ${of((one) => one.ours.cpu / one.theirs.cpu).toFixed(2)}
`);
  const tensors = [...Object.values(inputs), ...Object.values(targets.scores), targets.distribution];
  for (const tensor of tensors) tensor?.dispose();
}

const load = loadavg()[0];

/** What there is so far: it takes long. */
function write(): string {
  const result = { machine: cpus()[0]?.model, cores: 1, load, rounds: Number(values.rounds), torch, rows };
  return writeResult(result, values.out);
}

for (const name of wanted) {
  const { name: system, wanted: asked, leastStep = 1 } = SYSTEMS[name] as Compared;
  for (const what of ["inference", "step"] as const) {
    const model = createBaseline(system, asked, randomSource({ seed: 1 }));
    if (what === "step") for (const parameter of model.parameters().values()) parameter.requiresGrad_();
    for (const batch of values.batches.split(",").map(Number)) {
      await compare(name, model, what === "step" ? Math.max(batch, leastStep) : batch, what);
      write();
    }
    model.dispose();
  }
}
await peer.close();
const text = write();
if (values.json) process.stdout.write(text);
else console.table(rows);
