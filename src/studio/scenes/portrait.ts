import type { Random } from "../../random.js";
import { oklch, type Role } from "../palette.js";
import {
  ellipse,
  polygon,
  roundShade,
  rowOf,
  strokes,
  verticalGradient,
  type Point,
  type Scene,
  type SettingName,
  type Stage,
} from "./stage.js";

/** Head and shoulders before foliage with lights, or before a bookcase. The head's centre is the subject's position. */
export const portrait: Scene = {
  hues: [50, 80, 140, 165, 220, 260, 350],
  pickSubject: () => "sitter",
  pickSetting,
  ground(stage) {
    if (pickSetting(stage.random) === "foliage") foliage(stage);
    else bookcase(stage);
  },
  subject(stage) {
    const skin = stage.random.uniform(0.5, 0.78);
    hairBehind(stage);
    shoulders(stage, skin);
    face(stage, skin);
  },
  repeat: lamps,
};

function pickSetting(random: Random): SettingName {
  return random.chance(0.5) ? "foliage" : "bookcase";
}

/** A row of hanging lamps above the head. */
function lamps(stage: Stage, count: number): void {
  const { ctx, palette } = stage;
  const [lit, mid, dark] = [palette("accent", 0.97, 0.4), palette("accent", 0.82), palette("accent", 0.55, 1.2)];
  for (const x of rowOf(stage, count)) {
    const centre = { x, y: 0.08 };
    ctx.fillStyle = palette("detail", 0.2, 0.4);
    ctx.fillRect(x - 0.002, 0, 0.004, 0.06);
    ellipse(ctx, roundShade(ctx, centre, 0.03, lit, mid, dark), centre, 0.03);
  }
}

const HEAD = 0.115;

function foliage(stage: Stage): void {
  const { ctx, palette, random, width, height } = stage;
  verticalGradient(stage, 0, height, [palette("ground", 0.68), palette("ground", 0.48), palette("second", 0.4)]);
  const all = { left: 0, top: 0, right: width, bottom: height };
  strokes(stage, palette("detail", 0.28, 1, 0.8), all, 160, 0.03, 0.02);
  strokes(stage, palette("second", 0.74, 1.1, 0.8), all, 160, 0.025, -0.02);
  for (let light = 0; light < 16; light++) {
    const at = { x: random.next() * width, y: random.next() * height * 0.8 };
    ellipse(ctx, palette(random.chance(0.4) ? "second" : "ground", 0.9, 0.7, 0.8), at, random.uniform(0.008, 0.018));
  }
}

function bookcase(stage: Stage): void {
  const { ctx, palette, random, width, height } = stage;
  verticalGradient(stage, 0, height, [palette("ground", 0.42, 0.8), palette("ground", 0.3, 0.8)]);
  for (let shelf = 0; shelf < height; shelf += 0.17) {
    for (let x = 0; x < width;) {
      const wide = random.uniform(0.02, 0.045);
      const high = random.uniform(0.1, 0.145);
      ctx.fillStyle = palette(random.pick<Role>(["ground", "second", "detail"]), random.uniform(0.4, 0.85));
      ctx.fillRect(x, shelf + 0.155 - high, wide - 0.004, high);
      x += wide;
    }
    ctx.fillStyle = palette("second", 0.62, 0.7);
    ctx.fillRect(0, shelf + 0.155, width, 0.015);
  }
}

function hairBehind({ ctx, palette, position, random }: Stage): void {
  const { x, y } = position;
  const long = random.chance(0.5) ? 0.12 : -0.02;
  ctx.fillStyle = palette("detail", 0.22, 0.5);
  ctx.beginPath();
  ctx.ellipse(x, y - 0.02, HEAD * 1.08, HEAD * 1.22, 0, 0, 2 * Math.PI);
  ctx.fill();
  if (long > 0)
    polygon(
      ctx,
      palette("detail", 0.22, 0.5),
      at(x, y, -0.12, 0),
      at(x, y, 0.12, 0),
      at(x, y, 0.13, 0.17),
      at(x, y, -0.13, 0.17),
    );
}

function shoulders({ ctx, palette, position, height }: Stage, skin: number): void {
  const { x, y } = position;
  const foot = Math.max(height, y + 0.4);
  polygon(
    ctx,
    oklch(skin - 0.12, 0.06, 55),
    at(x, y, -0.045, 0.06),
    at(x, y, 0.045, 0.06),
    at(x, y, 0.06, 0.22),
    at(x, y, -0.06, 0.22),
  );
  const cloth = ctx.createLinearGradient(x - 0.25, 0, x + 0.25, 0);
  cloth.addColorStop(0, palette("subject", 0.62, 1.3));
  cloth.addColorStop(1, palette("subject", 0.36, 1.3));
  ctx.fillStyle = cloth;
  ctx.beginPath();
  ctx.moveTo(x - 0.28, foot);
  ctx.bezierCurveTo(x - 0.27, y + 0.24, x - 0.2, y + 0.21, x - 0.06, y + 0.17);
  ctx.quadraticCurveTo(x, y + 0.26, x + 0.06, y + 0.17);
  ctx.bezierCurveTo(x + 0.2, y + 0.21, x + 0.27, y + 0.24, x + 0.28, foot);
  ctx.fill();
  ctx.strokeStyle = palette("accent", 0.62, 1.5);
  ctx.lineWidth = 0.03;
  ctx.beginPath();
  ctx.moveTo(x - 0.075, y + 0.175);
  ctx.quadraticCurveTo(x, y + 0.27, x + 0.075, y + 0.175);
  ctx.stroke();
}

function face({ ctx, palette, position }: Stage, skin: number): void {
  const { x, y } = position;
  const lit = ctx.createRadialGradient(x - 0.04, y - 0.03, 0.01, x, y, 0.14);
  lit.addColorStop(0, oklch(skin + 0.14, 0.05, 60));
  lit.addColorStop(0.6, oklch(skin, 0.07, 55));
  lit.addColorStop(1, oklch(skin - 0.2, 0.07, 45));
  ellipse(ctx, lit, position, HEAD * 0.82, HEAD * 1.1);
  ctx.fillStyle = palette("detail", 0.24, 0.5);
  ctx.beginPath();
  ctx.moveTo(x - HEAD * 0.9, y - 0.02);
  ctx.quadraticCurveTo(x - 0.03, y - 0.06, x + 0.02, y - 0.095);
  ctx.quadraticCurveTo(x + 0.06, y - 0.05, x + HEAD * 0.9, y - 0.01);
  ctx.bezierCurveTo(x + 0.12, y - 0.18, x - 0.12, y - 0.18, x - HEAD * 0.9, y - 0.02);
  ctx.fill();
  for (const side of [-1, 1]) {
    ellipse(ctx, "rgb(245,242,238)", at(x, y, side * 0.036, 0), 0.016, 0.009);
    ellipse(ctx, "rgb(35,28,25)", at(x, y, side * 0.036, 0), 0.008);
    ctx.fillStyle = oklch(skin - 0.35, 0.04, 50);
    ctx.fillRect(x + side * 0.036 - 0.02, y - 0.026, 0.04, 0.007);
  }
  polygon(ctx, oklch(skin - 0.12, 0.07, 50), at(x, y, 0, 0), at(x, y, 0.014, 0.042), at(x, y, -0.006, 0.042));
  ellipse(ctx, oklch(skin - 0.22, 0.13, 22), at(x, y, 0, 0.07), 0.03, 0.009);
}

function at(x: number, y: number, dx: number, dy: number): Point {
  return { x: x + dx, y: y + dy };
}
