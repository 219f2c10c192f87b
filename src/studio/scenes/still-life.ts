import {
  cylinderShade,
  ellipse,
  floorShadow,
  polygon,
  roundShade,
  rowOf,
  strokes,
  verticalGradient,
  type Point,
  type Scene,
  type Stage,
} from "./stage.js";

/** A table before a papered wall, with a vase of flowers, a bottle with fruit, or a cup; the table follows the subject. */
export const stillLife: Scene = {
  hues: [40, 65, 90, 155, 230, 290],
  pickSubject: (random) => random.pick(["vase", "bottle", "cup"]),
  ground(stage) {
    const { palette, width, height } = stage;
    const edge = edgeOf(stage);
    verticalGradient(stage, 0, edge, [palette("ground", 0.8, 0.7), palette("ground", 0.66, 0.8)]);
    wallpaper(stage, edge);
    windowLight(stage, edge);
    verticalGradient(stage, edge, height, [palette("second", 0.62), palette("second", 0.42, 1.1)]);
    stage.ctx.fillStyle = palette("second", 0.3);
    stage.ctx.fillRect(0, edge - 0.006, width, 0.012);
    const table = { left: -0.1, top: edge + 0.02, right: width, bottom: height };
    strokes(stage, palette("second", 0.3, 1, 0.6), table, 40, 0.14, 0);
    strokes(stage, palette("second", 0.76, 1, 0.5), table, 40, 0.14, 0);
  },
  subject(stage) {
    const drawn = stillLife.pickSubject(stage.random);
    (drawn === "vase" ? vase : drawn === "bottle" ? bottle : cup)(stage);
  },
  repeat: fruitRow,
};

/** The far edge of the table. */
function edgeOf({ position, height }: Stage): number {
  return Math.min(height * 0.92, Math.max(height * 0.25, position.y + 0.06));
}

/** A row of equal fruit along the back of the table. */
function fruitRow(stage: Stage, count: number): void {
  const { ctx, palette } = stage;
  const y = edgeOf(stage) + 0.005;
  for (const x of rowOf(stage, count)) {
    const [lit, mid, dark] = [palette("detail", 0.85, 0.9), palette("detail", 0.6, 1.4), palette("detail", 0.3, 1.2)];
    floorShadow(ctx, { x: x + 0.01, y: y + 0.03 }, 0.045, 0.01);
    ellipse(ctx, roundShade(ctx, { x, y }, 0.034, lit, mid, dark), { x, y }, 0.034);
  }
}

function wallpaper({ ctx, palette, width }: Stage, edge: number): void {
  ctx.fillStyle = palette("detail", 0.55, 0.9, 0.8);
  for (let x = 0.02; x < width; x += 0.075) ctx.fillRect(x, 0, 0.02, edge);
  ctx.fillStyle = palette("ground", 0.95, 0.4, 0.8);
  for (let x = 0.055; x < width; x += 0.075) ctx.fillRect(x, 0, 0.006, edge);
}

function windowLight({ ctx, random, width }: Stage, edge: number): void {
  const x = random.uniform(0, 0.6) * width;
  for (const [left, top] of [
    [0, 0.05],
    [0.13, 0.05],
    [0, 0.5],
    [0.13, 0.5],
  ] as const) {
    const y = edge * top;
    const high = edge * 0.4;
    const at = (dx: number, dy: number): Point => ({ x: x + left + dx, y: y + dy });
    polygon(ctx, "rgba(255,250,235,0.45)", at(0, 0), at(0.12, 0.02), at(0.12, high + 0.02), at(0, high));
  }
}

function vase({ ctx, palette, position, random }: Stage): void {
  const { x, y } = position;
  floorShadow(ctx, { x: x + 0.05, y: y + 0.16 }, 0.15, 0.03);
  for (let stem = -2; stem <= 2; stem++) {
    const head = { x: x + stem * 0.045, y: y - 0.1 - 0.05 * random.next() - 0.012 * (2 - Math.abs(stem)) };
    ctx.strokeStyle = palette("detail", 0.35, 1.2);
    ctx.lineWidth = 0.008;
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.quadraticCurveTo(x + stem * 0.01, y - 0.08, head.x, head.y);
    ctx.stroke();
    for (let petal = 0; petal < 6; petal++) {
      const angle = (petal * Math.PI) / 3;
      const at = { x: head.x + 0.02 * Math.cos(angle), y: head.y + 0.02 * Math.sin(angle) };
      ellipse(ctx, palette("accent", petal < 3 ? 0.72 : 0.6, 1.4), at, 0.017);
    }
    ellipse(ctx, palette("accent", 0.9, 0.6), head, 0.01);
  }
  ctx.fillStyle = cylinderShade(
    ctx,
    x - 0.075,
    x + 0.075,
    palette("subject", 0.82, 0.9),
    palette("subject", 0.32, 1.1),
  );
  ctx.beginPath();
  ctx.moveTo(x - 0.035, y - 0.03);
  ctx.bezierCurveTo(x - 0.02, y + 0.02, x - 0.1, y + 0.06, x - 0.05, y + 0.16);
  ctx.lineTo(x + 0.05, y + 0.16);
  ctx.bezierCurveTo(x + 0.1, y + 0.06, x + 0.02, y + 0.02, x + 0.035, y - 0.03);
  ctx.fill();
}

