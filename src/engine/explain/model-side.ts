/** The model's side of an explanation: prepared pictures in, a map out. Synchronous, in the thread that has the weights. */
import { RocError } from "../../errors.js";
import type { RgbImage } from "../../image/index.js";
import type { Scale } from "../../roc/index.js";
import { gradientMap } from "./gradient.js";
import type { Check, Lens } from "./lens.js";
import { occlusionMap } from "./occlusion.js";
import { cellsOfNumbers, placesOf } from "./places.js";
import type { CellMap, ExplainRequest, ProbePictures } from "./types.js";

/** A gradient costs about as much as three scores. */
const GRADIENT_COST = 3;
/** Steps of integrated gradients at most: more changed nothing on the studio. */
const MOST_STEPS = 16;
/** Numbers of inputs that are held at a time. */
const MOST_NUMBERS = 2 ** 24;

/**
 * @param together inputs that are computed at a time
 * @param check called between batches, to end it by what it throws
 * @throws RocError as {@link Lens}
 */
export function explainHere(
  lens: Lens,
  scale: Scale,
  request: ExplainRequest,
  together: number,
  check: Check,
): CellMap {
  const { grid, of, evaluations } = request;
  const why = lens.withoutGradient(of);
  const { method = why === undefined ? "gradient" : "occlusion" } = request;
  if (method === "gradient" && why !== undefined)
    throw new RocError("USAGE", `There is no gradient: ${why}. Explain by occlusion (--explain-by occlusion).`);
  const numbers = numbersOf(lens, request.pictures);
  const { photo, replaced } = numbers;
  const cells = cellsOfNumbers(placesOf(numbers), grid);
  const size = Math.max(1, Math.min(together, Math.floor(MOST_NUMBERS / photo.length)));
  const score = (inputs: readonly Float32Array[]): number[] =>
    inBatches(inputs, size, (batch) => lens.scores(batch, of, check), check);
  const [whole = NaN, without = NaN] = score([photo, replaced]);
  const found = { method, score: whole, without, scale };
  if (method === "gradient") {
    const steps = Math.max(1, Math.min(MOST_STEPS, Math.floor((evaluations - 2) / GRADIENT_COST)));
    const gradients = (inputs: readonly Float32Array[]): Float32Array[] => {
      check();
      return lens.gradients(inputs, of);
    };
    const parts = { photo, replaced, cells, count: grid.columns * grid.rows, gradients, steps, together: size };
    return { ...found, values: gradientMap(parts), evaluations: 2 + steps };
  }
  const seen = new Set(cells);
  const { values, used } = occlusionMap(grid, {
    score: whole,
    without: (tiles) => batchesOf(tiles, size).flatMap((some) => score(some.map((tile) => spoilt(photo, replaced, cells, tile)))), // prettier-ignore
    sees: (cell) => seen.has(cell),
    evaluations: evaluations - 2,
  });
  return { ...found, values, evaluations: 2 + used };
}

function numbersOf(lens: Lens, pictures: ProbePictures<RgbImage>): ProbePictures<Float32Array> {
  const entries = Object.entries(pictures).map(([name, picture]) => [name, lens.numbers(picture as RgbImage)] as const);
  return Object.fromEntries(entries) as unknown as ProbePictures<Float32Array>;
}

/** The photo's numbers with those of some cells replaced. */
function spoilt(photo: Float32Array, replaced: Float32Array, cells: Int32Array, tile: readonly number[]): Float32Array {
  const chosen = new Set(tile);
  return photo.map((value, i) => (chosen.has(cells[i] as number) ? (replaced[i] as number) : value));
}

function inBatches<In, Out>(
  all: readonly In[],
  size: number,
  body: (batch: readonly In[]) => Out[],
  check: Check,
): Out[] {
  return batchesOf(all, size).flatMap((batch) => {
    check();
    return body(batch);
  });
}

function batchesOf<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}
