/** The tables on the pages are those of the schemas and of what was measured. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { z } from "zod";
import { cardSchema } from "../../src/data/card.js";
import { experimentSchema } from "../../src/studies/claims/config.js";
import { templatesSchema } from "../../src/roc/template.js";
import { runSchema } from "../../src/train/start/config.js";
import { keysOf, TABLE_PAGES, TABLES, tablesOn, withTables } from "./tables.js";
import { ROOT } from "../support.js";

const PAGES = TABLE_PAGES.map((name) => readFileSync(join(ROOT, name), "utf8"));

test("every table stands on a page, and is the one that schemas and measurements give (npm run docs)", () => {
  assert.deepEqual(PAGES.flatMap(tablesOn).sort(), Object.keys(TABLES).sort());
  for (const page of PAGES) assert.equal(withTables(page), page);
});

test("every key of every schema has a type and a meaning", () => {
  for (const schema of [runSchema, experimentSchema, cardSchema, templatesSchema]) {
    const keys = keysOf(schema);
    assert.ok(keys.length >= 6);
    for (const { path, type, meaning } of keys) {
      assert.ok(meaning !== "", `${path} has no meaning: say it by .describe()`);
      assert.ok(type !== "" && !type.includes("undefined"), `${path} has no type`);
    }
  }
});

test("a key that is added, taken away, or has another default or meaning makes a page stale", () => {
  const [row = ""] = /^\| `train\.seed` .*$/m.exec(PAGES[1] ?? "") ?? [];
  assert.match(row, /whole number from 0 +\| `0` +\| Of weights/);
  for (const stale of [
    row.replace("`0`", "`1`"),
    row.replace("Of weights", "Of waits"),
    row.replace("seed", "sead"),
    "",
  ]) {
    const page = (PAGES[1] ?? "").replace(row, stale);
    assert.notEqual(withTables(page), page);
  }
});

test("keys of schemas: nested, in lists, by name, of one that may be something else", () => {
  const schema = z.strictObject({
    a: z.strictObject({ b: z.number().min(0).default(3).describe("B") }).describe("A"),
    list: z.array(z.strictObject({ c: z.string().describe("C") })).optional().describe("L"), // prettier-ignore
    named: z.record(z.string(), z.strictObject({ d: z.boolean().describe("D") })).describe("N"),
    either: z.union([z.enum(["x", "y"]), z.strictObject({ e: z.int().describe("E") })]).default("x").describe("O"), // prettier-ignore
  });
  assert.deepEqual(
    keysOf(schema).map(({ path, type, absent }) => [path, type, absent]),
    [
      ["a", "object", "needed"],
      ["a.b", "number from 0", "`3`"],
      ["list", "list of objects", ""],
      ["list[].c", "text", "needed"],
      ["named", "objects by name", "needed"],
      ["named.NAME.d", "true or false", "needed"],
      ["either", "`x`, `y`; or object", '`"x"`'],
      ["either.e", "whole number", "needed"],
    ],
  );
});

test("the configurations on the pages are ones", () => {
  const blocks = PAGES.flatMap((page) => [...page.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = ""]) => text));
  assert.equal(blocks.length, 2);
  for (const text of blocks) assert.ok(runSchema.safeParse(parse(text)).success, text);
});
