/** Training as a function of the library: events, warnings, stops that resume, refusals, the plan. */
import assert from "node:assert/strict";
import { access, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import {
  DEMO_MODEL,
  planTraining,
  readDataset,
  readTrainingConfig,
  torch,
  trainModel,
  type TrainEvent,
  type TrainingOptions,
  type TrainingResult,
  type TrainingSpec,
} from "roc4mllm";
import { LOSS_PRESETS } from "../../src/roc/index.js";
import { writeStudio } from "../../src/studio/index.js";
import { liveTensors } from "../../src/torch/index.js";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-train-model-"));
  await writeStudio(join(folder, "data"), { seed: 5, count: 24, longEdge: 40, testFraction: 0.25 });
});
after(() => rm(folder, { recursive: true, force: true }));
afterEach(() => assert.equal(liveTensors(), 0));

function specOf(name: string, more: Partial<TrainingSpec> = {}): TrainingSpec {
  return {
    model: DEMO_MODEL,
    data: { folder: join(folder, "data"), validation: 0.25 },
    train: { steps: 4, batchSize: 2, every: 2, learningRate: 1e-4, precision: "float32" },
    out: join(folder, name),
    ...more,
  };
}

interface Watched {
  readonly result: TrainingResult;
  readonly events: readonly TrainEvent[];
  readonly warnings: readonly string[];
}

async function watch(spec: TrainingSpec, options: TrainingOptions = {}): Promise<Watched> {
  const [events, warnings]: [TrainEvent[], string[]] = [[], []];
  const result = await trainModel(spec, {
    env: {},
    onWarning: (text) => warnings.push(text),
    ...options,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  });
  return { result, events, warnings };
}

function typesOf(events: readonly TrainEvent[]): string {
  return events.map(({ type }) => type).join(" ");
}

function losses(events: readonly TrainEvent[]): number[] {
  return events.flatMap((event) => (event.type === "step" ? [event.loss] : []));
}

test("a run reports its events in order, and what it came to; nothing is printed", async (t) => {
  const [out, err] = [t.mock.method(process.stdout, "write"), t.mock.method(process.stderr, "write")];
  const { result, events, warnings } = await watch(specOf("whole"));
  const printed = [...out.mock.calls, ...err.mock.calls].map(({ arguments: [text] }) => String(text));
  t.mock.restoreAll();
  assert.deepEqual(
    printed.filter((text) => /loss|SRCC|note|Checkpoint/.test(text)),
    [],
  );
  assert.equal(typesOf(events), "start step step validation checkpoint step step validation checkpoint end");
  assert.ok(warnings.some((text) => /^only \d+ pictures to validate with/.test(text)));
  const end = events.at(-1);
  assert.ok(end?.type === "end");
  const { type: _, ...rest } = end;
  assert.deepEqual(result, { ...rest, checkpoint: end.best?.folder ?? end.folder });
  assert.deepEqual([result.step, result.reason, result.folder], [4, "steps", join(folder, "whole", "step-00000004")]);
  await access(join(result.checkpoint, "config.json"));
});

test("stopped by the signal it leaves a state, and the same call ends with the losses of a whole run", async () => {
  const whole = losses((await watch(specOf("unbroken"))).events);
  const stop = new AbortController();
  const events: TrainEvent[] = [];
  const broken = trainModel(specOf("broken"), {
    ...{ signal: stop.signal, env: {} },
    onEvent: (event) => {
      events.push(event);
      if (event.type === "step" && event.step === 3) stop.abort();
    },
  });
  await assert.rejects(broken, { code: "ABORTED", message: /Stopped after step 3/ });
  const rest = await watch(specOf("broken"));
  assert.equal(rest.events[0]?.step, 3);
  assert.deepEqual([...losses(events), ...losses(rest.events)], whole);
  const weights = (name: string) => readFile(join(folder, name, "step-00000004", "model.safetensors"));
  assert.ok((await weights("broken")).equals(await weights("unbroken")));
});

test("a signal that has fired already ends it before a model is loaded; no state is written", async () => {
  const options = { signal: AbortSignal.abort(), env: {} };
  await assert.rejects(trainModel(specOf("never"), options), { code: "ABORTED" });
  assert.deepEqual(await readdir(join(folder, "never")), []);
});

test("an error of the listener ends the run, which resumes from its last state", async () => {
  const onEvent = (event: TrainEvent): void => {
    if (event.type === "step" && event.step === 3) throw new Error("the listener's own");
  };
  await assert.rejects(trainModel(specOf("listener"), { onEvent, env: {} }), { message: "the listener's own" });
  assert.equal((await watch(specOf("listener"))).events[0]?.step, 2);
});

