/**
 * A family that nobody in train/, cli/ or roc/ knows: registered, it is scored by every strategy, trained with adapters and
 * by groups, resumed, merged, inspected. docs/add-a-family.md says how one is written.
 */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { mergeCommand } from "../../../src/cli/checkpoint/merge.js";
import { evalCommand } from "../../../src/cli/eval/eval.js";
import { inspectCheckpointCommand } from "../../../src/cli/inspect/checkpoint.js";
import { scoreCommand } from "../../../src/cli/score/score.js";
import { realEngine, runCommand } from "../../cli/support.js";
import { trainCommand } from "../../../src/cli/train/train.js";
import { readStudio } from "../../../src/data/index.js";
import { readJson } from "../../../src/files/index.js";
import { families } from "../../../src/models/families.js";
import { registerFamily } from "../../../src/models/registry.js";
import { PAPER_STRATEGIES } from "../../../src/roc/strategy-names.js";
import { writeStudio } from "../../../src/studio/index.js";
import { liveTensors } from "../../../src/torch/index.js";
import { openSafetensors } from "../../../src/weights/index.js";
import { registerToy, toy } from "./family.js";
import { writeToy } from "./folder.js";

const forget = registerToy();
let root: string;
let base: string;
let photo: string;
/** Of the part that evaluations take. */
let pictures: number;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "toy-"));
  base = join(root, "base");
  await writeToy(base);
  await writeStudio(join(root, "data"), { seed: 5, count: 16, longEdge: 32, testFraction: 0.25 });
  const { samples } = await readStudio(join(root, "data"));
  pictures = samples.filter(({ split }) => split === "test").length;
  const images = join(root, "data", "images");
  photo = join(images, (await readdir(images)).sort()[0] ?? "");
});
after(async () => {
  forget();
  await rm(root, { recursive: true });
  assert.ok(!families().includes("toy"));
  assert.equal(liveTensors(), 0);
});

const COMMANDS = {
  train: () => Promise.resolve(trainCommand),
  eval: () => Promise.resolve(evalCommand),
  score: () => Promise.resolve(scoreCommand),
  merge: () => Promise.resolve(mergeCommand),
  checkpoint: () => Promise.resolve(inspectCheckpointCommand),
};

const command = (...argv: string[]): ReturnType<typeof runCommand> =>
  runCommand(argv, COMMANDS, { engine: realEngine });

/** Runs a command that must end well. */
async function succeed(...argv: string[]): Promise<{ stdout: string; stderr: string }> {
  const { code, ...out } = await command(...argv);
  assert.equal(code, 0, `${argv.join(" ")}: ${out.stderr}`);
  return out;
}

/** A run's configuration in a file of its own. */
async function configFile(name: string, train: object, more: object = {}): Promise<{ file: string; out: string }> {
  const out = join(root, name);
  const file = join(root, `${name}.json`);
  const config = {
    model: base,
    data: { folder: join(root, "data"), validation: 0.2 },
    templates: { prompts: ["<image>\nRate it."], answers: ["The rate is {overall}. "] },
    train: { steps: 4, batchSize: 4, every: 2, learningRate: 1e-3, precision: "float32", ...train },
    out,
    ...more,
  };
  await writeFile(file, JSON.stringify(config));
  return { file, out };
}

test("a family takes no model_type of another", () => {
  assert.ok(families().includes("toy"));
  assert.throws(() => registerToy(), { code: "USAGE", message: /"toy"/ });
  assert.throws(() => registerFamily({ ...toy, modelTypes: ["toy-2", "llava"] }), {
    code: "USAGE",
    message: /"llava"/,
  });
  assert.ok(!families().includes("toy-2"));
});

test("inspect checkpoint: an untrained one is whole, and without score tokens", async () => {
  const { stdout } = await succeed("checkpoint", base, "--json");
  const { family, problems, score_tokens } = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual([family, problems, score_tokens], ["toy", [], null]);
});

for (const strategy of PAPER_STRATEGIES) {
  test(`${strategy}: trained some steps, evaluated, scored, inspected`, async () => {
    const { file, out } = await configFile(strategy, {}, { strategy });
    await succeed("train", file);
    // Four steps do not teach digits.
    const ends = strategy === "direct" ? [0, 3] : [0];
    const evaluated = await command(
      "eval",
      "--data",
      join(root, "data"),
      "--model",
      out,
      "--out",
      `${out}-eval`,
      "--json",
    );
    assert.ok(ends.includes(evaluated.code), evaluated.stderr);
    assert.equal((JSON.parse(evaluated.stdout) as { count: number }).count, pictures);
    const { code, stdout } = await command("score", photo, "--model", out, "--json");
    const result = JSON.parse(stdout) as { score?: number; error?: { code: string } };
    if (strategy === "direct" && code === 3) assert.equal(result.error?.code, "ANSWER_UNCLEAR");
    else assert.ok((result.score ?? NaN) >= 1 && (result.score ?? NaN) <= 10, stdout);
    const inspected = await succeed("checkpoint", out, "--json");
    assert.equal((JSON.parse(inspected.stdout) as { family: string }).family, "toy");
  });
}

