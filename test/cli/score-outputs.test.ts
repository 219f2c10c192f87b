/** `score` as people use it: the best of a folder, tables for spreadsheets, a gallery, copies. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "csv-parse/sync";
import type { ScoreResult } from "../../src/engine/index.js";
import { ROOT } from "../support.js";
import { runProgram } from "./program.js";
import { failureFor, folderWith, jsonLines, resultFor, runCli } from "./support.js";

/** The score is in the name: `7.5.jpg`; `broken` has none. */
function byName(file: string): ReturnType<typeof resultFor> | ReturnType<typeof failureFor> {
  const score = Number(/([\d.]+)\.jpg$/.exec(file)?.[1]);
  return file.includes("broken") ? failureFor(file) : resultFor(file, score);
}

const FILES = { "3.jpg": "a", "9.jpg": "b", "5.jpg": "c", "broken.jpg": "d", "7.jpg": "e" };

const names = (stdout: string): string[] =>
  jsonLines(stdout).map((line) => (line as { file: string }).file.split("/").at(-1) ?? "");

test("--top and --min choose, failures are always reported, and a share is rounded up", async (t) => {
  const folder = folderWith(t, FILES);
  const run = (...flags: string[]) => runCli(["score", folder, "--json", ...flags], byName);
  assert.deepEqual(names((await run("--top", "2")).stdout), ["9.jpg", "7.jpg", "broken.jpg"]);
  assert.deepEqual(names((await run("--min", "5")).stdout), ["5.jpg", "7.jpg", "9.jpg", "broken.jpg"]);
  assert.deepEqual(names((await run("--min", "8", "--top", "3")).stdout), ["9.jpg", "broken.jpg"]);
  assert.deepEqual(names((await run("--top", "30%")).stdout), ["9.jpg", "7.jpg", "broken.jpg"]);
  const none = await run("--min", "9.5");
  assert.deepEqual([names(none.stdout), none.code], [["broken.jpg"], 3]);
  assert.match(none.stderr, /^0 of 4 scored photos chosen$/m);
  for (const wrong of ["0", "0%", "101%", "-1", "1.5", "x%"]) assert.equal((await run("--top", wrong)).code, 2, wrong);
});

test("--percentile: the share of lower scores, equal ones half, in JSON and behind the bar", async (t) => {
  const folder = folderWith(t, { "1-5.jpg": "", "2-5.jpg": "", "9.jpg": "", "3.jpg": "" });
  const ranked = await runCli(["score", folder, "--json", "--percentile"], (file) =>
    resultFor(file, Number(/(\d)\.jpg$/.exec(file)?.[1])),
  );
  const lines = jsonLines(ranked.stdout) as { percentile: number }[];
  assert.deepEqual(lines.map(({ percentile }) => percentile), [50, 50, 12.5, 87.5]); // prettier-ignore
  assert.deepEqual(Object.keys(lines[0] ?? {}).slice(-2), ["model", "percentile"]);
  const table = await runCli(["score", folder, "--percentile", "--top", "1"], byName);
  assert.match(table.stdout, /░ {3}88%\n$/);
});

