/** The API reference and the examples in it, from one TypeScript program: what typedoc and the compiler say of them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  Application,
  Logger,
  LogLevel,
  TypeDocReader,
  type DeclarationReflection,
  type ProjectReflection,
} from "typedoc";
import ts from "typescript";
import { blocksOf } from "./markdown.js";
import { ROOT } from "../support.js";

/** An example of a docstring: a module. */
export interface Example {
  /** File and line of its first line, as "src/roc/losses.ts:91". */
  readonly at: string;
  readonly code: string;
}

const SOURCES = join(ROOT, "src");
const INDEX = join(SOURCES, "index.ts");

/** Every source with its text. */
function sources(): [name: string, text: string][] {
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  return files.sort().map((name) => [`src/${name}`, readFileSync(join(SOURCES, name), "utf8")]);
}

/** Examples of all docstrings of the sources. */
export function docstringExamples(): Example[] {
  return sources().flatMap(([name, text]) => examplesIn(name, text));
}

/** How often docstrings of the sources say `@example`. */
export function exampleTags(): number {
  return sources().reduce((count, [, text]) => count + [...text.matchAll(/^[ \t]*\* @example\b/gm)].length, 0);
}

/** The code in the docstrings of a source; a docstring has it behind `@example`, in a fence. */
export function examplesIn(name: string, source: string): Example[] {
  return [...source.matchAll(/^[ \t]*\/\*\*[^]*?\*\//gm)].flatMap((comment) => {
    const text = comment[0].replace(/^[ \t]*\* ?/gm, "");
    const above = source.slice(0, comment.index).split("\n").length - 1;
    const blocks = text.includes("@example") ? blocksOf({ path: name, text }) : [];
    return blocks
      .filter(({ language }) => language === "ts")
      .map((one) => ({ at: `${name}:${above + one.line}`, code: one.text }));
  });
}

/** The library's sources with modules that only this program has, by their paths in the project. */
export function programWith(modules: ReadonlyMap<string, string>): ts.Program {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), (file) => ts.sys.readFile(file)) as {
    config: { compilerOptions: Record<string, unknown> };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  const program: ts.CompilerOptions = {
    ...options,
    ...{ noEmit: true, incremental: false, noUnusedLocals: false, verbatimModuleSyntax: false },
    ...{ paths: { roc4mllm: [INDEX], "roc4mllm/server": ["src/server/index.ts"] }, pathsBasePath: ROOT },
  };
  delete program.tsBuildInfoFile;
  const host = ts.createCompilerHost(program, true);
  const added = new Map([...modules].map(([name, text]) => [join(ROOT, name), text]));
  host.readFile = (file) => added.get(file) ?? ts.sys.readFile(file);
  host.fileExists = (file) => added.has(file) || ts.sys.fileExists(file);
  host.getSourceFile = (file, target) => {
    const text = host.readFile(file);
    return text === undefined ? undefined : ts.createSourceFile(file, text, target, true);
  };
  return ts.createProgram([INDEX, ...added.keys()], program, host);
}

/** The modules that a program needs to compile examples. */
export function modulesOf(examples: readonly Example[]): Map<string, string> {
  return new Map(examples.map(({ code }, index) => [moduleOf(index), `${code}\nexport {};\n`]));
}

function moduleOf(index: number): string {
  return `build/examples/${index}.ts`;
}

/** What the compiler says against examples, with where they are. */
export function errorsOf(program: ts.Program, examples: readonly Example[]): string[] {
  return examples.flatMap(({ at }, index) => {
    const source = program.getSourceFile(join(ROOT, moduleOf(index)));
    if (!source) return [`${at}: is not in the program`];
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map((one) => {
      const line = source.text.slice(0, one.start).split("\n").length;
      return `${at}, line ${line}: ${ts.flattenDiagnosticMessageText(one.messageText, " ")}`;
    });
  });
}

/** Names that an example has in the place of the global ones: it prints nothing, and what it says is compared. */
const QUIET = `
const { said } = globalThis;
const console = { log() {}, error() {} };
const process = { stdout: { write() {} } };
`;

/**
 * An example as a JavaScript module that calls `said(text, ...values)` for `console.log(...values); // text`.
 *
 * @param library URL of what it imports as "roc4mllm"
 */
export function runnable({ code }: Example, library: string): string {
  const compared = code.replace(/console\.log\((.*)\);[ ]*\/\/ (.*)$/gm, (_, values: string, text: string) => {
    return `said(${JSON.stringify(text)}, ${values});`;
  });
  const { outputText } = ts.transpileModule(`${compared}\nexport {};\n`, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 },
  });
  const server = library.replace(/index[.]js$/, "server/index.js");
  return (
    QUIET +
    outputText
      .replaceAll('from "roc4mllm"', `from ${JSON.stringify(library)}`)
      .replaceAll('from "roc4mllm/server"', `from ${JSON.stringify(server)}`)
  );
}

/** Modules of the reference by what programs import them as. */
const ENTRIES: Readonly<Record<string, string>> = {
  roc4mllm: "src/index.ts",
  "roc4mllm/server": "src/server/index.ts",
};

/** What typedoc says. */
class Warnings extends Logger {
  readonly messages: string[] = [];

  override log(message: string, level: LogLevel): void {
    if (level >= LogLevel.Warn) this.messages.push(message.replace(/\n[^]*/, ""));
  }
}

/** The reference of modules, made as `npm run docs:api` makes it, and what typedoc has to say against it. */
export async function referenceOf(
  program: ts.Program,
  entries = ENTRIES,
): Promise<{ project: ProjectReflection; warnings: string[] }> {
  const options = {
    options: join(ROOT, "typedoc.json"),
    ...(entries !== ENTRIES && { intentionallyNotExported: [] }),
  };
  const app = await Application.bootstrapWithPlugins(options, [new TypeDocReader()]);
  const logger = new Warnings();
  app.logger = logger;
  const points = Object.entries(entries).map(([displayName, module]) => {
    const sourceFile = program.getSourceFile(join(ROOT, module));
    if (!sourceFile) throw new Error(`${module} is not in the program`);
    return { displayName, program, sourceFile };
  });
  const project = app.converter.convert(points);
  app.validate(project);
  return { project, warnings: logger.messages };
}

/** Exported names by the topics that the reference is arranged by; "Other" is typedoc's word for none. */
export function topicsOf({ categories = [] }: ProjectReflection | DeclarationReflection): Map<string, string[]> {
  return new Map(categories.map(({ title, children }) => [title, children.map(({ name }) => name)]));
}