/** The weights of a run's last state, by name. */
async function weightsOf(run: string): Promise<Map<string, number[]>> {
  const state = (await readFile(join(run, "latest"), "utf8")).trim();
  using file = await openSafetensors(join(run, state, "model.safetensors"));
  const entries = file.names().map((name) => {
    using tensor = file.tensor(name);
    return [name, tensor.toNumbers()] as const;
  });
  return new Map(entries);
}

test("by groups and frozen parts: vision stays, the projector has a rate of its own; a run resumes to the same weights", async () => {
  const train = { freeze: ["vision"], groups: [{ pattern: "projector", learningRate: 0 }], vocabulary: "none" };
  const { file, out } = await configFile("groups", train);
  const plan = await succeed("train", file, "--dry-run", "--json");
  const { byPart } = (JSON.parse(plan.stdout) as { parameters: { byPart: Record<string, { trained: number }> } })
    .parameters;
  assert.deepEqual(Object.keys(byPart).sort(), ["language", "projector", "vision", "vocabulary"]);
  assert.deepEqual([byPart["vision"]?.trained, byPart["vocabulary"]?.trained], [0, 0]);
  await succeed("train", file);
  using before = await openSafetensors(join(base, "model.safetensors"));
  const whole = await weightsOf(out);
  const moved = before.names().filter((name) => {
    using old = before.tensor(name);
    return !/embed_tokens|lm_head/.test(name) && whole.get(name)?.join() !== old.toNumbers().join();
  });
  assert.ok(moved.length > 5 && moved.every((name) => name.startsWith("mind.")), moved.join());
  // The last state is gone, as if the run had been killed before it.
  const halved = await configFile("halved", { ...train, keepLast: 2 });
  await succeed("train", halved.file);
  await rm(join(halved.out, "step-00000004"), { recursive: true });
  const { stderr } = await succeed("train", halved.file);
  assert.match(stderr, /step/);
  assert.deepEqual(await weightsOf(halved.out), whole);
});

test("with adapters on what the family names: written for peft, resumed, scored with the base, merged", async () => {
  const data = ["--data", join(root, "data"), "--validation", "0.2", "--model", base];
  const recipe = ["--steps", "2", "--every", "2", "--batch", "4", "--lr", "1e-2", "--precision", "float32"];
  const out = join(root, "lora");
  const train = ["train", ...data, "--out", out, ...recipe, "--lora", "2", "--no-lora-merge"];
  await succeed(...train);
  const settings = (await readJson(join(out, "config.json"))) as { lora: { targets: string } };
  assert.equal(settings.lora.targets, toy.loraTargets);
  const adapter = (await readJson(join(out, "step-00000002/adapter/adapter_config.json"))) as {
    target_modules: string[];
  };
  assert.equal(adapter.target_modules.length, 14);
  assert.ok(adapter.target_modules.every((name) => name.startsWith("mind.layers.")));
  await succeed(...train);
  const scored = await succeed("score", photo, "--model", out, "--json");
  await succeed("merge", out, "--out", join(root, "merged"));
  const merged = await succeed("score", photo, "--model", join(root, "merged"), "--json");
  const [one, other] = [scored, merged].map(({ stdout }) => (JSON.parse(stdout) as { score: number }).score);
  assert.ok(Math.abs((one ?? NaN) - (other ?? NaN)) < 1e-4, `${one} and ${other}`);
});

test("patterns that fit nothing are told from the files' headers, with their key and names that there are", async () => {
  for (const [train, message] of [
    [{ freeze: ["visoin"] }, /train\.freeze.*"visoin".*such as eye\..*bridge\..*mind\./s],
    [{ groups: [{ pattern: "^vision_tower", learningRate: 1 }] }, /train\.groups.*"\^vision_tower".*eye\./s],
    [{ lora: { rank: 2, targets: ["query"] } }, /train\.lora\.targets.*"query".*q_proj/s],
    [{ lora: { rank: 2, targets: "language", alsoTrain: ["merger"] } }, /train\.lora\.alsoTrain.*"merger".*bridge/s],
  ] as const) {
    const { file } = await configFile("patterns", train);
    for (const more of [[], ["--dry-run"]]) {
      const { code, stderr } = await command("train", file, ...more);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    }
  }
});
