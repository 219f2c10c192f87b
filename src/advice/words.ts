/** Edits in words and numbers with units. */
import type { Crop, Edits } from "../image/edits/index.js";

/** A text for each edit, in the order in which they are made. */
export function wordsOf(edits: Edits, size: { readonly width: number; readonly height: number }): string[] {
  const { straighten, crop, exposure, warmth, contrast, saturation } = edits;
  return [
    ...(straighten === undefined ? [] : [`turn ${Math.abs(straighten).toFixed(1)}\u00b0 ${straighten > 0 ? "clockwise" : "anticlockwise"}`]), // prettier-ignore
    ...(crop === undefined ? [] : [cropWords(crop, size)]),
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

function cropWords({ aspect, size, x, y }: Crop, { width, height }: { width: number; height: number }): string {
  const name =
    aspect === "original" ? "same proportions" : width >= height ? aspect : aspect.split(":").reverse().join(":");
  const share = size === 1 ? "as large as possible" : `${Math.round(100 * size)}% of the largest side`;
  return `crop to ${name}, ${share}, ${placeWords(x, y)}`;
}

function placeWords(x: number, y: number): string {
  const part = (value: number, names: readonly [string, string]): string =>
    value < 0.4 ? names[0] : value > 0.6 ? names[1] : "";
  const [down, across] = [part(y, ["top", "bottom"]), part(x, ["left", "right"])];
  const where = [down, across].filter((name) => name !== "").join(" ") || "middle";
  return `${where} (${Math.round(100 * x)}% across, ${Math.round(100 * y)}% down)`;
}
