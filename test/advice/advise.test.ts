/** Advice from end to end, by a made-up judge that likes pictures of middle lightness and knows nothing else. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import sharp from "sharp";
import { adviseCommand } from "../../src/cli/score/advise.js";
import type { Engine } from "../../src/cli/shared/io.js";
import { advise } from "../../src/index.js";
import type { Advice } from "../../src/advice/types.js";
import type { Model, ScoreFailure, ScoreInputs, ScoreResult } from "../../src/engine/index.js";
import { applyEdits } from "../../src/image/edits/index.js";
import { decodeImage, type RgbImage } from "../../src/image/index.js";
import { folderWith, jsonLines, runCommand } from "../cli/support.js";

/** How far the mean of all bytes is from 128. */
function lightness({ data }: RgbImage): number {
  return 9 - Math.abs(data.reduce((sum, byte) => sum + byte, 0) / data.length - 128) / 20;
}

/** Scores by what a rule says of the pixels. */
function judge(rule: (picture: RgbImage) => number = lightness, std: number | null = 1.5): Model & { scored: number } {
  const model = { name: "fake@0", scale: { min: 1, max: 10 }, scored: 0 };
  async function* score(inputs: ScoreInputs): AsyncGenerator<ScoreResult | ScoreFailure> {
    for await (const input of inputs as AsyncIterable<{ name: string; data: Buffer }>) {
      const value = rule(await decodeImage(input.data));
      model.scored++;
      yield {
        file: input.name,
        score: value,
        scale: model.scale,
        std,
        distribution: null,
        answer: "",
        model: model.name,
      };
    }
  }
  const dispose = (): void => undefined;
  const scoreOne = (): Promise<never> => Promise.reject(new Error("advise scores by score()"));
  return Object.assign(model, { score, scoreOne, dispose, [Symbol.dispose]: dispose });
}

/** A gradient about a mean lightness. */
async function photo(t: TestContext, mean: number, name = "photo.png", [width, height] = [60, 40]): Promise<string> {
  const folder = folderWith(t, {});
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => mean - 30 + (60 * (Math.floor(i / 3) % width)) / (width - 1)); // prettier-ignore
  const path = join(folder, name);
  writeFileSync(
    path,
    await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  );
  return path;
}

test("a dark photo is to be brightened, by a gain that the check finds again", async (t) => {
  const model = judge();
  const told: number[] = [];
  const file = await photo(t, 50);
  const advice = await advise(model, file, { onProgress: (done) => told.push(done) });
  const [best] = advice.suggestions;
  assert.deepEqual([advice.helps, advice.cause], [true, "exposure"]);
  assert.ok(best?.helps && (best.edits.exposure ?? 0) > 1, JSON.stringify(best));
  assert.ok(best.gain.low > 3 && best.gain.high < 4.5 && (best.preferred ?? NaN) > 0.9, JSON.stringify(best.gain));
  assert.ok(advice.scorings === model.scored && model.scored <= 90);
  assert.deepEqual(told, [...told.keys()].map((i) => i + 1)); // prettier-ignore
});

test("nothing helps a photo of middle lightness", async (t) => {
  const advice = await advise(judge(), await photo(t, 128));
  assert.deepEqual([advice.helps, advice.cause], [false, null]);
  assert.ok(advice.suggestions.every(({ helps }) => !helps));
});

test("only the edits that are asked for; options out of range are refused", async (t) => {
  const file = await photo(t, 50);
  const { suggestions } = await advise(judge(), file, { edits: ["contrast", "crop"], budget: 60 });
  for (const { edits } of suggestions)
    assert.ok(Object.keys(edits).every((kind) => kind === "contrast" || kind === "crop"));
  await assert.rejects(advise(judge(), file, { budget: 59 }), { code: "USAGE" });
  await assert.rejects(advise(judge(), file, { edits: [] }), { code: "USAGE" });
  await assert.rejects(advise(judge(), join(file, "missing.jpg")), /missing/);
});

test("of a panorama a turn leaves at least half, and a crop or all edits together a quarter; the words say how much", async (t) => {
  // Likes what is small, so that it would take whatever may be thrown away.
  const model = judge(({ width, height }) => 9 - (width * height) / 40_000);
  for (const [width = 0, height = 0] of [
    [1000, 100],
    [800, 100],
    [100, 300],
    [1000, 4],
    [3, 2],
    [300, 200],
  ]) {
    const file = await photo(t, 128, "long.png", [width, height]);
    const { suggestions } = await advise(model, file, { edits: ["straighten", "crop"], budget: 60 });
    const whole = await decodeImage(file);
    for (const { edits, words } of suggestions) {
      const edited = await applyEdits(whole, edits);
      const kept = (edited.width * edited.height) / (width * height);
      const told = JSON.stringify([width, height, edits, words, kept]);
      assert.ok(kept >= (edits.crop ? 0.25 : 0.5), told);
      assert.ok(words.at(-1)?.includes(`${Math.round(100 * kept)}% `), told);
      assert.notEqual(edits.straighten, 0);
    }
    if (height === 100)
      assert.ok(
        suggestions.some(({ edits }) => (edits.straighten ?? 0) !== 0),
        "a small turn is left",
      );
  }
});

