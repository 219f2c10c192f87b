/** Every program of README.md and docs/: strictly compiled against the package's own types, and run. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import ts from "typescript";
import { writeInputs } from "./inputs.js";
import { blocksOf, readPages } from "./markdown.js";
import { programsIn, runLine } from "./shell.js";
import { ROOT } from "../support.js";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "roc-programs-")));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The blocks by the file that each becomes: `README-52.mts`, of the page and the line. */
const PROGRAMS = readPages().flatMap((page) =>
  blocksOf(page).flatMap(({ language, text, line }) => {
    const extension = { ts: "mts", js: "cjs" }[language];
    return extension === undefined ? [] : [{ file: `${basename(page.path, ".md")}-${line}.${extension}`, text }];
  }),
);

/** One that does not compile. */
const WRONG = "wrong.mts";
let said: readonly string[] = [];

before(async () => {
  await writeInputs(folder);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules/roc4mllm"));
  symlinkSync(join(ROOT, "node_modules/@types"), join(folder, "node_modules/@types"));
  for (const { file, text } of PROGRAMS) writeFileSync(join(folder, file), text);
  writeFileSync(join(folder, WRONG), `import { loud } from "roc4mllm";\nloud();\n`);
  said = compile([...PROGRAMS.map(({ file }) => file).filter((file) => file.endsWith(".mts")), WRONG]);
});

/** Compiles files beside their sources, at once: the declarations of the package are read once. @returns what the compiler says */
function compile(files: readonly string[]): string[] {
  const options: ts.CompilerOptions = {
    ...{ strict: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, types: ["node"] },
    ...{ lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"], skipLibCheck: true, typeRoots: [join(folder, "node_modules/@types")] }, // prettier-ignore
  };
  const program = ts.createProgram({ rootNames: files.map((file) => join(folder, file)), options });
  const found = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics];
  return found.map(({ file, messageText }) => `${basename(file?.fileName ?? "")}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`); // prettier-ignore
}

test("every program compiles", () => {
  assert.ok(PROGRAMS.filter(({ file }) => file.endsWith(".mts")).length >= 3);
  assert.deepEqual(
    said.filter((text) => !text.startsWith(WRONG)),
    [],
  );
});

for (const { file } of PROGRAMS) {
  test(`${file} runs`, async () => {
    const { code, stderr } = await runLine(`"$NODE" ${file.replace(/mts$/, "mjs")}`, folder, programsIn(join(folder, "bin"), {})); // prettier-ignore
    assert.equal(code, 0, stderr);
  });
}

test("a name that the package does not have does not compile", () => {
  const first = said.find((text) => text.startsWith(WRONG)) ?? "";
  assert.match(first, /wrong\.mts: Module '"roc4mllm"' has no exported member 'loud'/);
});
