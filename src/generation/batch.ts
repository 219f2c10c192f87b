/** Prompts of different lengths as one input of a model. */
import type { ImageBatch, MllmInput } from "../models/types.js";
import { cat, tensor } from "../torch/index.js";
import type { Prompt } from "./types.js";

/** Padded on the left, so that every row's last token is the last; no mask where nothing is padded. */
export function batchOf(prompts: readonly Prompt[], padId: number, device: string): MllmInput {
  const width = Math.max(...prompts.map(({ ids }) => ids.length));
  const fill = (row: readonly number[], value: number): number[] => [
    ...new Array<number>(width - row.length).fill(value),
    ...row,
  ];
  const matrix = (rows: number[][]): MllmInput["inputIds"] => tensor(rows, { dtype: "int64", device });
  const images = joinImages(prompts.flatMap((prompt) => prompt.images ?? []));
  return {
    inputIds: matrix(prompts.map(({ ids }) => fill(ids, padId))),
    ...(prompts.some(({ ids }) => ids.length < width) && {
      attentionMask: matrix(
        prompts.map(({ ids }) =>
          fill(
            ids.map(() => 1),
            0,
          ),
        ),
      ),
    }),
    ...(images && { images }),
  };
}

/** The pictures of all prompts, in order. */
export function joinImages(batches: readonly ImageBatch[]): ImageBatch | undefined {
  const [first, ...others] = batches;
  if (!first || others.length === 0) return first;
  const all = <T>(list: (batch: ImageBatch) => readonly T[] | undefined): T[] =>
    batches.flatMap((batch) => list(batch) ?? []);
  return {
    ...first,
    pixelValues: cat(batches.map((batch) => batch.pixelValues)),
    ...(first.imageGridThw && { imageGridThw: all((batch) => batch.imageGridThw) }),
    // Pictures beside videos have none.
    ...(batches.some((batch) => batch.secondsPerGrid) && {
      secondsPerGrid: all((batch) => batch.secondsPerGrid ?? batch.imageGridThw?.map(() => 1)),
    }),
    ...(first.tiles && { tiles: all((batch) => batch.tiles) }),
    ...(first.imageSizes && { imageSizes: all((batch) => batch.imageSizes) }),
  };
}
