/** Pictures that lack pixels, and those that lack none: who is refused, who is marked, who is scored. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import sharp, { type Sharp } from "sharp";
import { decodeImage } from "../../src/image/index.js";
import { fixture } from "../support.js";
import { picture } from "./support.js";

const BROKEN = { code: "IMAGE_BROKEN", message: /^x: damaged or incomplete \w+ file/ };
const EOI = Buffer.of(0xff, 0xd9);

function encode(width = 160, height = 96): Sharp {
  return sharp(picture(width, height).data, { raw: { width, height, channels: 3 } });
}

const JPEGS = {
  baseline: () => encode().jpeg({ quality: 85 }).toBuffer(),
  "optimised codes": () => encode().jpeg({ quality: 85, optimiseCoding: true, chromaSubsampling: "4:4:4" }).toBuffer(),
  progressive: () => encode().jpeg({ quality: 85, progressive: true }).toBuffer(),
  greyscale: () => encode().greyscale().jpeg({ quality: 85 }).toBuffer(),
  restart: () => Promise.resolve(readFileSync(fixture("image/restart.jpg"))),
};

/** Where a JPEG's segments begin, by marker. */
function segments(bytes: Buffer): { marker: number; at: number; next: number }[] {
  const found = [];
  for (let at = 2; bytes[at] === 0xff && bytes[at + 1] !== 0xd9;) {
    const marker = bytes[at + 1] ?? 0;
    let next = at + 2 + bytes.readUInt16BE(at + 2);
    if (marker === 0xda) {
      while (bytes[next] !== 0xff || bytes[next + 1] === 0 || ((bytes[next + 1] ?? 0) & 0xf8) === 0xd0) next += 1;
    }
    found.push({ marker, at, next });
    at = next;
  }
  return found;
}

function scan(bytes: Buffer): { marker: number; at: number; next: number } {
  const found = segments(bytes).find(({ marker }) => marker === 0xda);
  assert.ok(found);
  return found;
}

/** Refused as it is, and with `allowDamaged` decoded and marked. */
async function lost(bytes: Buffer, what: string): Promise<void> {
  await assert.rejects(decodeImage(bytes, { name: "x" }), BROKEN, what);
  const image = await decodeImage(bytes, { name: "x", allowDamaged: true });
  assert.match(image.damaged ?? "", /lost|missing|in part|not what was written/, what);
  assert.equal(image.data.length, image.width * image.height * 3);
}

async function whole(bytes: Buffer, like: Buffer, what: string): Promise<void> {
  assert.deepEqual(await decodeImage(bytes), await decodeImage(like), what);
  assert.equal((await decodeImage(bytes, { allowDamaged: true })).damaged, undefined, what);
}

for (const [kind, make] of Object.entries(JPEGS)) {
  test(`JPEG, ${kind}: whatever takes pixels away is told`, async () => {
    const bytes = await make();
    const { at } = scan(bytes);
    const middle = Math.floor((at + bytes.length) / 2);
    for (const share of [0.3, 0.6, 0.9, 0.98]) {
      const cut = bytes.subarray(0, at + 20 + Math.floor((bytes.length - at - 22) * share));
      await lost(cut, `cut at ${share}`);
      await lost(Buffer.concat([cut, EOI]), `cut at ${share}, with an end`);
      await lost(Buffer.concat([cut, Buffer.alloc(5000)]), `cut at ${share}, filled with zeros`);
    }
    const zeros = Buffer.from(bytes).fill(0, middle - 200, middle + 200);
    await lost(zeros, "zeros in the middle");
    await lost(Buffer.from(bytes).fill(0, bytes.length - 202, bytes.length - 2), "zeros at the end");
    await lost(Buffer.concat([bytes.subarray(0, middle), bytes.subarray(middle + 300)]), "a gap");
  });

  test(`JPEG, ${kind}: what takes none away is not`, async () => {
    const bytes = await make();
    const end = bytes.length - 2;
    await whole(bytes.subarray(0, end), bytes, "no end marker");
    await whole(bytes.subarray(0, end + 1), bytes, "half an end marker");
    await whole(Buffer.concat([bytes, Buffer.alloc(3000)]), bytes, "zeros behind it");
    await whole(Buffer.concat([bytes, bytes.subarray(0, 700)]), bytes, "half a JPEG behind it");
    await whole(Buffer.concat([bytes.subarray(0, end), Buffer.from("spare"), EOI]), bytes, "bytes before the end");
    const tables = segments(bytes).find(({ marker }) => marker === 0xc4);
    assert.ok(tables);
    const spare = [bytes.subarray(0, tables.at), Buffer.from("spare bytes"), bytes.subarray(tables.at)];
    await whole(Buffer.concat(spare), bytes, "bytes before a marker");
    const odd = Buffer.from(bytes);
    const jfif = odd.indexOf("JFIF\0");
    if (jfif > 0) odd[jfif + 5] = 9;
    await whole(odd, bytes, "an unknown version of JFIF");
  });
}

