/** Which parts of a picture move its score: exact where that can be said, and none of the picture's own where the weights are random. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createBaseline } from "../../src/baselines/registry.js";
import { SCORE } from "../../src/baselines/types.js";
import { BaselineEstimator, scoresOf } from "../../src/engine/baseline-estimator.js";
import { gradientMap } from "../../src/engine/explain/gradient.js";
import { gridOf } from "../../src/engine/explain/grid.js";
import { flatNumbers, gradientsOf, inputsWith, type NamedInputs } from "../../src/engine/explain/lens.js";
import { occlusionMap } from "../../src/engine/explain/occlusion.js";
import { probePictures } from "../../src/engine/explain/pictures.js";
import { cellsOfNumbers, placesOf, type Places } from "../../src/engine/explain/places.js";
import { loadParts } from "../../src/engine/here.js";
import { createModel, DEMO_MODEL, load } from "../../src/engine/index.js";
import { MllmEstimator } from "../../src/engine/mllm-estimator.js";
import { Reader } from "../../src/engine/reader.js";
import { isRocError } from "../../src/errors.js";
import { createImageProcessor, type RgbImage } from "../../src/image/index.js";
import { srcc } from "../../src/metrics/scores.js";
import { LlavaOnevisionImages } from "../../src/models/llavaonevision/images.js";
import { openCheckpointFolder } from "../../src/models/places.js";
import type { ImageInputs } from "../../src/models/types.js";
import { QwenImages } from "../../src/models/common/qwen/images.js";
import { randomSource } from "../../src/nn/index.js";
import { createStrategy, prefillScores } from "../../src/roc/index.js";
import { liveTensors, manualSeed, noGrad, randn, scope, type Tensor } from "../../src/torch/index.js";
import { picture } from "../image/support.js";
import { ROOT } from "../support.js";

const PHOTO = join(ROOT, "examples/photos/landscape-good.jpg");
const ask = { check: () => undefined };

// ---- where a number comes from ---------------------------------------------------------------------------------------

const STATISTICS = { image_mean: [0.48, 0.46, 0.41], image_std: [0.27, 0.26, 0.28] };
const SIDE = 28;
const SQUARE = { ...STATISTICS, size: { shortest_edge: SIDE }, crop_size: { height: SIDE, width: SIDE }, do_resize: true, do_center_crop: true, do_normalize: true, do_rescale: true }; // prettier-ignore

async function placesBy(
  inputs: Pick<ImageInputs, "prepare">,
  numbers: (prepared: RgbImage) => Float32Array,
  photo: RgbImage,
) {
  const pictures = await probePictures(photo, "mean", (one) => inputs.prepare(one));
  const all = Object.entries(pictures).map(([name, one]) => [name, numbers(one as RgbImage)] as const);
  return placesOf(Object.fromEntries(all) as unknown as Parameters<typeof placesOf>[0]);
}

/** A grey of 256 is a hundredth of the photo at most, and a kernel that ends at the edge moves less than a third of a pixel. */
const bound = (pixels: number): number => 2 / 255 + 0.3 / pixels;

/** @param expected places of the pixel at (x, y), as shares of the photo; undefined: it is none of it */
function assertPlaces(
  { x, y }: Places,
  { width, height }: { width: number; height: number },
  at: (index: number) => readonly [x: number, y: number],
  expected: (x: number, y: number) => readonly [number, number] | undefined,
): void {
  let seen = 0;
  for (let i = 0; i < x.length; i++) {
    const want = expected(...at(i));
    if (!want) assert.ok(Number.isNaN(x[i]), `number ${i} is of no pixel`);
    else {
      assert.ok(Math.abs((x[i] as number) - want[0]) < bound(width), `${i}: ${x[i]} across, not ${want[0]}`);
      assert.ok(Math.abs((y[i] as number) - want[1]) < bound(height), `${i}: ${y[i]} down, not ${want[1]}`);
      seen++;
    }
  }
  assert.ok(seen > 0);
}

