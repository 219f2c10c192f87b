/** The rules of .dependency-cruiser.mjs: src/ keeps them, as `npm run lint` checks too, and planted imports break them. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { test, type TestContext } from "node:test";
import { cruise, type ICruiseResult, type IForbiddenRuleType } from "dependency-cruiser";
import { ROOT } from "./support.js";

interface Config {
  readonly forbidden: IForbiddenRuleType[];
  readonly options: object;
}

/** What is wrong with the imports of src/ and page/ below a folder, as "file -> imported: rule". */
async function faultsIn(baseDir: string): Promise<{ faults: string[]; modules: number }> {
  const file = pathToFileURL(join(ROOT, ".dependency-cruiser.mjs")).href;
  const folders = ["src", "page"].filter((folder) => existsSync(join(baseDir, folder)));
  const { forbidden, options } = ((await import(file)) as { default: Config }).default;
  const { output } = await cruise(folders, { ...options, validate: true, ruleSet: { forbidden }, baseDir });
  const { violations, totalCruised } = (output as ICruiseResult).summary;
  return { faults: violations.map(({ from, to, rule }) => `${from} -> ${to}: ${rule.name}`), modules: totalCruised };
}

/** The same of a project of these files. */
async function faultsOf(t: TestContext, files: Readonly<Record<string, string>>): Promise<string[]> {
  const baseDir = await mkdtemp(join(tmpdir(), "roc-imports-"));
  t.after(() => rm(baseDir, { recursive: true }));
  for (const [name, source] of Object.entries(files)) {
    const file = join(baseDir, "src", name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, source);
  }
  return (await faultsIn(baseDir)).faults;
}

/** Files that others import. */
const EMPTY = Object.fromEntries(
  [
    ...["nn/linear.ts", "torch/index.ts", "models/types.ts", "models/llava/index.ts", "models/qwen2vl/model.ts"],
    ...["models/common/answer.ts", "report/index.ts", "cli/shared/program.ts", "attic/help.ts", "engine/index.ts"],
    ...["tokenizers/types.ts", "tokenizers/index.ts", "weights/choice.ts", "weights/index.ts", "files/index.ts"],
  ].map((name) => [name, "export {};"]),
);

test("every import of src/ and page/ keeps the rules", async () => {
  const { faults, modules } = await faultsIn(ROOT);
  assert.deepEqual(faults, []);
  assert.ok(modules > 300, `only ${modules} modules were found: is the walk broken?`);
});

test("a planted upward import is found, of values and of types", async (t) => {
  const planted: [string, string, string][] = [
    ["torch/tensor.ts", `import { Linear } from "../nn/linear.js";`, "torch: not downward"],
    ["image/decode.ts", `import type { Tensor } from "../torch/index.js";`, "image: not downward"],
    ["image/read.ts", `import { type Tensor } from "../torch/index.js";`, "image: not downward"],
    ["data/ava.ts", `export * from "../models/types.js";`, "data: not downward"],
    ["tokenizers/json.ts", `export type Model = import("../models/types.js").Mllm;`, "tokenizers: not downward"],
    ["roc/losses.ts", `import { llava } from "../models/llava/index.js";`, "roc: not downward"],
    ["roc/ids.ts", `import { load } from "../tokenizers/index.js";`, "roc: not downward"],
    ["hub/select.ts", `import { open } from "../weights/index.js";`, "hub: not downward"],
    ["models/common/tied.ts", `import { llava } from "../llava/index.js";`, "models/common: not downward"],
    [
      "models/llava/model.ts",
      `const other = await import("../qwen2vl/model.js");`,
      "families never import one another",
    ],
    ["engine/load.ts", `import { run } from "../cli/shared/program.js";`, "engine: not downward"],
    ["engine/one.ts", `import { help } from "../attic/help.js";`, "a file has no room"],
    ["attic/lamp.ts", `import { RocError } from "../files/index.js";`, "a file has no room"],
    ["errors.ts", `import { readFile } from "node:fs/promises";`, "errors and metrics are pure"],
    ["metrics/scores.ts", `import { report } from "../report/index.js";`, "errors and metrics are pure"],
    ["metrics/bootstrap.ts", `import { z } from "zod";`, "errors and metrics are pure"],
    [
      "models/qwen2vl/load.ts",
      `import { createRequire } from "node:module";`,
      "only src/torch and src/image load an addon",
    ],
  ];
  const files = Object.fromEntries(planted.map(([name, source]) => [name, source]));
  const faults = await faultsOf(t, { ...EMPTY, ...files });
  for (const [name, source, rule] of planted) {
    const found = faults.filter((fault) => fault.startsWith(`src/${name} -> `) && fault.endsWith(rule));
    assert.equal(found.length, 1, `${name}: ${source}\n${faults.join("\n")}`);
  }
  const names = new Set(planted.map(([name]) => `src/${name}`));
  assert.deepEqual(faults.filter((fault) => !names.has(fault.split(" -> ")[0] ?? "")), []); // prettier-ignore
});

test("an import that may be there is not reported", async (t) => {
  const sound = {
    "roc/losses.ts": `import type { Mllm } from "../models/types.js"; import { scope } from "../torch/index.js";`,
    "roc/templates.ts": `import type { Tokenizer } from "../tokenizers/types.js";`,
    "hub/select.ts": `import { choose } from "../weights/choice.js"; import { z } from "zod";`,
    "models/registry.ts": `import { llava } from "./llava/index.js";`,
    "models/llava/model.ts": `import { answer } from "../common/answer.js"; import { llava } from "./index.js";`,
    "cli/score/score.ts": `import { load } from "../../engine/index.js"; import { Command } from "commander";`,
    "torch/native.ts": `import { createRequire } from "node:module";`,
  };
  assert.deepEqual(await faultsOf(t, { ...EMPTY, ...sound }), []);
});

test("a planted cycle is found, but types alone make none", async (t) => {
  const around = (last: string): Readonly<Record<string, string>> => ({
    "torch/a.ts": `import { b } from "./b.js";`,
    "torch/b.ts": `export { c } from "./deep/c.js";`,
    "torch/deep/c.ts": last,
  });
  const faults = await faultsOf(t, around(`import { a } from "../a.js";`));
  assert.ok(faults.length > 0 && faults.every((fault) => fault.endsWith(": no cycle")), faults.join("\n"));
  for (const last of [`import type { A } from "../a.js";`, `import { type A } from "../a.js";`]) {
    assert.deepEqual(await faultsOf(t, around(last)), [], last);
  }
});
