/**
 * A photographer's card, composed: bursts, exposure brackets, copies, and what must not be taken for one of them, with the time
 * of every picture in its EXIF and the truth in `bursts.json`.
 *
 * Pictures of one group differ as a hand and a moment differ: the frame is moved, turned and enlarged a little, and motion,
 * focus, exposure and placement are better or worse, so that one is the best composed by the studio's own formula.
 */
import type { Canvas } from "@napi-rs/canvas";
import { createCanvas } from "@napi-rs/canvas";
import { join } from "node:path";
import { RocError } from "../errors.js";
import { atomicWriteFile, atomicWriteJson, makeFolder } from "../files/index.js";
import { Random, type SeedPart } from "../random.js";
import { compose, type Composition } from "./factors.js";
import { changed, varied } from "./moment.js";
import { JPEG_QUALITY, renderPhoto } from "./render.js";

/** What happens on the card. In the first four, pictures belong together. */
type EventName = "burst" | "series" | "bracket" | "copy" | "neighbours" | "walk" | "later" | "single";

/** How often each happens. */
const CHANCES: readonly (readonly [EventName, number])[] = [
  ...([["burst", 0.24], ["series", 0.14], ["bracket", 0.08], ["copy", 0.04]] as const),
  ...([["neighbours", 0.12], ["walk", 0.1], ["later", 0.06], ["single", 0.22]] as const),
]; // prettier-ignore

/** A picture of the card. */
export interface CardPicture {
  /** Its name in the folder. */
  readonly file: string;
  /** Local time, ISO 8601 with milliseconds. */
  readonly taken: string;
  readonly event: EventName;
  /** Pictures of the same number belong together. */
  readonly group: number;
  /** Stops, where it is one of a bracket. */
  readonly exposureBias?: number;
  /** Quality by the studio's formula, 1 to 10. */
  readonly latent: number;
}

/** How the frame lies over what was rendered: shares of the frame, and radians. */
interface Framing {
  readonly dx: number;
  readonly dy: number;
  readonly turn: number;
  readonly zoom: number;
}

interface Frame extends Omit<CardPicture, "file" | "taken"> {
  readonly composition: Composition;
  readonly framing: Framing;
  /** Milliseconds since the one before. */
  readonly after: number;
  /** Long edge in pixels, where it is another. */
  readonly size?: number;
}