test("--csv is RFC 4180: a column per attribute, names that no spreadsheet computes, failures with their code", async (t) => {
  const folder = folderWith(t, { "a.jpg": "", "b.jpg": "", "broken.jpg": "" });
  const file = join(folder, "out/scores.csv");
  const attributes = { light: 4, "=colour": null, score: 6 };
  const answers = [{ prompt: "<image> Why?", answer: '-1+1, "so"\nand so', scores: { sky: 3 } }];
  const answer = (name: string): ScoreResult | ReturnType<typeof failureFor> => {
    if (name.includes("broken")) return failureFor(name);
    const result = resultFor(name, -2.25);
    return name.includes("a.jpg")
      ? { ...result, attributes, comment: "=HYPERLINK(1)", answers }
      : { ...result, std: null };
  };
  const { code, stdout } = await runCli(["score", folder, "--csv", file], answer);
  assert.equal(code, 3);
  assert.match(stdout, /a\.jpg/);
  const text = readFileSync(file, "utf8");
  assert.match(text, /^file,score,std,light,'=colour,attribute score,comment,answer 1,answer 1: sky,scale_min,scale_max,model,error,message\r\n/); // prettier-ignore
  assert.equal(text.replace(/\r\n/g, "").includes("\r"), false);
  const [a, b, broken] = parse<Record<string, string>>(text, { columns: true });
  assert.deepEqual([a?.["score"], a?.["light"], a?.["attribute score"], a?.["comment"]], ["-2.25", "4", "6", "'=HYPERLINK(1)"]); // prettier-ignore
  assert.equal(a?.["answer 1"], `'-1+1, "so"\nand so`);
  assert.deepEqual([b?.["std"], b?.["light"], b?.["error"]], ["", "", ""]);
  assert.deepEqual([broken?.["score"], broken?.["error"]], ["", "IMAGE_BROKEN"]);
});

test("in the table of a spreadsheet a path stays a path", async (t) => {
  const folder = folderWith(t, { "=1+1.jpg": "", "out.csv": "" });
  const before = process.cwd();
  process.chdir(folder);
  t.after(() => process.chdir(before));
  await runCli(["score", "--csv", "out.csv", "--", "=1+1.jpg"], (name) => resultFor(name, 5));
  assert.match(readFileSync("out.csv", "utf8"), /^.\/=1\+1\.jpg,5,/m);
});

test("what cannot be written, or is a photo, is refused before anything is scored", async (t) => {
  const folder = folderWith(t, { "5.jpg": "photo", "notes.txt": "x" });
  const elsewhere = folderWith(t, { "6.jpg": "photo", "7.xmp": "<x:xmpmeta/>", "x.db": "SQLite format 3\0" });
  const photo = join(folder, "5.jpg");
  for (const [flags, message] of [
    [["--csv", photo], /--csv .*5\.jpg is one of the photos/],
    [["--html", photo], /--html .*is one of the photos/],
    [["--csv", join(elsewhere, "6.jpg")], /6\.jpg is there already and is no table that roc4mllm wrote: it stays/],
    [["--html", join(elsewhere, "7.xmp")], /7\.xmp is there already and is no gallery that roc4mllm wrote: it stays/],
    [["--html", join(elsewhere, "x.db")], /x\.db is there already/],
    [["--csv", folder], /--csv .* is a folder/],
    [["--csv", "-"], /--csv: give the name of a file/],
    [["--csv", join(folder, "o"), "--html", join(folder, "o")], /--csv and --html are both/],
    [["--copy-to", join(folder, "notes.txt")], /--copy-to .* is a file/],
    [["--csv", join(folder, "notes.txt/x.csv")], /notes\.txt cannot be written/],
  ] as const) {
    const { code, stderr, asked } = await runCli(["score", folder, ...flags], byName);
    assert.ok(code === 2 || code === 3, `${flags.join(" ")}: ${code}`);
    assert.match(stderr, message);
    assert.equal(asked.options, undefined);
  }
  assert.equal(readFileSync(photo, "utf8"), "photo");
  assert.equal(readFileSync(join(elsewhere, "6.jpg"), "utf8"), "photo");
  const [csv, html] = [join(elsewhere, "out.csv"), join(elsewhere, "out.html")];
  for (let time = 0; time < 2; time++)
    assert.equal((await runCli(["score", photo, "--csv", csv, "--html", html], byName)).code, 0);
  assert.equal((await runCli(["score", photo, "--csv", html], byName)).code, 2);
});

test("names with line breaks of any kind come back from --csv, and no line of them begins a formula", async (t) => {
  const names = ["a\nb.jpg", "c\rd.jpg", 'e",\n=1.jpg', "f\r+1.jpg"];
  const folder = folderWith(t, Object.fromEntries(names.map((name) => [name, ""])));
  const file = join(folderWith(t, {}), "x.csv");
  await runCli(["score", folder, "--csv", file], (name) => resultFor(name, 5));
  const text = readFileSync(file, "utf8");
  const rows = parse<Record<string, string>>(text, { columns: true, record_delimiter: "\r\n" });
  const wanted = ["a\nb.jpg", "c\rd.jpg", `e",\n'=1.jpg`, "f\r'+1.jpg"].map((name) => join(folder, name));
  assert.deepEqual(rows.map((row) => row["file"]).sort(), wanted.sort()); // prettier-ignore
  for (const name of wanted) assert.ok(text.includes(`"${name.replaceAll('"', '""')}",5,`), name);
});

test("--copy-to keeps names and times, takes sidecars along, overwrites nothing, and copies nothing twice", async (t) => {
  const folder = folderWith(t, {
    ...{ "a/9.jpg": "one", "b/9.jpg": "two", "c/9.jpg": "one", "a/2.jpg": "worst" },
    ...{ "a/9.xmp": "bare", "b/9.jpg.xmp": "full", "best/9.xmp": "of another" },
  });
  const [from, to] = [join(folder, "a/9.jpg"), join(folder, "best")];
  utimesSync(from, 1_000_000, 1_000_000.5);
  const argv = ["score", folder, "--top", "3", "--copy-to", to];
  const first = await runCli(argv, byName);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /best: 2 photos copied, 1 there already$/m);
  const listed = (): string[] => readdirSync(to).sort();
  // The sidecar that is there belongs to another photo: beside it each of these would have that one's stars.
  assert.deepEqual(listed(), ["9-2.jpg", "9-2.xmp", "9-3.jpg", "9-3.jpg.xmp", "9.xmp"]);
  const read = (name: string): string => readFileSync(join(to, name), "utf8");
  assert.deepEqual(
    [read("9.xmp"), read("9-2.jpg"), read("9-2.xmp"), read("9-3.jpg")],
    ["of another", "one", "bare", "two"],
  );
  assert.equal(statSync(join(to, "9-2.jpg")).mtimeMs, 1_000_000_500);
  const before = listed();
  const again = await runCli(argv, byName);
  assert.match(again.stderr, /best: 0 photos copied, 3 there already$/m);
  assert.match(again.stderr, /note: left out what is in --copy-to/);
  assert.deepEqual(listed(), before);
  for (const name of ["a/9.jpg", "b/9.jpg", "a/2.jpg"]) assert.ok(existsSync(join(folder, name)));
});

