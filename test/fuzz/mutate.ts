/** Broken files from whole ones, drawn by a seed. */
import type { Random } from "../../src/random.js";

/** Numbers that readers stumble over. */
const NUMBERS = [-1, 0, 0.5, 1, 255, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53, 1e18, -1e18, 1e300];
const TEXTS = ["", " ", "a", "\u0000", "\ud800", "é", "▁", "__proto__", "constructor", "[SCORE]", "(a+)+$", "$&", "%s"];

const pick = <T>(random: Random, list: readonly T[]): T => list[random.int(list.length)] as T;

/** Some bytes changed, cut out, repeated, put in, or the end cut off. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let all: Uint8Array = Uint8Array.from(bytes);
  for (let edits = 1 + random.int(3); edits > 0; edits--) {
    const at = random.int(all.length + 1);
    const end = Math.min(all.length, at + 1 + random.int(8));
    const replaced = (middle: Uint8Array, from = end): Uint8Array =>
      Uint8Array.from([...all.subarray(0, at), ...middle, ...all.subarray(from)]);
    const noise = Uint8Array.from({ length: 1 + random.int(8) }, () =>
      pick(random, [0, 1, 0x7f, 0x80, 0xff, random.int(256)]),
    );
    const edit = random.int(5);
    if (edit === 0) all = replaced(noise);
    else if (edit === 1) all = replaced(new Uint8Array());
    else if (edit === 2) all = replaced(noise, at);
    else if (edit === 3) all = replaced(all.slice(at, end), at);
    else if (random.int(4) === 0) all = all.slice(0, at);
    else if (at < all.length) all[at] = (all[at] as number) ^ (1 << random.int(8));
  }
  return all;
}

/** As {@link mutateBytes}, of a text's UTF-8. */
export function mutateText(text: string, random: Random): string {
  return Buffer.from(mutateBytes(Buffer.from(text), random)).toString();
}

/** A JSON value with one to three of its parts changed, taken away, doubled or moved; the value itself stays as it is. */
export function mutateJson(value: unknown, random: Random): unknown {
  let result = structuredClone(value);
  for (let edits = 1 + random.int(3); edits > 0; edits--) {
    const places = placesOf(result);
    if (places.length === 0) return strange(random, []);
    result = edited(result, pick(random, places), random, places);
  }
  return result;
}

type Path = readonly (string | number)[];

/** Paths of every part, at most a hundred of a long list or object, so that vocabularies do not outweigh the rest. */
function placesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  const step = Math.ceil(keys.length / 100);
  const some = keys.filter((_, i) => i % step === 0);
  return [path, ...some.flatMap((key) => placesOf((value as Record<string | number, unknown>)[key], [...path, key]))];
}

function edited(root: unknown, path: Path, random: Random, places: readonly Path[]): unknown {
  const key = path.at(-1);
  const holder = partOf(root, path.slice(0, -1));
  if (key === undefined || typeof holder !== "object" || holder === null) return root;
  const own = holder as Record<string | number, unknown>;
  const others = places.map((place) => () => partOf(root, place));
  const edit = random.int(5);
  if (edit === 0 && Array.isArray(holder)) holder.splice(Number(key), 1);
  else if (edit === 0) Reflect.deleteProperty(own, key);
  else if (edit === 1 && Array.isArray(holder)) holder.push(structuredClone(own[key]));
  else if (edit === 1) define(own, pick(random, TEXTS), structuredClone(own[key]));
  else define(own, key, edit === 2 ? near(own[key], random) : strange(random, others));
  return root;
}

/** As JSON.parse() does it: "__proto__" is a key like any other. */
function define(holder: object, key: string | number, value: unknown): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

function partOf(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((part, key) => (part as Record<string | number, unknown> | undefined)?.[key], root);
}

/** A value of the same type. */
function near(value: unknown, random: Random): unknown {
  if (typeof value === "number") return random.int(2) === 0 ? value + pick(random, [-1, 1]) : pick(random, NUMBERS);
  if (typeof value === "string") return random.int(2) === 0 ? mutateText(value, random) : pick(random, TEXTS);
  if (typeof value === "boolean") return !value;
  return Array.isArray(value) ? [value, value].flat() : { ...(value as object) };
}

function strange(random: Random, others: readonly (() => unknown)[]): unknown {
  const kind = random.int(6);
  if (kind === 0) return null;
  if (kind === 1) return pick(random, NUMBERS);
  if (kind === 2) return pick(random, TEXTS);
  if (kind === 3) return pick(random, [[], {}, true, [[]], { type: "Sequence" }]);
  return others.length === 0 ? 0 : structuredClone(pick(random, others)());
}
