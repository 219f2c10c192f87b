/** Decoding: formats, colour, orientation, and every way in which a file can be bad. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import { deflateSync } from "node:zlib";
import sharp, { type Sharp } from "sharp";
import { decodeImage, resizeAsync, resizeBicubic, withStoredImage, type RgbImage } from "../../src/image/index.js";
import { nativePixels } from "../../src/image/native.js";
import { fixture } from "../support.js";
import { picture } from "./support.js";

const folder = mkdtempSync(join(tmpdir(), "roc-decode-"));
after(() => rmSync(folder, { recursive: true }));

function encode({ width, height, data }: RgbImage): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** A smooth picture, which lossy formats keep nearly as it is. */
function gradient(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    data.set([20 + (200 * x) / width, 30 + (180 * y) / height, 120], i * 3);
  }
  return { width, height, data };
}

function flat(color: readonly number[], count = 64): Uint8Array {
  return Uint8Array.from({ length: count * color.length }, (_, i) => color[i % color.length] ?? 0);
}

function largestError(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? 0))), 0);
}

function pixel(image: RgbImage, x: number, y: number): number[] {
  return [...image.data.subarray((y * image.width + x) * 3, (y * image.width + x) * 3 + 3)];
}

function near(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  assert.ok(
    largestError(Uint8Array.from(actual), Uint8Array.from(expected)) <= tolerance,
    `${actual} is not ${expected}`,
  );
}

test("lossless formats give the same bytes, lossy ones nearly", async () => {
  const image = gradient(48, 32);
  const lossless = [
    encode(image).png(),
    encode(image).png({ progressive: true }),
    encode(image).webp({ lossless: true }),
    encode(image).tiff({ compression: "lzw" }),
    encode(image).tiff({ compression: "none" }),
  ];
  for (const file of lossless) assert.deepEqual(await decodeImage(await file.toBuffer()), image);
  const quality = { quality: 95, chromaSubsampling: "4:4:4" };
  const lossy = [
    encode(image).jpeg(quality),
    encode(image).jpeg({ ...quality, progressive: true }),
    encode(image).webp({ quality: 95 }),
    encode(image).avif(quality),
  ];
  for (const file of lossy) {
    const decoded = await decodeImage(await file.toBuffer());
    assert.deepEqual([decoded.width, decoded.height], [48, 32]);
    assert.ok(largestError(decoded.data, image.data) <= 8, `off by ${largestError(decoded.data, image.data)}`);
  }
});

test("a path, a buffer, a stream and a web stream give the same", async () => {
  const image = picture(20, 10);
  const file = join(folder, "four-ways.png");
  const bytes = await encode(image).png().toBuffer();
  await writeFile(file, bytes);
  const parts = [bytes.subarray(0, 9), bytes.subarray(9)];
  const inputs = [file, bytes, new Uint8Array(bytes), Readable.from(parts), Readable.toWeb(Readable.from(parts))];
  for (const input of inputs) assert.deepEqual(await decodeImage(input), image);
});

test("every EXIF orientation is applied, unless told not to", async () => {
  const image = gradient(12, 8);
  for (let orientation = 1; orientation <= 8; orientation++) {
    const turned = stored(image, orientation);
    const jpeg = encode(turned).withMetadata({ orientation }).jpeg({ quality: 100, chromaSubsampling: "4:4:4" });
    const upright = await decodeImage(await jpeg.toBuffer());
    assert.deepEqual([upright.width, upright.height], [12, 8], `orientation ${orientation}`);
    assert.ok(largestError(upright.data, image.data) <= 4, `orientation ${orientation}`);
    const asStored = await decodeImage(await jpeg.toBuffer(), { orient: false });
    assert.ok(largestError(asStored.data, turned.data) <= 4, `orientation ${orientation}, as stored`);
    const tiff = encode(turned).withMetadata({ orientation }).tiff({ compression: "none" });
    assert.deepEqual(await decodeImage(await tiff.toBuffer()), image, `orientation ${orientation}, TIFF`);
  }
});