test("JPEG: restart segments that are missing, twice there or in the wrong order are told", async () => {
  const bytes = await JPEGS.restart();
  const { at, next } = scan(bytes);
  const markers = [];
  for (let i = at; i < next; i++) if (bytes[i] === 0xff && ((bytes[i + 1] ?? 0) & 0xf8) === 0xd0) markers.push(i);
  assert.equal(markers.length, 5);
  const [first = 0, second = 0, third = 0] = markers;
  const part = (from: number, to: number): Buffer => bytes.subarray(from, to);
  await lost(Buffer.concat([part(0, first), part(second, bytes.length)]), "one missing");
  await lost(Buffer.concat([part(0, second), part(first, bytes.length)]), "one twice");
  await lost(
    Buffer.concat([part(0, first), part(second, third), part(first, second), part(third, bytes.length)]),
    "two swapped",
  );
  await lost(Buffer.from(bytes).fill(0, first - 60, first), "zeros at the end of one");
});

test("JPEG: a progressive one that ends between two scans is told", async () => {
  const bytes = await JPEGS.progressive();
  const scans = segments(bytes).filter(({ marker }) => marker === 0xda);
  assert.ok(scans.length > 3);
  for (const { next } of scans.slice(0, -1)) await lost(Buffer.concat([bytes.subarray(0, next), EOI]), `${next}`);
});

test("JPEG: a kind that no decoder here knows is unsupported, not damaged", async () => {
  const bytes = await JPEGS.baseline();
  const { at } = segments(bytes).find(({ marker }) => marker === 0xc0) ?? { at: 0 };
  const lossless = Buffer.from(bytes);
  lossless[at + 1] = 0xc3;
  const deep = Buffer.from(bytes);
  deep[at + 1] = 0xc1;
  deep[at + 4] = 12;
  for (const file of [lossless, deep]) await assert.rejects(decodeImage(file), { code: "IMAGE_UNSUPPORTED" });
});

test("JPEG: the standard tables may be left out, as in frames of Motion JPEG", async () => {
  for (const make of [encode(), encode().greyscale()]) {
    const bytes = await make.jpeg({ quality: 85, optimiseCoding: false }).toBuffer();
    const parts = segments(bytes).filter(({ marker }) => marker !== 0xc4);
    const bare = [bytes.subarray(0, 2), ...parts.map(({ at, next }) => bytes.subarray(at, next)), EOI];
    await whole(Buffer.concat(bare), bytes, "no tables");
    const cut = Buffer.concat(bare).subarray(0, -400);
    await lost(Buffer.concat([cut, EOI]), "no tables, cut");
  }
});

test("JPEG: spare bytes of one value behind the data are no loss", async () => {
  const baseline = await JPEGS.baseline();
  const end = baseline.length - 2;
  for (const count of [33, 500, 5000]) {
    const filled = Buffer.concat([baseline.subarray(0, end), Buffer.alloc(count), EOI]);
    await whole(filled, baseline, `${count} zeros`);
  }
  const restart = await JPEGS.restart();
  const { at, next } = scan(restart);
  const padded = [restart.subarray(0, at)];
  let from = at;
  for (let i = at; i < next; i++) {
    if (restart[i] !== 0xff || ((restart[i + 1] ?? 0) & 0xf8) !== 0xd0) continue;
    padded.push(restart.subarray(from, i), Buffer.of(0));
    from = i;
  }
  await whole(Buffer.concat([...padded, restart.subarray(from)]), restart, "a zero before each restart marker");
});

test("JPEG-LS, and kinds of TIFF that are not read, are unsupported and named", async () => {
  const bytes = await JPEGS.baseline();
  const { at } = segments(bytes).find(({ marker }) => marker === 0xc0) ?? { at: 0 };
  const ls = Buffer.from(bytes);
  ls[at + 1] = 0xf7;
  await assert.rejects(decodeImage(ls), { code: "IMAGE_UNSUPPORTED", message: /JPEG-LS/ });
  const tiff = await encode().toColourspace("b-w").tiff({ compression: "none" }).toBuffer();
  const kinds: [tag: number, value: number, message: RegExp][] = [
    [258, 12, /12-bit numbers/],
    [258, 64, /64-bit numbers/],
    [259, 50000, /Zstandard compression/],
    [259, 34925, /LZMA compression/],
  ];
  for (const [tag, value, message] of kinds) {
    await assert.rejects(decodeImage(withTag(tiff, tag, value)), { code: "IMAGE_UNSUPPORTED", message });
  }
});

/** A little-endian TIFF with another first value of a 16-bit tag. */
function withTag(tiff: Buffer, tag: number, value: number): Buffer {
  const changed = Buffer.from(tiff);
  const directory = changed.readUInt32LE(4);
  for (let i = 0; i < changed.readUInt16LE(directory); i++) {
    const entry = directory + 2 + 12 * i;
    if (changed.readUInt16LE(entry) === tag) changed.writeUInt16LE(value, entry + 8);
  }
  return changed;
}

