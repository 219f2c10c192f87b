/** Every strategy of the paper from rated pictures to scores (`set`, of sets: test/train/sets.test.ts): trained by a configuration file, kept with the checkpoint, read back. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { evalCommand } from "../../src/cli/eval/eval.js";
import { run } from "../../src/cli/shared/program.js";
import { trainCommand } from "../../src/cli/train/train.js";
import { writeStudio } from "../../src/studio/index.js";
import { PAPER_STRATEGIES } from "../../src/roc/strategy-names.js";
import { liveTensors } from "../../src/torch/index.js";
import { ROOT } from "../support.js";

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "strategies-"));
  await writeStudio(join(root, "data"), { seed: 5, count: 16, longEdge: 48, testFraction: 0.25 });
});
after(() => rm(root, { recursive: true }));
afterEach(() => assert.equal(liveTensors(), 0));

async function command(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const out = { stdout: "", stderr: "" };
  const io = {
    stdin: process.stdin,
    stdout: { write: (text: string) => (out.stdout += text) },
    stderr: { write: (text: string) => (out.stderr += text) },
    env: {},
  };
  const commands = {
    train: () => Promise.resolve(trainCommand),
    eval: () => Promise.resolve(evalCommand),
  };
  const outside = { io, signal: new AbortController().signal, engine: () => import("../../src/engine/index.js") };
  return { code: await run(argv, commands, outside), ...out };
}

const ANSWERS = [
  "The aesthetic rate of the image is {overall}. ",
  "The aesthetic rate of the image is {overall}, its exposure {exposure}. ",
];

for (const strategy of PAPER_STRATEGIES) {
  for (const answer of ANSWERS) {
    const what = answer.includes("{exposure}") ? "two scores" : "one score";
    test(`${strategy}, ${what}: trains, keeps its strategy, scores`, async () => {
      const folder = await mkdtemp(join(root, `${strategy}-`));
      const config = {
        model: join(ROOT, "models/demo"),
        data: { folder: join(root, "data"), validation: 0.2 },
        strategy,
        templates: { prompts: ["<image>\nPlease rate the aesthetics of the image."], answers: [answer] },
        train: { steps: 2, batchSize: 4, every: 2, learningRate: 1e-4, precision: "float32" },
        out: join(folder, "run"),
      };
      const file = join(folder, "config.yaml");
      await writeFile(file, JSON.stringify(config));
      const dry = await command("train", file, "--dry-run", "--json");
      assert.equal(dry.code, 0, dry.stderr);
      assert.equal((JSON.parse(dry.stdout) as { strategy: string }).strategy, strategy);
      const trained = await command("train", file);
      assert.equal(trained.code, 0, trained.stderr);
      const [state = ""] = (await readdir(config.out)).filter((name) => name.startsWith("step-"));
      const checkpoint = join(config.out, state);
      const texts = JSON.parse(await readFile(join(checkpoint, "roc_templates.json"), "utf8")) as { strategy: string };
      assert.equal(texts.strategy, strategy);
      const out = join(folder, "eval");
      const scored = await command("eval", "--data", join(root, "data"), "--model", checkpoint, "--out", out, "--json");
      const {
        count,
        scored: understood,
        failures,
        attributes,
      } = JSON.parse(scored.stdout) as Record<string, unknown> & { attributes: object };
      assert.equal(count, (await readFile(join(out, "predictions.csv"), "utf8")).trim().split("\n").length - 1);
      if (strategy === "direct") {
        // Two steps do not teach digits: whatever was not understood is counted.
        const lost = Object.values(failures as Record<string, number>).reduce((sum, n) => sum + n, 0);
        assert.equal((understood as number) + lost, count);
        assert.equal(scored.code, lost > 0 ? 3 : 0);
      } else {
        assert.equal(scored.code, 0, scored.stderr);
        assert.equal(understood, count);
        assert.deepEqual(Object.keys(attributes), what === "two scores" ? ["exposure"] : []);
      }
    });
  }
}

test("train: --set without a configuration file is refused, wrong labels are reported first", async () => {
  const folder = await mkdtemp(join(root, "labels-"));
  const demo = join(ROOT, "models/demo");
  const flags = ["--data", folder, "--model", demo, "--out", join(folder, "run"), "--steps", "1", "--batch", "2"];
  const refused = await command("train", ...flags, "--set", "train.steps=3");
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /--set train\.steps=3: it changes a configuration file/);
  const photos = (await readdir(join(ROOT, "examples/photos"))).filter((name) => name.endsWith(".jpg"));
  const rows = photos.map((name, i) => `${join(ROOT, "examples/photos", name)},${i === 2 ? 11 : 5}\n`);
  await writeFile(join(folder, "ratings.csv"), `image,score\n${rows.join("")}gone.jpg,5\n`);
  await writeFile(join(folder, "dataset.json"), JSON.stringify({ name: "Mine", scale: { min: 1, max: 10 } }));
  const { code, stderr } = await command("train", ...flags, "--precision", "float32");
  assert.equal(code, 0, stderr);
  assert.match(stderr, /note: Rated pictures without an image file, left out: 1, as gone\.jpg/);
  assert.match(stderr, /note: Labels outside their scale: 1, as .*: score is 11, outside 1 to 10/);
  assert.match(stderr, /For all: roc4mllm data check /);
});