/** The picture as it is stored: the EXIF standard names the sides of the upright picture where row 0 and column 0 lie. */
function stored(upright: RgbImage, orientation: number): RgbImage {
  const turned = orientation > 4;
  const rowFromEnd = [3, 4, 6, 7].includes(orientation);
  const columnFromEnd = [2, 3, 7, 8].includes(orientation);
  const [width, height] = turned ? [upright.height, upright.width] : [upright.width, upright.height];
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < upright.height; y++) {
    for (let x = 0; x < upright.width; x++) {
      const [row, column] = turned ? [x, y] : [y, x];
      const at = (rowFromEnd ? height - 1 - row : row) * width + (columnFromEnd ? width - 1 - column : column);
      data.set(pixel(upright, x, y), at * 3);
    }
  }
  return { width, height, data };
}

test("transparency is laid on white", async () => {
  const rgba = sharp(flat([200, 100, 0, 128]), { raw: { width: 8, height: 8, channels: 4 } });
  // 128/255 of the colour and the rest white; 1 for rounding.
  for (const file of [
    rgba.clone().png(),
    rgba.clone().webp({ lossless: true }),
    rgba.clone().tiff({ compression: "lzw" }),
  ]) {
    near(pixel(await decodeImage(await file.toBuffer()), 3, 3), [227, 177, 127], 1);
  }
  const palette = await decodeImage(fixture("image/palette-transparent.png"));
  assert.deepEqual(
    [pixel(palette, 0, 0), pixel(palette, 1, 0)],
    [
      [255, 0, 0],
      [255, 255, 255],
    ],
  );
});

test("16 bits are cut to 8, greyscale becomes RGB", async () => {
  const image = gradient(16, 16);
  assert.deepEqual(await decodeImage(await encode(image).toColourspace("rgb16").png().toBuffer()), image);
  const grey = await decodeImage(fixture("image/gray16.png"));
  assert.deepEqual([grey.width, grey.height], [8, 2]);
  // make.py: the 16-bit ramp 0, 4369, ... 65535; its upper bytes are 0, 17, ... 255.
  assert.deepEqual(
    [...grey.data],
    Array.from({ length: 48 }, (_, i) => Math.floor(i / 3) * 17),
  );
  const grey8 = await decodeImage(await encode(image).greyscale().jpeg().toBuffer());
  assert.equal(grey8.data.length, 16 * 16 * 3);
  assert.ok(grey8.data.every((value, i) => value === grey8.data[i - (i % 3)]));
});

test("an ICC profile is converted to sRGB, with 8 and with 16 bits", async () => {
  const image = { width: 8, height: 8, data: flat([255, 0, 0]) };
  for (const space of ["srgb", "rgb16"]) {
    const file = await encode(image).toColourspace(space).withIccProfile("p3").png().toBuffer();
    const stored = await sharp(file, { ignoreIcc: true }).raw().toBuffer();
    near([...stored.subarray(0, 3)], [234, 51, 35], 2);
    near(pixel(await decodeImage(file), 4, 4), [255, 0, 0], 2);
  }
});

test("profiles are applied as lcms applies them, in every kind of pixels", async () => {
  const text = await readFile(fixture("image/profiles/expected.json"), "utf8");
  const files = Object.entries(JSON.parse(text) as Record<string, number[]>);
  assert.equal(files.length, 20);
  for (const [file, expected] of files) {
    const { data } = await decodeImage(fixture(`image/profiles/${file}`));
    // 1 for rounding: lcms's table of curves for 8 bits is not the formula.
    const error = largestError(data, Uint8Array.from(expected));
    assert.ok(error <= 1, `${file}: off by ${error}`);
  }
});

