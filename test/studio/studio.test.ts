import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  compose,
  CORRELATION,
  encodePhoto,
  FACTORS,
  factorsOf,
  latentQuality,
  makeRaters,
  raterCeiling,
  renderPhoto,
  SCENE_NAMES,
  votesOn,
  writeStudio,
  type Factor,
  type SceneName,
} from "../../src/studio/index.js";
import { readAva, voteStatistics } from "../../src/data/index.js";

async function emptyFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "studio-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** File name (relative) to hash of every file under a folder. */
async function hashes(folder: string): Promise<Record<string, string>> {
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.includes(".")).sort();
  const pairs = files.map(async (name) => {
    const hash = createHash("sha256").update(await readFile(join(folder, name)));
    return [name, hash.digest("hex")] as const;
  });
  return Object.fromEntries(await Promise.all(pairs));
}

test("the latent quality is the documented formula", () => {
  for (const scene of SCENE_NAMES) {
    const middle = Object.fromEntries(factorsOf(scene).map((factor) => [factor, 0.5]));
    assert.equal(latentQuality(scene, middle), 5.5);
    const weights = factorsOf(scene).map((factor) => FACTORS[factor].weight);
    // Variance of Σ w m for merits of variance 1/12 and pairwise correlation CORRELATION, pair by pair.
    const variance = weights.flatMap((a, i) => weights.map((b, j) => (a * b * (i === j ? 1 : CORRELATION)) / 12));
    const sd = Math.sqrt(variance.reduce((a, b) => a + b, 0));
    for (const factor of factorsOf(scene)) {
      const raised = latentQuality(scene, { ...middle, [factor]: 0.75 });
      const expected = 5.5 + (1.3 * FACTORS[factor].weight * 0.25) / sd;
      assert.ok(Math.abs(raised - expected) < 1e-12, `${scene} ${factor}`);
    }
  }
  assert.throws(() => latentQuality("abstract", { exposure: 2 }), { code: "USAGE", message: /exposure/ });
});

test("latents are spread as stated: mean 5.5, standard deviation 1.3, in every scene", () => {
  for (const scene of SCENE_NAMES) {
    const latents = Array.from({ length: 4000 }, (_, index) => compose("spread", index, { scene }).latent);
    const mean = latents.reduce((a, b) => a + b, 0) / latents.length;
    const std = Math.sqrt(latents.reduce((a, b) => a + (b - mean) ** 2, 0) / latents.length);
    assert.ok(Math.abs(mean - 5.5) < 0.08 && Math.abs(std - 1.3) < 0.06, `${scene}: ${mean} ${std}`);
  }
});

test("merits are uniform and correlated as stated", () => {
  const pairs = Array.from({ length: 8000 }, (_, index) => {
    const { merits } = compose("merits", index, { scene: "portrait" });
    return [merits.exposure ?? NaN, merits.placement ?? NaN] as const;
  });
  const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  for (const k of [0, 1] as const) {
    for (const share of [0.1, 0.5, 0.9]) {
      const below = mean(pairs.map((pair) => (pair[k] < share ? 1 : 0)));
      assert.ok(Math.abs(below - share) < 0.02, `${below} of the merits below ${share}`);
    }
  }
  const correlation = 12 * mean(pairs.map(([a, b]) => (a - 0.5) * (b - 0.5)));
  assert.ok(Math.abs(correlation - CORRELATION) < 0.04, `${correlation}`);
});

test("a scene refuses a factor that it lacks", () => {
  const choose = { scene: "abstract", merits: { placement: 1 } } as const;
  assert.throws(() => compose(0, 0, choose), { code: "USAGE", message: /abstract has no factor "placement"/ });
});

