/** `score --explain`: pictures and maps of what moves the score, which take nobody's place. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import sharp from "sharp";
import { ROOT } from "../support.js";
import { runProgram } from "./program.js";
import { folderWith, jsonLines } from "./support.js";

const PHOTOS = ["landscape-good", "portrait-good"];

interface Line {
  readonly file: string;
  readonly score: number;
  readonly explained?: { readonly picture: string; readonly map: string };
}

test("each photo that is printed gets a picture and a map, beside names that others have, and a gallery shows them", async (t) => {
  const folder = folderWith(t, {});
  for (const part of ["a", "b"]) {
    mkdirSync(join(folder, part));
    cpSync(`${ROOT}examples/photos/${PHOTOS[0]}.jpg`, join(folder, part, "same.jpg"));
  }
  const [maps, html] = [join(folder, "maps"), join(folder, "best.html")];
  const flags = ["--explain", maps, "--explain-evaluations", "8", "--json", "--html", html];
  const { code, stdout, stderr } = await runProgram(["score", join(folder, "a"), join(folder, "b"), ...flags], {
    cwd: folder,
  });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /maps: 2 maps of what moves the score/);
  assert.doesNotMatch(stderr, /earlier calls/);
  const lines = jsonLines(stdout) as Line[];
  assert.deepEqual(readdirSync(maps).sort(), ["same.jpg-2.explain.json", "same.jpg-2.explain.png", "same.jpg.explain.json", "same.jpg.explain.png"]); // prettier-ignore
  const [first] = lines;
  assert.ok(first?.explained);
  const map = JSON.parse(readFileSync(first.explained.map, "utf8")) as {
    score: number;
    rows: number;
    values: number[][];
    file: string;
  };
  assert.equal(map.file, first.file);
  assert.ok(Math.abs(map.score - first.score) < 1e-5);
  assert.deepEqual([map.values.length, map.values[0]?.length], [map.rows, 24]);
  const { format, width, height } = await sharp(first.explained.picture).metadata();
  const photo = await sharp(first.file).metadata();
  assert.deepEqual([format, width], ["png", Math.min(1024, photo.width)]);
  assert.ok(height > width * (photo.height / photo.width), "with a legend below");
  assert.match(readFileSync(html, "utf8"), /What moves the score/);
  // Ours are replaced, and nothing else is; one of another method that stays is noted.
  const other = ["--explain", maps, "--explain-evaluations", "8", "--explain-by", "occlusion"];
  const again = await runProgram(["score", join(folder, "a"), ...other], { cwd: folder });
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stderr, /note: \S+maps holds 1 map of earlier calls \(gradient of the score by \S+\) that those of this call \(occlusion of the score by \S+\) are not to be compared with/); // prettier-ignore
  for (const name of ["same.jpg.explain.png", "same.jpg.explain.json"]) {
    const kept = readFileSync(join(maps, name));
    writeFileSync(join(maps, name), "mine");
    const refused = await runProgram(["score", join(folder, "a"), "--explain", maps], { cwd: folder });
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /is there already and is no (heat map|map) that roc4mllm wrote/);
    assert.equal(readFileSync(join(maps, name), "utf8"), "mine");
    writeFileSync(join(maps, name), kept);
  }
});

test("flags that say nothing without --explain, and attributes that are not there, are refused", async (t) => {
  const folder = folderWith(t, {});
  cpSync(`${ROOT}examples/photos/${PHOTOS[1]}.jpg`, join(folder, "a.jpg"));
  for (const flags of [
    ["--of", "light"],
    ["--explain-by", "gradient"],
    ["--explain-evaluations", "9"],
  ]) {
    const { code, stderr } = await runProgram(["score", folder, ...flags], { cwd: folder });
    assert.deepEqual([code, /goes with --explain/.test(stderr)], [2, true], stderr);
  }
  const maps = join(folder, "maps");
  const { code, stderr } = await runProgram(["score", join(folder, "a.jpg"), "--explain", maps, "--of", "light"], {
    cwd: folder,
  });
  assert.equal(code, 2);
  assert.match(stderr, /light: the model gives no such score/);
  assert.ok(!existsSync(join(maps, "a.jpg.explain.png")));
});
