/** Edits in words and numbers with units. */
import type { Crop, Edits } from "../image/edits/index.js";
import type { Size } from "../image/index.js";
import { keptShare } from "./kept.js";

/** A text for each edit, in the order in which they are made. What is kept is a share of the whole photo's area. */
export function wordsOf(edits: Edits, size: Size): string[] {
  const { straighten, crop, exposure, warmth, contrast, saturation } = edits;
  return [
    ...(straighten === undefined ? [] : [turnWords(straighten, size)]),
    ...(crop === undefined ? [] : [cropWords(crop, size, keptPercent(edits, size))]),
    ...(exposure === undefined ? [] : [`${signed(exposure, 2)} EV exposure (${exposure > 0 ? "brighter" : "darker"})`]),
    ...(warmth === undefined ? [] : [`${signed(warmth, 2)} EV red against blue (${warmth > 0 ? "warmer" : "cooler"})`]),
    ...(contrast === undefined ? [] : [`${percent(contrast)} contrast`]),
    ...(saturation === undefined ? [] : [`${percent(saturation)} saturation`]),
  ];
}

function signed(value: number, digits: number): string {
  return `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(digits)}`;
}

/** A factor as a change: 1.25 is +25%. */
function percent(factor: number): string {
  return `${signed(100 * (factor - 1), 0)}%`;
}

function keptPercent(edits: Edits, photo: Size): string {
  return `${Math.round(100 * keptShare(edits, photo))}%`;
}

function turnWords(straighten: number, photo: Size): string {
  const way = straighten > 0 ? "clockwise" : "anticlockwise";
  return `turn ${Math.abs(straighten).toFixed(1)}\u00b0 ${way}, ${keptPercent({ straighten }, photo)} kept`;
}

function cropWords({ aspect, x, y }: Crop, { width, height }: Size, kept: string): string {
  const name =
    aspect === "original" ? "same proportions" : width >= height ? aspect : aspect.split(":").reverse().join(":");
  return `crop to ${name}, ${kept} of the photo's area kept, ${placeWords(x, y)}`;
}

function placeWords(x: number, y: number): string {
  const part = (value: number, names: readonly [string, string]): string =>
    value < 0.4 ? names[0] : value > 0.6 ? names[1] : "";
  const [down, across] = [part(y, ["top", "bottom"]), part(x, ["left", "right"])];
  const where = [down, across].filter((name) => name !== "").join(" ") || "middle";
  return `${where} (${Math.round(100 * x)}% across, ${Math.round(100 * y)}% down)`;
}
