/** The API reference has no warnings, every name has its topic, and every example compiles and runs. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { format } from "node:util";
import type ts from "typescript";
import { readJson } from "../../src/files/index.js";
import { ROOT } from "../support.js";
import { writeInputs } from "./inputs.js";
import {
  docstringExamples,
  errorsOf,
  examplesIn,
  exampleTags,
  modulesOf,
  programWith,
  referenceOf,
  runnable,
  topicsOf,
  type Example,
} from "./reference.js";

/** Names without docstrings, a type that is not exported, a link to nothing. */
const FAULTY = `
interface Hidden { readonly a: number }
/** Links to {@link Nothing}. */
export function documented(): Hidden { return { a: 1 }; }
export const undocumented = 1;
/** An interface. */
export interface Parts { readonly part: string }
`;
const WRONG: Example = {
  at: "WRONG",
  code: 'import { load } from "roc4mllm";\nawait load(1);\nawait load("a").nothing;\n',
};

const examples = docstringExamples();
let program: ts.Program;

before(() => {
  const modules = modulesOf([...examples, WRONG]);
  program = programWith(modules.set("src/faulty.ts", FAULTY));
});

test("the reference is made without a warning, and every name stands under a topic", async () => {
  const { project, warnings } = await referenceOf(program);
  assert.deepEqual(warnings, []);
  const { categoryOrder } = (await readJson(join(ROOT, "typedoc.json"))) as { categoryOrder: string[] };
  const [library, server, ...others] = project.children ?? [];
  assert.ok(library && server);
  assert.deepEqual([library.name, server.name, others], ["roc4mllm", "roc4mllm/server", []]);
  const topics = topicsOf(library);
  assert.deepEqual(
    [...topics.keys(), ...topicsOf(server).keys()],
    categoryOrder.filter((name) => name !== "*"),
  );
  assert.ok(topics.get("Scoring")?.includes("load"));
  assert.ok(topicsOf(server).get("Server")?.includes("createServer"));
  const torch = library.children?.find(({ name }) => name === "torch");
  assert.ok(torch);
  assert.deepEqual(topicsOf(torch).get("Other"), undefined);
});

test("typedoc tells what has no docstring, what is not exported, and a link to nothing", async () => {
  const { warnings } = await referenceOf(program, { faulty: "src/faulty.ts" });
  const patterns = [/Hidden, defined in/, /undocumented \(Variable\)/, /Parts\.part \(Property\)/, /"Nothing"/];
  assert.equal(warnings.length, patterns.length, warnings.join("\n"));
  for (const pattern of patterns)
    assert.ok(
      warnings.some((warning) => pattern.test(warning)),
      String(pattern),
    );
});

test("every example compiles", () => {
  assert.ok(examples.length >= 20, `${examples.length} examples`);
  const found = errorsOf(program, [...examples, WRONG]);
  assert.deepEqual(
    found.map((text) => text.split(":")[0]),
    ["WRONG, line 2", "WRONG, line 3"],
    found.join("\n"),
  );
});

test("examples are found with their lines, behind @example alone", () => {
  const source = "/** A. */\nlet a;\n\n/**\n * B.\n *\n * @example\n * ```ts\n * b();\n * ```\n */\n/** ```ts */\n";
  assert.deepEqual(examplesIn("a.ts", source), [{ at: "a.ts:9", code: "b();\n" }]);
  const bare = examples.filter(({ code }) => !code.includes("import "));
  assert.deepEqual(bare, [], "an example imports what it uses");
});

test("an example's comments behind console.log() are what it prints", () => {
  const code = 'import { a } from "roc4mllm";\nconsole.log(a, 1 + 1); // 1 2\nconsole.log(a);\n';
  const text = runnable({ at: "", code }, "file:///a.js");
  assert.match(text, /said\("1 2", a, 1 \+ 1\)/);
  assert.match(text, /from "file:\/\/\/a.js"/);
});

test("every @example of a docstring is one piece of code in a fence: another would be compiled by nobody", () => {
  assert.equal(examples.length, exampleTags());
});

let folder: string;
const cwd = process.cwd();

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "roc-examples-"));
  await writeInputs(folder);
  process.chdir(folder);
});
after(() => {
  process.chdir(cwd);
  rmSync(folder, { recursive: true });
});

for (const [index, example] of examples.entries()) {
  test(`the example at ${example.at} runs, and prints what it says`, async () => {
    const said: [expected: string, found: string][] = [];
    Object.assign(globalThis, { said: (text: string, ...values: unknown[]) => said.push([text, format(...values)]) });
    const file = join(folder, `example-${index}.mjs`);
    writeFileSync(file, runnable(example, pathToFileURL(join(ROOT, "dist/src/index.js")).href));
    await import(pathToFileURL(file).href);
    for (const [expected, found] of said) assert.equal(found, expected);
    // What an example says of its output is looked at.
    assert.equal(new Set(said.map(([text]) => text)).size, commentsOf(example).size);
  });
}

function commentsOf({ code }: Example): Set<string> {
  return new Set([...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text = ""]) => text));
}
