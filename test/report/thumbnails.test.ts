/** Small copies of pictures are made of those that are read for scoring, by the same limit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { smallPicture, thumbnailOf } from "../../src/report/thumbnails.js";
import { fixture } from "../support.js";

test("the limit of a photo's pixels is the one that is given, of small pictures and thumbnails", async () => {
  const photo = fixture("image/cmyk.jpg");
  const { width, height } = await smallPicture(photo, { side: 8, maxPixels: Infinity });
  assert.equal(Math.max(width, height), 8);
  await assert.rejects(smallPicture(photo, { side: 8, maxPixels: 10 }), { code: "IMAGE_TOO_LARGE" });
  const size = { side: 8, quality: 60 };
  for (const maxPixels of [undefined, Infinity, 1e9])
    assert.equal((await thumbnailOf(photo, { ...size, maxPixels }))?.width, width, String(maxPixels));
  assert.equal(await thumbnailOf(photo, { ...size, maxPixels: 10 }), undefined);
});
