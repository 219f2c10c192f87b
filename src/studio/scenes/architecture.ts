import type { Role } from "../palette.js";
import { ellipse, floorShadow, polygon, rowOf, verticalGradient, type Box, type Scene, type Stage } from "./stage.js";

/** A street of houses under the sky; a tower or a domed hall in front of them. */
export const architecture: Scene = {
  hues: [45, 70, 210, 235, 265],
  pickSubject: (random) => (random.chance(0.55) ? "tower" : "hall"),
  ground(stage) {
    const { palette, width, height, random, position } = stage;
    const street = streetOf(stage);
    verticalGradient(stage, 0, street, [
      palette("ground", 0.6),
      palette("ground", 0.78, 0.9),
      palette("ground", 0.94, 0.4),
    ]);
    for (let x = -0.05; x < width;) {
      const wide = random.uniform(0.12, 0.2);
      const top = street - random.uniform(0.12, 0.28);
      facade(stage, { left: x, top, right: x + wide, bottom: street }, random.uniform(0.42, 0.66));
      x += wide + 0.006;
    }
    verticalGradient(stage, street, height, [palette("second", 0.6, 0.6), palette("second", 0.38, 0.7)]);
    paving(stage, street, position.x);
  },
  subject(stage) {
    if (architecture.pickSubject(stage.random) === "tower") tower(stage);
    else hall(stage);
  },
  repeat: colonnade,
};

/** A row of columns along the street. */
function colonnade(stage: Stage, count: number): void {
  const { ctx, palette } = stage;
  const foot = streetOf(stage) + 0.02;
  for (const x of rowOf(stage, count)) {
    ctx.fillStyle = palette("accent", 0.82, 0.6);
    ctx.fillRect(x - 0.015, foot - 0.15, 0.03, 0.15);
    ctx.fillStyle = palette("accent", 0.5, 0.8);
    ctx.fillRect(x + 0.004, foot - 0.15, 0.011, 0.15);
    ctx.fillStyle = palette("accent", 0.74, 0.7);
    for (const y of [foot - 0.165, foot - 0.01]) ctx.fillRect(x - 0.023, y, 0.046, 0.02);
  }
}

function streetOf({ position, height }: Stage): number {
  return Math.min(height * 0.95, Math.max(height * 0.3, position.y + 0.15));
}

function facade(stage: Stage, box: Box, lightness: number): void {
  const { ctx, palette, random } = stage;
  const role = random.pick<Role>(["second", "detail", "second"]);
  ctx.fillStyle = palette(role, lightness, 0.9);
  ctx.fillRect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  ctx.fillStyle = palette(role, lightness - 0.15, 0.9);
  ctx.fillRect(box.left, box.top, box.right - box.left, 0.012);
  windows(stage, box, palette(role, lightness - 0.24, 0.8), 0.034, 0.042);
}

function windows({ ctx }: Stage, box: Box, colour: string, stepX: number, stepY: number): void {
  ctx.fillStyle = colour;
  const columns = Math.floor((box.right - box.left - 0.01) / stepX);
  const start = box.left + (box.right - box.left - columns * stepX) / 2 + stepX * 0.22;
  for (let y = box.top + 0.028; y < box.bottom - 0.03; y += stepY) {
    for (let column = 0; column < columns; column++) ctx.fillRect(start + column * stepX, y, stepX * 0.56, stepY * 0.6);
  }
}

function paving({ ctx, palette, width, height }: Stage, street: number, vanish: number): void {
  ctx.strokeStyle = palette("second", 0.3, 0.5, 0.8);
  ctx.lineWidth = 0.005;
  ctx.beginPath();
  for (let i = -6; i <= 6; i++) {
    ctx.moveTo(vanish + i * 0.06, street);
    ctx.lineTo(vanish + i * 0.3, street + 0.4);
  }
  for (let y = street + 0.015, step = 0.02; y < height; y += step, step *= 1.5) {
    ctx.moveTo(0, y);
    ctx.lineTo(width, y);
  }
  ctx.stroke();
}

function tower(stage: Stage): void {
  const { ctx, palette, position } = stage;
  const { x, y } = position;
  const street = y + 0.18;
  floorShadow(ctx, { x: x + 0.05, y: street }, 0.16, 0.02);
  const top = y - 0.16;
  ctx.fillStyle = palette("subject", 0.84, 0.7);
  ctx.fillRect(x - 0.075, top, 0.1, street - top);
  ctx.fillStyle = palette("subject", 0.56, 0.9);
  ctx.fillRect(x + 0.025, top, 0.05, street - top);
  windows(stage, { left: x - 0.075, top, right: x + 0.025, bottom: street }, palette("subject", 0.32), 0.032, 0.046);
  windows(stage, { left: x + 0.025, top, right: x + 0.075, bottom: street }, palette("subject", 0.24), 0.02, 0.046);
  polygon(
    ctx,
    palette("accent", 0.58, 1.4),
    { x: x - 0.09, y: top },
    { x: x - 0.01, y: top - 0.11 },
    { x: x + 0.03, y: top },
  );
  polygon(
    ctx,
    palette("accent", 0.4, 1.3),
    { x: x + 0.03, y: top },
    { x: x - 0.01, y: top - 0.11 },
    { x: x + 0.09, y: top },
  );
}

function hall({ ctx, palette, position }: Stage): void {
  const { x, y } = position;
  const street = y + 0.18;
  floorShadow(ctx, { x: x + 0.03, y: street }, 0.28, 0.025);
  ellipse(ctx, palette("accent", 0.62, 1.3), { x, y: y - 0.03 }, 0.1, 0.11);
  ellipse(ctx, palette("accent", 0.8, 0.9), { x: x - 0.03, y: y - 0.07 }, 0.035, 0.05);
  ctx.fillStyle = palette("subject", 0.86, 0.6);
  ctx.fillRect(x - 0.19, y + 0.02, 0.38, street - y - 0.02);
  polygon(
    ctx,
    palette("subject", 0.7, 0.8),
    { x: x - 0.21, y: y + 0.025 },
    { x, y: y - 0.05 },
    { x: x + 0.21, y: y + 0.025 },
  );
  ctx.fillStyle = palette("subject", 0.34, 0.9);
  for (let column = 0; column < 6; column++)
    ctx.fillRect(x - 0.165 + column * 0.06, y + 0.045, 0.032, street - y - 0.06);
  ctx.fillStyle = palette("subject", 0.6, 0.7);
  ctx.fillRect(x - 0.2, street - 0.018, 0.4, 0.022);
}