test("JPEG: the first picture of an Ultra HDR is decoded as it is alone, in grey and in colour", async () => {
  const file = readFileSync(fixture("image/ultra-hdr-grey.jpg"));
  const behind = file.indexOf(Buffer.concat([EOI, Buffer.of(0xff, 0xd8)])) + 2;
  const [grey, map] = [file.subarray(0, behind), file.subarray(behind)];
  // libvips takes it for what it is and then fails: otherwise this test says nothing.
  assert.ok((await sharp(file).metadata()).gainMap);
  await assert.rejects(sharp(file).raw().toBuffer());
  await whole(file, grey, "in grey");
  const { next } = segments(grey).find(({ marker }) => marker === 0xe1) ?? { next: 0 };
  const colour = Buffer.concat([grey.subarray(0, next), (await JPEGS.baseline()).subarray(2)]);
  await whole(Buffer.concat([colour, map]), colour, "in colour");
  await lost(Buffer.concat([grey.subarray(0, behind - 300), EOI, map]), "damaged before the gain map");
});

const OTHERS: Record<string, () => Promise<Buffer>> = {
  PNG: () => encode().png().toBuffer(),
  "PNG, interlaced": () => encode().png({ progressive: true }).toBuffer(),
  GIF: () => encode().gif().toBuffer(),
  "TIFF, plain": () => encode().tiff({ compression: "none" }).toBuffer(),
  "TIFF, LZW": () => encode().tiff({ compression: "lzw" }).toBuffer(),
  "TIFF, deflate": () => encode().tiff({ compression: "deflate" }).toBuffer(),
  "TIFF, PackBits": () => encode().tiff({ compression: "packbits" }).toBuffer(),
  "TIFF, JPEG": () => encode().tiff({ compression: "jpeg", quality: 90 }).toBuffer(),
};

for (const [kind, make] of Object.entries(OTHERS)) {
  test(`${kind}: zeros in the middle are told, bytes behind it are not`, async () => {
    const bytes = await make();
    const middle = Math.floor(bytes.length / 2);
    await whole(Buffer.concat([bytes, Buffer.alloc(3000)]), bytes, "zeros behind it");
    // Uncompressed zeros are black, and a picture may be.
    const zeros = Buffer.from(bytes).fill(0, middle - 200, middle + 200);
    // libvips gives nothing of a damaged interlaced one.
    if (kind === "PNG, interlaced") await assert.rejects(decodeImage(zeros, { name: "x", allowDamaged: true }), BROKEN);
    else if (kind !== "TIFF, plain") await lost(zeros, "zeros");
  });
}

test("cut files are refused in every format, and marked where something can be had of them", async () => {
  const webp = await encode().webp().toBuffer();
  await lost(webp.subarray(0, webp.length - 500), "WebP");
  const plain = await OTHERS["TIFF, plain"]?.();
  assert.ok(plain);
  await assert.rejects(decodeImage(plain.subarray(0, plain.length / 2), { name: "x" }), BROKEN);
  for (const kind of ["PNG", "GIF"]) {
    const bytes = await OTHERS[kind]?.();
    assert.ok(bytes);
    await lost(bytes.subarray(0, bytes.length / 2), kind);
  }
});

test("PNG: a wrong checksum of the pixels is told, one of a comment is not", async () => {
  const png = await encode().png().toBuffer();
  const text = Buffer.concat([Buffer.from("0000000474455874", "hex"), Buffer.from("a\0bcXXXX")]);
  text.write("tEXt", 4, "latin1");
  await whole(Buffer.concat([png.subarray(0, 33), text, png.subarray(33)]), png, "a comment");
  const wrong = Buffer.from(png);
  const crc = wrong.length - 16;
  wrong[crc] = (wrong[crc] ?? 0) ^ 1;
  await lost(wrong, "of the pixels");
  await whole(png.subarray(0, png.length - 12), png, "no end chunk");
});

test("of an animation only the first frame must be whole", async () => {
  const frames = [picture(64, 48), picture(64, 48)].map(({ data }, i) =>
    i === 0 ? data : data.map((value) => 255 - value),
  );
  const all = sharp(Buffer.concat(frames), { raw: { width: 64, height: 96, channels: 3, pageHeight: 48 } });
  const files = {
    GIF: await all.clone().gif().toBuffer(),
    WebP: await all.clone().webp({ lossless: true }).toBuffer(),
  };
  for (const [kind, bytes] of Object.entries(files)) {
    assert.equal((await sharp(bytes).metadata()).pages, 2, kind);
    await whole(bytes.subarray(0, Math.floor(bytes.length * 0.8)), bytes, `${kind}, cut in the second frame`);
    await assert.rejects(decodeImage(bytes.subarray(0, Math.floor(bytes.length * 0.3)), { name: "x" }), BROKEN, kind);
  }
});