for (const [resize, width, height] of [
  ["crop", 90, 60],
  ["stretch", 60, 84],
  ["pad", 96, 60],
] as const)
  test(`every number of a square is found in the photo: ${resize}`, async () => {
    const processor = createImageProcessor(SQUARE, { resize });
    const found = await placesBy(processor, (prepared) => processor.values(prepared), picture(width, height));
    assert.equal(found.x.length, 3 * SIDE * SIDE);
    const [long, short] = [Math.max(width, height), Math.min(width, height)];
    // From pixels of the square to pixels of the photo.
    const factor = resize === "crop" ? short / SIDE : long / SIDE;
    const [left, top] = [width - SIDE * factor, height - SIDE * factor].map((rest) => rest / 2) as [number, number];
    assertPlaces(
      found,
      // What the square has of each side's pixels.
      resize === "stretch" ? { width: SIDE, height: SIDE } : { width: width / factor, height: height / factor },
      (i) => [i % SIDE, Math.floor(i / SIDE) % SIDE],
      (x, y) => {
        if (resize === "stretch") return [(x + 0.5) / SIDE, (y + 0.5) / SIDE];
        const [right, down] = [(left + (x + 0.5) * factor) / width, (top + (y + 0.5) * factor) / height];
        // A row that is half padding may be either.
        const edge = factor / height;
        if (down < -edge / 2 || down > 1 + edge / 2) return undefined;
        return [right, Math.min(1, Math.max(0, down))];
      },
    );
  });

test("every number of a picture in its own resolution is found, patch by patch", async () => {
  const images = new QwenImages({ patchSize: 14, frames: 2, merge: 2 }, { image: { ...STATISTICS, patch_size: 14, merge_size: 2, temporal_patch_size: 2, min_pixels: 56 * 56, max_pixels: 10 * 56 * 56 } }); // prettier-ignore
  const photo = picture(140, 84);
  const numbers = (prepared: RgbImage): Float32Array =>
    flatNumbers(() => ({ pixelValues: images.batch([prepared]).pixelValues }));
  const found = await placesBy(images, numbers, photo);
  // Patches in blocks of two by two; in each channels, two times, rows, columns.
  const [rows, columns, each] = [6, 10, 3 * 2 * 14 * 14];
  assert.equal(found.x.length, rows * columns * each);
  const at = (i: number): readonly [number, number] => {
    const [patch, within] = [Math.floor(i / each), i % each];
    const block = Math.floor(patch / 4);
    const column = (block % (columns / 2)) * 2 + (patch % 2);
    const row = Math.floor(block / (columns / 2)) * 2 + (Math.floor(patch / 2) % 2);
    return [column * 14 + (within % 14), row * 14 + (Math.floor(within / 14) % 14)];
  };
  assertPlaces(found, photo, at, (x, y) => [(x + 0.5) / 140, (y + 0.5) / 84]);
});

test("tiles and the small picture beside them both lead to the photo, and padding to nothing", async () => {
  const rules = { size: 28, patches: 2, pinpoints: [[28, 56], [56, 28], [56, 56]], most: 4 } as const; // prettier-ignore
  const images = new LlavaOnevisionImages(rules, { image: { ...STATISTICS, size: { height: 28, width: 28 } } });
  const photo = picture(112, 56);
  const numbers = (prepared: RgbImage): Float32Array =>
    flatNumbers(() => ({ pixelValues: images.batch([prepared]).pixelValues }));
  const { x } = await placesBy(images, numbers, photo);
  const tile = 3 * 28 * 28;
  const range = (from: number): readonly number[] => {
    const own = [...x.subarray(from * tile, (from + 1) * tile)].filter((value) => !Number.isNaN(value));
    return [Math.min(...own), Math.max(...own)];
  };
  const near = ([low = NaN, high = NaN]: readonly number[], from: number, to: number): boolean =>
    Math.abs(low - from) < 0.06 && Math.abs(high - to) < 0.06;
  assert.ok(near(range(0), 0, 1), "the small picture is of all of it");
  assert.ok(near(range(1), 0, 0.5), "the first tile is of the left half");
  assert.ok(near(range(2), 0.5, 1), "the second of the right");
});

