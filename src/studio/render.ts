/** The camera: layers, focus, mirror, shake, development and grain, in that order. */
import { createCanvas, type Canvas, type SKRSContext2D } from "@napi-rs/canvas";
import { RocError } from "../errors.js";
import { Random } from "../random.js";
import { drawClutter } from "./clutter.js";
import { ASPECTS, type Composition } from "./factors.js";
import { huesOf } from "./facts.js";
import { makePalette } from "./palette.js";
import { repeatsOf } from "./patterns.js";
import { SCENES } from "./scenes/index.js";
import type { Point, Stage } from "./scenes/stage.js";

export const JPEG_QUALITY = 92;

/** Sizes of the flaws at merit 0, as fractions of the long edge. */
const SUBJECT_BLUR = 0.022;
const GROUND_BLUR = 0.024;
const SHAKE = 0.11;

/**
 * Renders a composition.
 *
 * @param longEdge pixels of the long edge, 32..1024
 */
export function renderPhoto(composition: Composition, longEdge: number): Canvas {
  if (!Number.isInteger(longEdge) || longEdge < 32 || longEdge > 1024) {
    throw new RocError("USAGE", `The long edge is ${longEdge} pixels; give a whole number from 32 to 1024.`);
  }
  const ratio = ASPECTS[composition.aspect];
  const size = {
    width: Math.round(longEdge * Math.min(1, ratio)),
    height: Math.round(longEdge / Math.max(1, ratio)),
    longEdge,
  };
  const sharp = focus(composition, size);
  const shaken = shake(composition, size, mirror(composition, size, sharp));
  const photo = develop(composition, size, shaken);
  grain(composition, size, photo);
  return photo;
}

/** Renders a composition as a JPEG file of quality {@link JPEG_QUALITY}. */
export async function encodePhoto(composition: Composition, longEdge: number): Promise<Buffer> {
  return renderPhoto(composition, longEdge).encode("jpeg", JPEG_QUALITY);
}

interface Size {
  readonly width: number;
  readonly height: number;
  readonly longEdge: number;
}

function layer(size: Size): { canvas: Canvas; ctx: SKRSContext2D } {
  const canvas = createCanvas(size.width, size.height);
  return { canvas, ctx: canvas.getContext("2d") };
}

/** Ground, clutter and subject, each in or out of focus. */
function focus(composition: Composition, size: Size): Canvas {
  const { seed, index, merits, patterns } = composition;
  const scene = SCENES[composition.scene];
  const palette = makePalette(huesOf(composition));
  const position = subjectPosition(composition, size);
  const stageOn = (ctx: SKRSContext2D, name: string): Stage => {
    ctx.scale(size.longEdge, size.longEdge);
    const [width, height] = [size.width / size.longEdge, size.height / size.longEdge];
    const own = name === "subject" ? (composition.subject ?? index) : index;
    return { ctx, width, height, palette, position, random: new Random(seed, own, name) };
  };
  const ground = layer(size);
  const subject = layer(size);
  const mess = layer(size);
  scene.ground(stageOn(ground.ctx, "ground"));
  const repeats = repeatsOf(patterns?.repetition ?? 0);
  if (repeats > 0) {
    ground.ctx.resetTransform();
    scene.repeat(stageOn(ground.ctx, "row"), repeats);
  }
  scene.subject(stageOn(subject.ctx, "subject"));
  drawClutter(stageOn(mess.ctx, "clutter"), merits.clutter ?? 1);
  const depth = merits.depth ?? 0.5;
  const { canvas, ctx } = layer(size);
  drawBlurred(ctx, ground.canvas, size, GROUND_BLUR * Math.max(0, 2 * depth - 1));
  ctx.drawImage(mess.canvas, 0, 0);
  drawBlurred(ctx, subject.canvas, size, SUBJECT_BLUR * Math.max(0, 1 - 2 * depth));
  return canvas;
}

/**
 * Symmetry: the side of the frame without the subject becomes the mirror image of the other, from an axis on. The axis is
 * at the middle for full symmetry, and closer to the edge for less, so that `symmetry` is the share of the width that is
 * symmetric.
 */
function mirror(composition: Composition, size: Size, frame: Canvas): Canvas {
  const width = Math.round(((composition.patterns?.symmetry ?? 0) / 2) * size.width);
  if (width < 1) return frame;
  const subjectLeft = subjectPosition(composition, size).x * size.longEdge <= size.width / 2;
  const axis = subjectLeft ? size.width - width : width;
  const { canvas, ctx } = layer(size);
  ctx.drawImage(frame, 0, 0);
  ctx.beginPath();
  ctx.rect(subjectLeft ? axis : 0, 0, width, size.height);
  ctx.clip();
  ctx.translate(2 * axis, 0);
  ctx.scale(-1, 1);
  ctx.drawImage(frame, 0, 0);
  return canvas;
}