export interface CardOptions {
  readonly seed?: SeedPart;
  /** Pictures, at least 1; the last event may be cut short. */
  readonly count: number;
  /** Pixels of the long edge. Default 160. */
  readonly longEdge?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

const START = Date.UTC(2026, 4, 1, 9, 0, 0);
const MINUTE = 60_000;

/**
 * Writes a card into a folder: `IMG_00001.jpg` and so on, and `bursts.json`. The same options give the same bytes.
 *
 * @throws RocError USAGE for options out of range, ABORTED
 */
export async function writeCard(folder: string, options: CardOptions): Promise<readonly CardPicture[]> {
  const { seed = 0, count, longEdge = 160, signal, onProgress } = options;
  if (!Number.isInteger(count) || count < 1)
    throw new RocError("USAGE", `count is ${count}; give a whole number from 1`);
  await makeFolder(folder);
  const pictures: CardPicture[] = [];
  let time = START;
  for (const [index, frame] of composeCard(seed, count).entries()) {
    if (signal?.aborted) throw new RocError("ABORTED", "Composing was cancelled.");
    time += frame.after;
    const { composition, framing, after: _, size = longEdge, ...facts } = frame;
    const picture = { file: `IMG_${String(index + 1).padStart(5, "0")}.jpg`, taken: localTime(time), ...facts };
    await atomicWriteFile(join(folder, picture.file), await encode(framed(composition, framing, longEdge), size, picture), { flushed: false }); // prettier-ignore
    pictures.push(picture);
    onProgress?.(pictures.length, count);
  }
  await atomicWriteJson(join(folder, "bursts.json"), { format: "roc4mllm-bursts", seed, count, longEdge, pictures });
  return pictures;
}

function localTime(time: number): string {
  return new Date(time).toISOString().slice(0, -1);
}

function composeCard(seed: SeedPart, count: number): Frame[] {
  const frames: Frame[] = [];
  for (let event = 0; frames.length < count; event++) {
    const random = new Random(seed, event, "event");
    const group = frames.length === 0 ? 0 : (frames.at(-1)?.group ?? 0) + 1;
    frames.push(...COMPOSERS[eventOf(random)](seed, event, random, group));
  }
  return frames.slice(0, count);
}

function eventOf(random: Random): EventName {
  let left = random.next();
  return CHANCES.find(([, chance]) => (left -= chance) < 0)?.[0] ?? "single";
}

type Composer = (seed: SeedPart, event: number, random: Random, group: number) => Frame[];

/** Seconds to minutes between two events. */
function pause(random: Random): number {
  return Math.round(random.chance(0.4) ? random.uniform(3_000, 20_000) : random.uniform(20_000, 8 * MINUTE));
}

const COMPOSERS: Readonly<Record<EventName, Composer>> = {
  burst: (seed, event, random, group) => {
    const step = random.uniform(90, 450);
    return together("burst", seed, event, random, group, 2 + random.int(7), () => step, 1);
  },
  series: (seed, event, random, group) =>
    together("series", seed, event, random, group, 2 + random.int(4), () => random.uniform(2_000, 15_000), 1.6),
  bracket: (seed, event, random, group) => {
    const biases = random.chance(0.7) ? [0, -2, 2] : [0, -1, 1, -2, 2];
    const base = compose(seed, event);
    return biases.map((exposureBias, i) => {
      const merits = { exposure: 1 - Math.abs(exposureBias) * 0.4 };
      const side = { exposure: exposureBias < 0 ? 0 : 1 };
      const composition = changed({ ...base, sides: { ...base.sides, ...side } }, { ...base.merits, ...merits });
      const framing = jitter(random, 0.3);
      return frame("bracket", group, composition, framing, i === 0 ? pause(random) : 300, { exposureBias });
    });
  },
  copy: (seed, event, random, group) => {
    const composition = compose(seed, event);
    const framing = jitter(random, 0);
    const first = frame("copy", group, composition, framing, pause(random));
    return [first, frame("copy", group, composition, framing, 0, { size: 128 })];
  },
  /** The same place and light, one sitter after another. */
  neighbours: (seed, event, random, group) => {
    const base = compose(seed, event, { scene: random.pick(["portrait", "still-life", "landscape"]) });
    return Array.from({ length: 2 + random.int(3) }, (_, i) => {
      const composition = { ...changed(base, varied(random, base, 0.1)), subject: event + (i + 1) * 1_000_003 };
      const after = i === 0 ? pause(random) : random.uniform(3_000, 20_000);
      return frame("neighbours", group + i, composition, jitter(random, 1.6), after);
    });
  },
  /** Each shows a third of what the one before shows. */
  walk: (seed, event, random, group) => {
    const composition = compose(seed, event);
    const steps = 3 + random.int(2);
    const zoom = 1 + 0.6 * (steps - 1);
    return Array.from({ length: steps }, (_, i) => {
      const dx = 0.6 * (i - (steps - 1) / 2);
      const framing = { ...jitter(random, 1), dx, zoom };
      return frame("walk", group + i, composition, framing, i === 0 ? pause(random) : random.uniform(800, 4_000));
    });
  },
  later: (seed, event, random, group) => {
    const base = compose(seed, event);
    return [0, 1].map((i) => {
      const after = i === 0 ? pause(random) : random.uniform(40 * MINUTE, 100 * MINUTE);
      return frame("later", group + i, changed(base, varied(random, base, 0.2)), jitter(random, 1.6), after);
    });
  },
  single: (seed, event, random, group) => [
    frame("single", group, compose(seed, event), jitter(random, 1), pause(random)),
  ],
};

/** Pictures of one moment. */
function together(
  name: EventName,
  seed: SeedPart,
  event: number,
  random: Random,
  group: number,
  count: number,
  after: () => number,
  unrest: number,
): Frame[] {
  const base = compose(seed, event);
  return Array.from({ length: count }, (_, i) => {
    const composition = changed(base, varied(random, base, 0.35 * unrest));
    return frame(name, group, composition, jitter(random, unrest), i === 0 ? pause(random) : after());
  });
}

function frame(
  event: EventName,
  group: number,
  composition: Composition,
  framing: Framing,
  after: number,
  more: Partial<Pick<Frame, "exposureBias" | "size">> = {},
): Frame {
  return { event, group, composition, framing, after: Math.round(after), latent: composition.latent, ...more };
}

/** A hand's unrest: a hundredth of the frame, half a degree. */
function jitter(random: Random, unrest: number): Framing {
  const [dx, dy] = [random.gaussian(0, 0.01 * unrest), random.gaussian(0, 0.01 * unrest)];
  return { dx, dy, turn: random.gaussian(0, 0.008 * unrest), zoom: 1.1 + random.gaussian(0, 0.006 * unrest) };
}

/** Renders larger than the frame and takes the frame's part of it. */
function framed(composition: Composition, { dx, dy, turn, zoom }: Framing, longEdge: number): Canvas {
  const whole = renderPhoto(composition, Math.min(1024, Math.ceil(longEdge * zoom)));
  const [width, height] = [Math.round(whole.width / zoom), Math.round(whole.height / zoom)];
  const canvas = createCanvas(width, height);
  const ctx = canvas.getContext("2d");
  ctx.translate(width / 2 - dx * width, height / 2 - dy * height);
  ctx.rotate(turn);
  ctx.drawImage(whole, -whole.width / 2, -whole.height / 2);
  return canvas;
}

/** A JPEG file with the time in its EXIF. */
async function encode(canvas: Canvas, size: number, picture: CardPicture): Promise<Buffer> {
  const { default: sharp } = await import("sharp");
  const { width, height } = canvas;
  const raw = { width, height, channels: 4 } as const;
  const [day = "", clock = ""] = picture.taken.replaceAll("-", ":").split("T");
  const [seconds = "", fraction = "0"] = clock.split(".");
  const bias = picture.exposureBias === undefined ? {} : { ExposureBiasValue: `${picture.exposureBias}/1` };
  const exif = { DateTimeOriginal: `${day} ${seconds}`, SubSecTimeOriginal: fraction, ...bias };
  return sharp(canvas.data(), { raw })
    .resize(size, size, { fit: "inside", withoutEnlargement: true })
    .withExif({ IFD0: { Make: "roc4mllm", Model: "studio" }, IFD2: exif })
    .jpeg({ quality: JPEG_QUALITY })
    .toBuffer();
}
