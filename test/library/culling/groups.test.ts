/** Which photos belong together: time and look, exposures, copies, chains, and the same groups in any order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { groupPhotos } from "../../../src/library/culling/groups.js";
import { likeness, lookOf } from "../../../src/library/culling/look.js";
import type { GroupingPhoto } from "../../../src/library/culling/pairs.js";
import { Random } from "../../../src/random.js";

const SIDE = 32;

/** A scene: soft blobs of light over a wider field than the frame, so that a frame can be moved over it. */
function scene(seed: number): (x: number, y: number) => number {
  const random = new Random("scene", seed);
  const blobs = Array.from({ length: 60 }, () => {
    const [x, y] = [random.uniform(-20, 2 * SIDE), random.uniform(-20, 2 * SIDE)];
    return { x, y, size: random.uniform(1.5, 5), light: random.uniform(-60, 60) };
  });
  return (x, y) =>
    blobs.reduce(
      (sum, one) => sum + one.light * Math.exp(-((x - one.x) ** 2 + (y - one.y) ** 2) / (2 * one.size ** 2)),
      128,
    );
}

interface Taking {
  /** Seconds. */
  readonly at?: number;
  readonly dx?: number;
  /** In stops. */
  readonly exposure?: number;
  readonly camera?: string;
  readonly size?: readonly [number, number];
}

/** A photo of a scene. Without a time where `at` is left out. */
function taken(file: string, of: (x: number, y: number) => number, taking: Taking = {}): GroupingPhoto {
  const { at, dx = 0, exposure = 0, camera, size = [600, 400] } = taking;
  const brightness = Uint8ClampedArray.from({ length: SIDE * SIDE }, (_, i) =>
    Math.round(of((i % SIDE) + dx, Math.floor(i / SIDE)) * 2 ** (exposure / 2.2)),
  );
  const time = at === undefined ? undefined : Math.round(at * 1000);
  return { file, time, camera, width: size[0], height: size[1], look: lookOf(brightness) };
}

/** Groups of more than one, as names. */
function groupsOf(photos: readonly GroupingPhoto[]): string[] {
  return groupPhotos(photos).filter((group) => group.length > 1).map((group) => group.map(({ file }) => file).join(" ")); // prettier-ignore
}

test("a burst is a group; another scene within the same second is not in it", () => {
  const [a, b] = [scene(1), scene(2)];
  const photos = [taken("1", a, { at: 0 }), taken("2", a, { at: 0.2, dx: 1 }), taken("3", b, { at: 0.4 })];
  assert.deepEqual(groupsOf(photos), ["1 2"]);
});

test("an exposure bracket is a group: brightness does not count, also where light is clipped", () => {
  const of = scene(3);
  const photos = [0, -2, 2].map((exposure, i) => taken(String(i), of, { at: i / 3, exposure }));
  assert.deepEqual(groupsOf(photos), ["0 1 2"]);
});

test("the same scene an hour later is no burst, and neither is a walk's next picture", () => {
  const of = scene(4);
  assert.deepEqual(groupsOf([taken("1", of, { at: 0 }), taken("2", of, { at: 3600 })]), []);
  assert.deepEqual(groupsOf([taken("1", of, { at: 0 }), taken("2", of, { at: 1, dx: 14 })]), []);
});

test("less likeness is asked of what follows at once than of what follows half a minute later", () => {
  const of = scene(5);
  const moved = { dx: 4.6 };
  assert.deepEqual(groupsOf([taken("1", of, { at: 0 }), taken("2", of, { at: 0.1, ...moved })]), ["1 2"]);
  assert.deepEqual(groupsOf([taken("1", of, { at: 0 }), taken("2", of, { at: 50, ...moved })]), []);
});

test("a drift, each picture like the next alone, falls into parts that hold together", () => {
  const of = scene(6);
  const photos = Array.from({ length: 24 }, (_, i) =>
    taken(String(i).padStart(2, "0"), of, { at: i * 2, dx: i * 1.5 }),
  );
  const neighbours = photos.slice(1).map((photo, i) => groupsOf([photos[i] as GroupingPhoto, photo]).length);
  assert.ok(
    neighbours.every((count) => count === 1),
    "each is like the next",
  );
  const groups = groupPhotos(photos);
  assert.ok(groups.length >= 3, `${groups.length} groups`);
  assert.ok(groups.every((group) => group.length < 12));
});

test("copies without a time are found, by any part of the hash; what is only alike is not", () => {
  const of = scene(7);
  const photos = [taken("a.jpg", of, { at: 0 }), taken("copy.jpg", of, { size: [300, 200] }), taken("other.jpg", of, { dx: 3 })]; // prettier-ignore
  assert.deepEqual(groupsOf(photos), ["a.jpg copy.jpg"]);
  assert.deepEqual(groupsOf([taken("a.jpg", of), taken("b.jpg", of), taken("c.jpg", scene(8))]), ["a.jpg b.jpg"]);
});

test("two cameras, or a frame of another shape, make no burst", () => {
  const of = scene(9);
  const [first, moved] = [
    { at: 0, camera: "A" },
    { at: 1, dx: 3 },
  ];
  assert.deepEqual(groupsOf([taken("1", of, first), taken("2", of, { ...moved, camera: "A" })]), ["1 2"]);
  assert.deepEqual(groupsOf([taken("1", of, first), taken("2", of, { ...moved, camera: "B" })]), []);
  assert.deepEqual(groupsOf([taken("1", of, first), taken("2", of, { ...moved, size: [400, 600] })]), []);
});

test("the same groups in whatever order the photos come", () => {
  const photos = Array.from({ length: 20 }, (_, i) => {
    const name = String(i).padStart(2, "0");
    return taken(name, scene(100 + Math.floor(i / 4)), { at: i * 5, dx: (i % 4) * 1.3, exposure: (i % 3) - 1 });
  });
  const wanted = groupPhotos(photos);
  assert.ok(wanted.length < photos.length);
  for (let order = 0; order < 3; order++) {
    const shuffled = [...new Random("order", order).permutation(photos.length)].map((i) => photos[i] as GroupingPhoto);
    assert.deepEqual(groupPhotos(shuffled), wanted);
  }
});

test("likeness of the whole is the same both ways, and 1 of a picture with itself; an even picture is like nothing", () => {
  const [a, b] = [taken("a", scene(10)).look, taken("b", scene(10), { dx: 2.3, exposure: 1 }).look];
  assert.equal(likeness(a, b).whole, likeness(b, a).whole);
  const same = likeness(a, a);
  for (const share of [same.whole, same.weakest, same.hash]) assert.ok(Math.abs(share - 1) < 1e-6);
  const even = lookOf(new Uint8Array(SIDE * SIDE).fill(77));
  assert.equal(likeness(even, even).whole, 0);
  assert.ok(likeness(even, a).whole < 0.1);
});
