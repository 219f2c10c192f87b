/** A classical system is trained by the command: new by its name or from a run, killed and resumed, and evaluated. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { readStudio } from "../../src/data/index.js";
import type { RunSummary } from "../../src/eval/summary-file.js";
import type { TrainingPlan } from "../../src/train/index.js";
import { scope, zeros, type Tensor } from "../../src/torch/index.js";
import { openSafetensors, saveSafetensors } from "../../src/weights/index.js";
import { writeStudio } from "../../src/studio/index.js";
import { runProgram } from "../cli/program.js";

const MAIN = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const RECIPE_FILE = fileURLToPath(new URL("../../../configs/table1/ava-nima.yaml", import.meta.url));
const STEPS = 6;

interface Event {
  readonly type: string;
  readonly step: number;
  readonly loss?: number;
  readonly learningRate?: number;
  readonly trainSamples?: number;
}

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-train-baseline-"));
  await writeStudio(join(folder, "studio"), { count: 40, longEdge: 64, testFraction: 0.25 });
});
after(() => rm(folder, { recursive: true, force: true }));

/** Everything random acts: crops, mirror images, dropout, the order; statistics of batches are in the state, where there are any. */
const RECIPE =
  `--json --threads 1 --seed 5 --steps ${STEPS} --every 2 --batch 6 --accumulate 2 --lr 0.02 --optimizer sgd --momentum 0.8 ` +
  "--nesterov --decay 0.001 --drop-every 1=0.5 --precision float32 --validation 0.2 --keep-last 3";

function argsOf(run: string, recipe = RECIPE, model = "nima --tiny"): string[] {
  return `train --data studio --model ${model} --out ${run} ${recipe}`.split(" ");
}

async function run(
  args: readonly string[],
): Promise<{ events: Event[]; stderr: string; code: number; stdout: string }> {
  const { code, stdout, stderr } = await runProgram(args, { cwd: folder });
  const events = args.includes("--json") && code === 0 && args[0] === "train" ? linesOf(stdout) : [];
  return { events, stderr, code, stdout };
}

function linesOf(stdout: string): Event[] {
  return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Event); // prettier-ignore
}

async function first(): Promise<string> {
  return (await readdir(join(folder, "studio", "images"))).sort()[0] ?? "";
}

function state(run: string, file: string, step = STEPS): Promise<Buffer> {
  return readFile(join(folder, run, `step-0000000${step}`, file));
}

async function refused(args: readonly string[], ...texts: RegExp[]): Promise<void> {
  const { code, stderr } = await run(args);
  assert.notEqual(code, 0, `${args.join(" ")} was not refused`);
  for (const text of texts) assert.match(stderr, text);
}

test("NIMA is trained from nothing, and its states are checkpoints", async () => {
  const { events, stderr, code } = await run(argsOf("whole"));
  assert.equal(code, 0, stderr);
  assert.deepEqual(
    events.slice(0, 5).map(({ type }) => type),
    ["start", "step", "step", "validation", "checkpoint"],
  );
  const [start] = events;
  const end = events.at(-1);
  assert.equal(end?.type, "end");
  const batches = Math.ceil((start?.trainSamples ?? NaN) / 6);
  const steps = events.filter(({ type }) => type === "step");
  assert.equal(steps.length, STEPS);
  steps.forEach(({ learningRate }, i) => assert.equal(learningRate, 0.02 * 0.5 ** Math.floor((i * 2) / batches)));
  const config = JSON.parse((await state("whole", "config.json")).toString()) as Record<string, unknown>;
  assert.equal(config["model_type"], "nima");
  assert.equal(config["bins"], 10, "the studio has votes for ten scores");
  assert.match(stderr, /only \d+ pictures to validate with/);
  const { stdout, code: scored } = await run(["score", "--model", "whole", "--json", `studio/images/${await first()}`]);
  assert.equal(scored, 0);
  assert.equal((JSON.parse(stdout) as { distribution: number[] }).distribution.length, 10);
});

test("it learns", async () => {
  const recipe = "--steps 60 --every 60 --batch 12 --lr 0.01 --optimizer adam --precision float32 --threads 1 --json";
  const { events, stderr, code } = await run(argsOf("learns", `${recipe} --validation 0.2`));
  assert.equal(code, 0, stderr);
  const losses = events.flatMap(({ type, loss = NaN }) => (type === "step" ? [loss] : []));
  const mean = (some: readonly number[]): number => some.reduce((sum, loss) => sum + loss, 0) / some.length;
  const [begin, end] = [mean(losses.slice(0, 6)), mean(losses.slice(-6))];
  assert.ok(end < 0.8 * begin, `${begin}, then ${end}`);
});

