/** What the Qwen2-VL parity tests share. */
import { loadQwen2Vl, type Qwen2VlModel } from "../../../src/models/qwen2vl/index.js";
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

/** The picture of the reference sheet (backbones, section 8.6). */
export function picture(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    data[i] = (7 * x + 13 * y + 29 * c + 5 * ((x * y) % 17)) % 256;
  }
  return { width, height, data };
}