// ---- the two ways ------------------------------------------------------------------------------------------------------

/** A "model" that weighs its numbers. */
function linear(grid: { columns: number; rows: number }, perCell: number) {
  const count = grid.columns * grid.rows;
  const cells = Int32Array.from({ length: count * perCell }, (_, i) => i % count);
  const weights = Float64Array.from(cells, (_, i) => (((i * 37) % 11) - 5) / 8);
  const photo = Float32Array.from(cells, (_, i) => ((i * 29) % 16) / 16);
  const replaced = Float32Array.from(cells, (_, i) => ((i * 13) % 8) / 16);
  const score = (numbers: ArrayLike<number>): number =>
    weights.reduce((sum, weight, i) => sum + weight * (numbers[i] as number), 0);
  const exact = new Float64Array(count);
  for (const [i, cell] of cells.entries()) exact[cell] = (exact[cell] as number) + (weights[i] as number) * ((photo[i] as number) - (replaced[i] as number)); // prettier-ignore
  return { count, cells, weights, photo, replaced, score, exact };
}

test("occlusion of a linear model gives exactly what each cell weighs, and its mean where it was not divided", () => {
  const grid = { columns: 8, rows: 4 };
  const { cells, photo, replaced, score, exact, count } = linear(grid, 3);
  const without = (tiles: readonly (readonly number[])[]): number[] =>
    tiles.map((tile) =>
      score(photo.map((value, i) => (tile.includes(cells[i] as number) ? (replaced[i] as number) : value))),
    );
  const parts = { score: score(photo), without, sees: (cell: number) => cell !== 5 };
  // 2 tiles of 4 x 4 cells, then 8 of 2 x 2, then all 32.
  const { values, used } = occlusionMap(grid, { ...parts, evaluations: 1000 });
  assert.equal(used, 2 + 8 + 31);
  for (let cell = 0; cell < count; cell++)
    if (cell === 5) assert.ok(Number.isNaN(values[cell]));
    else assert.equal(values[cell], exact[cell]);
  const coarse = occlusionMap(grid, { ...parts, sees: () => true, evaluations: 2 });
  assert.equal(coarse.used, 2);
  const left = [...exact.keys()].filter((cell) => cell % 8 < 4).reduce((sum, cell) => sum + (exact[cell] as number), 0);
  assert.equal(coarse.values[0], Math.fround(left / 16));
  for (const evaluations of [2, 10, 11, 17, 40]) {
    const some = occlusionMap(grid, { ...parts, sees: () => true, evaluations });
    assert.ok(some.used <= evaluations);
    const sum = some.values.reduce((total, value) => total + value, 0);
    assert.ok(Math.abs(sum - exact.reduce((total, value) => total + value, 0)) < 1e-5, "nothing is lost on the way");
  }
});

test("integrated gradients of a linear model are exact, and of any model add up to what the score changes by", () => {
  const { cells, weights, photo, replaced, exact, count } = linear({ columns: 8, rows: 4 }, 3);
  const common = { photo, replaced, cells, count, together: 3 };
  const plain = gradientMap({
    ...common,
    steps: 1,
    gradients: (inputs) => inputs.map(() => Float32Array.from(weights)),
  });
  for (const [cell, value] of plain.entries()) assert.ok(Math.abs(value - (exact[cell] as number)) < 1e-6);
  // The sum of cubes: its gradient differs on the way.
  const cubes = (numbers: Float32Array): number => numbers.reduce((sum, value) => sum + value ** 3, 0);
  const slopes = (inputs: readonly Float32Array[]) => inputs.map((input) => input.map((value) => 3 * value ** 2));
  const map = gradientMap({ ...common, steps: 64, gradients: slopes });
  const sum = map.reduce((total, value) => total + value, 0);
  // The rule of midpoints: a third of the change, over 4 steps squared.
  assert.ok(Math.abs(sum - (cubes(photo) - cubes(replaced))) < photo.length / (4 * 64 ** 2));
});