test("a run is resumed with the same settings alone; fresh throws it away", async () => {
  await watch(specOf("settings"));
  const other = specOf("settings", { train: { ...specOf("").train, learningRate: 2e-4 } });
  await assert.rejects(watch(other), { code: "USAGE", message: /learningRate was 0\.0001, now 0\.0002/ });
  await assert.rejects(watch(specOf("settings", { loss: "paper-ava" })), { code: "USAGE", message: /lossWeights/ });
  await assert.rejects(watch(specOf("settings", { strategy: "level" })), { code: "USAGE", message: /strategy/ });
  assert.equal((await watch(specOf("settings"))).events[0]?.step, 4);
  const again = await watch(other, { fresh: true });
  assert.equal(again.events[0]?.step, 0);
});

test("data in memory are those of the folder; changed labels are refused, or accepted with a note", async () => {
  const dataset = await readDataset({ folder: join(folder, "data"), validationFraction: 0.25, seed: 0 });
  const whole = await watch(specOf("from-folder"));
  const memory = await watch(specOf("from-memory", { data: { dataset } }));
  assert.deepEqual(losses(memory.events), losses(whole.events));
  const samples = dataset.samples.map((sample) => ({ ...sample, score: sample.score + 0.01 }));
  const data = { ...dataset, samples };
  await assert.rejects(watch(specOf("from-memory", { data })), { code: "USAGE", message: /score/ });
  const accepted = await watch(specOf("from-memory", { data }), { acceptChangedData: true });
  assert.match(JSON.stringify(accepted.events), /the data have changed/);
});

test("values that are out of range or misspelt are named, before anything is read", async () => {
  const train = specOf("").train;
  const wrong: [Partial<TrainingSpec>, RegExp][] = [
    [{ train: { ...train, batchSize: 0 } }, /^spec: train\.batchSize/],
    [{ train: { ...train, learningRate: NaN } }, /^spec: train\.learningRate/],
    [{ train: { ...train, epochs: 1 } }, /train\.steps or train\.epochs must be given, and not both/],
    [{ train: { ...train, lernrate: 1 } as TrainingSpec["train"] }, /unknown key train\.lernrate/],
    [{ scale: { min: 5, max: 5 } }, /scale: min \(5\) must be below max/],
    [{ templates: { prompts: ["no picture"], answers: ["{overall}"] } }, /^spec\.templates: prompts/],
    [{ data: { folder: "nowhere", validation: 1 } }, /^spec: data\.validation/],
    [{ data: {} as TrainingSpec["data"] }, /^spec: data\.folder/],
    [{ data: undefined as unknown as string }, /^spec: data\.folder/],
  ];
  for (const [more, message] of wrong) {
    await assert.rejects(trainModel(specOf("wrong", more)), { code: "CONFIG_INVALID", message }, String(message));
    await assert.rejects(planTraining(specOf("wrong", more)), { code: "CONFIG_INVALID", message }, String(message));
  }
  await assert.rejects(trainModel(specOf("wrong"), { minutes: 0 }), { code: "USAGE", message: /minutes is 0/ });
  await assert.rejects(trainModel(specOf("wrong"), { threads: 1.5 }), { code: "USAGE", message: /threads is 1\.5/ });
  await assert.rejects(trainModel(specOf("wrong", { device: "cuda:99" }), { env: {} }), { code: "USAGE" });
  const gone = specOf("wrong", { data: { folder: join(folder, "gone") } });
  await assert.rejects(trainModel(gone, { env: {} }), { code: "FILE_NOT_FOUND" });
  await assert.rejects(access(join(folder, "wrong")));
});

test("a run folder that cannot be written is named once", async () => {
  const file = join(folder, "a-file");
  await writeFile(file, "");
  for (const out of [file, join(file, "below")]) {
    await assert.rejects(watch(specOf("x", { out })), (error: Error & { code?: string }) => {
      assert.equal(error.code, "FILE_UNWRITABLE");
      assert.equal(error.message.split("cannot be written").length, 2, error.message);
      return error.message.includes(out);
    });
  }
});

test("answers that no picture can fill in are refused without a listener, too", async () => {
  const templates = { prompts: ["<image>"], answers: ["{overall}, light {light}"] };
  const refused = { code: "DATA_INVALID", message: /No answer template can be filled in/ };
  await assert.rejects(trainModel(specOf("unfilled", { templates }), { env: {} }), refused);
});

test("names of models are resolved last, and those of a run folder are its best state", async () => {
  const asked: unknown[] = [];
  const resolveModel = (...names: unknown[]): Promise<{ folder: string }> => {
    asked.push(names);
    return Promise.resolve({ folder: DEMO_MODEL });
  };
  const spec = specOf("named", { model: "somebody/demo", visionTower: "somebody/tower" });
  await assert.rejects(watch({ ...spec, device: "cuda:99" }, { resolveModel }));
  assert.deepEqual(asked, []);
  await watch(spec, { resolveModel });
  assert.deepEqual(asked, [["somebody/demo", "somebody/tower"]]);
  const next = await watch(specOf("next", { model: join(folder, "named") }));
  assert.match(next.warnings.join("\n"), /^taking .*named\/step-0000000\d, the (best|latest) state of the run\.$/m);
});

