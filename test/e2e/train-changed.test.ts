/** Runs that are taken up with another checkpoint, other data, or pictures that cannot be used. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readStudio, type LoadedDataset, type Sample } from "../../src/data/index.js";
import { writeStudio } from "../../src/studio/index.js";
import { saveCheckpoint } from "../../src/engine/index.js";
import { takeLock } from "../../src/files/index.js";
import { LOSS_PRESETS } from "../../src/roc/index.js";
import { createDemo } from "../../src/studies/demo/create.js";
import { runTraining, startFrom, startSettings, type RunPlan, type TrainEvent } from "../../src/train/index.js";
import type { TrainOptions } from "../../src/train/index.js";
import { countTrainedOn } from "../../src/data/trained-on.js";

const TINY = {
  ...{ imageSize: 28, patch: 14, resize: "stretch" as const, visionWidth: 32, visionLayers: 1, visionHeads: 2 },
  ...{ textWidth: 32, textLayers: 1, textHeads: 2, vocabulary: 300 },
} as const;
const WEIGHTS = LOSS_PRESETS.paper;
const OPTIONS: TrainOptions = {
  ...{ seed: 5, steps: 4, batchSize: 2, accumulation: 1, learningRate: 1e-3, schedule: "constant", warmup: 0 },
  ...{ weightDecay: 0, betas: [0.9, 0.999], maxNorm: 1, flip: false, precision: "float32", every: 2 },
};

let folder = "";
let data: LoadedDataset;
let train: Sample[];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-changed-"));
  await writeStudio(join(folder, "studio"), { count: 16, longEdge: 32, testFraction: 0 });
  data = await readStudio(join(folder, "studio"), { validationFraction: 0.2 });
  train = data.samples.filter(({ split }) => split === "train");
  for (const [name, seed] of [
    ["start", 1],
    ["other", 2],
  ] as const) {
    const { parts } = await createDemo(join(folder, "tokenizer"), seed, TINY, WEIGHTS);
    await saveCheckpoint(join(folder, name), parts);
    parts.model.dispose();
  }
});
after(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly events: TrainEvent[];
  readonly error: unknown;
}

/** Trains in run `name`. @param until the event after which the reader stops */
async function run(
  name: string,
  changes: Partial<RunPlan> & { base?: string; more?: Partial<TrainOptions> } = {},
  until: (event: TrainEvent) => boolean = () => false,
): Promise<Ended> {
  const { base = "start", more, ...plan } = changes;
  const start = { weights: WEIGHTS };
  const events: TrainEvent[] = [];
  try {
    for await (const event of runTraining({
      ...{ folder: join(folder, name), options: { ...OPTIONS, ...more }, weights: WEIGHTS, scale: data.scale, train },
      validation: data.samples.filter(({ split }) => split === "validation"),
      start: (dtype) => startFrom(join(folder, base), { ...start, dtype }),
      from: () => startSettings(join(folder, base), start),
      base,
      ...plan,
    })) {
      events.push(event);
      if (until(event)) break;
    }
    return { events, error: undefined };
  } catch (error) {
    return { events, error };
  }
}

const half = ({ type }: TrainEvent): boolean => type === "checkpoint";
const last = (name: string): Promise<Buffer> => readFile(join(folder, name, "step-00000004", "model.safetensors"));
const notes = ({ events }: Ended): string[] => events.flatMap((event) => (event.type === "note" ? [event.text] : []));

for (const more of [{}, { lora: { rank: 2, alpha: 4, targets: "all-linear" } }]) {
  test(`a run ${more.lora ? "of adapters " : ""}is not resumed from another checkpoint`, async () => {
    const name = more.lora ? "adapters" : "weights";
    await run(name, { more }, half);
    const { error } = await run(name, { more, base: "other" });
    assert.match(String(error), /base was "[0-9a-f]{64}", now "[0-9a-f]{64}"/);
    assert.equal((await run(name, { more })).events.at(-1)?.type, "end");
  });
}

