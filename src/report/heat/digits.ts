/** Figures of a legend, drawn without a font: no machine lacks them. */
const ROWS = 5;
const COLUMNS = 3;

/** Three pixels across and five down, row by row. */
const SHAPES: Readonly<Record<string, string>> = {
  0: "111101101101111",
  1: "010110010010111",
  2: "111001111100111",
  3: "111001111001111",
  4: "101101111001001",
  5: "111100111001111",
  6: "111100111101111",
  7: "111001010010010",
  8: "111101111101111",
  9: "111101111001111",
  "+": "000010111010000",
  "−": "000000111000000",
  ".": "000000000000010",
};

/** Pixels that a text takes across. */
export function widthOf(text: string, size: number): number {
  return text.length * (COLUMNS + 1) * size;
}

/** Calls `put` for each pixel of a text that begins at (`left`, `top`). @param size pixels of a dot's side */
export function drawText(
  text: string,
  left: number,
  top: number,
  size: number,
  put: (x: number, y: number) => void,
): void {
  for (const [i, letter] of [...text].entries())
    for (const [at, dot] of [...(SHAPES[letter] ?? "")].entries()) {
      if (dot === "0") continue;
      const x = left + (i * (COLUMNS + 1) + (at % COLUMNS)) * size;
      const y = top + Math.floor(at / COLUMNS) * size;
      for (let down = 0; down < size; down++) for (let across = 0; across < size; across++) put(x + across, y + down);
    }
}

/** Pixels that a text takes down. */
export function heightOf(size: number): number {
  return ROWS * size;
}
