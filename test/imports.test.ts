/** Imports run downward only (docs/architecture.md): walks every import of src/ and fails on an upward edge or a cycle. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join, posix, relative, sep } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import { ROOT } from "./support.js";

/** One import of one of our own files. Paths begin at src/. */
interface Edge {
  readonly from: string;
  readonly to: string;
  /** Gone at run time. */
  readonly typeOnly: boolean;
}

/** A room and the rooms it may import from, itself always among them. A path of a file is a room of its own. */
const FLOOR = ["files", "random.ts", "errors.ts"];
const MODELS = [
  "models/types.ts",
  "models/common",
  "models/*",
  "models",
  "nn",
  "weights",
  "torch",
  "tokenizers",
  "image",
];
/** What a model needs to answer, and what it is held against. */
const SCORING = ["engine", "roc", "generation", ...MODELS, "data", "metrics", ...FLOOR];
const WORK = ["train", "report", "eval", "captions", "studio", "html", ...SCORING];

const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "errors.ts": [],
  "random.ts": ["errors.ts"],
  files: ["errors.ts"],
  html: ["errors.ts"],
  metrics: ["random.ts", "errors.ts"],
  captions: ["files", "errors.ts"],
  torch: ["errors.ts"],
  nn: ["torch", "errors.ts"],
  // Names alone: the hub downloads what the loader opens.
  "weights/choice.ts": [],
  weights: ["weights/choice.ts", "torch", "files", "errors.ts"],
  hub: ["weights/choice.ts", "files", "errors.ts"],
  tokenizers: ["files", "errors.ts"],
  image: ["files", "errors.ts"],
  data: ["html", ...FLOOR],
  studio: ["data", "html", ...FLOOR],
  "models/types.ts": ["torch", "tokenizers", "image"],
  "models/common": ["models/types.ts", "nn", "weights", "torch", "tokenizers", "image", "files", "errors.ts"],
  // The families; fault() keeps them apart.
  "models/*": [
    "models/types.ts",
    "models/common",
    "nn",
    "weights",
    "torch",
    "tokenizers",
    "image",
    "files",
    "errors.ts",
  ],
  // What knows all families: the registry.
  models: [...MODELS.filter((room) => room !== "models"), "files", "errors.ts"],
  // Sees models through their interface only, as roc does.
  generation: ["models/types.ts", "tokenizers", "weights", "torch", ...FLOOR],
  roc: ["generation", "torch", "models/types.ts", "tokenizers/types.ts", "tokenizers/stream.ts", "files", "errors.ts"],
  engine: ["roc", "generation", ...MODELS, "data", ...FLOOR],
  eval: ["captions", ...SCORING],
  report: ["eval", "html", ...SCORING],
  train: SCORING,
  // Many runs, compared.
  studies: WORK,
  "index.ts": ["studies", ...WORK],
  cli: ["hub", "studies", ...WORK],
};

/** The room of a file; `undefined` for one that has none yet. */
function roomOf(file: string): string | undefined {
  if (file in ROOMS) return file;
  const folders = file.split("/").slice(0, -1);
  if (folders[0] === "models" && folders.length > 1) return folders[1] === "common" ? "models/common" : "models/*";
  return folders[0] !== undefined && folders[0] in ROOMS ? folders[0] : undefined;
}

/** What is wrong with an edge; undefined where it may stand. */
function fault({ from, to }: Edge): string | undefined {
  const [importer, imported] = [roomOf(from), roomOf(to)];
  if (importer === undefined) return `${from}: its folder has no room in ROOMS`;
  if (imported === undefined) return `${to}: its folder has no room in ROOMS`;
  if (importer === "models/*" && imported === "models/*" && from.split("/")[1] !== to.split("/")[1]) {
    return `${from} imports ${to}: families never import one another`;
  }
  if (importer === imported) return undefined;
  const allowed = ROOMS[importer] ?? [];
  // A file may be allowed by its own name where its room as a whole is not.
  return allowed.includes(imported) || allowed.includes(to) ? undefined : `${from} imports ${to}: not downward`;
}

/** One cycle among the imports that are there at run time, as the files on it; undefined where there is none. */
function findCycle(edges: readonly Edge[]): string[] | undefined {
  const targets = new Map<string, string[]>();
  for (const { from, to, typeOnly } of edges) if (!typeOnly) targets.set(from, [...(targets.get(from) ?? []), to]);
  const finished = new Set<string>();
  const visit = (file: string, path: string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (finished.has(file)) return undefined;
    for (const to of targets.get(file) ?? []) {
      const cycle = visit(to, [...path, file]);
      if (cycle) return cycle;
    }
    finished.add(file);
    return undefined;
  };
  for (const file of targets.keys()) {
    const cycle = visit(file, []);
    if (cycle) return cycle;
  }
  return undefined;
}

/** Whether nothing of an import or export declaration is left at run time. */
function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) {
    const { exportClause } = node;
    if (node.isTypeOnly) return true;
    return !!exportClause && ts.isNamedExports(exportClause) && exportClause.elements.every((one) => one.isTypeOnly);
  }
  const { importClause } = node;
  if (!importClause) return false;
  if (importClause.isTypeOnly) return true;
  const { name, namedBindings } = importClause;
  return (
    !name &&
    !!namedBindings &&
    ts.isNamedImports(namedBindings) &&
    namedBindings.elements.every((one) => one.isTypeOnly)
  );
}