test("a profile that does not fit its picture is left out", async () => {
  const png = await readFile(fixture("image/profiles/grey16-linear-grey.png"));
  const plain = await decodeImage(fixture("image/gray16.png"));
  const icc = Buffer.from((await sharp(png).metadata()).icc ?? []);
  icc.write("xxxx", icc.indexOf("kTRC"), "latin1");
  const file = withProfile(await readFile(fixture("image/gray16.png")), icc);
  assert.ok((await sharp(file).metadata()).hasProfile);
  assert.deepEqual(await decodeImage(file), plain);
});

test("a profile that cannot be read changes no 16-bit picture", async () => {
  const png = await encode(gradient(16, 16)).toColourspace("rgb16").png().toBuffer();
  const plain = await decodeImage(png);
  const grey = Buffer.from(
    (await sharp(await readFile(fixture("image/profiles/grey16-linear-grey.png"))).metadata()).icc ?? [],
  );
  // The header that a decoder looks at, and rubbish behind it.
  const rubbish = Buffer.alloc(600, 0x5a);
  rubbish.writeUInt32BE(600, 0);
  rubbish.write("mntrRGB XYZ ", 12, "latin1");
  rubbish.write("acsp", 36, "latin1");
  const table = Buffer.from(rubbish);
  table.writeUInt32BE(1, 128);
  table.write("A2B0", 132, "latin1");
  table.writeUInt32BE(200, 136);
  const tagless = Buffer.from(rubbish);
  tagless.writeUInt32BE(0, 128);
  for (const icc of [rubbish, table, tagless, grey]) assert.deepEqual(await decodeImage(withProfile(png, icc)), plain);
  // PNG's own decoder leaves some of them out, TIFF's takes any.
  const tiff = await readFile(fixture("image/profiles/rgb16-planes-adobe.tif"));
  const own = (await sharp(tiff).metadata()).icc ?? Buffer.alloc(0);
  const [place, tag] = [tiff.indexOf(own), tiff.indexOf(Buffer.of(0x73, 0x87, 7, 0))];
  assert.ok(own.length > 200 && place > 0 && tag > 0);
  const bare = Buffer.from(tiff);
  bare.writeUInt16LE(0x8774, tag);
  assert.equal((await sharp(bare).metadata()).hasProfile, false);
  for (const icc of [rubbish, table, tagless, grey, Buffer.alloc(600, 0x5a)]) {
    const file = Buffer.from(tiff);
    file.fill(0, place, place + own.length);
    icc.copy(file, place, 0, own.length);
    assert.deepEqual(await decodeImage(file), await decodeImage(bare));
  }
});

/** The same PNG with a profile. */
function withProfile(png: Buffer, icc: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from("iCCPx\0\0", "latin1"), deflateSync(icc)]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(body.length - 4, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return Buffer.concat([png.subarray(0, 33), framed, png.subarray(33)]);
}

test("CMYK is converted, with and without a profile", async () => {
  near(pixel(await decodeImage(fixture("image/cmyk.jpg")), 8, 4), [200, 30, 40], 45);
  const image = { width: 8, height: 8, data: flat([150, 120, 110]) };
  for (const profile of ["none", "cmyk"]) {
    const cmyk = encode(image).toColourspace("cmyk");
    const file = await (profile === "cmyk" ? cmyk.withIccProfile(profile) : cmyk).jpeg({ quality: 100 }).toBuffer();
    assert.equal((await sharp(file).metadata()).hasProfile, profile === "cmyk");
    near(pixel(await decodeImage(file), 4, 4), [150, 120, 110], 12);
  }
});

test("an animated GIF gives its first frame", async () => {
  const gif = await decodeImage(fixture("image/animated.gif"));
  assert.deepEqual([gif.width, gif.height, pixel(gif, 2, 2)], [6, 4, [10, 200, 30]]);
});

