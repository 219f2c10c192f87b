/** The painting context of a scene, and strokes that scenes share. */
import type { SKRSContext2D } from "@napi-rs/canvas";
import type { Random } from "../../random.js";
import type { Palette } from "../palette.js";

/** What a shape is filled with. */
export type Gradient = ReturnType<SKRSContext2D["createLinearGradient"]>;
export type Paint = string | Gradient;

/**
 * One layer's canvas in frame units: the long edge is 1, x runs to `width`, y down to `height`. Nothing in a scene is
 * in pixels, so a picture is the same in every size.
 */
export interface Stage {
  readonly ctx: SKRSContext2D;
  readonly width: number;
  readonly height: number;
  readonly palette: Palette;
  /** Position of the subject's centre, frame units. */
  readonly position: Point;
  /** This layer's own stream. */
  readonly random: Random;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The subjects of scenes. */
export const SUBJECT_NAMES = [
  ...(["tree", "cottage", "vase", "bottle", "cup", "sitter", "tower", "hall", "shapes"] as const),
] as const;
export type SubjectName = (typeof SUBJECT_NAMES)[number];

/** The backgrounds, where a scene has several. */
export type SettingName = "foliage" | "bookcase";

/** A scene paints its ground (all of the frame) and its subject (on a transparent layer above it). */
export interface Scene {
  /** Natural OKLCH hues of this scene. */
  readonly hues: readonly [number, ...number[]];
  /** Which subject it is: the first draw of the subject's stream. */
  pickSubject(random: Random): SubjectName;
  /** Which ground it is, where there are several: the first draw of the ground's stream. */
  pickSetting?(random: Random): SettingName;
  ground(stage: Stage): void;
  subject(stage: Stage): void;
  /** A row of equal things at equal distances, above the ground and behind the subject. */
  repeat(stage: Stage, count: number): void;
}

/** The centres of `count` objects in a row from side to side. */
export function rowOf({ width }: Stage, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (width * (i + 0.5)) / count);
}

/** Fills the rectangle with a vertical gradient. */
export function verticalGradient(stage: Stage, top: number, bottom: number, colours: readonly string[]): void {
  const { ctx, width } = stage;
  const gradient = ctx.createLinearGradient(0, top, 0, bottom);
  colours.forEach((colour, i) => gradient.addColorStop(i / (colours.length - 1), colour));
  ctx.fillStyle = gradient;
  ctx.fillRect(0, top, width, bottom - top);
}

/** A filled polygon. */
export function polygon(ctx: SKRSContext2D, fill: Paint, ...points: readonly Point[]): void {
  ctx.fillStyle = fill;
  ctx.beginPath();
  points.forEach(({ x, y }, i) => (i === 0 ? ctx.moveTo(x, y) : ctx.lineTo(x, y)));
  ctx.closePath();
  ctx.fill();
}

/** A filled ellipse. */
export function ellipse(ctx: SKRSContext2D, fill: Paint, at: Point, rx: number, ry = rx): void {
  ctx.fillStyle = fill;
  ctx.beginPath();
  ctx.ellipse(at.x, at.y, rx, ry, 0, 0, 2 * Math.PI);
  ctx.fill();
}

/** A ball's shading: lit from the upper left. */
export function roundShade(ctx: SKRSContext2D, at: Point, r: number, lit: string, mid: string, dark: string): Gradient {
  const gradient = ctx.createRadialGradient(at.x - r * 0.4, at.y - r * 0.45, r * 0.05, at.x, at.y, r * 1.15);
  gradient.addColorStop(0, lit);
  gradient.addColorStop(0.45, mid);
  gradient.addColorStop(1, dark);
  return gradient;
}

/** A horizontal gradient: an upright cylinder's shading between x0 and x1. */
export function cylinderShade(ctx: SKRSContext2D, x0: number, x1: number, lit: string, dark: string): Gradient {
  const gradient = ctx.createLinearGradient(x0, 0, x1, 0);
  gradient.addColorStop(0, dark);
  gradient.addColorStop(0.3, lit);
  gradient.addColorStop(1, dark);
  return gradient;
}

/** A soft shadow on the floor. */
export function floorShadow(ctx: SKRSContext2D, at: Point, rx: number, ry: number): void {
  ctx.save();
  ctx.translate(at.x, at.y);
  ctx.scale(1, ry / rx);
  const gradient = ctx.createRadialGradient(0, 0, 0, 0, 0, rx);
  gradient.addColorStop(0, "rgba(0,0,0,0.6)");
  gradient.addColorStop(0.6, "rgba(0,0,0,0.35)");
  gradient.addColorStop(1, "rgba(0,0,0,0)");
  ellipse(ctx, gradient, { x: 0, y: 0 }, rx);
  ctx.restore();
}

/**
 * Fine detail in the box: `count` short strokes of one colour in a single path.
 *
 * @param dx, dy the stroke, frame units; its length varies by half
 */
export function strokes(stage: Stage, colour: string, box: Box, count: number, dx: number, dy: number): void {
  const { ctx, random } = stage;
  ctx.strokeStyle = colour;
  ctx.lineWidth = 0.006;
  ctx.beginPath();
  for (let i = 0; i < count; i++) {
    const x = random.uniform(box.left, box.right);
    const y = random.uniform(box.top, box.bottom);
    const length = random.uniform(0.5, 1.5);
    ctx.moveTo(x, y);
    ctx.lineTo(x + dx * length, y + dy * length);
  }
  ctx.stroke();
}

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A ridge line from left to right, filled down to `bottom`. */
export function ridge(stage: Stage, fill: string, base: number, rise: number, steps: number, bottom: number): void {
  const { ctx, width, random } = stage;
  ctx.fillStyle = fill;
  ctx.beginPath();
  ctx.moveTo(-0.02, bottom);
  for (let i = 0; i <= steps; i++) {
    ctx.lineTo((width * i) / steps + (i === steps ? 0.02 : 0), base - rise * random.next() * (i % 2 ? 1 : 0.35));
  }
  ctx.lineTo(width + 0.02, bottom);
  ctx.fill();
}