test("killed by SIGKILL and resumed it ends with the bytes of a whole run, and with other settings it is refused", async () => {
  const child = spawn(process.execPath, [MAIN, ...argsOf("killed")], { cwd: folder });
  let output = "";
  child.stdout.on("data", (text: Buffer) => {
    output += text.toString();
    const last = linesOf(output.slice(0, output.lastIndexOf("\n") + 1)).at(-1);
    if (last?.type === "step" && last.step >= 3) child.kill("SIGKILL");
  });
  const signal = await new Promise((resolve) => child.on("close", (_, by) => void resolve(by)));
  assert.equal(signal, "SIGKILL");
  await refused(argsOf("killed", RECIPE.replace("--nesterov ", "")), /nesterov was true, now not set/);
  await refused(argsOf("killed", RECIPE, "nima --tiny --bins 5"), /was started with other settings: network/);
  const { events, code, stderr } = await run(argsOf("killed"));
  assert.equal(code, 0, stderr);
  assert.ok((events[0]?.step ?? 0) >= 2, "it resumes");
  for (const file of ["model.safetensors", "optimizer.safetensors", "config.json"]) {
    assert.ok((await state("killed", file)).equals(await state("whole", file)), file);
  }
});

test("from a run on: parts stay as they are, others have a rate of their own", async () => {
  const tuned = "--steps 2 --every 2 --batch 6 --validation 0.2 --precision float32 --threads 1 --json";
  const { code, stderr } = await run(argsOf("tuned", `${tuned} --freeze base_model --rate classifier=0.5`, "whole"));
  assert.equal(code, 0, stderr);
  assert.match(stderr, /Taking .*whole.*state of the run/);
  const best = (await readFile(join(folder, "whole", "best"), "utf8").catch(() => `step-0000000${STEPS}`)).trim();
  using before = await openSafetensors(join(folder, "whole", best, "model.safetensors"));
  using after = await openSafetensors(join(folder, "tuned", "step-00000002", "model.safetensors"));
  assert.deepEqual([...after.names()].sort(), [...before.names()].sort());
  for (const name of after.names()) {
    const [was, is] = [before, after].map((file) => scope(() => file.tensor(name).toNumbers()));
    assert.equal(isDeepStrictEqual(is, was), name.startsWith("base_model."), name);
  }
  await refused(argsOf("no", tuned, "whole --scale 0,1"), /scale \(--scale\) is 0 to 1, but this NIMA gives 1 to 10/);
  await refused(argsOf("no", tuned, "whole --variant vgg16"), /variant: whole is a trained system/);
  await refused(
    argsOf("no", `${tuned} --freeze head`, "whole"),
    /no parameter of this run is called "head".*base_model/s,
  );
});

test("a new one begins with a classifier's weights, and says which it has", async () => {
  const best = (await readFile(join(folder, "whole", "best"), "utf8")).trim();
  using saved = await openSafetensors(join(folder, "whole", best, "model.safetensors"));
  // As torchvision's VGG16 has them, with its own head.
  const names = saved.names().filter((name) => name.startsWith("base_model."));
  const bare = (name: string): string => name.replace("base_model.", "");
  const write = (file: string, tensors: Iterable<readonly [string, Tensor]>): Promise<void> =>
    saveSafetensors(join(folder, file), new Map(tensors));
  const tensors = names.map((name) => [bare(name), saved.tensor(name)] as const);
  using head = zeros([4, 2]);
  await write("vgg.safetensors", [...tensors, ["classifier.0.weight", head]]);
  const recipe = "--steps 1 --every 1 --batch 6 --validation 0.2 --precision float32 --threads 1 --freeze base_model";
  const { code, stderr } = await run(argsOf("begun", `${recipe} --pretrained vgg.safetensors`));
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /26 of \d+ tensors begin as in vgg\.safetensors; drawn are classifier\.weight, classifier\.bias/,
  );
  using begun = await openSafetensors(join(folder, "begun", "step-00000001", "model.safetensors"));
  for (const [name, tensor] of tensors) {
    assert.deepEqual(scope(() => begun.tensor(`base_model.${name}`).toNumbers()), scope(() => tensor.toNumbers()), name); // prettier-ignore
  }
  const wide = "features.0.weight";
  await write("wide.safetensors", [...tensors.filter(([name]) => name !== wide), [wide, head]]);
  await refused(
    argsOf("no", `${recipe} --pretrained wide.safetensors`),
    /base_model\.features\.0\.weight is \[4, 2\], where/,
  );
  await write("other.safetensors", [["layer1.0.conv1.weight", head]]);
  await refused(
    argsOf("no", `${recipe} --pretrained other.safetensors`),
    /does not fit NIMA: it has 1 tensors, such as layer1/,
  );
  for (const [, tensor] of tensors) tensor.dispose();
});