test("one other byte of the checkpoint's files is another checkpoint, its folder's name is not", async () => {
  await cp(join(folder, "start"), join(folder, "copy"), { recursive: true });
  await run("byte", {}, half);
  assert.equal((await run("byte", { base: "copy" }, ({ type }) => type === "start")).error, undefined);
  for (const file of ["model.safetensors", "tokenizer.json", "preprocessor_config.json"]) {
    const path = join(folder, "copy", file);
    const bytes = await readFile(path);
    await writeFile(path, Buffer.concat([bytes, Buffer.from(" ")]));
    assert.match(String((await run("byte", { base: "copy" })).error), /base was/, file);
    await writeFile(path, bytes);
  }
});

const CHANGES: Record<string, [change: (samples: Sample[]) => Sample[], message: RegExp]> = {
  "a score": [([a, ...more]) => [{ ...a, score: 9.5 } as Sample, ...more], /the score of \S+ was [\d.]+, now 9.5/],
  "a comment": [([a, ...more]) => [{ ...a, comments: ["good"] } as Sample, ...more], /comments of \S+ were/],
  "a vote": [([a, ...more]) => [{ ...a, votes: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0] } as Sample, ...more], /votes.* were/],
  "a row less": [([, ...more]) => more, /picture \S+ is gone/],
  "a row more": [(all) => [...all, { ...all[0], id: "new" } as Sample], /picture new is new/],
  "another order": [([a, b, ...more]) => [b as Sample, a as Sample, ...more], /the order of the pictures/],
  "another picture": [
    ([a, b, ...more]) => [{ ...a, image: b?.image ?? "" } as Sample, b as Sample, ...more],
    /the picture \S+ had \d+ bytes, now \d+ bytes/,
  ],
};
test("a run is not resumed with other data, except those that are accepted", async (t) => {
  await run("data", {}, half);
  for (const [what, [change, message]] of Object.entries(CHANGES)) {
    await t.test(what, async () => {
      const refused = await run("data", { train: change([...train]) });
      assert.match(String(refused.error), message);
      assert.match(String(refused.error), /--accept-changed-data/);
    });
  }
  const scales = await run("data", { attributeScales: { light: { min: 0, max: 1 } } });
  assert.match(String(scales.error), /attributeScales was not set, now/);
  const accepted = await run("data", { train: train.slice(1), acceptChangedData: true });
  assert.equal(accepted.events.at(-1)?.type, "end");
  assert.match(notes(accepted).join(), /data have changed: picture \S+ is gone/);
});

/** The run's data with half a file instead of the picture of a sample. */
async function damaged(name: string): Promise<{ samples: Sample[]; bad: Sample }> {
  await cp(join(folder, "studio"), join(folder, name), { recursive: true });
  const samples = train.map((sample) => ({ ...sample, image: sample.image.replace("/studio/", `/${name}/`) }));
  const bad = samples[7] as Sample;
  await writeFile(bad.image, (await readFile(bad.image)).subarray(0, 200));
  return { samples, bad };
}

test("a picture that cannot be used ends the run with its name and a state; the repaired run resumes", async () => {
  const { samples, bad } = await damaged("damaged");
  const more = { every: 100, steps: 8 };
  const ended = await run("broken", { train: samples, more });
  const steps = ended.events.filter(({ type }) => type === "step").length;
  assert.ok(steps > 0 && steps < 8, `${steps}`);
  assert.match(
    String(ended.error),
    new RegExp(`Step ${steps + 1}: .*${bad.id}.* last good state is .*step-0000000${steps}\\..*--skip-broken`),
  );
  assert.doesNotMatch(String(ended.error), /allow/, "training has no such option");
  // The same again ends the same way, and nothing is lost by it.
  assert.match(String((await run("broken", { train: samples, more })).error), new RegExp(`Step ${steps + 1}: `));
  const ways: Record<string, () => Promise<Partial<RunPlan>>> = {
    "the row is deleted": () => Promise.resolve({ train: samples.filter((one) => one !== bad) }),
    "the picture is repaired": async () => {
      const { samples: others } = await damaged("repaired");
      await cp(train[7]?.image ?? "", others[7]?.image ?? "");
      return { train: others };
    },
    "such pictures are left out": () =>
      Promise.resolve({ train: samples, options: { ...OPTIONS, ...more, skipBroken: true } }),
  };
  for (const [way, plan] of Object.entries(ways)) {
    const name = way.replaceAll(" ", "-");
    await cp(join(folder, "broken"), join(folder, name), { recursive: true });
    const { events, error } = await run(name, { more, ...(await plan()) });
    assert.equal(error, undefined, way);
    const start = events.find(({ type }) => type === "start");
    assert.deepEqual([start?.step, events.at(-1)?.type], [steps, "end"], way);
  }
});

