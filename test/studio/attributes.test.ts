import assert from "node:assert/strict";
import { test } from "node:test";
import { AADB_ATTRIBUTES } from "../../src/data/index.js";
import {
  aadbTruths,
  colourTruth,
  compose,
  factorsOf,
  labelCeilings,
  latentQuality,
  makeRaters,
  paraTruths,
  PATTERN_RULE,
  rateAadb,
  rateColour,
  renderPhoto,
  SCENE_NAMES,
  subjectOf,
  type Composition,
  type CompositionOverrides,
  type Merits,
  type Patterns,
  type SceneName,
} from "../../src/studio/index.js";

/** A composition of a scene whose merits are all the same, but for some. */
function made(scene: SceneName, level: number, merits: Merits = {}, more: CompositionOverrides = {}): Composition {
  const all = Object.fromEntries(factorsOf(scene).map((factor) => [factor, level]));
  return compose("attributes", 1, { scene, merits: { ...all, ...merits }, ...more });
}

function near(actual: number, expected: number, tolerance = 1e-9): void {
  assert.ok(Math.abs(actual - expected) < tolerance, `${actual}, expected ${expected}`);
}

test("AADB's attributes are the documented formulae", () => {
  const still = made("still-life", 0.5, { placement: 0.9, clutter: 0.2, exposure: 1, contrast: 0.25, harmony: 0.75 });
  const values = aadbTruths(still);
  near(values.BalacingElements, (2 * 0.8 + 1 * -0.6) / 3);
  near(values.Light, (2 * 1 + 1 * -0.5) / 3);
  near(values.ColorHarmony, (3 * 0.5 + 1 * 0) / 4);
  near(values.RuleOfThirds, 0.8);
  near(values.MotionBlur, 0);
  near(values.Repetition, 0.1);
  const interest = { vase: 0.4, bottle: 0, cup: -0.3 }[subjectOf(still) as "vase" | "bottle" | "cup"];
  near(values.Content, 0.6 * ((-0.6 + 0.8 + 0 - 0.5) / 4) + 0.4 * interest + 0.15 * 0.1);
  near(values.Object, 0.8 * ((0.8 + 0 - 0.6) / 3) + 0.2 * interest);
});

test("an attribute whose factors a scene lacks says nothing: 0", () => {
  const values = aadbTruths(made("abstract", 0.9));
  assert.deepEqual([values.DoF, values.RuleOfThirds, values.Symmetry, values.BalacingElements], [0, 0, 0, 0]);
  near(values.Repetition, 0.25);
});

test("vivid colours: grey is worst, natural best, garish in between", () => {
  const vivid = (merit: number, side: number): number =>
    aadbTruths(made("landscape", 0.5, { saturation: merit, contrast: 1 }, { sides: { saturation: side } })).VividColor;
  near(vivid(0, 0), (2 * -1 + 1) / 3);
  near(vivid(1, 0), 1);
  near(vivid(0, 1), (2 * 0 + 1) / 3);
  near(vivid(1, 1), 1);
});

test("PARA's attributes are on 1..5, the colour score on 1..10, by their formulae", () => {
  const values = paraTruths(made("landscape", 0.5, { exposure: 1, noise: 0, clutter: 0.75 }));
  near(values.lightScore, 3 + 2 * ((2 * 1 - 1) / 4));
  near(values.compositionScore, 3 + 2 * ((2 * 0 + 2 * 0.5) / 4));
  near(values.dofScore, 3);
  near(colourTruth(made("landscape", 0.5)), 5.5);
  assert.equal(colourTruth(made("landscape", 0.5, { harmony: 1, saturation: 1, contrast: 1 })) > 8, true);
  // 5.5 + 1.5 Σ w (m - 1/2) / sd, of which harmony's part is proportional to its weight.
  const raised = (merits: Merits): number => colourTruth(made("landscape", 0.5, merits)) - 5.5;
  near(raised({ harmony: 0.75 }) / raised({ saturation: 0.75 }), 1.6 / 1.4);
});

test("patterns are off unless they are asked for, there in one picture of three, and add what is documented", () => {
  assert.equal(compose(0, 1).patterns, undefined);
  const drawn = Array.from({ length: 6000 }, (_, index) => compose("drawn", index, { patterns: true }));
  for (const name of ["repetition", "symmetry"] as const) {
    const strengths = drawn.map(({ patterns }) => patterns?.[name] ?? NaN).filter((strength) => strength > 0);
    near(strengths.length / drawn.length, 1 / 3, 0.02);
    assert.ok(Math.min(...strengths) >= 0.4 && Math.max(...strengths) <= 1);
    near(strengths.reduce((a, b) => a + b, 0) / strengths.length, 0.7, 0.02);
  }
  const mean = drawn.reduce((sum, { latent }) => sum + latent, 0) / drawn.length;
  const std = Math.sqrt(drawn.reduce((sum, { latent }) => sum + (latent - mean) ** 2, 0) / drawn.length);
  near(mean, 5.5, 0.06);
  near(std, 1.33, 0.04);
  const { merits } = made("portrait", 0.5);
  const bonus = latentQuality("portrait", merits, { repetition: 1, symmetry: 0 }) - latentQuality("portrait", merits, { repetition: 0, symmetry: 0 }); // prettier-ignore
  near(bonus, PATTERN_RULE.bonus);
  near(compose("drawn", 7, { patterns: true }).merits.exposure ?? NaN, compose("drawn", 7).merits.exposure ?? NaN);
  assert.throws(() => latentQuality("portrait", merits, { repetition: 2, symmetry: 0 }), { code: "USAGE" });
});

