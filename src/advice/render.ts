/** Edited copies of a photo as files that a model scores: as they are, or varied a little. */
import { loadSharp } from "../image/index.js";
import { applyEdits, type Edits } from "../image/edits/index.js";
import type { RgbImage } from "../image/index.js";
import { Random, type SeedPart } from "../random.js";

/** A variation that nobody would notice: what it changes of a score is the model's own noise. */
export interface Variation {
  /** Drops up to 2% of each side, the frame's place drawn too; up to a twentieth of a stop. */
  readonly edits: Edits;
  /** Of a JPEG. */
  readonly quality: number;
}

/** Variation `index` of a seed. */
export function variation(seed: SeedPart, index: number): Variation {
  const random = new Random(seed, "advice", index);
  const crop = { aspect: "original", size: random.uniform(0.98, 1), x: random.next(), y: random.next() } as const;
  const exposure = random.uniform(-0.05, 0.05);
  return { edits: { crop, exposure }, quality: 88 + random.int(10) };
}

/** An edited photo as the bytes of a file: without loss, or varied as a JPEG. */
export async function renderEdits(photo: RgbImage, edits: Edits, varied?: Variation): Promise<Buffer> {
  const edited = await applyEdits(photo, edits);
  const { width, height, data } = varied ? await applyEdits(edited, varied.edits) : edited;
  const sharp = await loadSharp();
  const picture = sharp(data, { raw: { width, height, channels: 3 } });
  return varied
    ? picture.jpeg({ quality: varied.quality }).toBuffer()
    : picture.png({ compressionLevel: 0 }).toBuffer();
}
