/**
 * Writes the photographs of `examples/photos/`, six compositions of known quality: `node dist/test/studio/examples.js`. Their
 * committed bytes are those of @napi-rs/canvas 1.0.11 and sharp 0.35.5.
 */
import { join } from "node:path";
import { atomicWriteFile } from "../../src/files/index.js";
import { compose, type CompositionOverrides } from "../../src/studio/factors.js";
import { encodePhoto } from "../../src/studio/render.js";
import { ROOT } from "../support.js";

const SEED = "examples";
const LONG_EDGE = 512;

const FINE = { exposure: 0.9, contrast: 0.88, saturation: 0.85, harmony: 0.92, motion: 0.97, noise: 0.96 };
const FINE_PLACED = { ...FINE, clutter: 0.97, placement: 0.95 };

/** File name to composition. */
const EXAMPLES: Readonly<Record<string, { index: number; choose: CompositionOverrides }>> = {
  "landscape-good.jpg": { index: 1, choose: { scene: "landscape", aspect: "3:2", merits: FINE_PLACED } },
  "portrait-good.jpg": {
    index: 2,
    choose: { scene: "portrait", aspect: "2:3", merits: { ...FINE_PLACED, depth: 0.9 } },
  },
  "still-life-fair.jpg": {
    index: 3,
    choose: {
      scene: "still-life",
      aspect: "4:3",
      merits: {
        ...FINE,
        exposure: 0.7,
        contrast: 0.6,
        saturation: 0.5,
        noise: 0.8,
        clutter: 0.7,
        placement: 0.2,
        depth: 0.5,
      },
      sides: { exposure: 0, saturation: 0, placement: 1 },
    },
  },
  "architecture-garish.jpg": {
    index: 4,
    choose: {
      scene: "architecture",
      aspect: "16:9",
      merits: { ...FINE, exposure: 0.45, saturation: 0.1, harmony: 0.1, clutter: 0.4, placement: 0.5 },
      sides: { exposure: 1, saturation: 1, placement: 0 },
    },
  },
  "abstract-dull.jpg": {
    index: 5,
    choose: {
      scene: "abstract",
      aspect: "1:1",
      merits: { exposure: 0.45, contrast: 0.15, saturation: 0.2, harmony: 0.5, motion: 0.8, noise: 0.7 },
      sides: { exposure: 0, saturation: 0 },
    },
  },
  "landscape-bad.jpg": {
    index: 6,
    choose: {
      scene: "landscape",
      aspect: "3:2",
      merits: {
        exposure: 0.1,
        contrast: 0.12,
        saturation: 0.12,
        harmony: 0.1,
        motion: 0.6,
        noise: 0.4,
        clutter: 0.15,
        placement: 0.05,
      },
      sides: { exposure: 1, saturation: 0, placement: 0 },
    },
  },
};

for (const [name, { index, choose }] of Object.entries(EXAMPLES)) {
  await atomicWriteFile(
    join(ROOT, "examples/photos", name),
    await encodePhoto(compose(SEED, index, choose), LONG_EDGE),
  );
}