/** What the eye would measure on a picture: mean and spread of luminance, mean chroma, fine detail. */
function measure(scene: SceneName, factor: Factor, merit: number, side = 0): Record<string, number> {
  const merits = Object.fromEntries(factorsOf(scene).map((name) => [name, name === "depth" ? 0.5 : 1]));
  const choose = { scene, aspect: "4:3", merits: { ...merits, [factor]: merit }, sides: { [factor]: side } } as const;
  const canvas = renderPhoto(compose("measure", 1, choose), 112);
  const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const grey: number[] = [];
  let chroma = 0;
  for (let i = 0; i < data.length; i += 4) {
    const rgb = [data[i] ?? 0, data[i + 1] ?? 0, data[i + 2] ?? 0] as const;
    grey.push((rgb[0] + rgb[1] + rgb[2]) / 3);
    chroma += Math.max(...rgb) - Math.min(...rgb);
  }
  const mean = grey.reduce((a, b) => a + b, 0) / grey.length;
  const spread = Math.sqrt(grey.reduce((a, b) => a + (b - mean) ** 2, 0) / grey.length);
  const detail = grey.reduce((a, b, i) => a + (i % width ? Math.abs(b - (grey[i - 1] ?? b)) : 0), 0) / grey.length;
  return { mean, spread, chroma: chroma / grey.length, detail };
}

/** Factor, side, what is measured, and by how much the fault must change it at 112 pixels. */
const VISIBLE: readonly [Factor, number, string, (best: number, worst: number) => boolean][] = [
  ["exposure", 0, "mean", (best, worst) => worst < 0.5 * best],
  ["exposure", 1, "mean", (best, worst) => worst > 1.25 * best],
  ["contrast", 0, "spread", (best, worst) => worst < 0.5 * best],
  ["saturation", 0, "chroma", (best, worst) => worst < 0.1 * best],
  ["saturation", 1, "chroma", (best, worst) => worst > 1.5 * best],
  ["motion", 0, "detail", (best, worst) => worst < 0.75 * best],
  ["noise", 0, "detail", (best, worst) => worst > best + 2],
];

for (const [factor, side, what, holds] of VISIBLE) {
  test(`a fault of ${factor} (side ${side}) is visible at 112 pixels in every scene`, () => {
    for (const scene of SCENE_NAMES) {
      const best = measure(scene, factor, 1, side)[what] ?? NaN;
      const worst = measure(scene, factor, 0, side)[what] ?? NaN;
      assert.ok(holds(best, worst), `${scene}: ${what} ${best} at merit 1, ${worst} at merit 0`);
    }
  });
}

test("each factor that is no matter of the mean changes many pixels of a picture", () => {
  for (const factor of ["harmony", "noise", "depth", "clutter", "placement"] as const) {
    for (const scene of SCENE_NAMES.filter((name) => factorsOf(name).includes(factor))) {
      const share = changedPixels(scene, factor);
      assert.ok(share > 0.04, `${scene} ${factor}: ${share} of the pixels changed`);
    }
  }
});

function changedPixels(scene: SceneName, factor: Factor): number {
  const merits = Object.fromEntries(factorsOf(scene).map((name) => [name, 1]));
  const pixels = [1, 0].map((merit) => {
    const choose = { scene, aspect: "1:1", merits: { ...merits, [factor]: merit } } as const;
    return renderPhoto(compose("changed", 2, choose), 112)
      .getContext("2d")
      .getImageData(0, 0, 112, 112).data;
  });
  const [best = new Uint8ClampedArray(), worst = new Uint8ClampedArray()] = pixels;
  let changed = 0;
  for (let i = 0; i < best.length; i++) if (Math.abs((best[i] ?? 0) - (worst[i] ?? 0)) > 8) changed++;
  return changed / (best.length * 0.75);
}

test("a picture has the size asked for and bytes that do not depend on what was rendered before", async () => {
  const composition = compose("bytes", 4, { aspect: "3:2" });
  const first = await encodePhoto(composition, 160);
  await encodePhoto(compose("bytes", 5), 200);
  assert.deepEqual(await encodePhoto(composition, 160), first);
  const canvas = renderPhoto(composition, 512);
  assert.deepEqual([canvas.width, canvas.height], [512, 341]);
  assert.throws(() => renderPhoto(composition, 5000), { code: "USAGE" });
});

test("78 to 500 raters vote around the latent quality", () => {
  const raters = makeRaters(1);
  for (let index = 0; index < 200; index++) {
    const { count, mean, std } = voteStatistics(votesOn(1, index, 6, raters));
    assert.ok(count >= 78 && count <= 500, `${count}`);
    assert.ok(Math.abs(mean - 6) < 0.6 && std > 1 && std < 2, `${mean} ${std}`);
  }
});

