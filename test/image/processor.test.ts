/** Pixel values against transformers' Pillow processors, bit for bit, and the configuration's checks. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createImageProcessor, loadImageProcessor, resizeBicubic } from "../../src/image/index.js";
import { centerCrop } from "../../src/image/geometry.js";
import { valueStepsOf, valueTables } from "../../src/image/values.js";
import { padToSquare } from "./plain-resize.js";
import { drawnCases, picture, reference, sha256, turnedPictures } from "./support.js";

const CLIP_56 = { image_processor_type: "CLIPImageProcessor", size: { shortest_edge: 56 }, crop_size: 56 };

test("pixel values equal those of transformers", () => {
  assert.ok(reference.processors.length > 50);
  for (const expected of reference.processors) {
    const label = `${expected.name}, ${expected.source.join("x")}`;
    const processor = createImageProcessor(expected.config);
    const pixels = processor.pixels(picture(...expected.source));
    const pixelValues = processor.values(pixels);
    assert.deepEqual([3, processor.height, processor.width], expected.shape, label);
    assert.deepEqual([3, pixels.height, pixels.width], expected.shape, label);
    const area = processor.width * processor.height;
    assert.deepEqual([pixelValues[0], pixelValues[area], pixelValues[2 * area]], expected.first, label);
    assert.equal(sha256(pixelValues), expected.sha256, label);
  }
});

test("the values of the design's reference sheet", () => {
  const processor = createImageProcessor({ size: 336, crop_size: 336 });
  const pixelValues = processor.values(processor.pixels(picture(640, 427)));
  const area = 336 * 336;
  const near = (index: number, expected: number): void =>
    assert.ok(Math.abs((pixelValues[index] ?? NaN) - expected) < 1e-6, `${index}: ${pixelValues[index]}`);
  [1.127423, -0.761584, -0.982517].forEach((value, channel) => near(channel * area, value));
  [-0.901758, -0.401398, 0.211968].forEach((value, channel) => near((channel + 1) * area - 1, value));
  const mean = pixelValues.reduce((sum, value) => sum + value, 0) / pixelValues.length;
  assert.ok(Math.abs(mean - 0.187859) < 1e-6, `mean ${mean}`);
});

test("files that transformers itself wrote are read", () => {
  for (const { name, config } of reference.saved) {
    const expected = reference.processors.find(
      (entry) => entry.name === (name === "clip" ? "clip 336" : "llava pad 336"),
    );
    assert.ok(expected);
    const processor = createImageProcessor(config);
    const pixelValues = processor.values(processor.pixels(picture(...expected.source)));
    assert.equal(sha256(pixelValues), expected.sha256, name);
  }
});

test("the override decides what happens to a picture that is not square", () => {
  const image = picture(97, 61);
  const hash = (config: object, resize?: "crop" | "pad" | "stretch"): string =>
    sha256(createImageProcessor(config, resize ? { resize } : {}).pixels(image).data);
  const llava = { ...CLIP_56, image_processor_type: "LlavaImageProcessor", do_pad: true };
  assert.equal(hash(CLIP_56), hash(llava, "crop"));
  assert.equal(hash(CLIP_56, "pad"), hash(llava));
  const stretched = resizeBicubic(resizeBicubic(image, { width: 97, height: 97 }), { width: 56, height: 56 });
  assert.equal(hash(CLIP_56, "stretch"), sha256(stretched.data));
  assert.equal(hash(llava, "stretch"), sha256(stretched.data));
  assert.equal(hash({ ...CLIP_56, do_pad: true }), hash(CLIP_56), "do_pad of CLIPImageProcessor pads batches only");
  const direct = { size: { height: 56, width: 56 }, do_center_crop: false };
  assert.equal(hash(direct), sha256(resizeBicubic(image, { width: 56, height: 56 }).data));
  assert.equal(hash(direct, "crop"), hash(CLIP_56));
  const padded = resizeBicubic(padToSquare(image, [122, 116, 104]), { width: 56, height: 56 });
  assert.equal(hash({ size: 56, do_center_crop: false }, "pad"), sha256(padded.data));
});

test("a panorama can be padded, and is refused where it must be stretched", () => {
  const line = { width: 20_000, height: 2, data: new Uint8Array(120_000).fill(200) };
  const pixels = createImageProcessor(CLIP_56, { resize: "pad" }).pixels(line);
  assert.equal(pixels.data.length, 56 * 56 * 3);
  const stretch = createImageProcessor(CLIP_56, { resize: "stretch" });
  assert.throws(() => stretch.pixels(line), { code: "IMAGE_TOO_LARGE", message: /20000/ });
});

test("a wrong configuration is an error that names file and field", () => {
  const wrong: [object | null, RegExp][] = [
    [null, /x\.json: .*object/],
    [{ ...CLIP_56, size: "336" }, /size/],
    [{ ...CLIP_56, size: { shortest_edge: 336, longest_edge: 500 } }, /size/],
    [{ ...CLIP_56, crop_size: { height: 3 } }, /crop_size/],
    [{ ...CLIP_56, crop_size: 0 }, /crop_size/],
    [{ ...CLIP_56, image_mean: [0.5, 0.5] }, /image_mean/],
    [{ ...CLIP_56, image_std: [0.5, 0, 0.5] }, /image_std/],
    [{ ...CLIP_56, resample: 2 }, /resample is 2/],
    [{ ...CLIP_56, do_resize: "yes" }, /do_resize/],
    [{ ...CLIP_56, image_processor_type: "Qwen2VLImageProcessor" }, /Qwen2VLImageProcessor/],
    [{ ...CLIP_56, do_center_crop: false }, /differ in size/],
    [{ ...CLIP_56, do_center_crop: false, do_resize: false }, /differ in size/],
  ];
  for (const [config, message] of wrong) {
    const label = JSON.stringify(config);
    assert.throws(() => createImageProcessor(config, {}, "x.json"), { code: "CONFIG_INVALID", message }, label);
    assert.throws(() => createImageProcessor(config, {}, "x.json"), { message: /^x\.json: / }, label);
  }
});

test("loadImageProcessor finds either file and says what is missing or broken", async () => {
  const folder = await mkdtemp(join(tmpdir(), "roc-image-"));
  try {
    await assert.rejects(loadImageProcessor(folder), { code: "FILE_NOT_FOUND", message: /preprocessor_config\.json/ });
    await writeFile(join(folder, "preprocessor_config.json"), "{");
    await assert.rejects(loadImageProcessor(folder), { code: "CONFIG_INVALID", message: /is not JSON/ });
    await writeFile(join(folder, "preprocessor_config.json"), JSON.stringify(CLIP_56));
    assert.equal((await loadImageProcessor(folder)).width, 56);
    await writeFile(join(folder, "processor_config.json"), JSON.stringify({ patch_size: 14 }));
    assert.equal((await loadImageProcessor(folder)).width, 56);
    const image_processor = { ...CLIP_56, crop_size: { height: 40, width: 48 } };
    await writeFile(join(folder, "processor_config.json"), JSON.stringify({ image_processor }));
    const { width, height, config } = await loadImageProcessor(folder, { resize: "pad" });
    assert.deepEqual([width, height, config], [48, 40, image_processor]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("prepared pixels are those of pixels(), off the thread and of a picture that is stored turned", async () => {
  const larger = { ...CLIP_56, size: { shortest_edge: 70 } };
  const smaller = { ...CLIP_56, size: { shortest_edge: 40 } };
  const asItIs = { ...CLIP_56, do_resize: false };
  const source = picture(97, 61);
  for (const config of [CLIP_56, larger, smaller, asItIs]) {
    for (const resize of ["crop", "pad", "stretch"] as const) {
      const processor = createImageProcessor(config, { resize });
      const pixels = processor.pixels(source);
      assert.deepEqual(await processor.prepare(source), pixels, resize);
      for (const stored of turnedPictures(source)) {
        assert.deepEqual(await processor.prepare(stored), pixels, `${resize}, orientation ${stored.orientation}`);
      }
    }
  }
  assert.throws(() => createImageProcessor(CLIP_56).values(source), { code: "USAGE", message: /97 x 61.*56 x 56/ });
});

test("a picture that is not resized is padded, stretched and cut all the same", () => {
  const source = picture(97, 61);
  const hash = (resize: "crop" | "pad" | "stretch", crop: number): string =>
    sha256(createImageProcessor({ do_resize: false, crop_size: crop }, { resize }).pixels(source).data);
  const squares = {
    crop: source,
    pad: padToSquare(source, [122, 116, 104]),
    stretch: resizeBicubic(source, { width: 97, height: 97 }),
  };
  for (const crop of [40, 80, 120]) {
    const size = { width: crop, height: crop };
    for (const [resize, whole] of Object.entries(squares)) {
      assert.equal(
        hash(resize as keyof typeof squares, crop),
        sha256(centerCrop(whole, size).data),
        `${resize}, ${crop}`,
      );
    }
  }
  const line = { width: 60_000, height: 1, data: new Uint8Array(180_000) };
  const pad = createImageProcessor({ do_resize: false, crop_size: 4 }, { resize: "pad" });
  assert.throws(() => pad.pixels(line), { code: "IMAGE_TOO_LARGE", message: /60000/ });
});

test("pictures of drawn shapes and turns become Pillow's bytes", async () => {
  const cases = drawnCases();
  assert.ok(cases.length >= 150);
  for (const { mode, source, orientation, mean, size, crop, sha256: expected } of cases) {
    const [width, height] = crop;
    const target = typeof size === "number" ? { shortest_edge: size } : size && { width: size[0], height: size[1] };
    const config = { do_resize: size !== null, size: target, crop_size: { width, height }, image_mean: mean };
    const stored = { stored: picture(...source), orientation };
    const prepared = await createImageProcessor(config, { resize: mode }).prepare(stored);
    assert.equal(sha256(prepared.data), expected, JSON.stringify({ mode, source, orientation, size, crop }));
  }
});

test("values are laid out with the channels first or last, into the room that is given", () => {
  const processor = createImageProcessor({ ...CLIP_56, crop_size: { height: 40, width: 48 } });
  const pixels = processor.pixels(picture(97, 61));
  const tables = valueTables(valueStepsOf({}, "x.json"));
  const planar = new Float32Array(2 + 3 * 40 * 48);
  processor.values(pixels, "planar", planar.subarray(1, -1));
  const interleaved = processor.values(pixels, "interleaved");
  for (let i = 0; i < 40 * 48; i++) {
    for (let c = 0; c < 3; c++) {
      const value = tables[256 * c + (pixels.data[3 * i + c] as number)];
      assert.deepEqual([planar[1 + c * 40 * 48 + i], interleaved[3 * i + c]], [value, value], `${i}, ${c}`);
    }
  }
  assert.deepEqual([planar[0], planar.at(-1)], [0, 0]);
});
