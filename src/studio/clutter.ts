import { ellipse, polygon, type Stage } from "./scenes/stage.js";

const MOST = 16;

/** Stray objects all over the frame, near black or near white: a wire, boxes, balls, posts, scraps. */
export function drawClutter(stage: Stage, merit: number): void {
  const { ctx, random, width, height } = stage;
  const count = Math.round(MOST * (1 - merit));
  for (let thing = 0; thing < count; thing++) {
    const at = { x: random.uniform(0.03, 0.97) * width, y: random.uniform(0.05, 0.95) * height };
    const size = random.uniform(0.03, 0.055);
    const tone = random.chance(0.5) ? random.uniform(0, 50) : random.uniform(205, 255);
    const fill = `rgb(${tone | 0},${tone | 0},${tone | 0})`;
    ctx.save();
    ctx.translate(at.x, at.y);
    ctx.rotate(random.uniform(-0.5, 0.5));
    random.pick([box, ball, post, scrap])(stage, fill, size);
    ctx.restore();
  }
}

type Thing = (stage: Stage, fill: string, size: number) => void;

const box: Thing = ({ ctx }, fill, size) => {
  ctx.fillStyle = fill;
  ctx.fillRect(-size, -size * 0.7, 2 * size, 1.4 * size);
  ctx.fillStyle = "rgba(128,128,128,0.8)";
  ctx.fillRect(-size, -size * 0.1, 2 * size, size * 0.3);
};

const ball: Thing = ({ ctx }, fill, size) => {
  ellipse(ctx, fill, { x: 0, y: 0 }, size * 0.8);
  ellipse(ctx, "rgba(128,128,128,0.8)", { x: -size * 0.2, y: -size * 0.2 }, size * 0.3);
};

const post: Thing = ({ ctx }, fill, size) => {
  ctx.fillStyle = fill;
  ctx.fillRect(-size * 0.2, -size * 2, size * 0.4, size * 4);
  ctx.fillRect(-size * 0.7, -size * 2, size * 1.4, size * 0.9);
};

const scrap: Thing = ({ ctx }, fill, size) => {
  polygon(
    ctx,
    fill,
    { x: -size, y: 0 },
    { x: -size * 0.2, y: -size },
    { x: size, y: -size * 0.3 },
    { x: size * 0.3, y: size },
  );
};