/** Draws a layer blurred, and a little larger: the transparent border from the blur is outside the frame. */
function drawBlurred(ctx: SKRSContext2D, image: Canvas, size: Size, blur: number): void {
  const pixels = blur * size.longEdge;
  if (pixels >= 0.2) {
    const margin = 2 * pixels;
    ctx.filter = `blur(${pixels.toFixed(3)}px)`;
    ctx.drawImage(image, -margin, -margin, size.width + 2 * margin, size.height + 2 * margin);
    ctx.filter = "none";
  } else {
    ctx.drawImage(image, 0, 0);
  }
}

/** The subject's centre: a point of thirds, moved towards the edge (side 0) or the centre (side 1) with decreasing merit. */
function subjectPosition(composition: Composition, size: Size): Point {
  const { seed, index, scene, merits, sides, subject = index } = composition;
  const random = new Random(seed, subject, "place");
  const thirds: Point = {
    x: random.chance(0.5) ? 1 / 3 : 2 / 3,
    y: scene === "portrait" ? 1 / 3 : 2 / 3,
  };
  const fault: Point =
    sides.placement === 0 ? { x: thirds.x < 0.5 ? 0.05 : 0.95, y: thirds.y < 0.5 ? 0.1 : 0.88 } : { x: 0.5, y: 0.5 };
  const merit = merits.placement ?? 1;
  const mix = (good: number, bad: number): number => good * merit + bad * (1 - merit);
  return {
    x: (mix(thirds.x, fault.x) * size.width) / size.longEdge,
    y: (mix(thirds.y, fault.y) * size.height) / size.longEdge,
  };
}

/** Motion blur: the average of copies of the frame shifted along a direction. */
function shake(composition: Composition, size: Size, frame: Canvas): Canvas {
  const length = SHAKE * (1 - (composition.merits.motion ?? 1)) * size.longEdge;
  const copies = Math.min(24, Math.ceil(length) + 1);
  if (copies < 2) return frame;
  const { canvas, ctx } = layer(size);
  const angle = new Random(composition.seed, composition.index, "shake").uniform(0, Math.PI);
  ctx.drawImage(frame, 0, 0);
  for (let copy = 0; copy < copies; copy++) {
    const along = length * (copy / (copies - 1) - 0.5);
    ctx.globalAlpha = 1 / (copy + 1);
    ctx.drawImage(frame, along * Math.cos(angle), along * Math.sin(angle));
  }
  return canvas;
}

/** Contrast, saturation and exposure: one pass of Skia's colour filters. Half of the chroma lost to haze is restored. */
function develop({ merits, sides }: Composition, size: Size, frame: Canvas): Canvas {
  const fault = { saturation: 1 - (merits.saturation ?? 1), exposure: 1 - (merits.exposure ?? 1) };
  const contrast = 0.3 + 0.8 * (merits.contrast ?? 1);
  const chroma = sides.saturation === 0 ? 1 - fault.saturation : 1 + 2 * fault.saturation;
  const saturate = chroma / Math.sqrt(contrast);
  const brightness = sides.exposure === 0 ? 1 - 0.7 * fault.exposure : 1 + fault.exposure;
  const { canvas, ctx } = layer(size);
  ctx.filter = `contrast(${contrast.toFixed(4)}) saturate(${saturate.toFixed(4)}) brightness(${brightness.toFixed(4)})`;
  ctx.drawImage(frame, 0, 0);
  ctx.filter = "none";
  return canvas;
}

const GRAIN_TILE = 256;
/** Grains along the long edge: coarse enough to survive scaling to 112 pixels. */
const GRAINS = 96;
let grainTile: Canvas | undefined;

/** Sensor noise: a piece of a fixed tile, drawn with a strength. */
function grain(composition: Composition, size: Size, photo: Canvas): void {
  const strength = 1 - (composition.merits.noise ?? 1);
  if (strength < 0.01) return;
  grainTile ??= makeGrainTile();
  const random = new Random(composition.seed, composition.index, "grain");
  const [wide, high] = [(GRAINS * size.width) / size.longEdge, (GRAINS * size.height) / size.longEdge];
  const ctx = photo.getContext("2d");
  ctx.globalAlpha = strength;
  ctx.drawImage(
    grainTile,
    random.int(GRAIN_TILE - GRAINS),
    random.int(GRAIN_TILE - GRAINS),
    wide,
    high,
    0,
    0,
    size.width,
    size.height,
  );
  ctx.globalAlpha = 1;
}

/** Black or white grains, a little coloured, whose opacity is the size of a normal number: it darkens and lightens. */
function makeGrainTile(): Canvas {
  const canvas = createCanvas(GRAIN_TILE, GRAIN_TILE);
  const ctx = canvas.getContext("2d");
  const pixels = ctx.createImageData(GRAIN_TILE, GRAIN_TILE);
  const random = new Random("grain");
  for (let i = 0; i < pixels.data.length; i += 4) {
    const value = random.gaussian();
    const tone = value > 0 ? 235 : 20;
    for (let channel = 0; channel < 3; channel++) pixels.data[i + channel] = tone + random.uniform(-20, 20);
    pixels.data[i + 3] = Math.min(255, 255 * 0.2 * Math.abs(value));
  }
  ctx.putImageData(pixels, 0, 0);
  return canvas;
}
