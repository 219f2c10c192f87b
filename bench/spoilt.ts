/** Good pictures of the studio, each spoilt by one known fault, with the edit that mends it: for bench:advice. */
import { applyEdits, cropWindow, type Crop, type EditKind, type Edits } from "../src/image/edits/index.js";
import type { RgbImage } from "../src/image/index.js";
import { Random, type SeedPart } from "../src/random.js";
import {
  compose,
  factorsOf,
  latentQuality,
  SCENE_NAMES,
  type Composition,
  type Factor,
  type Merits,
} from "../src/studio/factors.js";
import { renderPhoto } from "../src/studio/render.js";

/** Merit of all that is not spoilt. */
const GOOD = 0.95;

/** What is wrong with a picture, and by which kind of edit it is mended. */
export interface Fault {
  readonly name: string;
  readonly mendedBy: EditKind;
  /** A factor of the studio, and on which of its faulty sides. */
  readonly factor?: Factor;
  readonly side?: number;
  /** Whether the edit that mends it has this sign: of stops, or of a factor less 1. */
  readonly sign?: 1 | -1;
}

export const FAULTS: readonly Fault[] = [
  { name: "too dark", mendedBy: "exposure", factor: "exposure", side: 0, sign: 1 },
  { name: "too bright", mendedBy: "exposure", factor: "exposure", side: 1, sign: -1 },
  { name: "haze", mendedBy: "contrast", factor: "contrast", sign: 1 },
  { name: "too grey", mendedBy: "saturation", factor: "saturation", side: 0, sign: 1 },
  { name: "garish", mendedBy: "saturation", factor: "saturation", side: 1, sign: -1 },
  { name: "tilted", mendedBy: "straighten" },
  { name: "subject in the centre", mendedBy: "crop", factor: "placement", side: 1 },
  { name: "a wall beside it", mendedBy: "crop" },
];

/** A picture and what is known of it. */
export interface SpoiltPicture {
  readonly fault: Fault | undefined;
  readonly composition: Composition;
  readonly picture: RgbImage;
  /** Degrees by which it is tilted clockwise. */
  readonly tilt?: number;
  /** The part that is the good picture. */
  readonly part?: Crop;
}

/** The pixels of a composition. */
export function rendered(composition: Composition, longEdge: number): RgbImage {
  const canvas = renderPhoto(composition, longEdge);
  const pixels = canvas.data();
  const { width, height } = canvas;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) data.set(pixels.subarray(from, from + 3), to);
  return { width, height, data };
}

/** Picture `index` of a seed with a fault; scenes take turns among those that have the factor. */
export async function spoiltPicture(
  seed: SeedPart,
  index: number,
  fault: Fault | undefined,
  longEdge: number,
): Promise<SpoiltPicture> {
  const factor = fault?.factor;
  const scenes = SCENE_NAMES.filter((scene) => factor === undefined || factorsOf(scene).includes(factor));
  const scene = scenes[index % scenes.length] ?? "landscape";
  const random = new Random(seed, index, fault?.name ?? "good");
  const merits: Merits = Object.fromEntries(factorsOf(scene).map((name) => [name, GOOD]));
  const bad = factor === undefined ? {} : { [factor]: factor === "placement" ? 0 : random.uniform(0.1, 0.4) };
  const sides = factor === undefined || fault?.side === undefined ? {} : { [factor]: fault.side };
  const composition = compose(seed, index, { scene, merits: { ...merits, ...bad }, sides });
  const picture = rendered(composition, longEdge);
  if (fault?.name === "tilted") {
    const tilt = random.uniform(4, 9) * (random.chance(0.5) ? 1 : -1);
    return { fault, composition, picture: await applyEdits(picture, { straighten: tilt }), tilt };
  }
  if (fault?.name === "a wall beside it") {
    const [part, grey] = wallOf(random);
    return { fault, composition, picture: withWall(picture, part, grey), part };
  }
  return { fault, composition, picture };
}

/** What a tilt of 10 degrees, and a wall, take from the quality of a picture for {@link framedPicture}. */
const FRAME_COST = 2;