test("the ceiling that the raters set is high, and below one", () => {
  const { srcc, plcc } = raterCeiling("ceiling", 1000);
  assert.ok(srcc > 0.985 && srcc < 0.9999, `${srcc}`);
  assert.ok(plcc > 0.985 && plcc < 0.9999, `${plcc}`);
});

test("same seed, same bytes; other seed, other bytes; picture k does not depend on the count", async (t) => {
  const [a, b, c, d] = [await emptyFolder(t), await emptyFolder(t), await emptyFolder(t), await emptyFolder(t)];
  await writeStudio(a, { seed: 3, count: 12, longEdge: 96 });
  await writeStudio(b, { seed: 3, count: 12, longEdge: 96 });
  await writeStudio(c, { seed: 4, count: 12, longEdge: 96 });
  await writeStudio(d, { seed: 3, count: 5, longEdge: 96 });
  const [ofA, ofC, ofD] = [await hashes(a), await hashes(c), await hashes(d)];
  assert.equal(Object.keys(ofA).length, 15);
  assert.deepEqual(await hashes(b), ofA);
  for (const name of Object.keys(ofA).filter((file) => file.startsWith("images"))) {
    assert.notEqual(ofC[name], ofA[name]);
    if (name in ofD) assert.equal(ofD[name], ofA[name]);
  }
  const rows = async (folder: string): Promise<string[]> =>
    (await readFile(join(folder, "AVA.txt"), "utf8")).split("\n");
  assert.deepEqual((await rows(d)).slice(0, 5), (await rows(a)).slice(0, 5));
});

test("what the studio writes, the AVA adapter reads, and studio.json agrees with it", async (t) => {
  const folder = await emptyFolder(t);
  const seen: number[] = [];
  const { recipe } = await writeStudio(folder, {
    seed: "x",
    count: 20,
    longEdge: 64,
    testFraction: 0.3,
    onProgress: (done) => seen.push(done),
  });
  assert.equal(recipe.jpegQuality, 92);
  assert.deepEqual(
    seen,
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  const { samples, missing, unknownTestIds } = await readAva(folder);
  assert.deepEqual([samples.length, missing.length, unknownTestIds.length], [20, 0, 0]);
  const known = JSON.parse(await readFile(join(folder, "studio.json"), "utf8")) as {
    pictures: Record<string, unknown>[];
  };
  const expected = known.pictures.map(({ id, mean, std, test: inTest }) => [id, mean, std, inTest ? "test" : "train"]);
  assert.deepEqual(
    samples.map(({ id, score, std, split }) => [id, score, std, split]),
    expected,
  );
  assert.ok(samples.some(({ split }) => split === "test") && samples.some(({ split }) => split === "train"));
});

test("a stopped run leaves no labels, resumes, and ends in the same bytes; a finished one is left alone", async (t) => {
  const [stopped, straight] = [await emptyFolder(t), await emptyFolder(t)];
  const options = { seed: 9, count: 30, longEdge: 64 };
  const controller = new AbortController();
  const onProgress = (done: number): void => {
    if (done === 10) controller.abort();
  };
  await assert.rejects(writeStudio(stopped, { ...options, onProgress, signal: controller.signal }), {
    code: "ABORTED",
  });
  const left = Object.keys(await hashes(stopped));
  assert.ok(!left.includes("AVA.txt") && !left.includes("studio.json"), left.join());
  const resumed = await writeStudio(stopped, options);
  assert.ok(resumed.rendered > 0 && resumed.rendered <= 20, `${resumed.rendered} rendered after the resume`);
  await writeStudio(straight, options);
  assert.deepEqual(await hashes(stopped), await hashes(straight));
  assert.equal((await writeStudio(stopped, options)).rendered, 0);
  assert.equal((await writeStudio(stopped, { ...options, seed: 10 })).rendered, 30);
});

test("a folder with somebody else's data set is refused and left as it is", async (t) => {
  const folder = await emptyFolder(t);
  await mkdir(join(folder, "images"));
  await writeFile(join(folder, "images", "100001.jpg"), "mine");
  await assert.rejects(writeStudio(folder, { count: 2 }), { code: "USAGE", message: /choose another folder/ });
  assert.equal(await readFile(join(folder, "images", "100001.jpg"), "utf8"), "mine");
  await assert.rejects(writeStudio(folder, { count: 0 }), { code: "USAGE", message: /count/ });
});
