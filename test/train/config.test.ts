/** Configuration files: layers, settings, errors that name the key; every committed file is valid. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isRocError, type ErrorCode } from "../../src/errors.js";
import { parseTemplates } from "../../src/roc/index.js";
import { optionsOf, readConfig, weightsOf } from "../../src/train/start/config.js";
import { ROOT } from "../support.js";
import { folderWith } from "../cli/support.js";

const fails =
  (code: ErrorCode, message: RegExp) =>
  (error: unknown): boolean =>
    isRocError(error) && error.code === code && message.test(error.message);

const BASE = "model: m\ndata: { folder: d }\nout: o\n";

test("every committed configuration is valid, and its texts are templates", async () => {
  // base/ is what others extend, studio/ holds experiments, which have a schema of their own.
  const isOfRuns = ({ name }: { name: string }): boolean => name !== "base" && name !== "studio";
  const folders = readdirSync(join(ROOT, "configs"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const files = folders.filter(isOfRuns).flatMap(({ name }) => {
    const folder = join(ROOT, "configs", name);
    return readdirSync(folder).flatMap((file) => (file.endsWith(".yaml") ? [join(folder, file)] : []));
  });
  assert.ok(files.length >= 30, `${files.length} files`);
  for (const file of files) {
    const config = await readConfig(file);
    assert.notEqual(config.description, "", file);
    if (config.templates) parseTemplates(config.templates, file);
    assert.ok(optionsOf(config, 1000).steps >= 1, file);
  }
});

test("a file extends others, key by key; settings win over all", async (t) => {
  const folder = folderWith(t, {
    "a.yaml": `${BASE}train: { steps: 5, learningRate: 1.0e-3 }\nloss: paper-ava\n`,
    "sub/b.yaml": "extends: ../a.yaml\ntrain: { learningRate: 2.0e-3 }\nloss: { l1: 1, ce: 2, emd: 3 }\n",
  });
  const below = await readConfig(join(folder, "a.yaml"));
  assert.deepEqual([below.train.learningRate, weightsOf(below)], [1e-3, { l1: 1, ce: 1, emd: 0 }]);
  const above = await readConfig(join(folder, "sub/b.yaml"), [
    "train.batchSize=4",
    "strategy=level",
    "scale={min: 0, max: 1}",
  ]);
  assert.deepEqual([above.train.steps, above.train.learningRate, above.train.batchSize], [5, 2e-3, 4]);
  assert.deepEqual(
    [above.strategy, above.scale, weightsOf(above)],
    ["level", { min: 0, max: 1 }, { l1: 1, ce: 2, emd: 3 }],
  );
});

test("epochs become steps over the training part, and options that are not given are left out", async (t) => {
  const folder = folderWith(t, {
    "a.yaml": `${BASE}train: { epochs: 2, batchSize: 8, accumulation: 2, lora: { rank: 4 } }\n`,
  });
  const options = optionsOf(await readConfig(join(folder, "a.yaml")), 100);
  assert.equal(options.steps, 13);
  assert.equal(options.every, 2);
  assert.equal(options.lora?.alpha, 8);
  assert.ok(!("patience" in options));
});

test("what is wrong is named", async (t) => {
  const folder = folderWith(t, {
    "typo.yaml": `${BASE}train: { steps: 5, learningrate: 1 }\n`,
    "range.yaml": `${BASE}train: { steps: 5, batchSize: 0 }\nstrategy: best\n`,
    "weights.yaml": `${BASE}train: { steps: 5 }\nloss: { l1: -1, ce: 0, emd: 0 }\n`,
    "few.yaml": `${BASE}train: { steps: 5 }\nloss: { soft: 1 }\n`,
    "preset.yaml": `${BASE}train: { steps: 5 }\nloss: best\n`,
    "both.yaml": `${BASE}train: { steps: 5, epochs: 1 }\n`,
    "none.yaml": BASE,
    "loop.yaml": "extends: loop2.yaml\n",
    "loop2.yaml": "extends: loop.yaml\n",
    "lost.yaml": "extends: nowhere.yaml\n",
    "text.yaml": "just text",
    "broken.yaml": "a: [1",
  });
  const cases: [string, ErrorCode, RegExp][] = [
    ["typo.yaml", "CONFIG_INVALID", /typo\.yaml: unknown key train\.learningrate/],
    ["range.yaml", "CONFIG_INVALID", /strategy: .*train\.batchSize: |train\.batchSize: .*strategy: /s],
    ["weights.yaml", "CONFIG_INVALID", /weights\.yaml: loss\.l1: [^;,]*$/],
    [
      "few.yaml",
      "CONFIG_INVALID",
      /few\.yaml: loss\.l1: its weight is missing; 0 leaves it out; loss\.ce: .*loss\.emd: /,
    ],
    ["preset.yaml", "CONFIG_INVALID", /loss: .*"paper-ava".*, or loss: .*object/],
    ["both.yaml", "CONFIG_INVALID", /train\.steps or train\.epochs/],
    ["none.yaml", "CONFIG_INVALID", /train\.steps or train\.epochs/],
    ["loop.yaml", "CONFIG_INVALID", /cannot extend itself/],
    ["lost.yaml", "FILE_NOT_FOUND", /nowhere\.yaml does not exist\. It is extended by .*lost\.yaml\./],
    ["text.yaml", "CONFIG_INVALID", /holds no keys/],
    ["broken.yaml", "CONFIG_INVALID", /neither YAML nor JSON/],
    ["absent.yaml", "FILE_NOT_FOUND", /absent\.yaml/],
  ];
  for (const [file, code, message] of cases) await assert.rejects(readConfig(join(folder, file)), fails(code, message));
  const good = folderWith(t, { "a.yaml": `${BASE}train: { steps: 5 }\n` });
  await assert.rejects(readConfig(join(good, "a.yaml"), ["train.steps"]), fails("USAGE", /key=value/));
  await assert.rejects(readConfig(join(good, "a.yaml"), ["train.stepps=4"]), fails("CONFIG_INVALID", /train\.stepps/));
});