test("threads are those of the call, and put back", async () => {
  const before = torch.getNumThreads();
  await watch(specOf("threads"), { threads: before + 1 });
  assert.equal(torch.getNumThreads(), before);
  const environment = JSON.parse(await readFile(join(folder, "threads", "environment.json"), "utf8")) as object;
  assert.deepEqual({ ...environment, threads: before + 1 }, environment);
});

test("losses between pictures: in the plan, the figures and TensorBoard's file; a batch of one is warned of", async () => {
  const loss = { l1: 1, ce: 0, emd: 0, soft: 0.5, fidelity: 2 };
  const texts: string[] = [];
  const onWarning = (text: string): void => void texts.push(text);
  const spec = specOf("pairs", { loss, train: { steps: 1, batchSize: 2 } });
  assert.deepEqual((await planTraining(spec, { onWarning })).loss, { text: 1, l1: 1, soft: 0.5, fidelity: 2 });
  assert.ok(texts.every((text) => !text.includes("never acts")));
  await planTraining({ ...spec, train: { steps: 1, batchSize: 1 } }, { onWarning });
  assert.match(texts.join(), /fidelity compares the pictures of a batch, and batchSize is 1: it never acts/);
  await trainModel(spec);
  const files = await readdir(join(folder, "pairs"));
  const [first = ""] = (await readFile(join(folder, "pairs", "metrics.jsonl"), "utf8")).split("\n");
  const { terms, loss: sum } = JSON.parse(first) as { terms: Record<string, number>; loss: number };
  assert.deepEqual(Object.keys(terms), ["text", "l1", "ce", "emd", "soft", "fidelity"]);
  const { text = NaN, l1 = NaN, soft = NaN, fidelity = NaN } = terms;
  assert.ok(Math.abs(text + l1 + 0.5 * soft + 2 * fidelity - sum) < 1e-5);
  const events = await readFile(join(folder, "pairs", files.find((name) => name.includes("tfevents")) ?? ""));
  assert.ok(events.includes("train/soft") && events.includes("train/fidelity"));
  // Tokens of the demo's small vocabulary are parts of words.
  const level = planTraining({ ...spec, strategy: "level" });
  await assert.rejects(level, { code: "TOKENIZER_INVALID", message: /bad, poor, fair, good, excellent apart by/ });
  const direct = { ...spec, strategy: "direct" as const };
  await assert.rejects(planTraining(direct), { code: "CONFIG_INVALID", message: /weighs soft, fidelity/ });
});

test("the plan has what the run comes to, writes nothing, and says what is not here", async () => {
  const plan = await planTraining(specOf("planned", { train: { epochs: 3, batchSize: 4 } }));
  const { train = 0, validation, steps, samplesPerStep, strategy, parameters, memory } = plan;
  assert.deepEqual([steps, samplesPerStep, strategy], [Math.ceil((3 * (train ?? 0)) / 4), 4, "roc"]);
  assert.ok((validation ?? 0) > 0 && (parameters?.trained ?? 0) > 0 && (memory?.total ?? 0) > (memory?.weights ?? 0));
  assert.deepEqual(plan.loss, { text: 1, l1: 1 });
  await assert.rejects(access(join(folder, "planned")));
  const warnings: string[] = [];
  const gone = await planTraining(specOf("planned", { model: join(folder, "gone") }), {
    onWarning: (text) => warnings.push(text),
  });
  assert.equal(gone.parameters, undefined);
  assert.match(warnings.join("\n"), /^the checkpoint .*gone is not here/m);
  const elsewhere = specOf("planned", { data: { folder: join(folder, "gone"), kind: "aadb" } });
  await assert.rejects(planTraining(elsewhere), { code: "FILE_NOT_FOUND" });
  assert.equal((await planTraining(elsewhere, { forecast: true })).train, 8458);
  const two = await planTraining(specOf("planned", { train: { epochs: 3, batchSize: 4 } }), { processes: 2 });
  assert.equal(two.steps, Math.ceil((3 * ((train ?? 0) / 2)) / 4));
});

test("a configuration file is a spec", async () => {
  const file = join(folder, "run.yaml");
  await writeFile(file, JSON.stringify(specOf("config")));
  const spec = await readTrainingConfig(file, ["train.steps=2"]);
  const { result } = await watch(spec);
  assert.equal(result.step, 2);
  for (const loss of [undefined, "paper", "released-ava"] as const) {
    const named = join(folder, `loss-${loss}.yaml`);
    await writeFile(named, JSON.stringify({ ...specOf("config"), loss }));
    const { loss: weights } = await readTrainingConfig(named, ["loss.soft=0.5"]);
    assert.deepEqual(weights, { ...LOSS_PRESETS[loss ?? "paper"], soft: 0.5 });
  }
  await assert.rejects(readTrainingConfig(folder), { code: "USAGE", message: /is a folder; a configuration file/ });
});
