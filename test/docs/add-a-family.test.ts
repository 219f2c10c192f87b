/** docs/add-a-family.md names what there is. Its example, the toy, is a family of test/models/every-family.test.ts. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import { ROOT } from "../support.js";

const page = readFileSync(join(ROOT, "docs/add-a-family.md"), "utf8");

/** The members of an interface of src/models/types.ts, those that it extends first. */
function members(name: string): string[] {
  const file = join(ROOT, "src/models/types.ts");
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  const found = source.statements.find((one) => ts.isInterfaceDeclaration(one) && one.name.text === name);
  if (!found || !ts.isInterfaceDeclaration(found)) return assert.fail(name);
  const above = (found.heritageClauses ?? []).flatMap((clause) =>
    clause.types.map((type) => type.expression.getText()),
  );
  return [...above.flatMap(members), ...found.members.flatMap((one) => one.name?.getText() ?? [])];
}

test("the table of facts has a row for each, and no other", () => {
  const rows = [...page.matchAll(/^\| `(\w+)` /gm)].map(([, field]) => field);
  assert.deepEqual(rows.sort(), members("FamilyFacts").sort());
});

test("what a family has to write beside its facts has a chapter", () => {
  for (const name of ["load", "loadImages", "loadProcessor"]) {
    assert.ok(members("Family").includes(name));
    assert.match(page, new RegExp(`^## .*\`${name}\``, "m"));
  }
});

test("its lines of code are the toy's", () => {
  const [, block = ""] = /```text\n(.*?)```/s.exec(page) ?? [];
  const code = readFileSync(join(ROOT, "test/models/toy/family.ts"), "utf8");
  for (const call of block.matchAll(/\b(openCheckpoint|strictSource|strictModel)\(/g))
    assert.ok(code.includes(call[0]));
  assert.match(block, /outline/);
});

test("every file that it names is there", () => {
  const named = [...page.matchAll(/\]\(\.\.\/([\w./-]+)\)|`((?:src|test)\/[\w./-]+\.ts)`/g)];
  assert.ok(named.length > 6);
  for (const [, linked, plain] of named) {
    const file = linked ?? plain ?? "";
    assert.ok(existsSync(join(ROOT, file)), file);
  }
});