/** Central differences at some numbers, in float64. */
function assertGradient(numbers: Float32Array, gradient: Float32Array, score: (numbers: Float32Array) => number): void {
  const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  assert.ok(largest > 0);
  const top = [...gradient.keys()].sort((a, b) => Math.abs(gradient[b] as number) - Math.abs(gradient[a] as number));
  for (const i of [...top.slice(0, 4), ...top.filter((_, rank) => rank % Math.ceil(top.length / 8) === 7)]) {
    const [more, less] = [numbers.slice(), numbers.slice()];
    more[i] = (numbers[i] as number) + 2 ** -9;
    less[i] = (numbers[i] as number) - 2 ** -9;
    const slope = (score(more) - score(less)) / (more[i] - less[i]);
    assert.ok(Math.abs(slope - (gradient[i] as number)) < 1e-4 * largest, `number ${i}: ${slope}, not ${gradient[i]}`);
  }
}

test("the gradient of a multimodal model is that of finite differences in float64", async () => {
  const alive = liveTensors();
  const { parts } = await loadParts(await openCheckpointFolder(DEMO_MODEL), { dtype: "float64" });
  const prepared = await parts.processor.prepare(picture(90, 60));
  const like = (): NamedInputs => ({ pixelValues: parts.processor.batch([prepared]).pixelValues });
  const score = (inputs: Readonly<Record<string, Tensor>>): Tensor =>
    prefillScores(parts, { pixelValues: inputs["pixelValues"] as Tensor }).select(1, 0);
  const numbers = flatNumbers(like);
  const [gradient = new Float32Array()] = gradientsOf(like, [numbers], score);
  assertGradient(numbers, gradient, (changed) =>
    noGrad(() => scope(() => score(inputsWith(like(), [changed])).item())),
  );
  parts.model.dispose();
  assert.equal(liveTensors(), alive);
});

test("the gradient of a classical system is that of finite differences in float64", async () => {
  const model = createBaseline(
    "laion",
    { tiny: true, scale: { min: 1, max: 10 } },
    randomSource({ seed: 3, dtype: "float64" }),
  );
  const prepared = await model.inputs.prepare(picture(90, 60));
  const like = (): NamedInputs => model.inputs.batch([prepared]);
  const [output] = model.outputs;
  assert.equal(output?.name, SCORE);
  const score = (inputs: NamedInputs): Tensor => scoresOf(model, inputs, output, { min: 0, max: 100 });
  const numbers = flatNumbers(like);
  const [one = new Float32Array(), two = new Float32Array()] = gradientsOf(
    like,
    [numbers, numbers.map((value) => value / 2)],
    score,
  );
  assertGradient(numbers, one, (changed) => noGrad(() => scope(() => score(inputsWith(like(), [changed])).item())));
  assert.notDeepEqual(one, two);
  model.dispose();
});

// ---- through a model -----------------------------------------------------------------------------------------------------

/** Rank correlation of two maps. */
function alike(a: Float32Array, b: Float32Array): number {
  return srcc(a, b) ?? NaN;
}

async function mapOf(
  estimator: MllmEstimator | BaselineEstimator,
  method: "occlusion" | "gradient",
): Promise<Float32Array> {
  const photo = picture(96, 64);
  const pictures = await probePictures(photo, "mean", (one) => estimator.prepare(one));
  const request = { method, evaluations: 40, of: undefined, grid: gridOf(photo), pictures };
  return new Reader(estimator, "test", {}).explain(request).values;
}

for (const method of ["occlusion", "gradient"] as const)
  test(`${method}: with random weights the map is another (Adebayo et al. 2018)`, async () => {
    const { parts } = await loadParts(await openCheckpointFolder(DEMO_MODEL), {});
    const estimator = new MllmEstimator(parts, undefined);
    const trained = await mapOf(estimator, method);
    // One that does not look at the weights would pass as this does: the same weights give the same map.
    assert.equal(alike(trained, await mapOf(estimator, method)), 1);
    manualSeed(1);
    noGrad(() =>
      scope(() => {
        for (const weight of parts.model.parameters().values()) weight.copy_(randn(weight.shape).mul(0.05));
      }),
    );
    const random = alike(trained, await mapOf(estimator, method));
    assert.ok(Math.abs(random) < 0.5, `rank correlation ${random}`);
    estimator.dispose();
  });