test("a plan whose classifier's weights are not here says so and plans; the run ends with where they come from", async () => {
  const gone = "train --data studio --model nima --out gone --steps 1 --pretrained gone.pth".split(" ");
  const { stdout, code, stderr } = await run([...gone, "--dry-run", "--json"]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /gone\.pth, which NIMA begins with, is not here: .*docs\/baselines\.md/);
  const plan = await run("train --data studio --model nima --out gone --steps 1 --dry-run --json".split(" "));
  assert.deepEqual(JSON.parse(stdout), JSON.parse(plan.stdout));
  const real = await run(gone);
  assert.equal(real.code, 3);
  assert.match(real.stderr, /gone\.pth does not exist\. .*docs\/baselines\.md/);
  const recipe = await run(["train", RECIPE_FILE, "--dry-run"]);
  assert.equal(recipe.code, 0, recipe.stderr);
  assert.match(recipe.stderr, /inception_resnet_v2\.tf_in1k\.safetensors, which NIMA begins with, is not here/);
  assert.match(recipe.stdout, / {2}score +1 to 10, a distribution over 10 scores\n/, "AVA has votes, here or not");
});

test("a plan goes by the kind of data that are not here, by labels without pictures, and counts what nothing trains", async () => {
  const plan = async (...args: string[]): Promise<TrainingPlan> => {
    const { stdout, stderr, code } = await run(["train", ...args, "--dry-run", "--json"]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as TrainingPlan;
  };
  const recipe = (name: string): string => join(RECIPE_FILE, "..", "..", name);
  const tanet = await plan(recipe("table1/ava-tanet.yaml"));
  assert.equal(tanet.outputs?.[0]?.values?.length, 10);
  const { parameters, memory } = tanet;
  // The scene classifier: ResNet-18 with 365 classes.
  assert.deepEqual(parameters?.byPart["res365_last"], { trained: 0, all: 11_176_512 + 365 * 513 });
  assert.equal(parameters?.frozen, 11_176_512 + 365 * 513);
  assert.equal(memory?.weights, 4 * (parameters.trained + parameters.frozen));
  const aadb = await plan(recipe("table3/aadb-nima.yaml"), "--set", "tiny=true");
  assert.deepEqual(aadb.outputs?.map(({ scale, values }) => [scale, values]).at(0), [{ min: 0, max: 1 }, undefined]);
  const one = await plan(recipe("table3/aadb-nima.yaml"), "--set", "tiny=true", "--set", "data.column=Light");
  assert.deepEqual(one.outputs?.map(({ name, scale }) => [name, scale]), [["score", { min: -1, max: 1 }]]); // prettier-ignore
  const isLabel = (path: string): boolean => !path.includes(join("studio", "images"));
  await cp(join(folder, "studio"), join(folder, "labels"), { recursive: true, filter: isLabel });
  const labels = await plan(..."--data labels --model nima --tiny --out no --steps 1".split(" "));
  assert.equal(labels.outputs?.[0]?.values?.length, 10);
  assert.equal(labels.outputs[0].pictures.votes, labels.train);
});

test("--epochs are times through the training part, with --steps they are refused, and a column that is not there too", async () => {
  const args = "train --data studio --model nima --tiny --out ep --batch 6 --validation 0.2 --dry-run --json".split(
    " ",
  );
  const { stdout, code, stderr } = await run([...args, "--epochs", "2.5"]);
  assert.equal(code, 0, stderr);
  const plan = JSON.parse(stdout) as TrainingPlan;
  assert.equal(plan.steps, Math.ceil((2.5 * (plan.train ?? NaN)) / 6));
  const both = await run([...args, "--epochs", "2", "--steps", "5"]);
  assert.equal(both.code, 2);
  assert.match(both.stderr, /--epochs <n>' cannot be used with option '--steps <n>'/);
  await refused([...args, "--steps", "5", "--column", "Light"], /studio: Light is no score of this data set/);
});

test("the plan says what is predicted and by what it is taught, without tokens and without making weights", async () => {
  const { stdout, code, stderr } = await run("train --data studio --model nima --out new --dry-run --json".split(" "));
  assert.equal(code, 0, stderr);
  const plan = JSON.parse(stdout) as TrainingPlan;
  assert.equal(plan.strategy, "nima");
  assert.equal("tokensPerSample" in plan, false);
  const [score] = plan.outputs ?? [];
  assert.equal(score?.values?.length, 10);
  assert.deepEqual(score?.pictures, { votes: plan.train, rating: 0, none: 0 });
  // VGG16's convolutions, and a linear map of 512 to every output's values.
  const heads = (plan.outputs ?? []).reduce((sum, { values }) => sum + 513 * (values?.length ?? 1), 0);
  assert.equal(plan.parameters?.trained, 14_714_688 + heads);
  assert.deepEqual(Object.keys(plan.parameters?.byPart ?? {})[0], "base_model");
  assert.equal(plan.memory?.optimizer, 8 * (plan.parameters?.trained ?? NaN));
  const bare = await run("train --data studio --model nima --no-attributes --out new --dry-run --json".split(" "));
  assert.deepEqual((JSON.parse(bare.stdout) as TrainingPlan).outputs, plan.outputs?.slice(0, 1));
  const text = await run("train --data studio --model nima --out new --dry-run --optimizer sgd".split(" "));
  assert.match(text.stdout, /system +nima\n +score +1 to 10, a distribution over 10 scores, taught by the votes on \d+ pictures/); // prettier-ignore
});

test("data without votes teach one number, and attributes where they are rated", async () => {
  const { samples } = await readStudio(join(folder, "studio"));
  const rows = samples.map(({ image, score }, i) => `${image},${score},${i % 3 === 0 ? "" : (i % 5) + 1}`);
  const card = { name: "own", scale: { min: 1, max: 10 }, attributeScales: { light: { min: 1, max: 5 } } };
  await mkdir(join(folder, "own-data"));
  await writeFile(join(folder, "own-data", "ratings.csv"), ["image,score,light", ...rows, ""].join("\n"));
  await writeFile(join(folder, "own-data", "dataset.json"), JSON.stringify(card));
  const recipe = "--steps 2 --every 2 --batch 8 --precision float32 --threads 1 --validation 0.2";
  const args = `train --data own-data --model nima --tiny --out own ${recipe}`.split(" ");
  const { code, stderr } = await run(args);
  assert.equal(code, 0, stderr);
  const config = JSON.parse((await state("own", "config.json", 2)).toString()) as Record<string, unknown>;
  assert.equal(config["bins"], undefined);
  const plan = await run([...args, "--dry-run"]);
  assert.match(plan.stdout, /light +\S+ to \S+, one number, taught by the rating of \d+, nothing on \d+/);
});

test("an evaluation of a run has figures, attributes and the distribution", async () => {
  const { code, stderr } = await run("eval --model whole --data studio --out evaluation --report".split(" "));
  assert.equal(code, 0, stderr);
  const text = await readFile(join(folder, "evaluation", "summary.json"), "utf8");
  const { provenance, attributes, distributions, scored, count } = JSON.parse(text) as RunSummary;
  assert.equal(provenance.method?.family, "nima");
  assert.ok(count > 0 && scored === count);
  const config = JSON.parse((await state("whole", "config.json")).toString()) as { attributes: { name: string }[] };
  assert.deepEqual(Object.keys(attributes ?? {}).sort(), config.attributes.map(({ name }) => name).sort());
  assert.ok(distributions?.count === count && Number.isFinite(distributions.emd));
});

test("what means nothing to a network without language is refused by name", async () => {
  const given: Record<string, RegExp> = {
    "--lora 4": /train\.lora \(--lora\): NIMA is a network without language/,
    "--strategy level": /strategy \(--strategy\): NIMA is a network without language/,
    "--score-tokens 5 --group-by-length": /scoreTokens \(--score-tokens\), train\.groupByLength/,
    "--loss paper-ava": /loss \(--loss, .*\): NIMA is trained by its own loss/,
    "--flip": /NIMA crops and mirrors pictures as it was published/,
    "--weights bfloat16": /NIMA has float32 weights/,
    "--variant resnet": /NIMA has no variant "resnet"; it has vgg16/,
    "--momentum 0.5": /train\.momentum is of train\.optimizer sgd/,
    "--pretrained studio/AVA.txt": /AVA\.txt/,
  };
  for (const [flags, text] of Object.entries(given)) {
    await refused(argsOf("no", `--steps 2 ${flags}`), text);
  }
  await refused("train --data studio --model nim --out no --steps 1".split(" "), /nim/);
});

test("a run folder that is called like the system is no model: it is trained, and resumes", async () => {
  const argv = [...argsOf("nima", RECIPE.replace(`--steps ${STEPS}`, "--steps 2"))];
  const { events, stderr } = await run(argv);
  assert.equal(events.at(-1)?.step, 2, stderr);
  const again = await run(argv);
  assert.equal(again.code, 0, again.stderr);
  const demo = await run("train --data studio --model demo --out demo --steps 1".split(" "));
  assert.match(demo.stderr, /--out demo \(out\) would be what --model demo \(model\) names\. Name another folder\./);
  assert.ok(!(await readdir(folder)).includes("demo"));
});
