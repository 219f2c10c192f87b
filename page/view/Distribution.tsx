/** How the ratings of many people would lie, as the model predicts it. */
import type { JSX } from "preact";
import type { ScoreEntry } from "../api/types.js";
import { Radar } from "./Radar.js";
import { exactText, intervalText, percentOn, scoreText } from "./numbers.js";

const [WIDTH, HEIGHT, FLOOR] = [300, 112, 92];

/** What is shown of a score. */
type Rated = Pick<ScoreEntry, "score" | "std" | "scale" | "distribution">;

export function Distribution({ score }: { score: Rated }): JSX.Element | null {
  const { distribution, scale, std } = score;
  if (!distribution || distribution.length < 2) return null;
  const [count, highest] = [distribution.length, Math.max(...distribution)];
  const ratingOf = (i: number): number => scale.min + ((scale.max - scale.min) * i) / (count - 1);
  const step = WIDTH / count;
  // Ratings are the middles of their bars.
  const x = (rating: number): number => step / 2 + ((WIDTH - step) * (rating - scale.min)) / (scale.max - scale.min);
  const [low, high] = std === null ? [0, 0] : [x(score.score - std), x(score.score + std)];
  const labelOf = (rating: number, text: string): Label => within(x(rating), text);
  const mean = labelOf(score.score, scoreText(score.score));
  const ends = [scale.min, scale.max].map((end) => labelOf(end, `${end}`)).filter((end) => !overlap(end, mean));
  const likeliest = ratingOf(distribution.indexOf(highest));
  const label =
    `Predicted ratings: mean ${exactText(score.score)}` +
    (std === null ? "" : `, standard deviation ${exactText(std)}`) +
    `, most often ${Number(likeliest.toFixed(1))}, on a scale from ${scale.min} to ${scale.max}`;
  return (
    <svg class="distribution" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      {distribution.map((share, i) => {
        const height = (share / highest) * (FLOOR - 14);
        return <rect x={i * step + 1} y={FLOOR - height} width={Math.max(1, step - 2)} height={height} rx={1.5} />;
      })}
      <line class="axis" x1={0} x2={WIDTH} y1={FLOOR + 0.5} y2={FLOOR + 0.5} />
      {std !== null && (
        <line class="range" x1={Math.max(0, low)} x2={Math.min(WIDTH, high)} y1={FLOOR + 0.5} y2={FLOOR + 0.5} />
      )}
      <line class="mean" x1={x(score.score)} x2={x(score.score)} y1={6} y2={FLOOR} />
      {ends.map((end) => (
        <text x={end.at} y={HEIGHT - 4}>
          {end.text}
        </text>
      ))}
      <text class="at" x={mean.at} y={HEIGHT - 4}>
        {mean.text}
      </text>
    </svg>
  );
}

/** A text below the axis, by its middle. */
interface Label {
  readonly at: number;
  readonly text: string;
}

/** Of a digit of the labels' size, at most. */
const DIGIT = 8;

/** Moved inwards as far as it would be cut. */
function within(at: number, text: string): Label {
  const half = (DIGIT * text.length) / 2;
  return { at: Math.min(Math.max(at, half), WIDTH - half), text };
}

function overlap(a: Label, b: Label): boolean {
  return Math.abs(a.at - b.at) < (DIGIT * (a.text.length + b.text.length)) / 2;
}

/** So many aspects make a radar. */
const FEWEST = 3;

/** Single aspects, as a radar and as bars on the same scale. */
export function Attributes({ score }: { score: ScoreEntry }): JSX.Element | null {
  const known = Object.entries(score.attributes ?? {}).flatMap(([name, value]) =>
    value === null ? [] : [{ name: name.replaceAll("_", " "), value, interval: score.attributeIntervals?.[name] }],
  );
  if (known.length === 0) return null;
  return (
    <>
      {known.length >= FEWEST && <Radar aspects={known} scale={score.scale} />}
      <dl class="attributes">
        {known.map(({ name, value, interval }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <span class="track">
                <i style={{ width: `${percentOn(score.scale, value)}%` }} />
              </span>
              {scoreText(value)}
              {interval && <small class="quiet">{intervalText(interval)}</small>}
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}
