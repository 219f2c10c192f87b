import { ellipse, polygon, roundShade, rowOf, type Scene, type Stage } from "./stage.js";

/** Planes, discs and ribs, evenly spread: without a subject to position, without depth, without clutter. */
export const abstract: Scene = {
  hues: [20, 60, 130, 190, 240, 300],
  pickSubject: () => "shapes",
  ground(stage) {
    planes(stage);
    discs(stage);
    ribs(stage);
  },
  subject() {},
  repeat: squares,
};

/** A row of equal squares across the frame. */
function squares(stage: Stage, count: number): void {
  const { ctx, palette, height, random } = stage;
  const y = random.uniform(0.25, 0.75) * height;
  for (const x of rowOf(stage, count)) {
    ctx.fillStyle = "rgba(0,0,0,0.3)";
    ctx.fillRect(x - 0.028, y - 0.026, 0.068, 0.068);
    ctx.fillStyle = palette("accent", 0.7, 1.3);
    ctx.fillRect(x - 0.034, y - 0.034, 0.068, 0.068);
    ctx.fillStyle = palette("detail", 0.92, 0.4);
    ctx.fillRect(x - 0.014, y - 0.014, 0.028, 0.028);
  }
}

function planes({ ctx, palette, width, height, random }: Stage): void {
  const sweep = ctx.createLinearGradient(0, 0, width, height);
  sweep.addColorStop(0, palette("ground", 0.85, 0.7));
  sweep.addColorStop(1, palette("ground", 0.45));
  ctx.fillStyle = sweep;
  ctx.fillRect(0, 0, width, height);
  for (const role of ["second", "detail", "subject"] as const) {
    const x = random.uniform(0, 0.8) * width;
    const lean = random.uniform(-0.3, 0.3);
    const wide = random.uniform(0.15, 0.3);
    const shade = ctx.createLinearGradient(x, 0, x + wide, 0);
    shade.addColorStop(0, palette(role, 0.68, 1.1));
    shade.addColorStop(1, palette(role, 0.36, 1.1));
    polygon(
      ctx,
      shade,
      { x, y: 0 },
      { x: x + wide, y: 0 },
      { x: x + wide + lean, y: height },
      { x: x + lean, y: height },
    );
  }
}

function discs({ ctx, palette, width, height, random }: Stage): void {
  for (const role of ["accent", "ground", "subject", "second"] as const) {
    const at = { x: random.uniform(0.1, 0.9) * width, y: random.uniform(0.1, 0.9) * height };
    const r = random.uniform(0.06, 0.13);
    ellipse(ctx, "rgba(0,0,0,0.3)", { x: at.x + 0.015, y: at.y + 0.02 }, r);
    ellipse(
      ctx,
      roundShade(ctx, at, r, palette(role, 0.93, 0.6), palette(role, 0.66, 1.3), palette(role, 0.34, 1.2)),
      at,
      r,
    );
  }
}

function ribs({ ctx, palette, width, height, random }: Stage): void {
  const centre = { x: random.uniform(-0.1, 1.1) * width, y: random.uniform(1, 1.2) * height };
  ctx.lineWidth = 0.01;
  for (const [role, lightness, start] of [
    ["ground", 0.95, 0.2],
    ["detail", 0.22, 0.22],
  ] as const) {
    ctx.strokeStyle = palette(role, lightness, 0.7, 0.85);
    ctx.beginPath();
    for (let ring = 0; ring < 9; ring++) {
      const r = start + ring * 0.045;
      ctx.moveTo(centre.x - r, centre.y);
      ctx.arc(centre.x, centre.y, r, Math.PI, 2 * Math.PI);
    }
    ctx.stroke();
  }
}
