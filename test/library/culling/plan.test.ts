/** Keepers, stars, picks and labels of scored photos. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isRocError } from "../../../src/errors.js";
import { lookOf } from "../../../src/library/culling/look.js";
import { planCulling, type CullingPhoto, type CullOptions } from "../../../src/library/culling/plan.js";
import { shotsOf } from "../../../src/library/culling/shots.js";
import { parseStars, sharesAbove, starsAt } from "../../../src/library/culling/stars.js";
import { Random } from "../../../src/random.js";

/** A photo whose look is that of all photos of the same `scene`. */
function photo(file: string, scene: string, score: number, more: Partial<CullingPhoto> = {}): CullingPhoto {
  const random = new Random("look", scene);
  const look = lookOf(Uint8Array.from({ length: 1024 }, () => random.int(256)));
  return { file, time: 0, look, score: { score, std: 1, distribution: null }, ...more };
}

/** What each file gets, in a word. */
function verdicts(photos: readonly CullingPhoto[], options?: CullOptions): Record<string, string> {
  const { photos: planned } = planCulling(photos, options);
  return Object.fromEntries(
    planned.map(({ file, pick, rating, label }) => [
      file,
      [pick, rating, label].filter((one) => one !== undefined).join(" "),
    ]),
  );
}

test("of a burst the best is picked and the others are rejected; what stands alone is neither", () => {
  const burst = [photo("1", "a", 5), photo("2", "a", 7, { time: 100 }), photo("3", "a", 4, { time: 200 })];
  const options = { stars: [] };
  assert.deepEqual(verdicts([...burst, photo("4", "b", 1)], options), {
    ...{ "1": "reject Red", "2": "pick Green", "3": "reject Red", "4": "" },
  });
  assert.deepEqual(verdicts(burst, { ...options, keep: 2, labels: {} }), { "1": "pick", "2": "pick", "3": "reject" });
});

test("the other exposures of a bracket are left alone, unless they are to be rejected", () => {
  const bracket = [0, -2, 2].map((exposureBias, i) => photo(String(i), "a", 5 - i, { time: i * 300, exposureBias }));
  const plan = planCulling(bracket, { stars: [] });
  assert.deepEqual(plan.groups.map(({ kind }) => kind), ["bracket"]); // prettier-ignore
  assert.deepEqual(verdicts(bracket, { stars: [] }), { "0": "pick Green", "1": "", "2": "" });
  assert.equal(verdicts(bracket, { stars: [], rejectBrackets: true })["1"], "reject Red");
  // A burst whose exposure the photographer corrected once is none.
  const corrected = [0, 0, 1].map((exposureBias, i) => photo(String(i), "a", 5 - i, { time: i * 300, exposureBias }));
  assert.equal(planCulling(corrected).groups[0]?.kind, "burst");
});

test("of copies the largest is kept, whatever the scores say", () => {
  const [small, large] = [photo("a.jpg", "a", 6, { width: 300, height: 200 }), photo("b.jpg", "a", 5, { width: 3000, height: 2000 })]; // prettier-ignore
  const plan = planCulling([small, large], { stars: [] });
  assert.equal(plan.groups[0]?.kind, "copies");
  assert.deepEqual(plan.groups[0]?.photos.map(({ file, kept }) => [file, kept]), [["b.jpg", true], ["a.jpg", false]]); // prettier-ignore
});

test("of copies of one size that with a time is kept, then the older file, then the first by name", () => {
  const order = (...members: readonly [file: string, more: Partial<CullingPhoto>][]): string[] => {
    const photos = members.map(([file, more], i) => photo(file, "a", 9 - i, { width: 300, height: 200, ...more }));
    const { groups } = planCulling(photos, { stars: [] });
    assert.deepEqual([groups.length, groups[0]?.kind, groups[0]?.photos[0]?.kept], [1, "copies", true]);
    return groups[0]?.photos.map(({ file }) => file) ?? [];
  };
  const untimed = { time: undefined };
  assert.deepEqual(order(["a.png", { ...untimed, modified: 1 }], ["b.jpg", { modified: 2 }]), ["b.jpg", "a.png"]);
  const files = order(
    ["a.png", { ...untimed, modified: 2 }],
    ["c.png", untimed],
    ["b.png", { ...untimed, modified: 1 }],
  );
  assert.deepEqual(files, ["b.png", "a.png", "c.png"]);
  assert.deepEqual(order(["b.png", { modified: 1 }], ["a.png", { modified: 1 }]), ["a.png", "b.png"]);
  assert.deepEqual(order(["a.jpg", {}], ["b.png", { ...untimed, width: 600, height: 400 }]), ["b.png", "a.jpg"]);
});