test("other changes beside a repaired picture are refused all the same", async () => {
  const { samples, bad } = await damaged("twice");
  const more = { every: 100, steps: 8 };
  await run("twice-run", { train: samples, more });
  const changed = samples.filter((one) => one !== bad).map((one, i) => (i === 0 ? { ...one, score: 1.5 } : one));
  assert.match(String((await run("twice-run", { train: changed, more })).error), /the score of \S+ was/);
});

test("skipped pictures are reported once, and a broken off run ends with the same weights", async () => {
  const { samples, bad } = await damaged("skipped");
  const more = { skipBroken: true, steps: 4, every: 2, batchSize: 7 };
  const whole = await run("skip", { train: samples, more });
  assert.equal(whole.error, undefined);
  assert.deepEqual(
    notes(whole).map((text) => text.includes(bad.id)),
    [true],
  );
  await run("skip-2", { train: samples, more }, half);
  assert.equal((await run("skip-2", { train: samples, more })).error, undefined);
  assert.ok((await last("skip-2")).equals(await last("skip")));
});

test("a validation picture that cannot be used: named and saved, or left out", async () => {
  const validation = data.samples.filter(({ split }) => split === "validation");
  const gone = validation.map((sample, i) => (i === 1 ? { ...sample, image: join(folder, "gone.jpg") } : sample));
  const ended = await run("validation", { validation: gone });
  assert.match(String(ended.error), /validation after step 2: .*gone\.jpg.*step-00000002/);
  const rest = await run("validation", { validation: gone, more: { skipBroken: true } });
  assert.equal(rest.events.at(-1)?.type, "end");
  const found = rest.events.find((event) => event.type === "validation");
  assert.equal(found?.count, validation.length - 1);
});

test("a picture that vanishes during training ends it with its name and a state", async () => {
  const { samples } = await damaged("vanishing");
  await cp(train[7]?.image ?? "", samples[7]?.image ?? "");
  const vanish = async (): Promise<void> => rename(join(folder, "vanishing"), join(folder, "vanished"));
  let vanishing: Promise<void> | undefined;
  const more = { every: 100, steps: 40, batchSize: 1 };
  const ended = await run("vanish", { train: samples, more }, ({ type, step }) => {
    if (type === "step" && step === 2) vanishing = vanish();
    return false;
  });
  await vanishing;
  assert.match(String(ended.error), /no such file/);
  const states = (await readdir(join(folder, "vanish"))).filter((name) => name.startsWith("step-"));
  assert.equal(states.length, 1);
});

test("a picture that the family does not take is named", async () => {
  const start = async (...input: Parameters<RunPlan["start"]>): ReturnType<RunPlan["start"]> => {
    const trainable = await startFrom(join(folder, "start"), { weights: WEIGHTS, dtype: input[0] });
    const { RocError } = await import("../../src/errors.js");
    const refuse = (): never => {
      throw new RocError("IMAGE_UNSUPPORTED", "A picture of 6000 x 20 pixels is too long.");
    };
    return { ...trainable, prepare: refuse };
  };
  const { error } = await run("family", { start });
  assert.match(String(error), /Step 1: \/.*\.jpg: A picture of 6000 x 20 pixels is too long\. No state/);
});