test("--html is one page with its thumbnails, sorted and filtered by one script that its policy names", async (t) => {
  const folder = folderWith(t, { "3.jpg": "no picture", "<b>&9.jpg": "", "broken.jpg": "" });
  mkdirSync(join(folder, "sub"));
  writeFileSync(join(folder, "sub/5.jpg"), await picture());
  const page = join(folder, "pages/best.html");
  const answer = (file: string): ScoreResult | ReturnType<typeof failureFor> => {
    const result = byName(file);
    return "error" in result
      ? result
      : { ...result, attributes: { light: 4, sky: null }, comment: "<script>bad()</script>" };
  };
  const { stderr } = await runCli(["score", folder, "--html", page, "--percentile"], answer);
  assert.match(stderr, /best\.html: a gallery of 3 photos, 0\.0 MB$/m);
  const text = readFileSync(page, "utf8");
  const order = [...text.matchAll(/<h3>([^<]*)<\/h3>/g)].map(([, name]) => name);
  assert.deepEqual(order, ["&lt;b&gt;&amp;9.jpg", "5.jpg", "3.jpg"]);
  assert.equal(text.match(/src="data:image\/jpeg;base64,[^"]{100,}"/g)?.length, 1);
  assert.match(text, /href="\.\/\.\.\/%3Cb%3E%269\.jpg"/);
  assert.match(text, /script-src 'sha256-[\w+/=]+'/);
  assert.equal(text.match(/<script/g)?.length, 1);
  assert.match(text, /&lt;script&gt;bad\(\)/);
  assert.match(text, /percentile 83/);
  assert.match(text, /Without a score[^]*broken\.jpg: .*IMAGE_BROKEN/);
  assert.doesNotMatch(text.replace(/<script>[^]*?<\/script>/, ""), /https?:|undefined|NaN/);
  assert.match(text, /Scored from 1 to 10 by fake@0\./);
  await runCli(["score", folder, "--html", page], (file) => resultFor(file, file.endsWith("5.jpg") ? 10.5 : 4));
  const beyond = /Scored from 1 to 10 \(which does not bound this model: 1 beyond it\) by fake@0\./;
  assert.match(readFileSync(page, "utf8"), beyond);
});

test("--library: percentiles among a library's photos by the same checkpoint, which is looked for before scoring", async (t) => {
  const cwd = folderWith(t, {});
  const photos = ["landscape-good.jpg", "landscape-bad.jpg", "portrait-good.jpg"];
  for (const name of photos) cpSync(join(ROOT, "examples/photos", name), join(cwd, "photos", name));
  const at = { cwd, env: { XDG_CONFIG_HOME: join(cwd, "config") } };
  const run = (...argv: string[]) => runProgram(argv, at);
  assert.match((await run("score", "photos", "--library", "my.db")).stderr, /--library goes with --percentile/);
  assert.equal((await run("score", "photos", "--library", "my.db", "--percentile")).code, 3);
  const scan = await run("library", "scan", "photos", "--library", "my.db");
  assert.equal(scan.code, 0, scan.stderr);
  const score = ["score", join("photos", photos[0] ?? ""), "--percentile", "--library", "my.db", "--json"];
  const one = await run(...score);
  assert.equal(one.code, 0, one.stderr);
  assert.deepEqual(jsonLines(one.stdout).map((line) => (line as { percentile: number }).percentile), [50]); // prettier-ignore
  const other = await run(...score, "--dtype", "bfloat16");
  assert.match(other.stderr, /has no scores by demo@\w+ with these settings, but by demo@/);
  assert.doesNotMatch(other.stdout, /"score"/);
});

async function picture(): Promise<Buffer> {
  const { default: sharp } = await import("sharp");
  return sharp({ create: { width: 60, height: 40, channels: 3, background: "#58a" } }).jpeg().toBuffer(); // prettier-ignore
}
