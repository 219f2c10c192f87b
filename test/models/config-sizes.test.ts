/** Sizes in a checkpoint's files that would fill the memory are refused by file and field, before anything is allocated. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { createImageProcessor } from "../../src/image/index.js";
import { parseInternVlConfig } from "../../src/models/internvl/config.js";
import { imageStepsOf } from "../../src/models/internvl/image-config.js";
import { parseMplugOwl2Config } from "../../src/models/mplugowl2/index.js";
import { parseQwen2VlConfig } from "../../src/models/qwen2vl/config.js";
import { parseImageSteps } from "../../src/models/common/qwen/image-config.js";
import { fixture } from "../support.js";

function assertRefused(work: () => unknown, message: RegExp): void {
  assert.throws(work, (error) => {
    assert.ok(isRocError(error), String(error));
    assert.equal(error.code, "CONFIG_INVALID");
    assert.match(error.message, message);
    return true;
  });
}

const config = JSON.parse(readFileSync(fixture("qwen2vl/tied/config.json"), "utf8")) as { vision_config: object };
const { vision } = parseQwen2VlConfig(config, "config.json");
const patches = { patch_size: vision.patchSize, merge_size: vision.merge, temporal_patch_size: vision.frames };

for (const [field, asked] of [
  ["min_pixels", { min_pixels: 1e8, max_pixels: 1e9 }],
  ["min_pixels", { min_pixels: 1e12, max_pixels: 1e13 }],
  ["size.shortest_edge", { size: { shortest_edge: 1e8, longest_edge: 1e9 } }],
  ["size.min_pixels", { size: { min_pixels: 1e15, max_pixels: 1e15 } }],
  ["min_pixels", { min_pixels: 0 }],
  ["min_pixels", { min_pixels: 1.5 }],
  ["max_pixels", { max_pixels: -1 }],
  ["patch_size", { patch_size: 1e9 }],
  ["merge_size", { merge_size: 1e9 }],
  ["temporal_patch_size", { temporal_patch_size: 1e9 }],
  ["rescale_factor", { rescale_factor: 1e308 }],
  ["image_std", { image_std: 1e-300 }],
  ["image_mean", { image_mean: [0, 0, 1e300] }],
] as const) {
  test(`Qwen2-VL: ${JSON.stringify(asked)} is refused by ${field}`, () => {
    const refused = new RegExp(`^pre\\.json: .*${field.replace(".", "\\.")}`);
    assertRefused(() => parseImageSteps({ ...patches, ...asked }, vision, "pre.json"), refused);
  });
}

test("Qwen2-VL: the largest limits of public files stand", () => {
  const steps = parseImageSteps({ ...patches, min_pixels: 256 * 28 * 28, max_pixels: 16384 * 28 * 28 }, vision);
  assert.deepEqual([steps.resize?.minPixels, steps.resize?.maxPixels], [200704, 12845056]);
});

for (const [field, asked] of [
  ["size", { size: 16384 }],
  ["size", { size: { shortest_edge: 1e9 } }],
  ["size", { size: { height: 1e6, width: 1 } }],
  ["crop_size", { crop_size: 1e6 }],
  ["crop_size", { crop_size: { height: 1e6, width: 1e6 } }],
  ["rescale_factor", { rescale_factor: 1e308 }],
  ["rescale_factor", { rescale_factor: -1 }],
  ["image_std", { image_std: [1, 1, 1e-300] }],
  ["image_mean", { image_mean: 1e300 }],
] as const) {
  test(`CLIP: ${JSON.stringify(asked)} is refused by ${field}`, () => {
    assertRefused(() => createImageProcessor(asked, {}, "pre.json"), new RegExp(`^pre\\.json: .*${field}`));
  });
}

test("InternVL: tiles that are no whole blocks of patches are refused by the field, before any picture is", () => {
  const chat = { model_type: "internvl_chat", llm_config: {}, vision_config: { image_size: 28, patch_size: 14 } };
  assert.equal(parseInternVlConfig(chat).tiles.size, 28);
  for (const side of [3, 14, 42]) {
    const refused = new RegExp(`^c\\.json .*force_image_size ${side} makes .* patches of 14 pixels`);
    assertRefused(() => parseInternVlConfig({ ...chat, force_image_size: side }, "c.json"), refused);
    const small = { ...chat, vision_config: { image_size: side, patch_size: 14 } };
    assertRefused(() => parseInternVlConfig(small, "c.json"), /image_size/);
    const hf = parseInternVlConfig({ model_type: "internvl" });
    const size = { height: side, width: side };
    assertRefused(() => imageStepsOf(hf, { size }, {}, "pre.json"), new RegExp(`^pre\\.json: size ${side} makes`));
  }
});

test("a vision tower's sizes are bounded in config.json", () => {
  const qwen = (sizes: object): unknown =>
    parseQwen2VlConfig({ ...config, vision_config: { ...config.vision_config, ...sizes } }, "config.json");
  assertRefused(() => qwen({ patch_size: 1e6 }), /config\.json.*patch_size/);
  assertRefused(() => qwen({ spatial_merge_size: 1e6 }), /config\.json.*spatial_merge_size/);
  assertRefused(() => qwen({ temporal_patch_size: 1e6 }), /config\.json.*temporal_patch_size/);
  const owl = { model_type: "mplug_owl2", visual_config: { visual_model: { image_size: 1e6 } } };
  assertRefused(() => parseMplugOwl2Config(owl, "config.json"), /config\.json.*image_size/);
});