test("a file that ends early is an error in every format, one with bytes to spare is not", async () => {
  const image = picture(64, 48);
  const files = {
    JPEG: encode(image).jpeg(),
    PNG: encode(image).png(),
    WebP: encode(image).webp(),
    AVIF: encode(image).avif(),
    TIFF: encode(image).tiff({ compression: "jpeg" }),
    GIF: encode(image).gif(),
  };
  for (const [format, file] of Object.entries(files)) {
    const bytes = await file.toBuffer();
    for (const part of [0.2, 0.5, 0.9]) {
      const cut = bytes.subarray(0, Math.floor(bytes.length * part));
      const expected = { code: "IMAGE_BROKEN", message: new RegExp(`^cut\\.img: damaged or incomplete ${format}`) };
      await assert.rejects(decodeImage(cut, { name: "cut.img" }), expected, `${format} cut at ${part}`);
    }
    const longer = Buffer.concat([bytes, Buffer.from("trailing bytes, as phones append videos")]);
    assert.equal((await decodeImage(longer)).width, 64, `${format} with trailing bytes`);
  }
});

test("what is no image of a known format is refused by name", async () => {
  const cases: [Buffer, RegExp][] = [
    [
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'),
      /SVG.*JPEG, PNG, WebP, AVIF, TIFF, GIF/,
    ],
    [Buffer.from('\ufeff<?xml version="1.0"?><svg/>'), /SVG/],
    [Buffer.from("%PDF-1.7\n"), /PDF/],
    [Buffer.from("<!DOCTYPE html><html></html>"), /web page/],
    [Buffer.from("not an image"), /no image format known/],
    [Buffer.from([0xff]), /no image format known/],
  ];
  for (const [bytes, message] of cases) {
    await assert.rejects(decodeImage(bytes, { name: "x" }), { code: "IMAGE_UNSUPPORTED", message });
  }
});

test("TIFFs whose pixels would come out wrong are refused", async () => {
  /** One strip of 2 x 2 pixels behind a directory of short values. */
  const tiff = (photometric: number, bits: number, sampleFormat: number, samples: number): Buffer => {
    const strip = Buffer.alloc((4 * samples * bits) / 8, 1);
    const tags = [
      ...[[256, 2], [257, 2], [258, bits], [259, 1], [262, photometric], [273, 8 + 2 + 12 * 10 + 4]],
      ...[[277, samples], [278, 2], [279, strip.length], [339, sampleFormat]],
    ]; // prettier-ignore
    const head = Buffer.from("4949" + "2a00" + "08000000" + "0a00", "hex");
    const entries = tags.map(([tag = 0, value = 0]) => {
      const entry = Buffer.alloc(12);
      entry.writeUInt16LE(tag, 0);
      entry.writeUInt16LE(3, 2);
      entry.writeUInt32LE(1, 4);
      entry.writeUInt16LE(value, 8);
      return entry;
    });
    return Buffer.concat([head, ...entries, Buffer.alloc(4), strip]);
  };
  assert.equal((await decodeImage(tiff(1, 8, 1, 1))).width, 2, "a plain one is read");
  const refused = (bytes: Buffer, message: RegExp): Promise<void> =>
    assert.rejects(decodeImage(bytes, { name: "x" }), { code: "IMAGE_UNSUPPORTED", message });
  await refused(tiff(6, 8, 1, 3), /x: this is a picture of YCbCr colours without JPEG.*save it as/);
  await refused(tiff(8, 8, 1, 3), /of CIELab colours/);
  await refused(tiff(1, 32, 3, 1), /of float numbers/);
  for (const [bits, format] of [[32, 1], [32, 2], [16, 2], [8, 2]] as const) {
    await refused(tiff(1, bits, format, 1), /of (uint|int|short|char) numbers/);
  } // prettier-ignore
  const cut = tiff(1, 8, 1, 1);
  await assert.rejects(decodeImage(cut.subarray(0, cut.length - 1)), { code: "IMAGE_BROKEN" });
});

