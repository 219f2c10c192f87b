/** What the Qwen2-VL parity tests share. */
import type { Grid } from "../../../src/models/common/qwen/positions.js";
import { loadQwen2Vl, type Qwen2VlModel } from "../../../src/models/qwen2vl/index.js";
import type { ImageBatch, MllmInput } from "../../../src/models/types.js";
import { cat, type Tensor } from "../../../src/torch/index.js";
import { openSafetensors, type Checkpoint } from "../../../src/weights/index.js";
import type { RgbImage } from "../../../src/image/index.js";
import { fixture } from "../../support.js";

/** Grouped heads and a nested config; other groups and depths, and the flat config of the public files. */
export const CHECKPOINTS = ["tied", "untied"] as const;
export type CheckpointName = (typeof CHECKPOINTS)[number];

export function folderOf(name: CheckpointName): string {
  return fixture(`qwen2vl/${name}`);
}

export function loadTiny(name: CheckpointName): Promise<Qwen2VlModel> {
  return loadQwen2Vl(folderOf(name));
}

/** What transformers computed (test/fixtures/qwen2vl/make.py). */
export function openExpected(name: CheckpointName): Promise<Checkpoint> {
  return openSafetensors(fixture(`qwen2vl/${name}.safetensors`));
}

/** The input `name` of the fixture; its tensors belong to the caller's scope. */
export function inputOf(expected: Checkpoint, name: string): MllmInput & { readonly attentionMask: Tensor } {
  const given = { inputIds: expected.tensor(`${name}.ids`), attentionMask: expected.tensor(`${name}.mask`) };
  return expected.has(`${name}.pixel_values`) ? { ...given, images: imagesOf(expected, name) } : given;
}

/** Transformers keeps pictures and videos apart; here they come in reading order: video, picture, video. */
function imagesOf(expected: Checkpoint, name: string): ImageBatch {
  const grids = gridsOf(expected, `${name}.image_grid_thw`);
  const pixelValues = expected.tensor(`${name}.pixel_values`);
  if (!expected.has(`${name}.video_grid_thw`)) return { pixelValues, imageGridThw: grids };
  const [first, second] = gridsOf(expected, `${name}.video_grid_thw`) as [Grid, Grid];
  const frames = expected.tensor(`${name}.pixel_values_videos`);
  const cut = first[0] * first[1] * first[2];
  return {
    pixelValues: cat([frames.narrow(0, 0, cut), pixelValues, frames.slice(0, cut)]),
    imageGridThw: [first, ...grids, second],
  };
}

function gridsOf(expected: Checkpoint, name: string): Grid[] {
  const numbers = expected.tensor(name).toNumbers();
  return Array.from({ length: numbers.length / 3 }, (_, i) => numbers.slice(3 * i, 3 * i + 3) as unknown as Grid);
}

/** The picture of the reference sheet (backbones, section 8.6). */
export function picture(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    data[i] = (7 * x + 13 * y + 29 * c + 5 * ((x * y) % 17)) % 256;
  }
  return { width, height, data };
}
