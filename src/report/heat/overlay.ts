/** A photo with the map of what moves its score over it, as a PNG with a legend. */
import sharp from "sharp";
import type { Explanation } from "../../engine/index.js";
import { crcOf, type OutputKind } from "../../files/index.js";
import type { RgbImage } from "../../image/index.js";
import { smoothed } from "../../metrics/cells.js";
import { strongest, tinted } from "./colours.js";
import { drawText, heightOf, widthOf } from "./digits.js";

/** What a map needs to be drawn. */
export type DrawnMap = Pick<Explanation, "values" | "columns" | "rows" | "scale">;

const SIGNATURE = "roc4mllm explanation";

/** What is known as ours when the next one takes its place. */
export const HEAT_PICTURE: OutputKind = {
  name: "heat map that roc4mllm wrote",
  isOurs: (start) => start.includes("PNG") && start.includes(SIGNATURE),
};

const LEGEND = { height: 44, margin: 8, bar: 14, dots: 2 } as const;

/** @param photo upright, of any size: the PNG is as large, and a legend higher */
export async function heatPicture(photo: RgbImage, raw: DrawnMap): Promise<Buffer> {
  const { width, height } = photo;
  const map = { ...raw, values: smoothed(raw) };
  const most = strongest(map.values, map.scale);
  const data = new Uint8Array(width * (height + LEGEND.height) * 3).fill(255);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at += 3) {
      const strength = valueAt(map, ((x + 0.5) * map.columns) / width, ((y + 0.5) * map.rows) / height) / most;
      data.set(tinted(greyAt(photo, at), strength), at);
    }
  drawLegend(data, { width, top: height }, most);
  const size = { width, height: height + LEGEND.height, channels: 3 } as const;
  return signed(await sharp(data, { raw: size }).png({ compressionLevel: 9 }).toBuffer());
}

function greyAt({ data }: RgbImage, at: number): number {
  return 0.299 * (data[at] as number) + 0.587 * (data[at + 1] as number) + 0.114 * (data[at + 2] as number);
}

/** Between the middles of four cells; NaN in a cell that is not seen. @param x, y in cells */
function valueAt({ values, columns, rows }: DrawnMap, x: number, y: number): number {
  const cell = (column: number, row: number): number =>
    values[Math.min(rows - 1, Math.max(0, row)) * columns + Math.min(columns - 1, Math.max(0, column))] as number;
  const own = cell(Math.floor(x), Math.floor(y));
  if (Number.isNaN(own)) return NaN;
  const [left, top] = [Math.floor(x - 0.5), Math.floor(y - 0.5)];
  const [across, down] = [x - 0.5 - left, y - 0.5 - top];
  // Beside what is not seen, a cell's own value.
  const or = (value: number): number => (Number.isNaN(value) ? own : value);
  const above = or(cell(left, top)) * (1 - across) + or(cell(left + 1, top)) * across;
  const below = or(cell(left, top + 1)) * (1 - across) + or(cell(left + 1, top + 1)) * across;
  return above * (1 - down) + below * down;
}

/** A bar from what lowers the score to what lifts it, with the values of its ends and middle: points of the score a cell. */
function drawLegend(data: Uint8Array, { width, top }: { width: number; top: number }, most: number): void {
  const { margin, bar, dots } = LEGEND;
  const wide = width - 2 * margin;
  const put = (x: number, y: number, colour: readonly number[]): void => {
    if (x >= 0 && x < width) data.set(colour, ((top + y) * width + x) * 3);
  };
  for (let x = 0; x < wide; x++) {
    const colour = tinted(128, (2 * x) / Math.max(1, wide - 1) - 1);
    for (let y = 0; y < bar; y++) put(margin + x, margin + y, colour);
  }
  const size = most.toPrecision(2).includes("e") ? most.toFixed(5) : String(Number(most.toPrecision(2)));
  const y = margin + bar + (LEGEND.height - margin - bar - heightOf(dots)) / 2;
  const texts = [
    [`−${size}`, margin],
    ["0", (width - widthOf("0", dots)) / 2],
    [`+${size}`, width - margin - widthOf(`+${size}`, dots)],
  ] as const;
  for (const [text, left] of texts)
    drawText(text, Math.round(left), Math.round(y), dots, (x, down) => put(x, down, [40, 40, 40]));
}

/** Of PNG. */
const crc32 = crcOf(0xedb88320);

/** Bytes of a PNG up to the end of its header. */
const HEADER = 33;

/** With a text behind the header that says who made it. */
function signed(png: Buffer): Buffer {
  const content = Buffer.from(`tEXtSoftware\0${SIGNATURE}`, "latin1");
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length - 4);
  sum.writeUInt32BE(crc32(content));
  return Buffer.concat([png.subarray(0, HEADER), length, content, sum, png.subarray(HEADER)]);
}