test("weights that are not finite are named before the first step", async () => {
  const bad = join(folder, "not-finite");
  await cp(join(folder, "start"), bad, { recursive: true });
  const file = join(bad, "model.safetensors");
  const bytes = await readFile(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const [name, { data_offsets: [start] }] = Object.entries(header).find(([key]) => key.endsWith("norm.weight")) as [string, { data_offsets: [number, number] }]; // prettier-ignore
  bytes.writeFloatLE(NaN, 8 + length + start);
  await writeFile(file, bytes);
  const { events, error } = await run("from-not-finite", { base: "not-finite" });
  assert.deepEqual(events, []);
  const { code, message } = error as { code?: string; message: string };
  assert.equal(code, "CHECKPOINT_INVALID", message);
  assert.ok(message.includes(`tensor ${name}: of `), message);
  assert.match(message, /1 NaN\. Fetch that checkpoint again/);
  assert.doesNotMatch(message, /learning rate/);
});

test("a run of two processes says how many to start", async () => {
  await run("ranks", {}, half);
  const file = join(folder, "ranks", "config.json");
  const config = JSON.parse(await readFile(file, "utf8")) as object;
  await writeFile(file, JSON.stringify({ ...config, ranks: 2 }));
  const { message } = (await run("ranks")).error as Error;
  assert.match(message, /trained in 2 processes of torchrun, now in one process, .*torchrun --nproc_per_node 2/);
});

test("two processes do not train in one run folder", async () => {
  const lock = await takeLock(join(folder, "locked", "run.lock"), "it");
  const { error } = await run("locked");
  assert.match(String(error), /The run folder .*locked is in use by process \d+/);
  assert.equal((error as { code?: string }).code, "IN_USE");
  await lock.release();
  assert.equal((await run("locked")).error, undefined);
  assert.ok(!(await readdir(join(folder, "locked"))).includes("run.lock"));
});

test("a broken file of a run folder is an error that names it, and nothing is lost", async (t) => {
  await run("files", {}, half);
  await writeFile(join(folder, "files", "unusable.jsonl"), '{"id":"1"}\n');
  for (const file of ["config.json", "samples.jsonl", "unusable.jsonl", join("step-00000002", "trainer.json")]) {
    const path = join(folder, "files", file);
    const whole = await readFile(path);
    // An empty list names no picture.
    for (const broken of ["{", "[]", "null", '"x"', ...(file === "unusable.jsonl" ? [] : [""])]) {
      await t.test(`${file}: ${JSON.stringify(broken)}`, async () => {
        await writeFile(path, broken);
        const { error } = await run("files");
        const { code = "", message = "" } = error as { code?: string; message?: string };
        assert.match(code, /^(CONFIG_INVALID|CHECKPOINT_INVALID|USAGE)$/, message);
        if (file === "config.json") assert.match(message, /config\.json.* Restore it, .*--fresh\.$/);
        if (code !== "USAGE") assert.ok(message.includes(file), message);
      });
    }
    await writeFile(path, whole);
  }
  // What only people read is written anew or kept.
  await writeFile(join(folder, "files", "environment.json"), "{");
  await writeFile(join(folder, "files", "metrics.jsonl"), "nonsense\n");
  const { error, events } = await run("files");
  assert.equal(error, undefined);
  assert.equal(events[0]?.step, 2);
});

test("a checkpoint knows the pictures that it was trained on, wherever they are copied to", async () => {
  await run("remembers");
  const { samples, bad } = await damaged("remembered");
  const images = samples.filter((one) => one !== bad).map(({ image }) => image);
  const state = join(folder, "remembers", "step-00000004");
  assert.equal(await countTrainedOn(state, images), images.length);
  const others = data.samples.filter(({ split }) => split === "validation").map(({ image }) => image);
  assert.equal(await countTrainedOn(state, [...others, bad.image]), 0);
  assert.equal(await countTrainedOn(join(folder, "start"), images), 0, "one that does not say");
});
