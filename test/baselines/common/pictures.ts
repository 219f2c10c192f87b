/** Pictures that a fixture's make.py makes too. */
import type { RgbImage } from "../../../src/image/index.js";

/** Three squares of noise. */
export function noise(side: number): RgbImage[] {
  const each = 3 * side * side;
  return [0, 1, 2].map((n) => ({
    width: side,
    height: side,
    data: Uint8Array.from({ length: each }, (_, j) => {
      const i = n * each + j;
      return (i * i * 7 + Math.floor(i / 11)) % 256;
    }),
  }));
}
