/** Single aspects at a glance: the better, the further out. */
import type { JSX } from "preact";
import type { ScoreEntry } from "../api/types.js";
import { percentOn, scoreText } from "./numbers.js";

/** Corners lie on this circle; labels stand outside of it. */
const [WIDTH, RADIUS, MIDDLE] = [300, 70, { x: 150, y: 92 }];
const RINGS = [0.25, 0.5, 0.75, 1];

export interface Aspect {
  readonly name: string;
  readonly value: number;
}

/** Of three aspects or more: fewer span no area. */
export function Radar({ aspects, scale }: { aspects: readonly Aspect[]; scale: ScoreEntry["scale"] }): JSX.Element {
  const at = (i: number, share: number): { x: number; y: number } => {
    const angle = (2 * Math.PI * i) / aspects.length - Math.PI / 2;
    return { x: MIDDLE.x + RADIUS * share * Math.cos(angle), y: MIDDLE.y + RADIUS * share * Math.sin(angle) };
  };
  const outline = (shareOf: (aspect: Aspect) => number): string =>
    aspects.map((aspect, i) => at(i, shareOf(aspect))).map(({ x, y }) => `${x},${y}`).join(" "); // prettier-ignore
  const label = `Single aspects: ${aspects.map(({ name, value }) => `${name} ${scoreText(value)}`).join(", ")}`;
  return (
    <svg class="radar" viewBox={`0 0 ${WIDTH} ${2 * MIDDLE.y}`} role="img" aria-label={label}>
      {RINGS.map((share) => (
        <polygon key={share} class="ring" points={outline(() => share)} />
      ))}
      {aspects.map(({ name }, i) => {
        const [corner, text] = [at(i, 1), at(i, 1.1)];
        return (
          <g key={name}>
            <line class="ring" x1={MIDDLE.x} y1={MIDDLE.y} x2={corner.x} y2={corner.y} />
            <text class={sideOf(text.x)} x={text.x} y={text.y + 4}>
              {name}
            </text>
          </g>
        );
      })}
      <polygon class="shape" points={outline(({ value }) => percentOn(scale, value) / 100)} />
    </svg>
  );
}

/** Where a label stands of the middle. */
function sideOf(x: number): string {
  if (Math.abs(x - MIDDLE.x) < RADIUS / 8) return "";
  return x > MIDDLE.x ? "right" : "left";
}