/** A picture of any merits that is tilted, has a wall beside it, or neither, with a quality that is lower by a rule for such frames. */
export async function framedPicture(
  seed: SeedPart,
  index: number,
  longEdge: number,
): Promise<{ picture: RgbImage; latent: number }> {
  const random = new Random(seed, index, "frame");
  const composition = compose(seed, index);
  const picture = rendered(composition, longEdge);
  const which = random.next();
  const rated = (cost: number): number => Math.max(1, composition.latent - cost);
  if (which < 0.5) {
    const tilt = random.uniform(-10, 10);
    return {
      picture: await applyEdits(picture, { straighten: tilt }),
      latent: rated((FRAME_COST * Math.abs(tilt)) / 10),
    };
  }
  if (which < 0.75) return { picture: withWall(picture, ...wallOf(random)), latent: rated(FRAME_COST) };
  return { picture, latent: composition.latent };
}

/** Where a picture lies beside a wall, and the wall's grey. */
function wallOf(random: Random): [part: Crop, grey: number] {
  const part = { aspect: "original", size: random.uniform(0.65, 0.8), x: random.next(), y: random.next() } as const;
  return [part, 40 + random.int(140)];
}

/** The picture as a part of a larger one, the rest of which is a plain grey. */
function withWall(picture: RgbImage, part: Crop, grey: number): RgbImage {
  const [width, height] = [picture.width / part.size, picture.height / part.size].map(Math.round) as [number, number];
  const { left, top } = cropWindow({ width, height }, { ...part, size: picture.width / width });
  const data = new Uint8Array(width * height * 3).fill(grey);
  for (let y = 0; y < picture.height; y++) {
    const row = picture.data.subarray(y * picture.width * 3, (y + 1) * picture.width * 3);
    if (top + y < height) data.set(row, ((top + y) * width + left) * 3);
  }
  return { width, height, data };
}

/** What the studio says of an edited picture: the quality of the rendering of the same scene that is closest to it. */
export interface Matched {
  readonly latent: number;
  /** Mean distance of the bytes of the rendering, 0 to 255. */
  readonly distance: number;
}

/** Factors that tones may change: a place from -1 (the first faulty side) over 0 (best) to 1. */
const TONES = ["exposure", "contrast", "saturation"] as const;
type Places = Record<(typeof TONES)[number], number>;

/** Long edge at which renderings are compared. */
const MATCH_EDGE = 64;

/**
 * The quality that the studio's formula gives a picture with other tones: of the same composition with the exposure, contrast and
 * saturation whose rendering is closest to the edited one, found one after another from coarse to fine.
 */
export async function studioQuality({ composition }: SpoiltPicture, edits: Edits): Promise<Matched> {
  const edited = await applyEdits(rendered(composition, MATCH_EDGE), edits);
  const distance = (places: Places): number => distanceOf(rendered(withTones(composition, places), MATCH_EDGE), edited);
  let places = placesOf(composition);
  let best = distance(places);
  for (let step = 0.3; step > 0.02;) {
    const before = best;
    for (const tone of TONES)
      for (const move of [-step, step]) {
        const moved = { ...places, [tone]: Math.min(1, Math.max(tone === "contrast" ? 0 : -1, places[tone] + move)) };
        const found = distance(moved);
        if (found < best) [places, best] = [moved, found];
      }
    if (best === before) step /= 2;
  }
  return { latent: latentQuality(composition.scene, withTones(composition, places).merits), distance: best };
}

function placesOf({ merits, sides }: Composition): Places {
  const place = (tone: (typeof TONES)[number]): number => (1 - (merits[tone] ?? 1)) * (sides[tone] === 0 ? -1 : 1);
  return { exposure: place("exposure"), contrast: place("contrast"), saturation: place("saturation") };
}

function withTones(composition: Composition, places: Places): Composition {
  const merits: Partial<Record<Factor, number>> = { ...composition.merits };
  const sides: Partial<Record<Factor, number>> = { ...composition.sides };
  for (const tone of TONES) {
    merits[tone] = 1 - Math.abs(places[tone]);
    // Contrast has one faulty side, which is named by no number.
    if (tone !== "contrast") sides[tone] = places[tone] < 0 ? 0 : 1;
  }
  return { ...composition, merits, sides };
}

function distanceOf(a: RgbImage, b: RgbImage): number {
  return a.data.reduce((sum, byte, i) => sum + Math.abs(byte - (b.data[i] ?? 0)), 0) / a.data.length;
}