test("a worker explains as the calling thread does, and cells are those of the upright photo", async () => {
  using here = await load(DEMO_MODEL, { worker: false });
  using there = await load(DEMO_MODEL);
  const options = { evaluations: 12 };
  const [own, sent] = [await here.explain?.(PHOTO, options), await there.explain?.(PHOTO, options)];
  assert.deepEqual(own, sent);
  assert.ok(own);
  assert.deepEqual([own.columns, own.rows, own.values.length, own.method, own.of], [24, 16, 384, "gradient", null]);
  const { score } = await here.scoreOne(PHOTO);
  // Pictures of a batch may differ from one alone by rounding.
  assert.ok(Math.abs(own.score - score) < 1e-5);
  assert.ok(own.evaluations <= 12);
});

test("a gradient leaves no tensor behind", async () => {
  using model = await load(DEMO_MODEL, { worker: false });
  const alive = liveTensors();
  assert.equal((await model.explain?.(PHOTO, { method: "gradient", evaluations: 8 }))?.method, "gradient");
  assert.equal(liveTensors(), alive);
});

test("what cannot be explained is refused in words", async () => {
  using model = await load(DEMO_MODEL, { worker: false });
  const refused = async (work: Promise<unknown> | undefined): Promise<string> => {
    const error: unknown = await work?.then(() => undefined, (thrown: unknown) => thrown);
    assert.ok(isRocError(error), String(error));
    return `${error.code} ${error.message}`;
  }; // prettier-ignore
  assert.match(await refused(model.explain?.(PHOTO, { of: "light" })), /^USAGE .*light: the model gives no such score/);
  assert.match(await refused(model.explain?.(PHOTO, { evaluations: 3 })), /^USAGE .*evaluations is 3/);
  assert.match(await refused(model.explain?.(PHOTO, { method: "guess" as never })), /^USAGE .*gradient, occlusion/);
  assert.match(await refused(model.explain?.("none.jpg")), /^FILE_NOT_FOUND/);
  const { parts } = await loadParts(await openCheckpointFolder(DEMO_MODEL), {});
  const level = createStrategy("level", { scale: { min: 1, max: 5 } });
  using words = createModel({ ...parts, strategy: level });
  const refusedBy = words.explain?.(PHOTO, { method: "gradient", evaluations: 8 });
  assert.match(await refused(refusedBy), /^USAGE There is no gradient: .*strategy level.*Explain by occlusion/);
  assert.equal((await words.explain?.(PHOTO, { evaluations: 8 }))?.method, "occlusion");
  const stopped = AbortSignal.abort();
  assert.match(await refused(model.explain?.(PHOTO, { signal: stopped })), /^ABORTED/);
});

test("an attribute has a map of its own, of a multimodal model and of a classical system", async () => {
  const attributes = [{ name: "light", scale: { min: 0, max: 1 } }];
  const model = createBaseline("nima", { tiny: true, scale: { min: 1, max: 10 }, bins: 10, attributes }, randomSource({ seed: 4 })); // prettier-ignore
  const estimator = new BaselineEstimator(model, undefined);
  const prepared = await estimator.prepare(picture(90, 60));
  const lens = estimator.lens(prepared);
  const numbers = lens.numbers(prepared);
  const [first] = estimator.estimate([prepared], ask);
  assert.deepEqual(lens.scores([numbers], undefined, ask.check), [first?.score]);
  assert.deepEqual(lens.scores([numbers], "light", ask.check), [first?.attributes?.["light"]]);
  const [all, light] = [undefined, "light"].map((of) => lens.gradients([numbers], of)[0]);
  assert.ok(all && light);
  assert.notDeepEqual(all, light);
  assert.equal(cellsOfNumbers({ x: Float32Array.of(0, 1, NaN), y: Float32Array.of(0, 1, NaN) }, { columns: 4, rows: 4 }).join(), "0,15,-1"); // prettier-ignore
  estimator.dispose();
});