/** Grey values of a rendered picture, row by row. */
function greyOf(
  scene: SceneName,
  patterns: Patterns,
  place: CompositionOverrides = {},
): { grey: number[]; width: number } {
  const composition = made(scene, 1, scene === "abstract" ? {} : { placement: 1 }, {
    aspect: "4:3",
    patterns,
    ...place,
  });
  const canvas = renderPhoto(composition, 112);
  const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const grey = Array.from({ length: data.length / 4 }, (_, i) => (data[4 * i] ?? 0) + (data[4 * i + 1] ?? 0) + (data[4 * i + 2] ?? 0)); // prettier-ignore
  return { grey: grey.map((sum) => sum / 3), width };
}

/** Mean difference of a picture from its mirror image about an axis, within the strip that the axis divides. */
function asymmetry({ grey, width }: { grey: number[]; width: number }, axis: number): number {
  let [sum, count] = [0, 0];
  for (let row = 0; row < grey.length / width; row++) {
    for (let k = 0; axis - 1 - k >= 0 && axis + k < width; k++) {
      sum += Math.abs((grey[row * width + axis - 1 - k] ?? 0) - (grey[row * width + axis + k] ?? 0));
      count++;
    }
  }
  return sum / count;
}

test("full symmetry mirrors the halves of every scene; half of it a strip of half the width", () => {
  for (const scene of SCENE_NAMES) {
    const plain = asymmetry(greyOf(scene, { repetition: 0, symmetry: 0 }), 56);
    const full = asymmetry(greyOf(scene, { repetition: 0, symmetry: 1 }), 56);
    assert.ok(full < 0.5 && plain > 4, `${scene}: ${plain} without, ${full} with symmetry`);
    const half = greyOf(scene, { repetition: 0, symmetry: 0.5 });
    // The axis stands a quarter of the width from the side that has no subject.
    const nearest = Math.min(asymmetry(half, 28), asymmetry(half, 84));
    assert.ok(nearest < 0.5 && asymmetry(half, 56) > 4, `${scene}: ${nearest} about the axis`);
  }
});

test("a row of things changes the picture of every scene, and more the stronger it is", () => {
  for (const scene of SCENE_NAMES) {
    const plain = greyOf(scene, { repetition: 0, symmetry: 0 }).grey;
    const changed = [0.4, 1].map((repetition) => {
      const { grey } = greyOf(scene, { repetition, symmetry: 0 });
      return grey.filter((value, i) => Math.abs(value - (plain[i] ?? 0)) > 8).length / grey.length;
    });
    const [weak = 0, strong = 0] = changed;
    assert.ok(weak > 0.008 && strong > 1.3 * weak, `${scene}: ${weak} and ${strong} of the pixels`);
  }
});

test("ratings are votes around the truth, the same every time", () => {
  const raters = makeRaters("ratings");
  const composition = compose("ratings", 3, { patterns: true });
  const rated = rateAadb(composition, raters);
  assert.deepEqual(rateAadb(composition, raters), rated);
  for (const name of AADB_ATTRIBUTES) {
    const { counts, mean, std } = rated.attributes[name];
    assert.equal(counts.reduce((a, b) => a + b, 0), 20); // prettier-ignore
    const [no = 0, , yes = 0] = counts;
    near(mean, (yes - no) / 20);
    near(std, Math.sqrt((yes + no) / 20 - mean ** 2));
  }
  const { counts, mean } = rateColour(composition, raters);
  const count = counts.reduce((a, b) => a + b, 0);
  assert.ok(count >= 40 && count <= 80);
  near(mean, counts.reduce((sum, n, i) => sum + n * (i + 1), 0) / count);
});

test("the raters of every format leave room for a good model", () => {
  const ceilings = labelCeilings("ceilings", 400);
  assert.equal(ceilings.length, 1 + 1 + 12 + 7);
  for (const { format, label, srcc, plcc } of ceilings) {
    assert.ok(plcc > 0.9 && plcc < 1 && srcc > 0.75, `${format} ${label}: ${srcc} ${plcc}`);
  }
});