test("the copy of a long photo keeps the detail of its short side", async (t) => {
  const seen = async (width: number, height: number, side?: number): Promise<number[]> => {
    const sizes: number[][] = [];
    const model = judge((picture) => (sizes.push([picture.width, picture.height]), 5));
    const file = await photo(t, 128, "long.png", [width, height]);
    await advise(model, file, { edits: ["exposure"], budget: 60, ...(side !== undefined && { side }) });
    return sizes[0] ?? [];
  };
  assert.deepEqual(await seen(3000, 20), [3000, 20], "all that it has");
  assert.deepEqual(await seen(100, 400, 64), [64, 256].map((length) => Math.round(length / Math.SQRT2)), "up to twice side by side"); // prettier-ignore
  assert.deepEqual(await seen(100, 150, 64), [64, 96]);
  assert.deepEqual(await seen(60, 40), [60, 40]);
});

const run = (...argv: string[]) => runBy(judge(), ...argv);
const runBy = (model: Model, ...argv: string[]) =>
  runCommand(
    ["advise", ...argv, "--model", process.cwd()],
    { advise: () => Promise.resolve(adviseCommand) },
    { engine: () => Promise.resolve<Engine>({ load: () => Promise.resolve(model) }) },
  );

test("where only a combination helps the command says so", async (t) => {
  // Light and a tighter frame gain as much each, and too little; a crop of the brighter side is not bright enough.
  const mean = ({ data }: RgbImage): number => data.reduce((sum, byte) => sum + byte, 0) / data.length;
  const bright = (picture: RgbImage): number => Math.min(1, Math.max(0, (mean(picture) - 146) / 10));
  const model = judge(
    (picture) => 5 + 0.45 * bright(picture) + (picture.width * picture.height < 0.7 * 2400 ? 0.45 : 0),
  );
  const { stdout } = await runBy(model, await photo(t, 128), "--edits", "exposure,crop");
  assert.match(
    stdout,
    /of 1 to 10; no edit alone helps, only these together\n {2}\+0\.\d\d [^\n]*crop[^\n]* EV exposure/,
  );
});

test("the command says, shows and writes it, and leaves the photo and all files as they are", async (t) => {
  const file = await photo(t, 50, "b.png");
  const folder = folderWith(t, { "out/b-advised.jpg": "somebody's", "page.html": "" });
  const before = readFileSync(file);
  const [html, out] = [join(folder, "page.html"), join(folder, "out")];
  const { code, stdout, stderr } = await run(file, file.replace("b.png", "gone.jpg"), "--html", html, "--out", out);
  assert.equal(code, 3, stderr);
  assert.match(
    stdout,
    /b\.png: 5\.\d\d of 1 to 10; above all: exposure\n {2}\+3\.\d\d \(\+3\.\d\d to \+\d\.\d\d\) {2}.*EV exposure \(brighter\).*preferred by 9\d% of raters/,
  );
  assert.match(stdout, /gone\.jpg.*\n$/);
  assert.deepEqual(readFileSync(file), before);
  assert.deepEqual(readdirSync(out).sort(), ["b-advised-2.jpg", "b-advised.jpg"]);
  assert.equal(readFileSync(join(out, "b-advised.jpg"), "utf8"), "somebody's");
  const { data } = await decodeImage(join(out, "b-advised-2.jpg"));
  assert.ok(Math.abs(data.reduce((sum, byte) => sum + byte, 0) / data.length - 128) < 12, "the copy is edited");
  const page = readFileSync(html, "utf8");
  assert.match(page, /Before: 5\.\d\d/);
  assert.match(page, /After: 8\.\d\d, gain \+3/);
  assert.equal(page.match(/src="data:image\/jpeg;base64/g)?.length, 1 + (page.match(/After: /g)?.length ?? 0));
  assert.doesNotMatch(page, /https?:/);
  // Once more: the same page and copy.
  await run(file, "--html", html, "--out", out);
  assert.deepEqual(readdirSync(out).sort(), ["b-advised-2.jpg", "b-advised.jpg"]);
});

test("of a judge without a spread no rater is said to prefer anything", async (t) => {
  const file = await photo(t, 50, "b.png");
  const html = join(folderWith(t, {}), "page.html");
  const { code, stdout } = await runBy(judge(lightness, null), file, "--html", html);
  assert.equal(code, 0);
  assert.match(stdout, /EV exposure \(brighter\).*; by the score alone\n/);
  const page = readFileSync(html, "utf8");
  assert.match(page, /by the score alone/);
  assert.doesNotMatch(stdout + page, /preferred by|raters/);
  const { suggestions } = await advise(judge(lightness, null), file);
  assert.deepEqual([suggestions[0]?.helps, suggestions[0]?.preferred], [true, null]);
});

test("--json has the advice with its keys, and a page that is somebody's is refused before any scoring", async (t) => {
  const file = await photo(t, 128);
  const { stdout, code } = await run(file, "--json");
  const [line] = jsonLines(stdout) as Advice[];
  assert.equal(code, 0);
  assert.deepEqual(Object.keys(line ?? {}), [
    "file",
    "score",
    "scale",
    "helps",
    "cause",
    "suggestions",
    "scorings",
    "size",
    "model",
  ]);
  const folder = folderWith(t, { "page.html": "mine" });
  mkdirSync(join(folder, "taken"));
  const refused = await run(file, "--html", join(folder, "page.html"));
  assert.deepEqual([refused.code, readFileSync(join(folder, "page.html"), "utf8")], [2, "mine"]);
  const notFolder = await run(file, "--out", file);
  assert.match(notFolder.stderr, /--out .* is (a file|one of the photos)/);
  assert.equal((await run(file, "--edits", "sharpness")).code, 2);
});