test("chances to be best are there for every member, sum to 1, and a wider spread is less sure", () => {
  const spread = (std: number): number => {
    const photos = [6, 5].map((score, i) => photo(String(i), "a", 0, { time: i * 100, score: { score, std, distribution: null } })); // prettier-ignore
    const [first, second] = planCulling(photos).groups[0]?.photos ?? [];
    assert.ok(Math.abs((first?.best ?? 0) + (second?.best ?? 0) - 1) < 1e-9);
    return first?.best ?? 0;
  };
  assert.ok(spread(0.5) > 0.9 && spread(3) < 0.6);
});

test("stars go to the best by rank, without what a burst's keeper has beaten", () => {
  const alone = Array.from({ length: 18 }, (_, i) => photo(`s${i}`, `s${i}`, i / 10, { time: i * 1e6 }));
  const burst = [9, 8.9, 8.8].map((score, i) => photo(`b${i}`, "b", score, { time: 1e9 + i * 100 }));
  const planned = verdicts([...alone, ...burst], { stars: parseStars("5:10%,4:20%"), labels: {} });
  // Of 19 that count, the best 10% are two.
  assert.deepEqual([planned["b0"], planned["b1"], planned["s17"], planned["s16"], planned["s12"]], ["pick 5", "reject", "5", "4", ""]); // prettier-ignore
});

test("in a library stars go by the place among all of its scores", () => {
  const photos = [photo("a", "a", 5, { percentile: 99 }), photo("b", "b", 4, { percentile: 40, time: 1e6 })];
  assert.deepEqual(verdicts(photos), { a: "5", b: "" });
});

test("the same plan in whatever order the photos come, also where scores are equal", () => {
  const photos = Array.from({ length: 16 }, (_, i) => photo(String(i), String(i >> 2), i % 3, { time: i * 10_000 }));
  const wanted = planCulling(photos);
  for (let order = 0; order < 3; order++) {
    const shuffled = [...new Random("order", order).permutation(16)].map((i) => photos[i] as CullingPhoto);
    assert.deepEqual(planCulling(shuffled), wanted);
  }
});

test("shares of stars are read and refused by what is wrong with them", () => {
  assert.deepEqual(parseStars("4:20%, 5:2.5%"), [{ stars: 5, share: 0.025 }, { stars: 4, share: 0.2 }]); // prettier-ignore
  assert.deepEqual(parseStars("none"), []);
  for (const [text, why] of [
    ["6:10%", /6:10% is no share/],
    ["5:10", /5:10 is no share/],
    ["5:60%,4:50%", /110%/],
    ["5:1%,5:2%", /twice/],
    ["", /no share/],
  ] as const)
    assert.throws(() => parseStars(text), (error) => isRocError(error) && error.code === "USAGE" && why.test(error.message)); // prettier-ignore
  assert.equal(starsAt(0.05, parseStars("5:5%")), 5);
  assert.equal(starsAt(0.051, parseStars("5:5%")), undefined);
  assert.deepEqual(sharesAbove([3, 1, 3, 2]), [0.25, 0.875, 0.25, 0.625]);
});

test("a RAW and the picture beside it are one exposure; two pictures of one name are not", () => {
  const shots = shotsOf(["f/2.jpg", "f/1.NEF", "f/1.JPG", "g/1.jpg", "f/3.dng", "f/4.png", "f/4.jpg", "f/4.cr2"]);
  assert.deepEqual(
    shots.map(({ file, files }) => `${file}: ${files.join(" ")}`),
    ["f/1.JPG: f/1.JPG f/1.NEF", "f/2.jpg: f/2.jpg", "f/3.dng: f/3.dng", "f/4.cr2: f/4.cr2", "f/4.jpg: f/4.jpg", "f/4.png: f/4.png", "g/1.jpg: g/1.jpg"], // prettier-ignore
  );
});

test("what a first judge left out has no stars, counts among the photos, and has a keeper in its own group", () => {
  const alone = Array.from({ length: 10 }, (_, i) => photo(`s${i}`, `s${i}`, 10 + i, { first: true }));
  const ranked = Array.from({ length: 10 }, (_, i) => photo(`r${i}`, `r${i}`, i));
  const burst = [photo("b1", "b", 90, { first: true }), photo("b2", "b", 95, { first: true, time: 100 })];
  const found = verdicts([...alone, ...ranked, ...burst]);
  assert.ok(
    [...alone, ...burst].every(({ file }) => !/\d/.test(found[file] ?? "")),
    JSON.stringify(found),
  );
  assert.deepEqual([found["b1"], found["b2"]], ["reject Red", "pick Green"]);
  // Of 21 photos the best has 2.4%, the others 7%, 12%, 17%, 21%, 26%, ...: 5 up to 5%, 4 up to 20%, 3 up to 50%.
  assert.deepEqual(ranked.map(({ file }) => found[file]).toReversed(), ["5", "4", "4", "4", "3", "3", "3", "3", "3", "3"]); // prettier-ignore
  const planned = planCulling([...alone, ...ranked]).photos;
  assert.deepEqual(planned.map(({ first }) => first ?? false), planned.map(({ file }) => file.startsWith("s"))); // prettier-ignore
});
