import {
  ellipse,
  floorShadow,
  polygon,
  ridge,
  rowOf,
  strokes,
  verticalGradient,
  type Scene,
  type Stage,
} from "./stage.js";

/** Sky, clouds, mountains and a meadow; with a tree or a cottage on it. The horizon follows the subject. */
export const landscape: Scene = {
  hues: [55, 75, 200, 215, 235, 345],
  pickSubject: (random) => (random.chance(0.6) ? "tree" : "cottage"),
  ground(stage) {
    const { palette, width, height } = stage;
    const horizon = horizonOf(stage);
    verticalGradient(stage, 0, horizon + 0.02, [
      palette("ground", 0.62),
      palette("ground", 0.78),
      palette("ground", 0.93, 0.5),
    ]);
    sunAndClouds(stage, horizon);
    ridge(stage, palette("ground", 0.6, 0.8), horizon, 0.2 * height, 9, horizon + 0.05);
    ridge(stage, palette("detail", 0.42, 0.9), horizon, 0.09 * height, 14, horizon + 0.05);
    verticalGradient(stage, horizon, height, [
      palette("second", 0.6),
      palette("second", 0.5, 1.2),
      palette("second", 0.34, 1.2),
    ]);
    const meadow = { left: 0, top: horizon + 0.03, right: width, bottom: height };
    strokes(stage, palette("second", 0.26, 1, 0.7), meadow, 130, 0.006, -0.025);
    strokes(stage, palette("detail", 0.72, 1.2, 0.7), meadow, 130, -0.004, -0.022);
  },
  subject(stage) {
    if (landscape.pickSubject(stage.random) === "tree") tree(stage);
    else cottage(stage);
  },
  repeat: poplars,
};

/** The subject's ground starts a little above its foot. */
function horizonOf({ position, height }: Stage): number {
  return Math.min(height * 0.9, Math.max(height * 0.12, position.y + 0.03));
}

function sunAndClouds(stage: Stage, horizon: number): void {
  const { ctx, palette, random, width } = stage;
  const sun = { x: random.uniform(0.1, 0.9) * width, y: random.uniform(0.2, 0.6) * horizon };
  const glow = ctx.createRadialGradient(sun.x, sun.y, 0.015, sun.x, sun.y, 0.2);
  glow.addColorStop(0, palette("ground", 0.99, 0.2));
  glow.addColorStop(0.15, palette("ground", 0.97, 0.4, 0.6));
  glow.addColorStop(1, palette("ground", 0.95, 0.4, 0));
  ellipse(ctx, glow, sun, 0.2);
  for (let cloud = 0; cloud < 3; cloud++) {
    const at = { x: random.next() * width, y: random.uniform(0.1, 0.7) * horizon };
    for (let puff = -2; puff <= 2; puff++) {
      const centre = { x: at.x + puff * 0.035, y: at.y - 0.012 * random.next() };
      ellipse(ctx, palette("ground", 0.96, 0.25, 0.55), centre, 0.045, 0.014 + 0.012 * random.next());
    }
  }
}

/** A row of poplars along the horizon. */
function poplars(stage: Stage, count: number): void {
  const { ctx, palette } = stage;
  const foot = horizonOf(stage) + 0.035;
  for (const x of rowOf(stage, count)) {
    ctx.fillStyle = palette("subject", 0.25, 0.6);
    ctx.fillRect(x - 0.006, foot - 0.03, 0.012, 0.035);
    ellipse(ctx, palette("subject", 0.36, 1.1), { x, y: foot - 0.09 }, 0.024, 0.075);
    ellipse(ctx, palette("subject", 0.54, 1.1), { x: x - 0.008, y: foot - 0.095 }, 0.01, 0.055);
  }
}

function tree({ ctx, palette, position, random }: Stage): void {
  const foot = position.y + 0.13;
  floorShadow(ctx, { x: position.x + 0.05, y: foot }, 0.13, 0.025);
  const bark = palette("subject", 0.22, 0.6);
  polygon(
    ctx,
    bark,
    { x: position.x - 0.016, y: foot },
    { x: position.x - 0.008, y: position.y - 0.05 },
    { x: position.x + 0.008, y: position.y - 0.05 },
    { x: position.x + 0.016, y: foot },
  );
  for (const [lightness, shift] of [
    [0.28, 0.012],
    [0.4, 0],
    [0.54, -0.014],
  ] as const) {
    for (let leaf = 0; leaf < 22; leaf++) {
      const angle = random.uniform(0, 2 * Math.PI);
      const radius = 0.085 * Math.sqrt(random.next());
      const at = {
        x: position.x + shift + radius * Math.cos(angle),
        y: position.y - 0.06 + shift + radius * Math.sin(angle),
      };
      ellipse(ctx, palette("subject", lightness, 1.2), at, random.uniform(0.01, 0.024));
    }
  }
}

function cottage({ ctx, palette, position }: Stage): void {
  const { x, y } = position;
  floorShadow(ctx, { x: x + 0.03, y: y + 0.1 }, 0.17, 0.025);
  polygon(
    ctx,
    palette("ground", 0.92, 0.3),
    { x: x - 0.1, y },
    { x: x + 0.04, y },
    { x: x + 0.04, y: y + 0.1 },
    { x: x - 0.1, y: y + 0.1 },
  );
  polygon(
    ctx,
    palette("ground", 0.7, 0.4),
    { x: x + 0.04, y },
    { x: x + 0.12, y },
    { x: x + 0.12, y: y + 0.1 },
    { x: x + 0.04, y: y + 0.1 },
  );
  polygon(
    ctx,
    palette("accent", 0.52, 1.4),
    { x: x - 0.12, y: y + 0.005 },
    { x: x - 0.07, y: y - 0.085 },
    { x: x + 0.085, y: y - 0.085 },
    { x: x + 0.045, y: y + 0.005 },
  );
  polygon(
    ctx,
    palette("accent", 0.38, 1.2),
    { x: x + 0.045, y: y + 0.005 },
    { x: x + 0.085, y: y - 0.085 },
    { x: x + 0.13, y: y + 0.005 },
  );
  ctx.fillStyle = palette("accent", 0.25);
  for (const left of [-0.08, -0.035, 0.005]) ctx.fillRect(x + left, y + 0.03, 0.022, left === -0.035 ? 0.07 : 0.03);
  ctx.fillRect(x + 0.07, y + 0.03, 0.022, 0.03);
}