function bottle(stage: Stage): void {
  const { ctx, palette, position } = stage;
  const { x, y } = position;
  floorShadow(ctx, { x: x + 0.04, y: y + 0.15 }, 0.2, 0.03);
  ctx.fillStyle = cylinderShade(ctx, x - 0.05, x + 0.05, palette("subject", 0.7), palette("subject", 0.2));
  ctx.beginPath();
  ctx.moveTo(x - 0.018, y - 0.16);
  ctx.lineTo(x - 0.018, y - 0.07);
  ctx.quadraticCurveTo(x - 0.05, y - 0.05, x - 0.05, y);
  ctx.lineTo(x - 0.05, y + 0.15);
  ctx.lineTo(x + 0.05, y + 0.15);
  ctx.lineTo(x + 0.05, y);
  ctx.quadraticCurveTo(x + 0.05, y - 0.05, x + 0.018, y - 0.07);
  ctx.lineTo(x + 0.018, y - 0.16);
  ctx.fill();
  ctx.fillStyle = palette("ground", 0.93, 0.3);
  ctx.fillRect(x - 0.05, y + 0.03, 0.1, 0.07);
  ctx.fillStyle = palette("subject", 0.35);
  ctx.fillRect(x - 0.03, y + 0.05, 0.06, 0.008);
  ctx.fillRect(x - 0.03, y + 0.07, 0.04, 0.008);
  for (const [dx, r] of [
    [-0.11, 0.045],
    [0.11, 0.05],
  ] as const) {
    const at = { x: x + dx, y: y + 0.16 - r };
    const fruit = roundShade(
      ctx,
      at,
      r,
      palette("accent", 0.88, 0.8),
      palette("accent", 0.62, 1.5),
      palette("accent", 0.32, 1.2),
    );
    ellipse(ctx, fruit, at, r);
  }
}

function cup({ ctx, palette, position }: Stage): void {
  const { x, y } = position;
  floorShadow(ctx, { x: x + 0.04, y: y + 0.11 }, 0.2, 0.035);
  ellipse(ctx, palette("accent", 0.8, 0.7), { x, y: y + 0.1 }, 0.17, 0.035);
  ellipse(ctx, palette("accent", 0.62, 0.9), { x, y: y + 0.098 }, 0.11, 0.02);
  ctx.strokeStyle = palette("subject", 0.5, 1.2);
  ctx.lineWidth = 0.022;
  ctx.beginPath();
  ctx.arc(x + 0.1, y + 0.01, 0.045, -1.4, 1.6);
  ctx.stroke();
  ctx.fillStyle = cylinderShade(ctx, x - 0.1, x + 0.1, palette("subject", 0.85, 0.9), palette("subject", 0.4, 1.2));
  ctx.beginPath();
  ctx.moveTo(x - 0.1, y - 0.06);
  ctx.bezierCurveTo(x - 0.1, y + 0.06, x - 0.06, y + 0.1, x, y + 0.1);
  ctx.bezierCurveTo(x + 0.06, y + 0.1, x + 0.1, y + 0.06, x + 0.1, y - 0.06);
  ctx.fill();
  ellipse(ctx, palette("subject", 0.92, 0.4), { x, y: y - 0.06 }, 0.1, 0.026);
  ellipse(ctx, palette("detail", 0.25, 0.9), { x, y: y - 0.057 }, 0.086, 0.019);
  ctx.strokeStyle = palette("accent", 0.55, 1.3);
  ctx.lineWidth = 0.012;
  ctx.beginPath();
  ctx.ellipse(x, y - 0.03, 0.097, 0.024, 0, 0.1, Math.PI - 0.1);
  ctx.stroke();
}