test("missing, unreadable and empty files", async () => {
  const missing = join(folder, "missing.jpg");
  await assert.rejects(decodeImage(missing), {
    code: "FILE_NOT_FOUND",
    message: /missing\.jpg: there is no such file/,
  });
  await assert.rejects(decodeImage(folder), { code: "FILE_UNREADABLE", message: /it is a folder/ });
  const empty = join(folder, "empty.jpg");
  await writeFile(empty, "");
  await assert.rejects(decodeImage(empty), { code: "FILE_EMPTY", message: /empty\.jpg: empty/ });
  await assert.rejects(decodeImage(Readable.from([])), { code: "FILE_EMPTY" });
  const failing = new Readable({ read: () => failing.destroy(new Error("connection lost")) });
  await assert.rejects(decodeImage(failing), { code: "FILE_UNREADABLE", message: /connection lost/ });
  await assert.rejects(decodeImage(Readable.from(["text"])), { code: "FILE_UNREADABLE", message: /not bytes/ });
});

/** A valid PNG header of any size with hardly any data. */
function hugePng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const framed = Buffer.alloc(body.length + 8);
    framed.writeUInt32BE(data.length, 0);
    body.copy(framed, 4);
    framed.writeUInt32BE(crc32(body), body.length + 4);
    return framed;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  const data = chunk("IDAT", deflateSync(Buffer.alloc(1000)));
  return Buffer.concat([signature, chunk("IHDR", header), data, chunk("IEND", Buffer.alloc(0))]);
}

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

test("a picture over the pixel limit is refused by its header", async () => {
  const bomb = decodeImage(hugePng(50_000, 40_000), { name: "bomb.png" });
  await assert.rejects(bomb, { code: "IMAGE_TOO_LARGE", message: /bomb\.png: 50000 x 40000 pixels.*maxPixels/ });
  const file = await encode(picture(20, 10)).png().toBuffer();
  await assert.rejects(decodeImage(file, { maxPixels: 199 }), { code: "IMAGE_TOO_LARGE" });
  assert.equal((await decodeImage(file, { maxPixels: 200 })).width, 20);
  assert.equal((await decodeImage(file, { maxPixels: Infinity })).width, 20);
  await assert.rejects(decodeImage(file, { maxPixels: 0 }), { code: "USAGE" });
  await assert.rejects(decodeImage(file, { maxPixels: NaN }), { code: "USAGE" });
});

test("an aborted signal stops the work, a stream that stalls too", async () => {
  const aborted = { code: "ABORTED", message: /photo\.png/ };
  const file = await encode(picture(20, 10)).png().toBuffer();
  await assert.rejects(decodeImage(file, { name: "photo.png", signal: AbortSignal.abort() }), aborted);
  const controller = new AbortController();
  const stalled = decodeImage(new Readable({ read: () => {} }), { name: "photo.png", signal: controller.signal });
  controller.abort();
  await assert.rejects(stalled, aborted);
});

test("a picture that the resize turns is the one that the decoder turns, in every format that says so", async () => {
  const { data, width, height } = picture(61, 35);
  const raw = sharp(data, { raw: { width, height, channels: 3 } });
  const size = { width: 30, height: 22 };
  const formats = ["jpeg", "png", "webp", "tiff", "avif"] as const;
  for (const format of formats) {
    for (let orientation = 1; orientation <= 8; orientation++) {
      const file = await raw.clone().withMetadata({ orientation }).toFormat(format).toBuffer();
      const expected = resizeBicubic(await decodeImage(file), size);
      const resized = await withStoredImage(file, (stored) => resizeAsync(stored, size));
      assert.deepEqual(resized, expected, `${format}, orientation ${orientation}`);
      const asStored = await withStoredImage(file, ({ orientation }) => orientation, { orient: false });
      assert.equal(asStored, 1, `${format}, as it is stored`);
    }
  }
});

test("16 bits are cut to the nearest of 8", async () => {
  const samples = Uint16Array.from({ length: 65536 }, (_, level) => level);
  const levels = new Uint8Array(samples.length);
  await nativePixels().toEightBits(samples, levels);
  samples.forEach((level, i) => assert.equal(levels[i], Math.round((level * 255) / 65535)));
  assert.throws(() => nativePixels().toEightBits(samples, levels.subarray(1)), /room/);
});