/** Every module that a source names: in import and export declarations, `import()` and `import("x").T`. */
function modulesOf(source: string, name: string): { module: string; typeOnly: boolean }[] {
  const found: { module: string; typeOnly: boolean }[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      const { moduleSpecifier } = node;
      if (ts.isStringLiteral(moduleSpecifier)) found.push({ module: moduleSpecifier.text, typeOnly: isTypeOnly(node) });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      assert.ok(argument && ts.isStringLiteral(argument), `${name}: import() of something that is not a plain string`);
      found.push({ module: argument.text, typeOnly: false });
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      const { literal } = node.argument;
      if (ts.isStringLiteral(literal)) found.push({ module: literal.text, typeOnly: true });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(name, source, ts.ScriptTarget.Latest, true));
  return found;
}

/** The edges from one file to our own files. */
function edgesOf(from: string, source: string): Edge[] {
  return modulesOf(source, from)
    .filter(({ module }) => module.startsWith("."))
    .map(({ module, typeOnly }) => {
      const to = posix.normalize(posix.join(posix.dirname(from), module)).replace(/\.js$/, ".ts");
      return { from, to, typeOnly };
    });
}

const SOURCES = new Map(
  readdirSync(join(ROOT, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(join(ROOT, "src"), path).split(sep).join("/"), readFileSync(path, "utf8")] as const;
    }),
);
const EDGES = [...SOURCES].flatMap(([file, source]) => edgesOf(file, source));

test("every import of src/ runs downward", () => {
  assert.ok(EDGES.length > 50, `only ${EDGES.length} imports were found: is the walk broken?`);
  assert.deepEqual(
    EDGES.map(fault).filter((text) => text !== undefined),
    [],
  );
});

test("no import of src/ is part of a cycle", () => {
  assert.equal(findCycle(EDGES)?.join(" -> "), undefined);
});

test("the rooms themselves have an order", () => {
  const edges = Object.entries(ROOMS).flatMap(([from, all]) => all.map((to) => ({ from, to, typeOnly: false })));
  assert.equal(findCycle(edges)?.join(" -> "), undefined);
});

test("only src/torch loads the addon", () => {
  const loaders = [...SOURCES].filter(([, source]) => /\bcreateRequire\b|\bdlopen\b|\.node["'`]/.test(source));
  assert.deepEqual(
    loaders.map(([file]) => file),
    ["torch/native.ts"],
  );
});

test("the metrics and the errors are pure", () => {
  for (const file of ["metrics/scores.ts", "errors.ts"]) {
    const modules = modulesOf(SOURCES.get(file) ?? assert.fail(`${file} is gone`), file).map(({ module }) => module);
    assert.deepEqual(
      modules.filter((module) => module !== "../errors.js"),
      [],
    );
  }
});

test("a planted upward edge is found, of values and of types", () => {
  const planted: [string, string][] = [
    ["torch/tensor.ts", `import { Linear } from "../nn/linear.js";`],
    ["image/decode.ts", `import type { Tensor } from "../torch/index.js";`],
    ["data/ava.ts", `export * from "../models/types.js";`],
    ["tokenizers/index.ts", `export type Model = import("../models/types.js").Mllm;`],
    ["roc/losses.ts", `import { llava } from "../models/llava/index.js";`],
    ["models/llava/model.ts", `const other = await import("../qwen2vl/model.js");`],
    ["metrics/scores.ts", `import { report } from "../report/index.js";`],
    ["engine/load.ts", `import { run } from "../cli/shared/program.js";`],
    ["engine/load.ts", `import { help } from "../attic/help.js";`],
  ];
  for (const [file, source] of planted) {
    const faults = edgesOf(file, source).map(fault);
    assert.equal(faults.filter((text) => text !== undefined).length, 1, `${file}: ${source}`);
  }
});

test("an edge that may stand is not reported", () => {
  const sound: [string, string][] = [
    ["roc/losses.ts", `import type { Mllm } from "../models/types.js"; import { scope } from "../torch/index.js";`],
    ["roc/templates.ts", `import type { Tokenizer } from "../tokenizers/types.js";`],
    ["models/registry.ts", `import { llava } from "./llava/index.js";`],
    ["cli/score/score.ts", `import { load } from "../engine/index.js"; import { Command } from "commander";`],
  ];
  for (const [file, source] of sound)
    assert.deepEqual(
      edgesOf(file, source).filter((edge) => fault(edge)),
      [],
      file,
    );
});

test("a planted cycle is found, but types alone make none", () => {
  const around = (keyword: string): Edge[] => [
    ...edgesOf("torch/a.ts", `import { b } from "./b.js";`),
    ...edgesOf("torch/b.ts", `export { c } from "./deep/c.js";`),
    ...edgesOf("torch/deep/c.ts", `${keyword} { a } from "../a.js";`),
  ];
  assert.deepEqual(findCycle(around("import")), ["torch/a.ts", "torch/b.ts", "torch/deep/c.ts", "torch/a.ts"]);
  assert.equal(findCycle(around("import type")), undefined);
});
