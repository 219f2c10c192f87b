/** README.md and docs/: short, linked with one another, and true about what is where. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { test } from "node:test";
import { anchorsOf, linksOf, proseOf, readPages, type Page } from "./markdown.js";
import { ROOT } from "../support.js";

const PAGES = readPages();
const page = (path: string): Page => PAGES.find((one) => one.path === path) ?? assert.fail(`${path} is gone`);
const README = page("README.md");

/** What is wrong with a link of a page; undefined where it leads somewhere. */
function fault(from: Page, target: string): string | undefined {
  if (/^https?:/.test(target)) return undefined;
  const [file = "", anchor] = target.split("#");
  const path = file === "" ? from.path : posix.normalize(posix.join(dirname(from.path), file));
  if (!existsSync(join(ROOT, path))) return `${from.path}: ${target}: no such file`;
  if (anchor === undefined) return undefined;
  const to = path === from.path ? from : PAGES.find((one) => one.path === path);
  return to && anchorsOf(to).has(anchor) ? undefined : `${from.path}: ${target}: no such heading`;
}

const faultsOf = (one: Page): string[] => linksOf(one).flatMap((target) => fault(one, target) ?? []);

test("README.md is two screens: it has a table of the families and two pictures", () => {
  assert.ok(README.text.trimEnd().split("\n").length <= 110, `${README.text.split("\n").length} lines`);
});

test("every link leads to a file, every anchor to a heading", () => {
  assert.deepEqual(PAGES.flatMap(faultsOf), []);
});

test("a dead link and a dead anchor are found", () => {
  const { path } = page("docs/score.md");
  const planted = {
    path,
    text: "# A\n\n[a](nowhere.md), [b](train.md#nothing), [c](#a), [d](train.md#strategies), [e](#b)\n",
  };
  const wanted = ["nowhere.md: no such file", "train.md#nothing: no such heading", "#b: no such heading"];
  assert.deepEqual(faultsOf(planted), wanted.map((text) => `${path}: ${text}`)); // prettier-ignore
});

test("README.md links to every page, and every page links back", () => {
  const linked = new Set(linksOf(README).map((target) => target.split("#")[0]));
  for (const one of PAGES.filter(({ path }) => path !== README.path)) {
    assert.ok(linked.has(one.path), `README.md does not link to ${one.path}`);
    assert.ok(linksOf(one).includes("../README.md"), `${one.path} does not link to README.md`);
  }
});

/** Paths of this repository in backticks, with the names that \`*\` stands for left open. */
function pathsIn({ text }: Pick<Page, "text">): string[] {
  const found = text.matchAll(/`((?:src|test|scripts|native|configs|bench|examples|models|docs)\/[\w./-]*)`/g);
  return [...found].map(([, path = ""]) => path);
}

test("every path that a page names is there", () => {
  // The log keeps the paths of its time.
  const current = PAGES.filter(({ path }) => path !== "docs/log.md");
  const paths = current.flatMap((one) => pathsIn(one));
  assert.ok(paths.length > 40, `only ${paths.length} paths were found`);
  assert.deepEqual(paths.filter((path) => !existsSync(join(ROOT, path))), []); // prettier-ignore
  assert.deepEqual(pathsIn({ text: "`src/nowhere.ts` and `src/`" }), ["src/nowhere.ts", "src/"]);
});

test("the table of rooms names every folder and file of src/, and the glossary has at most 40 terms", () => {
  const { text } = page("docs/architecture.md");
  const section = (heading: string): string => text.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const rooms = [...section("Rooms").matchAll(/^\| `([\w.]+)\/?` +\|/gm)].map(([, room]) => room);
  assert.deepEqual(rooms.sort(), readdirSync(join(ROOT, "src")).sort());
  const terms = section("Glossary").match(/^\| /gm)?.length ?? 0;
  assert.ok(terms > 20 && terms - 2 <= 40, `${terms - 2} terms`);
});

/** Words of an earlier dialect, and the field's words for them. */
const DIALECT: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bbut for\b/, "except"],
  [/\bgo(?:es)? on\b|\bgone on with\b/, "resumes, continues"],
  [/\b(?:is|are) told\b/, "is reported"],
  [/\b(?:stands?|lies?) (?:behind|in|on|beside|before|there|where)\b/, "is"],
  [/\b(?:a|one) (?:line|row|step|object|column|token|file|folder|figure) an? (?:picture|photo|image|line|row|cell|family)\b/, "per"], // prettier-ignore
  [/\ban? (?:line|row|column|folder) an? \w+/, "per"],
];

test("the pages speak the field's words", () => {
  const pages = PAGES.filter(({ path }) => path !== "docs/log.md");
  // The generated tables are made of the schemas' own texts.
  const prose = pages.map((one) => ({ ...one, text: proseOf(one).replace(/<!-- table: [^]*?<!-- end -->/g, "") }));
  const found = prose.flatMap(
    ({ path, text }) =>
    DIALECT.flatMap(([pattern, instead]) => (pattern.test(text) ? `${path}: ${pattern.exec(text)?.[0]}: ${instead}` : [])), // prettier-ignore
  );
  assert.deepEqual(found, []);
});
