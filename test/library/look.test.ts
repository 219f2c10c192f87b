/** The perceptual hash: alike for what looks alike. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import sharp from "sharp";
import { withStoredImage } from "../../src/image/index.js";
import { perceptualHash } from "../../src/library/look.js";
import { ROOT } from "../support.js";

const photo = (name: string): string => join(ROOT, `examples/photos/${name}.jpg`);

const hashOf = (picture: string | Uint8Array): Promise<bigint> => withStoredImage(picture, perceptualHash);

/** Bits in which two hashes differ. */
function apart(a: bigint, b: bigint): number {
  return [...(a ^ b).toString(2)].filter((bit) => bit === "1").length;
}

test("saved smaller, brighter, or turned by EXIF a photo keeps its hash; another photo has another one", async () => {
  const file = photo("landscape-good");
  const hash = await hashOf(file);
  assert.ok(hash >= 0n && hash < 2n ** 64n);
  const smaller = await sharp(file).resize(200).jpeg({ quality: 60 }).toBuffer();
  const darker = await sharp(file).linear(0.6, 0).jpeg().toBuffer();
  const turned = await sharp(file).rotate(90).withMetadata({ orientation: 8 }).jpeg({ quality: 95 }).toBuffer();
  for (const [name, copy] of Object.entries({ smaller, darker, turned }))
    assert.ok(apart(hash, await hashOf(copy)) <= 6, `${name}: ${apart(hash, await hashOf(copy))}`);
  for (const other of ["abstract-dull", "portrait-good", "still-life-fair"])
    assert.ok(apart(hash, await hashOf(photo(other))) >= 16, other);
});
